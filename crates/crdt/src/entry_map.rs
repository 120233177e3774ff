//! A map from paths to entries and the join of an update into it: the state of everything in this crate.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use syncline_clocks::{CausalContext, Dot, ReplicaId};

use crate::{Delta, DotChanges, Entries, Entry, Event, Repair, State, Update};

/// The entries of some paths, without their clock. Only non-empty entries are held, so equal states are equal maps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryMap<P: Ord, V> {
    entries: BTreeMap<P, Entry<V>>,
}

/// The replica that an update is joined into: what it may be told of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its identity. It alone mints dots of it.
    pub writer: ReplicaId,
    /// How many it has minted: an event of its own beyond them is an error. (Earlier ones that its clock lacks it has
    /// discarded, as a deposed leader does.)
    pub minted: u64,
    /// Whether the same holds for the dots that events kill. It does where only replicas name them; where clients do,
    /// one that lies must not stop replication: such a kill is kept, and whoever mints lets no payload live under that
    /// dot at that path.
    pub believes_kills: bool,
}

/// One path that a join changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<P> {
    /// The path.
    pub path: P,
    /// Its dots that came to life and that died.
    pub dots: DotChanges,
}

/// Why an update was refused. The state and the clock are as they were before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The update holds an event of the receiving replica that it does not know: its identity was used twice, or it
    /// forgot what it had published. It must take a new id.
    #[error("the update holds {0:?}, an event of this replica that this replica never made")]
    OwnFuture(Dot),
    /// One dot stands for two different changes: two writers used one id. Only a clash with a dot that is still live
    /// here can be seen.
    #[error("{0:?} names two different changes")]
    DotReused(Dot),
    /// The repair was computed against a clock that this replica does not include: apply it and events would be taken
    /// for joined that are not.
    #[error("the repair was computed against events that this replica lacks")]
    NotBasedHere,
    /// No replica that follows the rules builds such an update.
    #[error("malformed update: {0}")]
    Malformed(&'static str),
}

impl<P: Ord, V> Default for EntryMap<P, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new() }
    }
}

impl<P: Ord, V> EntryMap<P, V> {
    /// The entry at a path.
    pub fn get<Q>(&self, path: &Q) -> Option<&Entry<V>>
    where
        P: core::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.entries.get(path)
    }

    /// The path as it is held, and its entry.
    pub fn get_key_value<Q>(&self, path: &Q) -> Option<(&P, &Entry<V>)>
    where
        P: core::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.entries.get_key_value(path)
    }

    /// The non-empty entries, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&P, &Entry<V>)> {
        self.entries.iter()
    }

    /// Puts an entry that was read from a store into its place; an empty one leaves none.
    pub fn insert(&mut self, path: P, entry: Entry<V>) {
        if entry.is_empty() {
            self.entries.remove(&path);
        } else {
            self.entries.insert(path, entry);
        }
    }
}

impl<P: Ord + Clone, V: Clone + Eq> EntryMap<P, V> {
    /// Joins an update into these entries and their clock, and says what changed.
    ///
    /// Costs follow the update (a [`State`] costs by both states). A map that holds only the paths of the update
    /// gives the same result as one that holds all, except for a `State`.
    ///
    /// # Errors
    /// See [`JoinError`]; nothing changed then.
    pub fn join(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        update: &Update<P, V>,
    ) -> Result<Vec<Change<P>>, JoinError> {
        match update {
            Update::Delta(delta) => self.join_delta(clock, receiver, delta),
            Update::Entries(entries) => self.join_entries(clock, receiver, entries),
            Update::State(state) => self.join_state(clock, receiver, state),
        }
    }

    fn join_delta(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        delta: &Delta<P, V>,
    ) -> Result<Vec<Change<P>>, JoinError> {
        let mut dots = BTreeSet::new();
        for event in &delta.events {
            if !dots.insert(event.dot) {
                return Err(JoinError::Malformed("one dot twice in a delta"));
            }
            if event.kills.contains(&event.dot) {
                return Err(JoinError::Malformed("an event that kills itself"));
            }
            receiver.check_event(event.dot)?;
            receiver.check_kills(&event.kills)?;
            if let (Some(entry), Some(payload)) = (self.get(&event.path), &event.payload) {
                check_reuse(entry, event.dot, payload)?;
            }
        }
        let mut changes = Vec::new();
        for event in &delta.events {
            if !clock.contains(event.dot) {
                let dots = self.join_event(clock, event);
                clock.insert(event.dot);
                changes.extend(change(&event.path, dots));
            }
        }
        Ok(changes)
    }

    fn join_entries(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        repair: &Entries<P, V>,
    ) -> Result<Vec<Change<P>>, JoinError> {
        if !clock.includes(&repair.since) {
            return Err(JoinError::NotBasedHere);
        }
        receiver.check_clock(&repair.clock)?;
        let (mut listed, mut count) = (CausalContext::new(), 0);
        for (path, Repair { events, entry }) in &repair.paths {
            listed.union(events);
            count += events.len();
            if !repair.clock.includes(events) {
                return Err(JoinError::Malformed("a repair with events outside its clock"));
            }
            // A live dot that the receiver lacks is an event that it lacks, so it has to be listed.
            if entry.live().any(|(dot, _)| !events.contains(dot) && !clock.contains(dot)) {
                return Err(JoinError::Malformed("a repair with a live dot that is not among its events"));
            }
            self.check_entry(receiver, path, entry, &repair.clock)?;
        }
        if count != listed.len() {
            return Err(JoinError::Malformed("a repair that gives one event to two paths"));
        }
        let mut changes = Vec::new();
        for (path, Repair { events, entry }) in &repair.paths {
            let dots = self.join_entry(path, clock, entry, |dot| repair.clock.contains(dot));
            clock.union(events);
            changes.extend(change(path, dots));
        }
        Ok(changes)
    }

    fn join_state(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        state: &State<P, V>,
    ) -> Result<Vec<Change<P>>, JoinError> {
        receiver.check_clock(&state.clock)?;
        for (path, entry) in state.entries.iter() {
            self.check_entry(receiver, path, entry, &state.clock)?;
        }
        let nothing = Entry::default();
        let paths: BTreeSet<P> = self.entries.keys().chain(state.entries.entries.keys()).cloned().collect();
        let mut changes = Vec::new();
        for path in paths {
            let entry = state.entries.get(&path).unwrap_or(&nothing);
            let dots = self.join_entry(&path, clock, entry, |dot| state.clock.contains(dot));
            changes.extend(change(&path, dots));
        }
        clock.union(&state.clock);
        Ok(changes)
    }

    /// Joins one event that the clock does not hold; the caller lets its dot into the clock.
    pub(crate) fn join_event(&mut self, clock: &CausalContext, event: &Event<P, V>) -> DotChanges {
        let said = Entry::of_event(event.dot, event.payload.clone(), event.kills.clone());
        self.join_entry(&event.path, clock, &said, |dot| dot == event.dot)
    }

    fn join_entry(
        &mut self,
        path: &P,
        clock: &CausalContext,
        other: &Entry<V>,
        theirs: impl Fn(Dot) -> bool,
    ) -> DotChanges {
        let mut entry = self.entries.remove(path).unwrap_or_default();
        let dots = entry.join(|dot| clock.contains(dot), other, theirs);
        if !entry.is_empty() {
            self.entries.insert(path.clone(), entry);
        }
        dots
    }

    fn check_entry(
        &self,
        receiver: Receiver,
        path: &P,
        entry: &Entry<V>,
        theirs: &CausalContext,
    ) -> Result<(), JoinError> {
        for (dot, payload) in entry.live() {
            if !theirs.contains(dot) {
                return Err(JoinError::Malformed("a live dot outside the sender's clock"));
            }
            if let Some(mine) = self.get(path) {
                check_reuse(mine, dot, payload)?;
            }
        }
        receiver.check_kills(entry.kept_kills())
    }
}

impl Receiver {
    fn check_event(self, dot: Dot) -> Result<(), JoinError> {
        let is_future = dot.replica() == self.writer && dot.sequence() > self.minted;
        if is_future { Err(JoinError::OwnFuture(dot)) } else { Ok(()) }
    }

    fn check_clock(self, theirs: &CausalContext) -> Result<(), JoinError> {
        Dot::new(self.writer, theirs.highest(self.writer)).map_or(Ok(()), |dot| self.check_event(dot))
    }

    fn check_kills(self, kills: &BTreeSet<Dot>) -> Result<(), JoinError> {
        if self.believes_kills { kills.iter().try_for_each(|dot| self.check_event(*dot)) } else { Ok(()) }
    }
}

fn check_reuse<V: Eq>(entry: &Entry<V>, dot: Dot, payload: &V) -> Result<(), JoinError> {
    match entry.get(dot) {
        Some(mine) if mine != payload => Err(JoinError::DotReused(dot)),
        _ => Ok(()),
    }
}

fn change<P: Clone>(path: &P, dots: DotChanges) -> Option<Change<P>> {
    let changed = !dots.born.is_empty() || !dots.died.is_empty();
    changed.then(|| Change { path: path.clone(), dots })
}

/// A list of pairs in the order of the paths, so that JSON takes paths that are not strings.
#[cfg(feature = "serde")]
impl<P: Ord + serde::Serialize, V: serde::Serialize> serde::Serialize for EntryMap<P, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.entries)
    }
}

#[cfg(feature = "serde")]
impl<'de, P, V> serde::Deserialize<'de> for EntryMap<P, V>
where
    P: Ord + serde::Deserialize<'de>,
    V: serde::Deserialize<'de>,
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(P, Entry<V>)>::deserialize(deserializer)?;
        if !pairs.is_sorted_by(|left, right| left.0 < right.0) || pairs.iter().any(|(_, entry)| entry.is_empty()) {
            return Err(serde::de::Error::custom("entries are not empty and stand in the order of their paths"));
        }
        Ok(Self { entries: pairs.into_iter().collect() })
    }
}
