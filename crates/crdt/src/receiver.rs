//! The replica that an update is joined into: what it may be told of itself.

use syncline_clocks::{CausalContext, Dot, ReplicaId};

use crate::{DotSet, JoinError};

/// The replica that an update is joined into: what it may be told of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its identity. It alone mints dots of it.
    pub writer: ReplicaId,
    /// How many it has minted: an event of its own beyond them is an error. (Earlier ones that its clock lacks it has
    /// discarded, as a deposed leader does.)
    pub minted: u64,
    /// Whether the same holds for the dots that events kill. It does where only replicas name them; where clients do,
    /// one that lies must not stop replication: such a kill is kept, and whoever mints lets no payload live under that
    /// dot at that path.
    pub believes_kills: bool,
}

impl Receiver {
    #[inline]
    pub(crate) fn check_event(self, dot: Dot) -> Result<(), JoinError> {
        let is_future = dot.replica() == self.writer && dot.sequence() > self.minted;
        if is_future { Err(JoinError::OwnFuture(dot)) } else { Ok(()) }
    }

    pub(crate) fn check_clock(self, theirs: &CausalContext) -> Result<(), JoinError> {
        Dot::new(self.writer, theirs.highest(self.writer)).map_or(Ok(()), |dot| self.check_event(dot))
    }

    #[inline]
    pub(crate) fn check_kills(self, kills: &DotSet) -> Result<(), JoinError> {
        if self.believes_kills { kills.iter().try_for_each(|dot| self.check_event(dot)) } else { Ok(()) }
    }
}
