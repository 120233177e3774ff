//! The name of one event.

use core::fmt;
use core::num::NonZeroU64;
use core::str::FromStr;

use crate::ReplicaId;

/// One event of one replica (Preguiça et al. 2010, §3): the replica and the event's sequence number, which starts at 1.
/// 24 bytes. Its text is `<uuid>:<number>`.
///
/// Ordered by replica, then number; across replicas that order says nothing about causality.
///
/// ```
/// use syncline_clocks::{Dot, ReplicaId};
/// let first = Dot::first(ReplicaId::from_u128(1));
/// assert_eq!(first.sequence(), 1);
/// assert_eq!(first.next().unwrap().sequence(), 2);
/// assert_eq!(Dot::new(first.replica(), 0), None);
/// assert_eq!(first.to_string(), "00000000-0000-0000-0000-000000000001:1");
/// assert_eq!(first.to_string().parse(), Ok(first));
/// assert_eq!(size_of::<Dot>(), 24);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    replica: ReplicaId,
    sequence: NonZeroU64,
}

impl Dot {
    /// The event with this sequence number; `None` for 0, which names no event.
    #[must_use]
    pub const fn new(replica: ReplicaId, sequence: u64) -> Option<Self> {
        match NonZeroU64::new(sequence) {
            Some(sequence) => Some(Self { replica, sequence }),
            None => None,
        }
    }

    /// The first event of `replica`.
    #[must_use]
    pub const fn first(replica: ReplicaId) -> Self {
        Self { replica, sequence: NonZeroU64::MIN }
    }

    /// The event after this one at the same replica; `None` after the 2^64 - 1st.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.sequence.checked_add(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => None,
        }
    }

    /// The replica that minted this dot.
    #[must_use]
    pub const fn replica(self) -> ReplicaId {
        self.replica
    }

    /// The event's number among its replica's events: 1 or more.
    #[must_use]
    pub const fn sequence(self) -> u64 {
        self.sequence.get()
    }
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.replica, self.sequence)
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.replica, self.sequence)
    }
}

/// The text is not a dot's.
///
/// ```
/// use syncline_clocks::{Dot, ParseDotError};
/// assert_eq!("00000000-0000-0000-0000-000000000001:0".parse::<Dot>(), Err(ParseDotError));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseDotError;

impl fmt::Display for ParseDotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dot is <uuid>:<sequence number from 1>")
    }
}

impl core::error::Error for ParseDotError {}

impl FromStr for Dot {
    type Err = ParseDotError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (replica, sequence) = text.rsplit_once(':').ok_or(ParseDotError)?;
        // One number has one spelling: no sign, no zero before it.
        if !sequence.starts_with(|digit: char| matches!(digit, '1'..='9')) {
            return Err(ParseDotError);
        }
        let replica = replica.parse().map_err(|_| ParseDotError)?;
        let sequence = sequence.parse().map_err(|_| ParseDotError)?;
        Ok(Self { replica, sequence })
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Dot;
    use crate::text;

    /// `<uuid>:<sequence>` in human-readable formats, so that a dot can be a key of a JSON object; in binary ones the
    /// id's 16 bytes and the number.
    impl Serialize for Dot {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            text::serialize(self, (self.replica, self.sequence), serializer)
        }
    }

    impl<'de> Deserialize<'de> for Dot {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            text::deserialize(deserializer, "a dot: <uuid>:<sequence number from 1>", |(replica, sequence)| Self {
                replica,
                sequence,
            })
        }
    }
}
