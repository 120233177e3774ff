//! Why an update was refused.

use core::fmt;

use syncline_clocks::{Dot, Fenced, LimitExceeded};

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
