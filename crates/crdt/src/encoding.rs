//! Bytes for the wire and for the disk: one form for each value, in an envelope that says what it is.
//!
//! | bytes | |
//! |---|---|
//! | 2 | `SL` |
//! | 1 | the version of the format: 1 |
//! | 1 | what follows: 1 a delta, 2 entries, 3 a state, 4 a replica at rest, 5 a clock |
//! | any | the value in `postcard` |
//! | 4 | CRC-32 (IEEE) of all bytes before, little endian |
//!
//! Equal values give equal bytes. The types of paths and payloads do not stand in them: decode with those that encoded.
//! The checksum finds damage, not forgery.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;
use syncline_clocks::CausalContext;

use crate::budget::Budget;
use crate::{Delta, Entries, JoinError, LimitReached, Limits, Saved, State, Store, Update, UpdateRef};

const MAGIC: [u8; 2] = *b"SL";
const VERSION: u8 = 1;

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// A [`Delta`].
    Delta = 1,
    /// [`Entries`].
    Entries = 2,
    /// A [`State`].
    State = 3,
    /// A [`Saved`] replica.
    Saved = 4,
    /// A [`CausalContext`]: what a replica sends to be told what it lacks.
    Clock = 5,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Delta, Self::Entries, Self::State, Self::Saved, Self::Clock].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Why bytes could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// They do not begin as an envelope does, or end before it does.
    NotAnEnvelope,
    /// A later version of the format: read it with a later version of this crate.
    Version(u8),
    /// An envelope of something else: of what, if this version knows it.
    Kind(Option<Kind>),
    /// Some byte changed on its way.
    Checksum,
    /// The value is not one, or not of these types.
    Malformed(String),
    /// More than was allowed.
    Limit(LimitReached),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnEnvelope => f.write_str("not an envelope of syncline-crdt"),
            Self::Version(version) => write!(f, "version {version} of the format; this crate reads version {VERSION}"),
            Self::Kind(Some(kind)) => write!(f, "the envelope holds something else: kind {kind:?}"),
            Self::Kind(None) => f.write_str("the envelope holds something that this version does not know"),
            Self::Checksum => f.write_str("the checksum does not fit the bytes"),
            Self::Malformed(why) => {
                write!(f, "the value can not be read; are its paths and payloads of other types? {why}")
            }
            Self::Limit(limit) => limit.fmt(f),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The value can not be written: its own `Serialize` fails, or gives what `postcard` does not take, such as a list that
/// does not say how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(String);

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value can not be written: {}", self.0)
    }
}

impl core::error::Error for EncodeError {}

/// What has bytes in an envelope: [`Delta`], [`Entries`], [`State`], [`Update`] (as one of these three), [`Saved`], and a
/// clock, which asks for a repair: the other side answers with `diff` of it.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{DecodeError, Encoded, Limits, OrSet, Replica, Update};
/// let mut phone: Replica<OrSet<String>> = Replica::create(ReplicaId::from_u128(1));
/// let bytes = phone.edit(|list| list.insert("milk".into())).encode()?;
/// let received: Update<String, ()> = Update::decode(&bytes, &Limits::default())?;
/// let mut laptop: Replica<OrSet<String>> = Replica::create(ReplicaId::from_u128(2));
/// laptop.join(&received)?;
/// assert_eq!(laptop.causal().state().encode()?, phone.causal().state().encode()?);
/// let damaged: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
/// assert_eq!(Update::<String, ()>::decode(&damaged, &Limits::default()), Err(DecodeError::NotAnEnvelope));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Encoded: Sized {
    /// The bytes: the same wherever the value is the same.
    ///
    /// # Errors
    /// [`EncodeError`], because of the paths' or payloads' own types.
    fn encode(&self) -> Result<Vec<u8>, EncodeError>;

    /// The value that these bytes are. Memory follows the bytes, whatever they claim. Of a [`Saved`], which is the replica's
    /// own, the bytes alone are limited.
    ///
    /// # Errors
    /// See [`DecodeError`].
    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError>;
}

fn seal(kind: Kind, value: &impl Serialize) -> Result<Vec<u8>, EncodeError> {
    let head = alloc::vec![MAGIC[0], MAGIC[1], VERSION, kind as u8];
    let mut bytes = postcard::to_extend(value, head).map_err(|error| EncodeError(error.to_string()))?;
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The kind and the value's bytes of an envelope that arrived whole.
fn open<'b>(bytes: &'b [u8], limits: &Limits) -> Result<(Option<Kind>, &'b [u8]), DecodeError> {
    if bytes.len() > limits.bytes {
        let reached = LimitReached::Bytes { length: bytes.len(), limit: limits.bytes };
        return Err(DecodeError::Limit(reached));
    }
    let (sealed, checksum) = bytes.split_last_chunk().ok_or(DecodeError::NotAnEnvelope)?;
    let ([b'S', b'L', version, kind], value) = sealed.split_first_chunk().ok_or(DecodeError::NotAnEnvelope)? else {
        return Err(DecodeError::NotAnEnvelope);
    };
    if *version != VERSION {
        return Err(DecodeError::Version(*version));
    }
    if crc32fast::hash(sealed) != u32::from_le_bytes(*checksum) {
        return Err(DecodeError::Checksum);
    }
    Ok((Kind::of(*kind), value))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let malformed = |error: postcard::Error| DecodeError::Malformed(error.to_string());
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::Malformed("bytes behind the value".to_string())) }
}

impl<P, V> Encoded for Update<P, V>
where
    P: Hash + Eq + Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Delta(delta) => delta.encode(),
            Self::Entries(entries) => entries.encode(),
            Self::State(state) => state.encode(),
        }
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let (kind, value) = open(bytes, limits)?;
        let update = match kind {
            Some(Kind::Delta) => Self::Delta(read(value)?),
            Some(Kind::Entries) => Self::Entries(read(value)?),
            Some(Kind::State) => Self::State(read(value)?),
            other => return Err(DecodeError::Kind(other)),
        };
        // What no replica with these limits could join, not even an empty one.
        let alone = Budget::default().allow(limits, 0, &CausalContext::new(), UpdateRef::from(&update));
        match alone {
            Err(JoinError::Limit(reached)) => Err(DecodeError::Limit(reached)),
            _ => Ok(update),
        }
    }
}

macro_rules! encoded {
    ($($name:ident)*) => {$(
        impl<P, V> Encoded for $name<P, V>
        where
            P: Hash + Eq + Serialize + DeserializeOwned,
            V: Serialize + DeserializeOwned,
        {
            fn encode(&self) -> Result<Vec<u8>, EncodeError> {
                seal(Kind::$name, self)
            }

            fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
                match Update::decode(bytes, limits)? {
                    Update::$name(value) => Ok(value),
                    other => Err(DecodeError::Kind(Some(other.kind()))),
                }
            }
        }
    )*};
}

encoded! { Delta Entries State }

impl<P: Hash + Eq, V> Update<P, V> {
    /// Which of the three it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Delta(_) => Kind::Delta,
            Self::Entries(_) => Kind::Entries,
            Self::State(_) => Kind::State,
        }
    }
}

impl<S: Store + Serialize + DeserializeOwned> Encoded for Saved<S> {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        seal(Kind::Saved, self)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        match open(bytes, limits)? {
            (Some(Kind::Saved), value) => read(value),
            (other, _) => Err(DecodeError::Kind(other)),
        }
    }
}

impl Encoded for CausalContext {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        seal(Kind::Clock, self)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let clock: Self = match open(bytes, limits)? {
            (Some(Kind::Clock), value) => read(value)?,
            (other, _) => return Err(DecodeError::Kind(other)),
        };
        let within = Self::new().try_union(&clock, &limits.clock);
        within.map(|()| clock).map_err(|error| DecodeError::Limit(LimitReached::Clock(error)))
    }
}
