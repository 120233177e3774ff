//! A timestamp near wall-clock time that never contradicts causality: plain data, no clock.

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::{ReplicaId, Uncertainty, WallTime};

/// A hybrid logical timestamp (Kulkarni et al. 2014; the paper's `l.j` and `c.j`), made unique by its replica.
///
/// Ordered by epoch, time, counter and replica, which is also the order of [`to_bytes`](Self::to_bytes) and of the text:
/// `<epoch>:<nanoseconds>+<counter>@<replica>`, each number with all of its digits, in decimal. 32 bytes.
///
/// If one event happened before another, its timestamp is less; the converse does not hold: the order of two
/// timestamps says nothing about causality. Of their order in true time it says something when they are far enough
/// apart: [`order_in_time`](Self::order_in_time).
///
/// ```
/// use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
/// let replica = ReplicaId::from_u128(1);
/// let early = HybridTimestamp { epoch: 0, time: WallTime::from_nanos(5), counter: 9, replica };
/// let late = HybridTimestamp { time: WallTime::from_nanos(6), counter: 0, ..early };
/// assert!(early < late && early.to_bytes() < late.to_bytes() && early.to_string() < late.to_string());
/// assert_eq!(HybridTimestamp::from_bytes(late.to_bytes()), late);
/// assert_eq!(late.to_string().parse(), Ok(late));
/// assert_eq!(
///     early.to_string(),
///     "0000000000:00000000000000000005+0000000009@00000000-0000-0000-0000-000000000001"
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HybridTimestamp {
    /// Raised by an operator after a clock ran far ahead; all clocks of a cluster share it.
    pub epoch: u32,
    /// The largest wall-clock reading that this event had seen.
    pub time: WallTime,
    /// Orders the events with the same time.
    pub counter: u32,
    /// The replica that issued the timestamp: no two issue equal ones.
    pub replica: ReplicaId,
}

impl HybridTimestamp {
    /// 32 bytes, big endian, whose order is the timestamps' order.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.time.as_nanos().to_be_bytes());
        bytes[12..16].copy_from_slice(&self.counter.to_be_bytes());
        bytes[16..].copy_from_slice(&self.replica.to_bytes());
        bytes
    }

    /// The timestamp with these bytes; every 32 bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let number = u128::from_be_bytes(core::array::from_fn(|i| bytes[i]));
        Self {
            epoch: (number >> 96) as u32,
            time: WallTime::from_nanos((number >> 32) as u64),
            counter: number as u32,
            replica: ReplicaId::from_bytes(core::array::from_fn(|i| bytes[16 + i])),
        }
    }

    /// When the event was, if no wall clock of the cluster was ever further than `accuracy` from true time.
    ///
    /// A timestamp is no earlier than its own replica's wall clock and no later than the fastest one that was heard of
    /// (Kulkarni et al. 2014, theorems 2 and 3), so it is as good as the worst clock, whether or not clocks step. Where
    /// [`reserve`](crate::HybridClock::reserve) is in use, what it reaches ahead has to be added to the accuracy, because
    /// timestamps are so far ahead after a restart. It says nothing about timestamps of an epoch that an operator ended
    /// because a clock ran ahead.
    #[must_use]
    pub const fn uncertainty(self, accuracy: Duration) -> Uncertainty {
        Uncertainty::around(self.time, accuracy)
    }

    /// The order in which the two events happened in true time, if that is certain with clocks that are within
    /// `accuracy` of it; see [`uncertainty`](Self::uncertainty). `None`: either may have been first.
    ///
    /// One replica's timestamps are in the order of their events whatever its clock did. Between replicas the
    /// timestamps have to be of one epoch and more than twice the accuracy apart.
    ///
    /// ```
    /// use std::{cmp::Ordering, time::Duration};
    /// use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
    /// let at = |ms: u64, replica| HybridTimestamp {
    ///     epoch: 0,
    ///     time: WallTime::from_nanos(ms * 1_000_000),
    ///     counter: 0,
    ///     replica: ReplicaId::from_u128(replica),
    /// };
    /// let good_to = Duration::from_millis(100);
    /// assert_eq!(at(1_000, 1).order_in_time(at(1_150, 2), good_to), None);
    /// assert_eq!(at(1_000, 1).order_in_time(at(1_250, 2), good_to), Some(Ordering::Less));
    /// assert_eq!(at(1_000, 1).order_in_time(at(1_001, 1), good_to), Some(Ordering::Less));
    /// ```
    #[must_use]
    pub fn order_in_time(self, other: Self, accuracy: Duration) -> Option<Ordering> {
        if self.replica == other.replica {
            return Some(self.cmp(&other));
        }
        let (this, that) = (self.uncertainty(accuracy), other.uncertainty(accuracy));
        match self.epoch == other.epoch {
            true if this.is_certainly_before(that) => Some(Ordering::Less),
            true if that.is_certainly_before(this) => Some(Ordering::Greater),
            _ => None,
        }
    }
}

impl fmt::Display for HybridTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}:{:020}+{:010}@{}", self.epoch, self.time.as_nanos(), self.counter, self.replica)
    }
}

/// A short form, for people.
impl fmt::Debug for HybridTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}+{}@{:?}", self.epoch, self.time.as_nanos(), self.counter, self.replica)
    }
}

/// The text is not a timestamp's.
///
/// ```
/// use syncline_clocks::{HybridTimestamp, ParseHybridTimestampError};
/// assert_eq!("now".parse::<HybridTimestamp>(), Err(ParseHybridTimestampError));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseHybridTimestampError;

impl fmt::Display for ParseHybridTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hybrid timestamp is <epoch>:<nanoseconds>+<counter>@<uuid> with 10, 20 and 10 digits")
    }
}

impl core::error::Error for ParseHybridTimestampError {}

impl FromStr for HybridTimestamp {
    type Err = ParseHybridTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = || {
            let (epoch, rest) = text.split_once(':')?;
            let (time, rest) = rest.split_once('+')?;
            let (counter, replica) = rest.split_once('@')?;
            Some(Self {
                epoch: digits(epoch, 10)?,
                time: WallTime::from_nanos(digits(time, 20)?),
                counter: digits(counter, 10)?,
                replica: replica.parse().ok()?,
            })
        };
        parts().ok_or(ParseHybridTimestampError)
    }
}

/// The number with exactly so many digits, so that one number has one spelling and texts are in the numbers' order.
fn digits<N: FromStr>(text: &str, count: usize) -> Option<N> {
    let all_digits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all_digits)
}

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::HybridTimestamp;
    use crate::text;

    /// The text in human-readable formats, the four fields in binary ones.
    impl Serialize for HybridTimestamp {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            text::serialize(self, (self.epoch, self.time, self.counter, self.replica), serializer)
        }
    }

    impl<'de> Deserialize<'de> for HybridTimestamp {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            text::deserialize(deserializer, "a hybrid timestamp", |(epoch, time, counter, replica)| Self {
                epoch,
                time,
                counter,
                replica,
            })
        }
    }
}
