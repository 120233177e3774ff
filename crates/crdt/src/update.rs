//! What replicas tell one another: events, repaired paths, or everything. None turns into another.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use syncline_clocks::{CausalContext, Dot};

use crate::{Entry, EntryMap};

/// One change of one path, named by its dot. A removal is an event without a payload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Event<P, V> {
    /// The event's name; it belongs to this path alone.
    pub dot: Dot,
    /// What the event changes.
    pub path: P,
    /// What lives under the dot until another event kills it.
    pub payload: Option<V>,
    /// Dots of the same path that this event takes out: what its writer saw and replaced.
    pub kills: BTreeSet<Dot>,
}

/// A set of events: what a transaction returns and what replicas ship. Joined under the events' own dots, never under
/// the sender's clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Delta<P, V> {
    /// The events; in the order of their dots when this crate made the delta.
    pub events: Vec<Event<P, V>>,
}

/// One path of an [`Entries`] repair.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Repair<V> {
    /// All events of this path that the sender joined and the receiver lacks (more do no harm).
    pub events: CausalContext,
    /// The path's whole entry at the sender.
    pub entry: Entry<V>,
}

/// Whole entries of some paths, joined under the sender's clock *for those paths alone*: what repairs a replica whose
/// missing events are in nobody's log any more. May be cut short by leaving paths out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entries<P, V> {
    /// The receiver's clock that the repair was computed against; a receiver that does not include it refuses.
    pub since: CausalContext,
    /// The sender's clock.
    pub clock: CausalContext,
    /// The repaired paths.
    pub paths: Vec<(P, Repair<V>)>,
}

/// Everything that a replica holds, under its whole clock. Never cut short: an absent path means "nothing lives".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct State<P: Ord, V> {
    /// The sender's clock.
    pub clock: CausalContext,
    /// All non-empty entries.
    pub entries: EntryMap<P, V>,
}

/// What [`join`](EntryMap::join) takes: late, twice, out of order or never are all safe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Update<P: Ord, V> {
    /// Events.
    Delta(Delta<P, V>),
    /// Whole entries of some paths.
    Entries(Entries<P, V>),
    /// Everything.
    State(State<P, V>),
}

impl<P: Ord, V> Update<P, V> {
    /// Whether the update can not change anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Delta(delta) => delta.events.is_empty(),
            Self::Entries(entries) => entries.paths.is_empty(),
            Self::State(state) => state.clock.is_empty(),
        }
    }

    /// Adds the events that the update conveys to a set.
    pub fn events(&self, to: &mut CausalContext) {
        match self {
            Self::Delta(delta) => to.extend(delta.events.iter().map(|event| event.dot)),
            Self::Entries(entries) => entries.paths.iter().for_each(|(_, repair)| to.union(&repair.events)),
            Self::State(state) => to.union(&state.clock),
        }
    }
}

impl<P: Ord, V> From<Delta<P, V>> for Update<P, V> {
    fn from(delta: Delta<P, V>) -> Self {
        Self::Delta(delta)
    }
}
