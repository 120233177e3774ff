//! The identity of one replica: a newtype over a UUID, so that nothing is generic over identities.

use core::fmt;
use core::str::FromStr;

use uuid::Uuid;

/// The identity under which one replica mints dots. 16 bytes, ordered by its bytes.
///
/// An id must never be used by two writers at once, nor by one writer that forgot dots which others have seen.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// let id = ReplicaId::from_u128(7);
/// assert_eq!(id.to_string(), "00000000-0000-0000-0000-000000000007");
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert_eq!(format!("{:?}", id), "#00000007");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(Uuid);

impl ReplicaId {
    /// A random (version 4) id from 16 bytes of the caller's entropy.
    #[must_use]
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// An id with this integer as its 16 bytes, big endian: for tests, simulations and numbered members.
    #[must_use]
    pub const fn from_u128(number: u128) -> Self {
        Self(Uuid::from_u128(number))
    }

    /// The id's integer.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0.as_u128()
    }

    /// An id from its 16 bytes, as they stand.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id's 16 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// The short form: the last four bytes, which tell numbered and random ids apart well enough for a log line.
impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:08x}", self.as_u128() as u32)
    }
}

/// The text is not a UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a replica id is a UUID such as 00000000-0000-0000-0000-000000000007")]
pub struct ParseReplicaIdError;

impl FromStr for ReplicaId {
    type Err = ParseReplicaIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self).map_err(|_| ParseReplicaIdError)
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use alloc::string::String;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::ReplicaId;

    /// Text in human-readable formats (so an id can be a key of a JSON object), 16 bytes in binary ones.
    impl Serialize for ReplicaId {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.collect_str(self)
            } else {
                self.to_bytes().serialize(serializer)
            }
        }
    }

    impl<'de> Deserialize<'de> for ReplicaId {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            } else {
                <[u8; 16]>::deserialize(deserializer).map(Self::from_bytes)
            }
        }
    }
}
