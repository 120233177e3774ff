//! Why a hybrid clock refuses.

use core::fmt;
use core::time::Duration;

use crate::HighWaterMark;

/// Why a timestamp was refused or could not be issued. The clock is unchanged.
///
/// ```
/// use std::time::Duration;
/// use syncline_clocks::ClockError;
/// let error = ClockError::TooFarAhead { ahead: Duration::from_secs(9), bound: Duration::from_secs(1) };
/// assert_eq!(error.to_string(), "the timestamp is 9s ahead of the local clock; at most 1s is accepted");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockError {
    /// The timestamp is further ahead of the local wall clock than the clock's bound on drift.
    TooFarAhead {
        /// How far ahead it is.
        ahead: Duration,
        /// The bound that it exceeds.
        bound: Duration,
    },
    /// The timestamp belongs to another epoch of the cluster's clocks.
    OtherEpoch {
        /// The timestamp's epoch.
        theirs: u32,
        /// The clock's epoch.
        ours: u32,
    },
    /// The counter is so high that only an error or an attack can have made it.
    CounterTooHigh {
        /// The refused counter.
        counter: u32,
    },
    /// The timestamp would not be below the high-water mark that is durable, so a restart could issue it again.
    NotReserved {
        /// The lowest mark that has to be durable first. Make this or a higher one durable and ask again.
        needed: HighWaterMark,
    },
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFarAhead { ahead, bound } => {
                write!(f, "the timestamp is {ahead:?} ahead of the local clock; at most {bound:?} is accepted")
            }
            Self::OtherEpoch { theirs, ours } => {
                write!(f, "the timestamp is of clock epoch {theirs}, this clock of epoch {ours}")
            }
            Self::CounterTooHigh { counter } => {
                write!(f, "the counter {counter} can not have been reached by counting events")
            }
            Self::NotReserved { needed } => {
                write!(f, "no mark is durable that allows timestamps below {} ns", needed.time.as_nanos())
            }
        }
    }
}

impl core::error::Error for ClockError {}
