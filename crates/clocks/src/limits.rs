//! How large a set of events may become by what peers send.

use core::fmt;

use crate::ReplicaId;

/// The most that a join may leave behind: a peer can invent any number of ids, and any number of gaps under one id.
///
/// Decoding needs no such limit: what is decoded takes at most 32 bytes of memory for each byte it is read from, beside a
/// mebibyte, whatever lengths the bytes claim, and an interval tree at most 150 (`tests/memory.rs`); so the limit on a
/// message's bytes bounds it. A state that joins message after message is bounded by these limits alone.
///
/// An [`IntervalTreeClock`](crate::IntervalTreeClock) has no such limit, and a
/// [`TruncatingVersionVector`](crate::TruncatingVersionVector) has its threshold instead.
///
/// ```
/// use syncline_clocks::{LimitExceeded, Limits, ReplicaId, VersionVector};
/// let invented = |ids: u128| (1..=ids).map(|id| (ReplicaId::from_u128(id), 1)).collect::<VersionVector>();
/// let limits = Limits { replicas: 100, ..Limits::NONE };
/// let mut known = invented(90);
/// assert_eq!(known.try_join(&invented(101), &limits), Err(LimitExceeded::Replicas { would_be: 101, limit: 100 }));
/// assert_eq!(known, invented(90));
/// assert_eq!(known.try_join(&invented(100), &limits), Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The most replicas: 24 bytes each in a version vector, 48 in a dotted version vector set, up to 110 in a causal
    /// context, and there 40 more for one with a gap.
    pub replicas: usize,
    /// The most runs of consecutive events, over all replicas of a causal context: about 16 bytes each.
    pub intervals: usize,
}

impl Limits {
    /// No limit: for what does not come from outside, and as a base to change one field of.
    pub const NONE: Self = Self { replicas: usize::MAX, intervals: usize::MAX };

    /// Whether those of `others` that are new may stand beside so many known replicas. They are counted only where the
    /// limit is near.
    pub(crate) fn allow_replicas(
        &self,
        known: usize,
        others: impl ExactSizeIterator<Item = ReplicaId>,
        is_new: impl Fn(ReplicaId) -> bool,
    ) -> Result<(), LimitExceeded> {
        let limit = self.replicas;
        if known.saturating_add(others.len()) <= limit {
            return Ok(());
        }
        let would_be = known + others.filter(|replica| is_new(*replica)).count();
        if would_be > limit { Err(LimitExceeded::Replicas { would_be, limit }) } else { Ok(()) }
    }

    pub(crate) fn allow_intervals(&self, would_be: usize) -> Result<(), LimitExceeded> {
        let limit = self.intervals;
        if would_be > limit { Err(LimitExceeded::Intervals { would_be, limit }) } else { Ok(()) }
    }
}

/// A join was refused, because its result would be larger than the limits allow. The state is unchanged.
///
/// ```
/// use syncline_clocks::LimitExceeded;
/// let error = LimitExceeded::Intervals { would_be: 12, limit: 10 };
/// assert_eq!(error.to_string(), "12 runs of events would be known; at most 10 are accepted");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// Too many replicas.
    Replicas {
        /// How many the result would have.
        would_be: usize,
        /// How many it may have.
        limit: usize,
    },
    /// Too many runs of events.
    Intervals {
        /// How many the result would have.
        would_be: usize,
        /// How many it may have.
        limit: usize,
    },
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (would_be, of, limit) = match self {
            Self::Replicas { would_be, limit } => (would_be, "replicas", limit),
            Self::Intervals { would_be, limit } => (would_be, "runs of events", limit),
        };
        write!(f, "{would_be} {of} would be known; at most {limit} are accepted")
    }
}

impl core::error::Error for LimitExceeded {}
