//! A value with its own clock, and the transaction that edits it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Deref;

use syncline_clocks::{CausalContext, Dot, ReplicaId};

use crate::{Change, Delta, Entry, EntryMap, Event, JoinError, Receiver, State, Update};

/// A type whose state is a map of entries: what [`Causal`] and [`Replica`](crate::Replica) work on.
pub trait Store: Clone + Default {
    /// What an event changes: an element of a set, `()` for a register.
    type Path: Ord + Clone;
    /// What lives under a dot.
    type Payload: Clone + Eq;

    /// The entries, to read.
    fn entries(&self) -> &EntryMap<Self::Path, Self::Payload>;

    /// The entries, to join and edit. Whoever changes them without minting an event breaks replication.
    fn entries_mut(&mut self) -> &mut EntryMap<Self::Path, Self::Payload>;
}

/// A value together with the clock of the events that made it.
///
/// Equality is that of the lattice: equal clocks mean equal states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Causal<S> {
    clock: CausalContext,
    value: S,
}

impl<S: Store> Causal<S> {
    /// The events that were joined.
    #[must_use]
    pub fn clock(&self) -> &CausalContext {
        &self.clock
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &S {
        &self.value
    }

    /// Everything, as an update for a replica that has nothing in common with this one.
    #[must_use]
    pub fn state(&self) -> State<S::Path, S::Payload> {
        State { clock: self.clock.clone(), entries: self.value.entries().clone() }
    }

    pub(crate) fn join(
        &mut self,
        writer: ReplicaId,
        update: &Update<S::Path, S::Payload>,
    ) -> Result<Vec<Change<S::Path>>, JoinError> {
        let receiver = Receiver { writer, minted: self.clock.highest(writer), believes_kills: true };
        self.value.entries_mut().join(&mut self.clock, receiver, update)
    }
}

/// A path's entry before the transaction, and the event that changes it.
type Changed<S> = (Entry<<S as Store>::Payload>, Event<<S as Store>::Path, <S as Store>::Payload>);

/// One transaction: reads see its own changes, and each path it changes gets one event, however often it changes it.
///
/// Each type adds its own verbs: `insert` and `remove` of [`OrSet`](crate::OrSet), `set` of
/// [`LwwRegister`](crate::LwwRegister), `increment` of [`ResettableCounter`](crate::ResettableCounter).
pub struct Edit<'a, S: Store> {
    causal: &'a mut Causal<S>,
    next: Dot,
    // Each changed path's entry as it was before the transaction, and the one event that changes it. The events' dots
    // enter the clock when the transaction ends.
    events: BTreeMap<S::Path, Changed<S>>,
}

impl<S: Store> Deref for Edit<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.causal.value
    }
}

impl<'a, S: Store> Edit<'a, S> {
    /// A transaction of `writer`.
    ///
    /// # Panics
    /// After 2^64 - 1 events of this replica.
    pub(crate) fn begin(causal: &'a mut Causal<S>, writer: ReplicaId) -> Self {
        let highest = causal.clock.highest(writer);
        let next = highest.checked_add(1).and_then(|sequence| Dot::new(writer, sequence));
        Self { causal, next: next.expect("a replica makes fewer than 2^64 events"), events: BTreeMap::new() }
    }

    /// The replica that edits.
    #[must_use]
    pub fn writer(&self) -> ReplicaId {
        self.next.replica()
    }

    /// Lets `payload` live at `path` and kills the given dots, which this replica has seen there.
    ///
    /// # Panics
    /// After 2^64 - 1 events of this replica.
    pub fn change(&mut self, path: S::Path, payload: Option<S::Payload>, mut kills: BTreeSet<Dot>) {
        let entries = self.causal.value.entries_mut();
        let (before, dot) = match self.events.remove(&path) {
            Some((before, earlier)) => {
                kills.extend(earlier.kills);
                kills.remove(&earlier.dot);
                entries.insert(path.clone(), before.clone());
                (before, earlier.dot)
            }
            None => {
                let dot = self.next;
                self.next = dot.next().expect("a replica makes fewer than 2^64 events");
                (entries.get(&path).cloned().unwrap_or_default(), dot)
            }
        };
        let event = Event { dot, path: path.clone(), payload, kills };
        entries.join_event(&self.causal.clock, &event);
        self.events.insert(path, (before, event));
    }

    /// The events of the transaction as they stand now.
    #[cfg(feature = "laws")]
    pub(crate) fn events_so_far(&self) -> Vec<Event<S::Path, S::Payload>> {
        self.events.values().map(|(_, event)| event.clone()).collect()
    }

    /// Ends the transaction.
    pub(crate) fn commit(self) -> Delta<S::Path, S::Payload> {
        let mut events: Vec<_> = self.events.into_values().map(|(_, event)| event).collect();
        events.sort_by_key(|event| event.dot);
        self.causal.clock.extend(events.iter().map(|event| event.dot));
        Delta { events }
    }
}
