//! Events, and the sets of them that replicas ship.

use alloc::vec::Vec;

use smallvec::SmallVec;
use syncline_clocks::Dot;

use crate::DotSet;

/// One change of one path, named by its dot. A removal is an event without a payload.
///
/// ```
/// use syncline_clocks::{Dot, ReplicaId};
/// use syncline_crdt::{OrSet, Replica};
/// let phone = ReplicaId::from_u128(1);
/// let mut list: Replica<OrSet<&str>> = Replica::create(phone);
/// list.edit(|list| list.insert("milk"));
/// let delta = list.edit(|list| list.remove("milk"));
/// let event = &delta.events()[0];
/// assert_eq!((event.dot, event.path, event.payload), (Dot::new(phone, 2).unwrap(), "milk", None));
/// assert!(event.kills.contains(Dot::first(phone)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Event<P, V> {
    /// The event's name; it belongs to this path alone.
    pub dot: Dot,
    /// What the event changes.
    pub path: P,
    /// What lives under the dot until another event kills it.
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::none_or_one",
            bound(serialize = "V: serde::Serialize", deserialize = "V: serde::Deserialize<'de>")
        )
    )]
    pub payload: Option<V>,
    /// Dots of the same path that this event takes out: what its writer saw and replaced.
    pub kills: DotSet,
}

/// A set of events: what a transaction returns and what replicas ship. Joined under the events' own dots, never under
/// the sender's clock, so it may be cut and put together as one likes. One event needs no heap for itself.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{Delta, OrSet, Replica};
/// let mut here: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(2));
/// let mut batch = Delta::new();
/// ["milk", "tea"].into_iter().for_each(|item| batch.extend(here.edit(|list| list.insert(item))));
/// let (first, second): (Delta<_, _>, Delta<_, _>) = batch.into_iter().partition(|event| event.path == "milk");
/// there.join(&second)?;
/// there.join(&first)?;
/// assert_eq!(there.causal(), here.causal());
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delta<P, V> {
    events: SmallVec<[Event<P, V>; 1]>,
}

impl<P, V> Delta<P, V> {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { events: SmallVec::new_const() }
    }

    /// The events; in the order of their dots when this crate made the delta.
    #[must_use]
    pub fn events(&self) -> &[Event<P, V>] {
        &self.events
    }

    pub(crate) fn events_mut(&mut self) -> &mut [Event<P, V>] {
        &mut self.events
    }

    /// How many events these are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds an event.
    pub fn push(&mut self, event: Event<P, V>) {
        self.events.push(event);
    }

    /// Keeps the events for which this holds.
    pub fn retain(&mut self, mut holds: impl FnMut(&Event<P, V>) -> bool) {
        self.events.retain(|event| holds(event));
    }

    /// Keeps so many of the first events.
    pub fn truncate(&mut self, length: usize) {
        self.events.truncate(length);
    }
}

impl<P, V> Default for Delta<P, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P, V> From<Vec<Event<P, V>>> for Delta<P, V> {
    fn from(events: Vec<Event<P, V>>) -> Self {
        Self { events: SmallVec::from_vec(events) }
    }
}

impl<P, V> From<Event<P, V>> for Delta<P, V> {
    fn from(event: Event<P, V>) -> Self {
        Self { events: SmallVec::from_buf([event]) }
    }
}

impl<P, V> FromIterator<Event<P, V>> for Delta<P, V> {
    fn from_iter<I: IntoIterator<Item = Event<P, V>>>(events: I) -> Self {
        Self { events: events.into_iter().collect() }
    }
}

impl<P, V> Extend<Event<P, V>> for Delta<P, V> {
    fn extend<I: IntoIterator<Item = Event<P, V>>>(&mut self, events: I) {
        self.events.extend(events);
    }
}

impl<P, V> IntoIterator for Delta<P, V> {
    type Item = Event<P, V>;
    type IntoIter = alloc::vec::IntoIter<Event<P, V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_vec().into_iter()
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Delta, Event};

    impl<P: Serialize, V: Serialize> Serialize for Delta<P, V> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(&self.events)
        }
    }

    impl<'de, P: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Delta<P, V> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Vec::<Event<P, V>>::deserialize(deserializer).map(Self::from)
        }
    }
}
