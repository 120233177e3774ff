//! What replicas tell one another: events, repaired paths, or everything. None turns into another.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::Hash;

use smallvec::SmallVec;
use syncline_clocks::{CausalContext, Dot};

use crate::{DotSet, Entry, EntryMap, JoinError};

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

/// Everything that a replica holds, under its whole clock: what neither its entries hold nor `unchanged` names is dead. So it
/// may never be cut short.
///
/// It may stand on a clock that the receiver reported, `since`, and then leaves out the entries of which that clock covers
/// all: they are named by their live dots alone, which are few intervals where little was ever removed.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{OrSet, Replica};
/// let mut here: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(2));
/// there.join(&here.edit(|list| list.insert("milk")))?;
/// here.edit(|list| list.remove("milk"));
/// there.join(&here.causal().state())?;                // under its clock nothing lives at "milk"
/// assert!(there.is_empty());
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(bound = "P: Hash + Eq + serde::Serialize, V: serde::Serialize")
)]
pub struct State<P: Hash + Eq, V> {
    clock: CausalContext,
    // `None` for a receiver of whom nothing is known.
    base: Option<Box<Base>>,
    entries: EntryMap<P, V>,
}

/// What a state stands on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Base {
    since: CausalContext,
    unchanged: CausalContext,
}

static NOTHING: CausalContext = CausalContext::new();

impl<P: Hash + Eq, V> State<P, V> {
    /// The entries that the events in this clock left, for a receiver of whom nothing is known.
    ///
    /// # Errors
    /// [`JoinError::Malformed`], when a dot lives that the clock does not hold.
    pub fn new(clock: CausalContext, entries: EntryMap<P, V>) -> Result<Self, JoinError> {
        Self { clock, base: None, entries }.checked()
    }

    fn checked(self) -> Result<Self, JoinError> {
        if !self.entries.lives_in(&self.clock) {
            return Err(JoinError::Malformed("a live dot outside the sender's clock"));
        }
        if !self.since().includes(self.unchanged()) || !self.clock.includes(self.unchanged()) {
            return Err(JoinError::Malformed("a state that leaves out what its receiver may lack"));
        }
        if self.base.is_some() && self.entries.has_live(self.unchanged()) {
            return Err(JoinError::Malformed("a state that holds what it says to have left out"));
        }
        Ok(self)
    }

    /// All that a replica holds.
    pub(crate) fn of_replica(clock: CausalContext, entries: EntryMap<P, V>) -> Self {
        debug_assert!(entries.lives_in(&clock), "what lives was joined");
        Self { clock, base: None, entries }
    }

    /// All that a replica holds, for a receiver with the clock `since`.
    pub(crate) fn of_replica_since(clock: &CausalContext, entries: &EntryMap<P, V>, since: &CausalContext) -> Self
    where
        P: Clone,
        V: Clone,
    {
        if since.is_empty() {
            return Self::of_replica(clock.clone(), entries.clone());
        }
        let (entries, unchanged) = entries.changed_since(since);
        let base = Some(Box::new(Base { since: since.clone(), unchanged }));
        Self { clock: clock.clone(), base, entries }
    }

    /// The sender's clock.
    #[must_use]
    pub fn clock(&self) -> &CausalContext {
        &self.clock
    }

    /// The receiver's clock that the state was made for; a receiver that does not include it refuses.
    #[must_use]
    pub fn since(&self) -> &CausalContext {
        self.base.as_ref().map_or(&NOTHING, |base| &base.since)
    }

    /// The live dots of the entries that are left out.
    #[must_use]
    pub fn unchanged(&self) -> &CausalContext {
        self.base.as_ref().map_or(&NOTHING, |base| &base.unchanged)
    }

    /// All other non-empty entries.
    #[must_use]
    pub fn entries(&self) -> &EntryMap<P, V> {
        &self.entries
    }
}

impl<P: Hash + Eq, V: PartialEq> PartialEq for State<P, V> {
    fn eq(&self, other: &Self) -> bool {
        (&self.clock, &self.base) == (&other.clock, &other.base) && self.entries == other.entries
    }
}

impl<P: Hash + Eq, V: Eq> Eq for State<P, V> {}

impl<P: Hash + Eq, V: Hash> Hash for State<P, V> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (&self.clock, &self.base).hash(state);
        self.entries.hash(state);
    }
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
            Self::State(state) => state.clock.is_empty(),
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
            Self::Delta(delta) => to.extend(delta.events.iter().map(|event| event.dot)),
            Self::Entries(entries) => entries.paths.iter().for_each(|(_, repair)| to.union(&repair.events)),
            Self::State(state) => to.union(&state.clock),
        }
    }

    /// How many dots a join can add to the value at the most.
    pub(crate) fn dots(self) -> usize {
        match self {
            Self::Delta(delta) => {
                delta.events.iter().map(|event| usize::from(event.payload.is_some()) + event.kills.len()).sum()
            }
            Self::Entries(Entries { paths, .. }) => {
                paths.iter().map(|(_, Repair { entry, .. })| entry.live().len() + entry.kept_kills().len()).sum()
            }
            Self::State(state) => state.entries.dots(),
        }
    }

    /// How many intervals a join can add to the clock at the most.
    pub(crate) fn intervals(self) -> usize {
        match self {
            Self::Delta(delta) => delta.len(),
            Self::Entries(Entries { paths, .. }) => {
                paths.iter().map(|(_, Repair { events, .. })| events.interval_count()).sum()
            }
            Self::State(state) => state.clock.interval_count(),
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

#[cfg(feature = "serde")]
mod serde_impl {
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use core::hash::Hash;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use syncline_clocks::CausalContext;

    use super::{Base, Delta, Event, State};
    use crate::EntryMap;

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

    impl<'de, P, V> Deserialize<'de> for State<P, V>
    where
        P: Hash + Eq + Deserialize<'de>,
        V: Deserialize<'de>,
    {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            #[derive(Deserialize)]
            #[serde(rename = "State", bound = "P: Hash + Eq + Deserialize<'de>, V: Deserialize<'de>")]
            struct Parts<P, V> {
                clock: CausalContext,
                base: Option<Box<Base>>,
                entries: EntryMap<P, V>,
            }
            let Parts { clock, base, entries } = Parts::deserialize(deserializer)?;
            Self { clock, base, entries }.checked().map_err(D::Error::custom)
        }
    }
}
