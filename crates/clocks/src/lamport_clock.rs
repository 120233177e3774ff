//! A total order of events that never contradicts causality, out of one number (Lamport 1978, *Time, Clocks, and the
//! Ordering of Events in a Distributed System*).
//!
//! Guarantees: if one event happened before another, its timestamp is less; no two events have equal timestamps.
//! It does not say whether two events are concurrent: the order of two timestamps proves nothing. For that, take a
//! [`VectorClock`](crate::VectorClock). Nor are its numbers near any time of day: for that, a
//! `HybridClock`.

use core::fmt;
use core::str::FromStr;

use crate::ReplicaId;

/// A Lamport timestamp, made unique by its replica. 24 bytes.
///
/// Ordered by counter, then replica (the paper's total order `⇒`), which is also the order of
/// [`to_bytes`](Self::to_bytes).
///
/// ```
/// use syncline_clocks::{LamportTimestamp, ReplicaId};
/// let early = LamportTimestamp { counter: 7, replica: ReplicaId::from_u128(2) };
/// let late = LamportTimestamp { counter: 8, replica: ReplicaId::from_u128(1) };
/// assert!(early < late && early.to_bytes() < late.to_bytes());
/// assert_eq!(LamportTimestamp::from_bytes(late.to_bytes()), late);
/// assert_eq!(late.to_string(), "8@00000000-0000-0000-0000-000000000001");
/// assert_eq!(late.to_string().parse(), Ok(late));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LamportTimestamp {
    /// One more than the highest counter that this event had seen.
    pub counter: u64,
    /// The replica that issued the timestamp: no two issue equal ones.
    pub replica: ReplicaId,
}

impl LamportTimestamp {
    /// 24 bytes, big endian, whose order is the timestamps' order.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.counter.to_be_bytes());
        bytes[8..].copy_from_slice(&self.replica.to_bytes());
        bytes
    }

    /// The timestamp with these bytes; every 24 bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 24]) -> Self {
        Self {
            counter: u64::from_be_bytes(core::array::from_fn(|i| bytes[i])),
            replica: ReplicaId::from_bytes(core::array::from_fn(|i| bytes[8 + i])),
        }
    }
}

/// A Lamport clock: a counter that moves past every counter it is shown.
///
/// One message may move it by at most `max_leap`, so that a forged counter near the end of its range is refused instead
/// of using the clock up; at 2^32 a leap, it would take four billion forged messages. 48 bytes; every call is constant.
///
/// After a restart, [`resume`](Self::resume) from the last timestamp that was persisted: a clock that forgot issues
/// timestamps twice, which only [`OwnFuture`](LamportClockError::OwnFuture) may reveal, and only if an old one comes
/// back.
///
/// ```
/// use syncline_clocks::{LamportClock, ReplicaId};
/// let mut a = LamportClock::new(ReplicaId::from_u128(1), 1 << 32);
/// let mut b = LamportClock::new(ReplicaId::from_u128(2), 1 << 32);
/// let sent = a.tick()?;
/// let received = b.observe(sent)?;
/// assert!(sent < received && received < b.tick()?);
/// # Ok::<(), syncline_clocks::LamportClockError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LamportClock {
    last: LamportTimestamp,
    max_leap: u64,
}

impl LamportClock {
    /// A clock that has issued nothing and refuses counters more than `max_leap` ahead of its own.
    #[must_use]
    pub const fn new(replica: ReplicaId, max_leap: u64) -> Self {
        Self { last: LamportTimestamp { counter: 0, replica }, max_leap }
    }

    /// The clock of `last.replica` after a restart: everything it issues is later than `last`.
    ///
    /// A replica that joins a system which has counted beyond `max_leap` starts here too, at a counter that it
    /// learned from a member it trusts.
    #[must_use]
    pub const fn resume(last: LamportTimestamp, max_leap: u64) -> Self {
        Self { last, max_leap }
    }

    /// The latest timestamp issued: what has to be persisted before a restart.
    #[must_use]
    pub const fn last(&self) -> LamportTimestamp {
        self.last
    }

    /// The timestamp of a local event or of a message to send (rule IR1).
    ///
    /// # Errors
    /// [`LamportClockError::Exhausted`] after 2^64 - 1 counts; the clock is unchanged.
    pub fn tick(&mut self) -> Result<LamportTimestamp, LamportClockError> {
        self.issue_after(self.last.counter)
    }

    /// The timestamp of receiving `remote`: later than it and than everything issued before (rule IR2).
    ///
    /// # Errors
    /// A leap beyond the bound, a timestamp of this replica that it has not issued, or exhaustion; the clock is
    /// unchanged.
    pub fn observe(&mut self, remote: LamportTimestamp) -> Result<LamportTimestamp, LamportClockError> {
        let leap = remote.counter.saturating_sub(self.last.counter);
        if remote.replica == self.last.replica && leap > 0 {
            return Err(LamportClockError::OwnFuture { claimed: remote.counter, own: self.last.counter });
        }
        if leap > self.max_leap {
            return Err(LamportClockError::TooFarAhead { ahead: leap, bound: self.max_leap });
        }
        self.issue_after(remote.counter.max(self.last.counter))
    }

    fn issue_after(&mut self, counter: u64) -> Result<LamportTimestamp, LamportClockError> {
        self.last.counter = counter.checked_add(1).ok_or(LamportClockError::Exhausted)?;
        Ok(self.last)
    }
}

/// Why a Lamport clock refused. It is unchanged.
///
/// ```
/// use syncline_clocks::{LamportClock, LamportClockError, LamportTimestamp, ReplicaId};
/// let mut clock = LamportClock::new(ReplicaId::from_u128(1), 1000);
/// let forged = LamportTimestamp { counter: u64::MAX, replica: ReplicaId::from_u128(2) };
/// assert_eq!(clock.observe(forged), Err(LamportClockError::TooFarAhead { ahead: u64::MAX, bound: 1000 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LamportClockError {
    /// The counter is further ahead of this clock's than one message may be.
    TooFarAhead {
        /// How far ahead it is.
        ahead: u64,
        /// The bound that it exceeds.
        bound: u64,
    },
    /// The timestamp bears this clock's replica, but this clock has not issued it: two clocks share an identity, or
    /// this one forgot.
    OwnFuture {
        /// The timestamp's counter.
        claimed: u64,
        /// The last counter that this clock issued.
        own: u64,
    },
    /// All 2^64 - 1 counters are used up.
    Exhausted,
}

impl fmt::Display for LamportClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFarAhead { ahead, bound } => {
                write!(f, "the timestamp is {ahead} counts ahead of the clock; at most {bound} are accepted")
            }
            Self::OwnFuture { claimed, own } => {
                write!(f, "the timestamp claims count {claimed} of this replica, which has issued {own}")
            }
            Self::Exhausted => write!(f, "all counters are used up"),
        }
    }
}

impl core::error::Error for LamportClockError {}

/// `<counter>@<uuid>`.
impl fmt::Display for LamportTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.counter, self.replica)
    }
}

impl fmt::Debug for LamportTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:?}", self.counter, self.replica)
    }
}

/// The text is not a Lamport timestamp.
///
/// ```
/// use syncline_clocks::{LamportTimestamp, ParseLamportTimestampError};
/// assert_eq!("7".parse::<LamportTimestamp>(), Err(ParseLamportTimestampError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLamportTimestampError;

impl fmt::Display for ParseLamportTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a Lamport timestamp is <counter>@<uuid>")
    }
}

impl core::error::Error for ParseLamportTimestampError {}

impl FromStr for LamportTimestamp {
    type Err = ParseLamportTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('@').and_then(|(counter, replica)| {
            // A plus sign and leading zeros would be second spellings of one timestamp.
            let canonical =
                counter.bytes().all(|digit| digit.is_ascii_digit()) && (counter == "0" || !counter.starts_with('0'));
            let counter = counter.parse().ok().filter(|_| canonical)?;
            Some(Self { counter, replica: replica.parse().ok()? })
        });
        parsed.ok_or(ParseLamportTimestampError)
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::LamportTimestamp;
    use crate::text;

    /// `<counter>@<uuid>` in human-readable formats, so that a timestamp can be a key of a JSON object; counter and
    /// 16 bytes in binary ones.
    impl Serialize for LamportTimestamp {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            text::serialize(self, (self.counter, self.replica), serializer)
        }
    }

    impl<'de> Deserialize<'de> for LamportTimestamp {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            text::deserialize(deserializer, "a Lamport timestamp: <counter>@<uuid>", |(counter, replica)| Self {
                counter,
                replica,
            })
        }
    }
}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for LamportTimestamp {
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        Self { counter: crate::arbitrary::number(g, 7), replica: ReplicaId::arbitrary(g) }
    }
}
