//! What a partition holds: paths, payloads, and the values that commands read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use syncline_clocks::{Dot, HybridTimestamp};
use syncline_crdt::CounterPayload;

/// Which part of a key's value an event changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Slot {
    /// The key's register.
    Register,
    /// The key's counter.
    Counter,
    /// One member of the key's set.
    Member(Vec<u8>),
    /// What was added to the register version with this dot: increments name the version that they are based on, so that
    /// a later version takes their place together with it.
    Added(Dot),
    /// When the key expires.
    Expiry,
}

/// Where an event belongs: key, type, element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Path {
    /// The key.
    pub key: Vec<u8>,
    /// The part of its value.
    pub slot: Slot,
}

/// A register's version: the value, or its deletion, and when it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamped {
    /// When, for policies that pick by time.
    pub timestamp: HybridTimestamp,
    /// `None` is a deletion, kept under policies that pick.
    pub value: Option<Vec<u8>>,
}

/// The longest path, key and member together: stores take names of some length only.
pub const MAX_PATH: usize = 32 << 10;

impl Path {
    /// Whether it is as short as a path has to be.
    pub(crate) fn fits(&self) -> bool {
        let member = if let Slot::Member(member) = &self.slot { member.len() } else { 0 };
        self.key.len() + member <= MAX_PATH
    }
}

/// What lives under a dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Payload {
    /// Of [`Slot::Register`].
    Register(Stamped),
    /// Of [`Slot::Counter`] and [`Slot::Added`].
    Counter(CounterPayload),
    /// Of [`Slot::Member`].
    Member,
    /// Of [`Slot::Expiry`].
    Expiry(Deadline),
}

/// When a key expires. Concurrent ones: the one that was set last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Deadline {
    /// When it was set.
    pub timestamp: HybridTimestamp,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
}

impl Payload {
    /// Whether this kind of payload may stand in the slot.
    pub(crate) fn fits(&self, slot: &Slot) -> bool {
        matches!(
            (self, slot),
            (Self::Register(_), Slot::Register)
                | (Self::Counter(_), Slot::Counter | Slot::Added(_))
                | (Self::Member, Slot::Member(_))
                | (Self::Expiry(_), Slot::Expiry)
        )
    }

    pub(crate) fn timestamp(&self) -> Option<HybridTimestamp> {
        match self {
            Self::Register(stamped) => Some(stamped.timestamp),
            Self::Expiry(deadline) => Some(deadline.timestamp),
            Self::Counter(_) | Self::Member => None,
        }
    }
}

/// An event of a partition.
pub type Event = syncline_crdt::Event<Path, Payload>;
/// Events of a partition.
pub type Delta = syncline_crdt::Delta<Path, Payload>;
/// An update of a partition.
pub type Update = syncline_crdt::Update<Path, Payload>;

/// One version of a register that stands, with what was added to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sibling {
    /// The event that wrote it.
    pub dot: Dot,
    /// Its value.
    pub value: Vec<u8>,
}

/// What a key holds, as its policy reads it. One that has expired holds nothing.
///
/// If concurrent writers chose different types for one key, all parts are kept and replicated; reads show the register
/// if there is one, else the counter, else the set, until a command removes what hides the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    #[default]
    Absent,
    /// A register: one version under a policy that picks, perhaps several under one that keeps siblings.
    Register(Vec<Sibling>),
    /// A counter.
    Counter(i64),
    /// A set.
    Set(BTreeSet<Vec<u8>>),
}
