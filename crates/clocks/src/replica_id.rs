//! The identity of one replica: a newtype over a UUID, so that nothing is generic over identities.

use core::fmt;
use core::str::FromStr;

use uuid::Uuid;

/// The identity under which one replica mints dots. 16 bytes, ordered by its bytes.
///
/// An id must never be used by two writers at once, nor by one writer that forgot dots which others have seen. Nothing
/// here can check that: ids from good entropy differ, ids from integers and names are the caller's to keep apart.
///
/// Its text is the UUID's, in lower case; any spelling of a UUID parses.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// let id = ReplicaId::from_u128(7);
/// assert_eq!(id.to_string(), "00000000-0000-0000-0000-000000000007");
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert_eq!(id.short().to_string(), "00000007");
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

    /// The id of a name within a namespace (UUID version 5: the first half of a SHA-1 over both). Equal names in one
    /// namespace are one id, on every machine and for ever; so give each cluster a namespace of its own, such as an id
    /// from random bytes, or two clusters with a member of the same name share an id.
    ///
    /// ```
    /// use syncline_clocks::ReplicaId;
    /// let cluster: ReplicaId = "6ba7b810-9dad-11d1-80b4-00c04fd430c8".parse()?;
    /// let member = ReplicaId::from_name(cluster, "www.example.com");
    /// assert_eq!(member.to_string(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    /// # Ok::<(), syncline_clocks::ParseReplicaIdError>(())
    /// ```
    #[cfg(feature = "names")]
    #[must_use]
    pub fn from_name(namespace: Self, name: &str) -> Self {
        Self(Uuid::new_v5(&namespace.0, name.as_bytes()))
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

    /// The short text: the last four bytes in hexadecimal, which tell numbered and random ids apart well enough for a
    /// log line. It does not parse back, and two ids may share it.
    pub fn short(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "{:08x}", self.as_u128() as u32))
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// `#` and the short text.
impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.short())
    }
}

/// The text is not a UUID.
///
/// ```
/// use syncline_clocks::{ParseReplicaIdError, ReplicaId};
/// assert_eq!("replica 7".parse::<ReplicaId>(), Err(ParseReplicaIdError));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseReplicaIdError;

impl fmt::Display for ParseReplicaIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a replica id is a UUID such as 00000000-0000-0000-0000-000000000007")
    }
}

impl core::error::Error for ParseReplicaIdError {}

impl FromStr for ReplicaId {
    type Err = ParseReplicaIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self).map_err(|_| ParseReplicaIdError)
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::ReplicaId;
    use crate::text;

    /// Text in human-readable formats (so an id can be a key of a JSON object), 16 bytes in binary ones.
    impl Serialize for ReplicaId {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            text::serialize(self, self.to_bytes(), serializer)
        }
    }

    impl<'de> Deserialize<'de> for ReplicaId {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            text::deserialize(deserializer, "a UUID", Self::from_bytes)
        }
    }
}
