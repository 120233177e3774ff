//! What replicas tell one another: events, repaired paths, or everything. None turns into another.

use alloc::vec::Vec;
use core::hash::Hash;

use syncline_clocks::CausalContext;

use crate::{Delta, Entry, State};

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
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{OrSet, Replica, Settings, Update};
/// let forgetful = Settings { history: 0, ..Settings::default() };
/// let mut here: Replica<OrSet<&str>> = Replica::with_settings(ReplicaId::from_u128(1), forgetful);
/// let mut there: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(2));
/// ["milk", "tea"].into_iter().for_each(|item| drop(here.edit(|list| list.insert(item))));
/// let Update::Entries(mut repair) = here.diff(there.clock()) else { panic!("no event is remembered") };
/// repair.paths.truncate(1);                           // the message was too long
/// there.join(&repair)?;
/// assert_eq!((there.len(), there.clock().len()), (1, 1));
/// there.join(&here.diff(there.clock()))?;             // the rest
/// assert_eq!(there.causal(), here.causal());
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
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

/// What a join takes: late, twice, out of order or never are all safe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(bound(
        serialize = "P: Hash + Eq + serde::Serialize, V: serde::Serialize",
        deserialize = "P: Hash + Eq + serde::Deserialize<'de>, V: serde::Deserialize<'de>"
    ))
)]
pub enum Update<P: Hash + Eq, V> {
    /// Events.
    Delta(Delta<P, V>),
    /// Whole entries of some paths.
    Entries(Entries<P, V>),
    /// Everything.
    State(State<P, V>),
}

/// An update that is lent: what joins take, so that `join(&delta)`, `join(&state)` and `join(&update)` are one verb.
#[derive(Debug)]
pub enum UpdateRef<'a, P: Hash + Eq, V> {
    /// Events.
    Delta(&'a Delta<P, V>),
    /// Whole entries of some paths.
    Entries(&'a Entries<P, V>),
    /// Everything.
    State(&'a State<P, V>),
}

impl<P: Hash + Eq, V> Update<P, V> {
    /// Whether the update says nothing. One that does may still be known already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Delta(delta) => delta.is_empty(),
            Self::Entries(entries) => entries.paths.is_empty(),
            Self::State(state) => state.clock().is_empty(),
        }
    }

    /// Adds the events that the update conveys to a set.
    pub fn events(&self, to: &mut CausalContext) {
        UpdateRef::from(self).events(to);
    }
}

impl<P: Hash + Eq, V> UpdateRef<'_, P, V> {
    /// Adds the events that the update conveys to a set.
    pub fn events(self, to: &mut CausalContext) {
        match self {
            Self::Delta(delta) => to.extend(delta.events().iter().map(|event| event.dot)),
            Self::Entries(entries) => entries.paths.iter().for_each(|(_, repair)| to.union(&repair.events)),
            Self::State(state) => to.union(state.clock()),
        }
    }

    /// How many dots a join can add to the value at the most.
    pub(crate) fn dots(self) -> usize {
        match self {
            Self::Delta(delta) => {
                delta.events().iter().map(|event| usize::from(event.payload.is_some()) + event.kills.len()).sum()
            }
            Self::Entries(Entries { paths, .. }) => {
                paths.iter().map(|(_, Repair { entry, .. })| entry.live().len() + entry.kept_kills().len()).sum()
            }
            Self::State(state) => state.entries().dots(),
        }
    }

    /// How many intervals a join can add to the clock at the most.
    pub(crate) fn intervals(self) -> usize {
        match self {
            Self::Delta(delta) => delta.len(),
            Self::Entries(Entries { paths, .. }) => {
                paths.iter().map(|(_, Repair { events, .. })| events.interval_count()).sum()
            }
            Self::State(state) => state.clock().interval_count(),
        }
    }
}

impl<P: Hash + Eq, V> From<Delta<P, V>> for Update<P, V> {
    fn from(delta: Delta<P, V>) -> Self {
        Self::Delta(delta)
    }
}

impl<P: Hash + Eq, V> From<Entries<P, V>> for Update<P, V> {
    fn from(entries: Entries<P, V>) -> Self {
        Self::Entries(entries)
    }
}

impl<P: Hash + Eq, V> From<State<P, V>> for Update<P, V> {
    fn from(state: State<P, V>) -> Self {
        Self::State(state)
    }
}

impl<'a, P: Hash + Eq, V> From<&'a Update<P, V>> for UpdateRef<'a, P, V> {
    fn from(update: &'a Update<P, V>) -> Self {
        match update {
            Update::Delta(delta) => Self::Delta(delta),
            Update::Entries(entries) => Self::Entries(entries),
            Update::State(state) => Self::State(state),
        }
    }
}

impl<'a, P: Hash + Eq, V> From<&'a Delta<P, V>> for UpdateRef<'a, P, V> {
    fn from(delta: &'a Delta<P, V>) -> Self {
        Self::Delta(delta)
    }
}

impl<'a, P: Hash + Eq, V> From<&'a Entries<P, V>> for UpdateRef<'a, P, V> {
    fn from(entries: &'a Entries<P, V>) -> Self {
        Self::Entries(entries)
    }
}

impl<'a, P: Hash + Eq, V> From<&'a State<P, V>> for UpdateRef<'a, P, V> {
    fn from(state: &'a State<P, V>) -> Self {
        Self::State(state)
    }
}

impl<P: Hash + Eq, V> Clone for UpdateRef<'_, P, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Hash + Eq, V> Copy for UpdateRef<'_, P, V> {}
