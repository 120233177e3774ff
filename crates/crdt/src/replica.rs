//! The only editor of a value: one identity, its clock, and the recent events that repair others.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::ops::Deref;

use syncline_clocks::{CausalContext, Dot, ReplicaId};

use crate::{Causal, Change, Delta, Edit, Entries, Event, JoinError, Repair, Store, Update};

/// How many recent events are kept whole, and the paths of how many, unless [`Replica::with_history`] says otherwise.
const EVENTS: usize = 1_024;
const PATHS: usize = 65_536;

/// One replica of a value `S`, under an identity that nobody else uses.
///
/// It is neither `Clone` nor deserializable: two copies that both edit would mint the same dots for different changes.
/// It keeps recent events, and of more the paths, so that [`diff`](Self::diff) can send little.
#[derive(Debug)]
pub struct Replica<S: Store> {
    id: ReplicaId,
    causal: Causal<S>,
    events: BTreeMap<Dot, Event<S::Path, S::Payload>>,
    paths: BTreeMap<Dot, S::Path>,
    order: VecDeque<Dot>,
    keep: (usize, usize),
}

impl<S: Store> Deref for Replica<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.causal.value()
    }
}

impl<S: Store> Replica<S> {
    /// A replica that knows nothing, under an id that was never used before.
    #[must_use]
    pub fn create(id: ReplicaId) -> Self {
        Self::with_history(id, EVENTS, PATHS)
    }

    /// As [`create`](Self::create), keeping `events` recent events whole and the paths of `paths` of them: what decides
    /// whether [`diff`](Self::diff) sends events, entries or everything.
    #[must_use]
    pub fn with_history(id: ReplicaId, events: usize, paths: usize) -> Self {
        let causal = Causal::default();
        let keep = (events.min(paths), paths);
        Self { id, causal, events: BTreeMap::new(), paths: BTreeMap::new(), order: VecDeque::new(), keep }
    }

    /// The identity that mints this replica's dots.
    #[must_use]
    pub fn id(&self) -> ReplicaId {
        self.id
    }

    /// The events that this replica has joined.
    #[must_use]
    pub fn clock(&self) -> &CausalContext {
        self.causal.clock()
    }

    /// The value and its clock.
    #[must_use]
    pub fn causal(&self) -> &Causal<S> {
        &self.causal
    }

    /// Runs one transaction and returns what it changed, to be joined by the others.
    pub fn edit<R>(&mut self, transaction: impl FnOnce(&mut Edit<'_, S>) -> R) -> Delta<S::Path, S::Payload> {
        self.try_edit(|edit| {
            transaction(edit);
            Ok::<(), core::convert::Infallible>(())
        })
        .unwrap_or_else(|never| match never {})
    }

    /// As [`edit`](Self::edit), for a transaction whose verbs can fail. What was changed before the failure stays and
    /// is replicated by a later [`diff`](Self::diff).
    ///
    /// # Errors
    /// The transaction's own.
    pub fn try_edit<E>(
        &mut self,
        transaction: impl FnOnce(&mut Edit<'_, S>) -> Result<(), E>,
    ) -> Result<Delta<S::Path, S::Payload>, E> {
        let mut edit = Edit::begin(&mut self.causal, self.id);
        let outcome = transaction(&mut edit);
        let delta = edit.commit();
        self.remember(delta.events.iter());
        outcome.map(|()| delta)
    }

    /// Joins what another replica sent and says what changed. Late, twice, out of order or never are all safe.
    ///
    /// # Errors
    /// See [`JoinError`]; nothing changed then.
    pub fn join(&mut self, update: &Update<S::Path, S::Payload>) -> Result<Vec<Change<S::Path>>, JoinError> {
        // What is new has to be known before the join, which makes it old.
        match update {
            Update::Delta(delta) => {
                let is_new = |event: &&Event<_, _>| !self.clock().contains(event.dot);
                let new: Vec<_> = delta.events.iter().filter(is_new).collect();
                let changes = self.causal.join(self.id, update)?;
                self.remember(new.into_iter());
                Ok(changes)
            }
            Update::Entries(repair) => {
                let before = self.clock().clone();
                let changes = self.causal.join(self.id, update)?;
                for (path, Repair { events, .. }) in &repair.paths {
                    for dot in events.subtract(&before).dots().take(self.keep.1) {
                        self.remember_path(dot, path.clone());
                    }
                }
                Ok(changes)
            }
            Update::State(_) => self.causal.join(self.id, update),
        }
    }

    /// What a replica with this clock lacks: the missing events while they are kept; else the entries of their paths
    /// while those are known; else everything.
    #[must_use]
    pub fn diff(&self, since: &CausalContext) -> Update<S::Path, S::Payload> {
        let missing = self.clock().subtract(since);
        let events: Option<Vec<_>> = missing.dots().map(|dot| self.events.get(&dot).cloned()).collect();
        if let Some(events) = events {
            return Update::Delta(Delta { events });
        }
        let mut paths = BTreeMap::new();
        for dot in missing.dots() {
            let Some(path) = self.paths.get(&dot) else { return Update::State(self.causal.state()) };
            let repair = paths.entry(path.clone()).or_insert_with(|| Repair {
                events: CausalContext::new(),
                entry: self.causal.value().entries().get(path).cloned().unwrap_or_default(),
            });
            repair.events.insert(dot);
        }
        let paths = paths.into_iter().collect();
        Update::Entries(Entries { since: since.clone(), clock: self.clock().clone(), paths })
    }

    fn remember<'e>(&mut self, events: impl Iterator<Item = &'e Event<S::Path, S::Payload>>)
    where
        S: 'e,
    {
        for event in events {
            self.events.insert(event.dot, event.clone());
            self.remember_path(event.dot, event.path.clone());
        }
    }

    fn remember_path(&mut self, dot: Dot, path: S::Path) {
        self.paths.insert(dot, path);
        self.order.push_back(dot);
        if let Some(old) = self.order.len().checked_sub(self.keep.0 + 1).and_then(|index| self.order.get(index)) {
            self.events.remove(old);
        }
        if self.order.len() > self.keep.1 {
            self.order.pop_front().map(|old| self.paths.remove(&old));
        }
    }
}
