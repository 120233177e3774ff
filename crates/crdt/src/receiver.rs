//! The replica that an update is joined into: what it may be told, and the errors that say it was told otherwise.

use core::fmt;

use syncline_clocks::{CausalContext, Dot, Fenced, LimitExceeded, ReplicaId};

use crate::DotSet;

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

/// Why an update was refused. The state and the clock are as they were before.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{JoinError, OrSet, Replica};
/// let id = ReplicaId::from_u128(1);
/// let mut phone: Replica<OrSet<&str>> = Replica::create(id);
/// let mut its_twin: Replica<OrSet<&str>> = Replica::create(id);     // never do this
/// let delta = its_twin.edit(|list| list.insert("milk"));
/// assert!(matches!(phone.join(&delta), Err(JoinError::OwnFuture(_))));
/// assert!(phone.is_empty() && phone.clock().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// The update holds an event of the receiving replica that it does not know: its identity was used twice, or it
    /// forgot what it had published. It must take a new id.
    OwnFuture(Dot),
    /// One dot stands for two different changes: two writers used one id. Only a clash with a dot that is still live
    /// here, and whose payload differs, can be seen: two additions to a set under one dot pass for one.
    DotReused(Dot),
    /// The update holds events of a replica that was retired, beyond those that all members know. Whoever made them
    /// has to take a new id and make them again.
    Retired(Fenced),
    /// The state would become larger than the receiver's limits allow.
    Limit(LimitReached),
    /// The repair was computed against a clock that this replica does not include: apply it and events would be taken
    /// for joined that are not.
    NotBasedHere,
    /// No replica that follows the rules builds such an update.
    Malformed(&'static str),
}

/// Which limit would be passed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitReached {
    /// Of the clock.
    Clock(LimitExceeded),
    /// Of live dots and kept kills together.
    Dots {
        /// How many it might have: what it holds and what the update brings, before what that takes out.
        would_be: usize,
        /// How many it may have.
        limit: usize,
    },
    /// Of the bytes to decode.
    Bytes {
        /// How many there are.
        length: usize,
        /// How many there may be.
        limit: usize,
    },
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnFuture(dot) => {
                write!(f, "the update holds {dot:?}, an event of this replica that this replica never made")
            }
            Self::DotReused(dot) => write!(f, "{dot:?} names two different changes"),
            Self::Retired(fenced) => fenced.fmt(f),
            Self::Limit(limit) => limit.fmt(f),
            Self::NotBasedHere => f.write_str("the repair was computed against events that this replica lacks"),
            Self::Malformed(why) => write!(f, "malformed update: {why}"),
        }
    }
}

impl core::error::Error for JoinError {}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(exceeded) => exceeded.fmt(f),
            Self::Dots { would_be, limit } => {
                write!(f, "the value might hold {would_be} dots; at most {limit} are accepted")
            }
            Self::Bytes { length, limit } => write!(f, "{length} bytes; at most {limit} are accepted"),
        }
    }
}

impl core::error::Error for LimitReached {}

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
