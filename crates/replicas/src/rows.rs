//! The rows of a partition: one tag byte tells the kind, then the row's name; the value is a version byte and postcard.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use syncline_clocks::{CausalContext, Dot, HybridTimestamp, ReplicaId};
use syncline_crdt::Entry;

use crate::configuration_register::Acceptor;
use crate::{Applied, ClientId, Configuration, Event, Fault, LogEntry, Path, Payload};

/// The version of the rows' encoding.
const VERSION: u8 = 1;

/// What is kept for the whole partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The events whose effects the rows hold.
    pub clock: CausalContext,
    /// No sequence number above this one was ever minted by this replica, also not for events that were discarded since, or
    /// that left before they were flushed.
    pub minted: u64,
    /// The last timestamp issued.
    pub stamp: HybridTimestamp,
    /// Leader-follower: where the log ends and where its rows begin.
    pub log: Option<crate::Extent>,
}

/// What is remembered of an event until every member has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EventRow {
    /// All of it.
    Whole(Event),
    /// Only where it belongs: enough to repair its path.
    Path(Path),
}

impl EventRow {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Whole(event) => &event.path,
            Self::Path(path) => path,
        }
    }
}

/// A row, decoded: for whoever inspects a store from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Row {
    /// The partition's clock and counters.
    Meta(Meta),
    /// One path: its live dots and kept kills.
    Entry(Path, Entry<Payload>),
    /// An event of the log by dot; `None` if only its path is kept.
    Event(Dot, Option<Event>),
    /// An event of a key that some member may lack: where it belongs.
    Unstable(Path),
    /// An entry of the leader-follower log.
    Log(u64, LogEntry),
    /// The configuration.
    Configuration(Configuration),
    /// What the configuration's register accepted.
    Acceptor(Acceptor),
    /// A client's last write.
    Applied(ClientId, Applied),
}

pub(crate) const META: &[u8] = b"m";
pub(crate) const CONFIGURATION: &[u8] = b"c";
pub(crate) const ACCEPTOR: &[u8] = b"a";
pub(crate) const ENTRIES: &[u8] = b"d";
pub(crate) const EVENTS: &[u8] = b"e";
pub(crate) const UNSTABLE: &[u8] = b"u";
pub(crate) const LOG: &[u8] = b"l";
pub(crate) const APPLIED: &[u8] = b"q";

/// How postcard tells [`Slot::Member`](crate::Slot::Member) and [`Slot::Added`](crate::Slot::Added) from the other slots.
const MEMBER: u8 = 2;
const ADDED: u8 = 3;

pub(crate) fn entry_key(path: &Path) -> Vec<u8> {
    named(ENTRIES, path)
}

/// The prefix of all rows of one key: a path begins with its length-prefixed key.
pub(crate) fn entries_of(key: &[u8]) -> Vec<u8> {
    named(ENTRIES, key)
}

/// The prefix of a key's rows of members.
pub(crate) fn members_of(key: &[u8]) -> Vec<u8> {
    let mut prefix = entries_of(key);
    prefix.push(MEMBER);
    prefix
}

/// The prefix of a key's rows of increments by version.
pub(crate) fn added_of(key: &[u8]) -> Vec<u8> {
    let mut prefix = entries_of(key);
    prefix.push(ADDED);
    prefix
}

/// The least row name behind all rows of a key.
pub(crate) fn after_entries_of(key: &[u8]) -> Vec<u8> {
    let mut name = entries_of(key);
    while name.last() == Some(&u8::MAX) {
        name.pop();
    }
    *name.last_mut().expect("the tag is not 255") += 1;
    name
}

pub(crate) fn event_key(dot: Dot) -> Vec<u8> {
    [EVENTS, &dot.replica().to_bytes(), &dot.sequence().to_be_bytes()].concat()
}

/// The prefix of a key's unstable events by one replica; their sequence numbers follow, so that they can be read from
/// the first one on that a peer lacks.
pub(crate) fn unstable_of(key: &[u8], replica: ReplicaId) -> Vec<u8> {
    let mut prefix = named(UNSTABLE, key);
    prefix.extend(replica.to_bytes());
    prefix
}

pub(crate) fn unstable_key(key: &[u8], dot: Dot) -> Vec<u8> {
    let mut row = unstable_of(key, dot.replica());
    row.extend(dot.sequence().to_be_bytes());
    row
}

/// The sequence number at the end of an unstable event's row key.
pub(crate) fn sequence_of(key: &[u8]) -> Result<u64, Fault> {
    let sequence = key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
    sequence.ok_or_else(|| Fault::Corrupt(key.to_vec()))
}

pub(crate) fn log_key(index: u64) -> Vec<u8> {
    [LOG, &index.to_be_bytes()].concat()
}

pub(crate) fn applied_key(client: ClientId) -> Vec<u8> {
    [APPLIED, &client.0.to_be_bytes()].concat()
}

fn named(tag: &[u8], name: &(impl Serialize + ?Sized)) -> Vec<u8> {
    postcard::to_extend(name, tag.to_vec()).expect("memory takes whatever is written to it")
}

pub(crate) fn encode(row: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(row, vec![VERSION]).expect("memory takes whatever is written to it")
}

pub(crate) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Fault> {
    let decoded = match value {
        [VERSION, row @ ..] => postcard::from_bytes(row).ok(),
        _ => None,
    };
    decoded.ok_or_else(|| Fault::Corrupt(key.to_vec()))
}

pub(crate) fn path_of(key: &[u8]) -> Result<Path, Fault> {
    key.strip_prefix(ENTRIES)
        .and_then(|path| postcard::from_bytes(path).ok())
        .ok_or_else(|| Fault::Corrupt(key.to_vec()))
}

pub(crate) fn client_of(key: &[u8]) -> Result<ClientId, Fault> {
    number_of(key, APPLIED).map(ClientId)
}

fn number_of(key: &[u8], tag: &[u8]) -> Result<u64, Fault> {
    let bytes = key.strip_prefix(tag).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| Fault::Corrupt(key.to_vec()))
}

fn dot_of(key: &[u8]) -> Result<Dot, Fault> {
    let parsed = key.strip_prefix(EVENTS).and_then(|bytes| {
        let (replica, sequence) = bytes.split_first_chunk::<16>()?;
        let replica = ReplicaId::from_bytes(*replica);
        Dot::new(replica, u64::from_be_bytes(sequence.try_into().ok()?))
    });
    parsed.ok_or_else(|| Fault::Corrupt(key.to_vec()))
}

/// The beginning of an entry's row that all rows of its key share and no other row has; `None` for other rows. For whoever
/// keeps rows by key.
#[must_use]
pub fn key_prefix(row: &[u8]) -> Option<&[u8]> {
    let path = row.strip_prefix(ENTRIES)?;
    let (length, rest) = postcard::take_from_bytes::<usize>(path).ok()?;
    let end = (row.len() - rest.len()).checked_add(length)?;
    row.get(..end)
}

/// Decodes a row of a partition's store.
///
/// # Errors
/// [`Fault::Corrupt`] if it is none.
pub fn decode_row(key: &[u8], value: &[u8]) -> Result<Row, Fault> {
    match key.get(..1) {
        Some(META) => decode(key, value).map(Row::Meta),
        Some(CONFIGURATION) => decode(key, value).map(Row::Configuration),
        Some(ACCEPTOR) => decode(key, value).map(Row::Acceptor),
        Some(ENTRIES) => Ok(Row::Entry(path_of(key)?, decode(key, value)?)),
        Some(UNSTABLE) => decode(key, value).map(Row::Unstable),
        Some(EVENTS) => {
            let event = match decode(key, value)? {
                EventRow::Whole(event) => Some(event),
                EventRow::Path(_) => None,
            };
            Ok(Row::Event(dot_of(key)?, event))
        }
        Some(LOG) => Ok(Row::Log(number_of(key, LOG)?, decode(key, value)?)),
        Some(APPLIED) => Ok(Row::Applied(client_of(key)?, decode(key, value)?)),
        _ => Err(Fault::Corrupt(key.to_vec())),
    }
}
