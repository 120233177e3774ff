//! A run of events of one replica.

use core::fmt;

use crate::{Dot, ReplicaId};

/// A run of consecutive events of one replica, both ends included. 32 bytes.
///
/// ```
/// use syncline_clocks::{Interval, ReplicaId};
/// let run = Interval { replica: ReplicaId::from_u128(1), first: 3, last: 5 };
/// assert_eq!(run.len(), 3);
/// assert!(run.dots().map(|dot| dot.sequence()).eq([3, 4, 5]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    /// The replica whose events these are.
    pub replica: ReplicaId,
    /// The first sequence number: 1 or more.
    pub first: u64,
    /// The last sequence number, not below `first`.
    pub last: u64,
}

impl Interval {
    /// How many events these are; 0 when the ends are the wrong way round.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a run that is not wrong has an event")]
    pub fn len(self) -> u128 {
        (u128::from(self.last) + 1).saturating_sub(u128::from(self.first))
    }

    /// The events of the run, in order.
    pub fn dots(self) -> impl Iterator<Item = Dot> {
        (self.first..=self.last).filter_map(move |sequence| Dot::new(self.replica, sequence))
    }
}

/// The run of this one event.
impl From<Dot> for Interval {
    fn from(dot: Dot) -> Self {
        Self { replica: dot.replica(), first: dot.sequence(), last: dot.sequence() }
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}..={}", self.replica, self.first, self.last)
    }
}
