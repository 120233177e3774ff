//! What a replica remembers of recent events, so that a repair can be small.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::hash::Hash;

use hashbrown::HashTable;
use syncline_clocks::{CausalContext, Dot};

use crate::{Causal, Entries, EntryRef, Event, Repair, State, Store, Update};

/// Below so many, events are remembered whatever the size of the value.
const FEW: usize = 32;

/// Recent events, in the order in which they came. No more than there are entries, which are what they save from being
/// sent, or a few.
#[derive(Debug)]
pub(crate) struct History<P, V> {
    events: VecDeque<Event<P, V>>,
    most: usize,
}

impl<P: Hash + Eq + Clone, V: Clone + Eq> History<P, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { events: VecDeque::new(), most }
    }

    /// Remembers an event that was joined into a value of so many entries.
    pub(crate) fn remember(&mut self, event: &Event<P, V>, entries: usize) {
        let most = self.most.min(entries.max(FEW));
        while self.events.len() >= most.max(1) {
            self.events.pop_front();
        }
        if most > 0 {
            self.events.push_back(event.clone());
        }
    }

    /// What a replica with this clock lacks of the value: the events if all are remembered; else the entries of their
    /// paths, if each is remembered or lives; else everything that is not as it was.
    pub(crate) fn diff<S>(&self, causal: &Causal<S>, since: &CausalContext) -> Update<P, V>
    where
        S: Store<Path = P, Payload = V>,
    {
        let missing = causal.clock().subtract(since);
        let count = missing.len();
        let is_missing = |event: &&Event<P, V>| missing.contains(event.dot);
        if count <= self.events.len() as u128 {
            let mut events: Vec<_> = self.events.iter().filter(is_missing).cloned().collect();
            if events.len() as u128 == count {
                events.sort_unstable_by_key(|event| event.dot);
                return Update::Delta(events.into());
            }
        }
        self.entries_of(causal, since, &missing)
            .unwrap_or_else(|| Update::State(State::of_replica_since(causal.clock(), causal.value().entries(), since)))
    }

    fn entries_of<S>(&self, causal: &Causal<S>, since: &CausalContext, missing: &CausalContext) -> Option<Update<P, V>>
    where
        S: Store<Path = P, Payload = V>,
    {
        let entries = causal.value().entries();
        let remembered = self.events.iter().filter(|event| missing.contains(event.dot));
        let mut places: BTreeMap<Dot, &P> = remembered.map(|event| (event.dot, &event.path)).collect();
        if (places.len() as u128) < missing.len() {
            for (path, entry) in entries.iter() {
                places.extend(entry.live().filter(|(dot, _)| missing.contains(*dot)).map(|(dot, _)| (dot, path)));
            }
        }
        if (places.len() as u128) < missing.len() {
            return None;
        }
        let mut paths: Vec<(P, Repair<V>)> = Vec::new();
        let mut index = HashTable::<usize>::new();
        for (dot, path) in places {
            let hash = entries.hash_of(path);
            let place = match index.find(hash, |place| paths[*place].0 == *path) {
                Some(place) => *place,
                None => {
                    let entry = entries.get(path).map(EntryRef::to_entry).unwrap_or_default();
                    paths.push((path.clone(), Repair { events: CausalContext::new(), entry }));
                    index.insert_unique(hash, paths.len() - 1, |place| entries.hash_of(&paths[*place].0));
                    paths.len() - 1
                }
            };
            paths[place].1.events.insert(dot);
        }
        Some(Update::Entries(Entries { since: since.clone(), clock: causal.clock().clone(), paths }))
    }
}
