//! The join of an update into an entry map and its clock.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use hashbrown::{HashTable, hash_table};
use syncline_clocks::{CausalContext, Dot, EventsOf};

use super::EntryMap;
use crate::changes::{Changes, Done};
use crate::names::{Name, Names};
use crate::slots::{EntryRef, Slot};
use crate::update::UpdateRef;
use crate::{ChangeKind, Delta, DotChanges, DotSet, Entries, Entry, Event, JoinError, Receiver, Repair, State};

impl<P: Hash + Eq + Clone, V: Clone + Eq> EntryMap<P, V> {
    /// Joins an update into these entries and their clock, and says what changed.
    ///
    /// Costs follow the update (a [`State`] costs by both states). A map that holds only the paths of the update
    /// gives the same result as one that holds all, except for a `State`.
    ///
    /// # Errors
    /// See [`JoinError`]; nothing changed then.
    pub fn join<'u>(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        update: impl Into<UpdateRef<'u, P, V>>,
    ) -> Result<Changes<P>, JoinError>
    where
        P: 'u,
        V: 'u,
    {
        self.join_telling(clock, receiver, update.into(), |_| ())
    }

    /// As [`join`](Self::join), and hands on each event of a delta that is new.
    pub(crate) fn join_telling(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        update: UpdateRef<'_, P, V>,
        on_new: impl FnMut(&Event<P, V>),
    ) -> Result<Changes<P>, JoinError> {
        match update {
            UpdateRef::Delta(delta) => self.join_delta(clock, receiver, delta, on_new),
            UpdateRef::Entries(entries) => self.join_entries(clock, receiver, entries),
            UpdateRef::State(state) => self.join_state(clock, receiver, state),
        }
    }

    fn join_delta(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        delta: &Delta<P, V>,
        mut on_new: impl FnMut(&Event<P, V>),
    ) -> Result<Changes<P>, JoinError> {
        if !names_each_dot_once(delta.events()) {
            return Err(JoinError::Malformed("one dot twice in a delta"));
        }
        for event in delta.events() {
            if event.kills.contains(event.dot) {
                return Err(JoinError::Malformed("an event that kills itself"));
            }
            receiver.check_event(event.dot)?;
            receiver.check_kills(&event.kills)?;
            // Only what was joined can be live here.
            if let Some(payload) = &event.payload
                && size_of::<V>() > 0
                && clock.contains(event.dot)
            {
                self.check_reuse(&event.path, event.dot, payload)?;
            }
        }
        let mut changes = Changes::of_delta();
        for event in delta.events() {
            if clock.insert(event.dot) {
                let done = self.join_event(|dot| clock.contains(dot), event);
                changes.note(&event.path, done);
                on_new(event);
            }
        }
        Ok(changes)
    }

    /// Joins one event that was not joined before. `covers` says which events of its path were; of the event itself it may
    /// say anything.
    pub(crate) fn join_event(&mut self, covers: impl Fn(Dot) -> bool, event: &Event<P, V>) -> Done {
        let Self { table, crowded, names, hasher, dots, .. } = self;
        let Event { dot, path, payload, kills } = event;
        let hash = hasher.hash_one(path);
        // The common cases, without taking the entry out. All others, and these too, are what `Entry::join` says.
        match table.entry(hash, |(held, _)| held == path, |(path, _)| hasher.hash_one(path)) {
            hash_table::Entry::Vacant(vacant) if kills.iter().all(&covers) => {
                let Some(payload) = payload else { return None };
                if let Some(short) = names.shorten(*dot) {
                    vacant.insert((path.clone(), Slot::One(short, payload.clone())));
                    *dots += 1;
                    return Some((ChangeKind::Added, DotChanges { born: (*dot).into(), died: DotSet::new() }));
                }
            }
            hash_table::Entry::Occupied(mut occupied) => {
                if let Slot::One(held, before) = &mut occupied.get_mut().1 {
                    let (mut dies, mut all_covered) = (false, true);
                    for kill in kills {
                        let is_held = names.is(*held, kill);
                        dies |= is_held;
                        all_covered &= is_held || covers(kill);
                    }
                    match payload {
                        _ if !all_covered => {}
                        None if dies => {
                            let died = names.dot(*held).into();
                            occupied.remove();
                            *dots -= 1;
                            self.shrink();
                            return Some((ChangeKind::Removed, DotChanges { born: DotSet::new(), died }));
                        }
                        None => return None,
                        Some(payload) if dies => {
                            if let Some(short) = names.shorten(*dot) {
                                let died = names.dot(*held).into();
                                (*held, *before) = (short, payload.clone());
                                return Some((ChangeKind::Updated, DotChanges { born: (*dot).into(), died }));
                            }
                        }
                        Some(payload) => {
                            if let Some(short) = names.shorten(*dot) {
                                let both = crowded.put_two(names, (*held, before.clone()), (short, payload.clone()));
                                occupied.get_mut().1 = both;
                                *dots += 1;
                                let dots = DotChanges { born: (*dot).into(), died: DotSet::new() };
                                return Some((ChangeKind::Updated, dots));
                            }
                        }
                    }
                }
            }
            hash_table::Entry::Vacant(_) => {}
        }
        self.change_entry(path, |entry| entry.join_event(covers, event))
    }

    /// Lets a payload live under a dot that was just minted, in place of everything that lives at the path, and says what
    /// did.
    pub(crate) fn replace(&mut self, path: &P, dot: Dot, payload: &V) -> DotSet {
        let Self { table, names, hasher, dots, .. } = self;
        match table.entry(hasher.hash_one(path), |(held, _)| held == path, |(path, _)| hasher.hash_one(path)) {
            hash_table::Entry::Vacant(vacant) => {
                if let Some(short) = names.shorten(dot) {
                    vacant.insert((path.clone(), Slot::One(short, payload.clone())));
                    *dots += 1;
                    return DotSet::new();
                }
            }
            hash_table::Entry::Occupied(mut occupied) => {
                if let (Slot::One(held, before), Some(short)) = (&mut occupied.get_mut().1, names.shorten(dot)) {
                    let killed = names.dot(*held);
                    (*held, *before) = (short, payload.clone());
                    return killed.into();
                }
            }
        }
        let mut entry = self.take(path);
        let killed = entry.replace(Some((dot, payload.clone())));
        self.put(path.clone(), entry);
        killed
    }

    /// Takes out everything that lives at the path, and says what did; `None` where nothing does.
    pub(crate) fn clear<Q>(&mut self, path: &Q) -> Option<(P, DotSet)>
    where
        P: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let held = self.table.find_entry(self.hasher.hash_one(path), |(held, _)| held.borrow() == path).ok()?;
        if let Slot::One(short, _) = held.get().1 {
            let ((path, _), _) = held.remove();
            self.dots -= 1;
            self.shrink();
            return Some((path, self.names.dot(short).into()));
        }
        let path = held.get().0.clone();
        let mut entry = self.take(&path);
        let killed = entry.replace(None);
        if !entry.is_empty() {
            self.put(path.clone(), entry);
        }
        (!killed.is_empty()).then_some((path, killed))
    }

    fn join_entry(
        &mut self,
        path: &P,
        mine: impl Fn(Dot) -> bool,
        other: &Entry<V>,
        theirs: impl Fn(Dot) -> bool,
    ) -> Done {
        self.change_entry(path, |entry| entry.join(mine, other, theirs))
    }

    /// Takes an entry out, changes it, and puts it back.
    fn change_entry(&mut self, path: &P, change: impl FnOnce(&mut Entry<V>) -> DotChanges) -> Done {
        let mut entry = self.take(path);
        let was_live = entry.is_live();
        let dots = change(&mut entry);
        let is_live = entry.is_live();
        if !entry.is_empty() {
            self.put(path.clone(), entry);
        }
        (!dots.is_empty()).then(|| (ChangeKind::of(was_live, is_live), dots))
    }

    fn join_entries(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        repair: &Entries<P, V>,
    ) -> Result<Changes<P>, JoinError> {
        if !clock.includes(&repair.since) {
            return Err(JoinError::NotBasedHere);
        }
        receiver.check_clock(&repair.clock)?;
        let (mut listed, mut count) = (CausalContext::new(), 0);
        let mut paths: HashTable<&P> = HashTable::with_capacity(repair.paths.len());
        for (path, Repair { events, entry }) in &repair.paths {
            match paths.entry(self.hasher.hash_one(path), |other| *other == path, |path| self.hasher.hash_one(path)) {
                hash_table::Entry::Occupied(_) => return Err(JoinError::Malformed("a repair that names a path twice")),
                hash_table::Entry::Vacant(vacant) => vacant.insert(path),
            };
            listed.union(events);
            count += events.len();
            if !repair.clock.includes(events) {
                return Err(JoinError::Malformed("a repair with events outside its clock"));
            }
            for (dot, payload) in entry.live() {
                if !repair.clock.contains(dot) {
                    return Err(JoinError::Malformed("a live dot outside the sender's clock"));
                }
                // A live dot that the receiver lacks is an event that it lacks, so it has to be listed.
                if !events.contains(dot) && !clock.contains(dot) {
                    return Err(JoinError::Malformed("a repair with a live dot that is not among its events"));
                }
                self.check_reuse(path, dot, payload)?;
            }
            receiver.check_kills(entry.kept_kills())?;
        }
        if count != listed.len() {
            return Err(JoinError::Malformed("a repair that gives one event to two paths"));
        }
        let mut changes = Changes::default();
        for (path, Repair { events, entry }) in &repair.paths {
            let done = self.join_entry(path, |dot| clock.contains(dot), entry, |dot| repair.clock.contains(dot));
            clock.union(events);
            changes.note(path, done);
        }
        Ok(changes)
    }

    fn join_state(
        &mut self,
        clock: &mut CausalContext,
        receiver: Receiver,
        state: &State<P, V>,
    ) -> Result<Changes<P>, JoinError> {
        let (their_clock, theirs) = (state.clock(), state.entries());
        if !clock.includes(state.since()) {
            return Err(JoinError::NotBasedHere);
        }
        receiver.check_clock(their_clock)?;
        theirs.crowded.kept_kills().try_for_each(|kills| receiver.check_kills(kills))?;
        if size_of::<V>() > 0 {
            for (path, entry) in theirs.unordered() {
                entry.live().try_for_each(|(dot, payload)| self.check_reuse(path, dot, payload))?;
            }
        }
        let mut changes = Changes::default();
        let covered = self.named(state).count();
        let same = self.take_in(clock, state, &mut changes);
        // What they cover of this map's and have themselves lives on. Mostly that is all of it, and nothing has to be looked
        // up to know it.
        if covered > same {
            self.drop_dead(clock, state, &mut changes);
        }
        clock.union(their_clock);
        Ok(changes)
    }

    /// The entries that are dead if the state does not hold them: its clock covers them, and it does not say that they are
    /// unchanged. Of those with more than one dot, all.
    fn named<'s>(&'s self, state: &'s State<P, V>) -> impl Iterator<Item = &'s P> + 's {
        let (covered, unchanged) = (by_name(&self.names, state.clock()), by_name(&self.names, state.unchanged()));
        let named = self.table.iter().filter(move |(_, slot)| match slot {
            Slot::One(..) => is_covered(&covered, slot) && !is_covered(&unchanged, slot),
            Slot::At(_) => true,
        });
        named.map(|(path, _)| path)
    }

    /// What this map holds at paths where the state holds nothing dies, if the state's clock covers it and it is not
    /// unchanged.
    fn drop_dead(&mut self, clock: &CausalContext, state: &State<P, V>, changes: &mut Changes<P>) {
        let (their_clock, unchanged, theirs) = (state.clock(), state.unchanged(), state.entries());
        let absent: Vec<P> = self.named(state).filter(|path| theirs.get(*path).is_none()).cloned().collect();
        for path in absent {
            // What the sender holds there: of what lives here, what it said to be unchanged.
            let entry = self.get(&path).map(EntryRef::to_entry).unwrap_or_default().restricted(unchanged);
            let done = self.join_entry(&path, |dot| clock.contains(dot), &entry, |dot| their_clock.contains(dot));
            changes.note(&path, done);
        }
    }

    /// What the state holds lives here too, unless this map's clock covers it. Returns how many entries of one dot both have
    /// alike.
    fn take_in(&mut self, clock: &CausalContext, state: &State<P, V>, changes: &mut Changes<P>) -> usize {
        let (their_clock, theirs) = (state.clock(), state.entries());
        let covered = by_name(&theirs.names, clock);
        if clock.is_empty() {
            let Self { table, hasher, .. } = self;
            table.reserve(theirs.len(), |(path, _)| hasher.hash_one(path));
        }
        let mut mine: Vec<Option<Name>> = theirs.names.ids().iter().map(|id| self.names.find(*id)).collect();
        let mut same = 0;
        for (path, slot) in &theirs.table {
            let hash = self.hasher.hash_one(path);
            // The common cases: the same single dot on both sides, or a path that only they hold.
            if let Slot::One(short, payload) = slot {
                let name = &mut mine[short.name().place()];
                match self.table.find(hash, |(held, _)| held == path) {
                    Some((_, Slot::One(held, _))) if name.is_some_and(|name| *held == short.renamed(name)) => {
                        same += 1;
                        continue;
                    }
                    Some(_) => {}
                    None if is_covered(&covered, slot) => continue,
                    None => {
                        let dot = theirs.names.dot(*short);
                        *name = name.or_else(|| self.names.name(dot.replica()));
                        if let Some(name) = *name {
                            let Self { table, hasher, dots, .. } = self;
                            let slot = (path.clone(), Slot::One(short.renamed(name), payload.clone()));
                            table.insert_unique(hash, slot, |(path, _)| hasher.hash_one(path));
                            *dots += 1;
                            let born = DotChanges { born: dot.into(), died: DotSet::new() };
                            changes.note(path, Some((ChangeKind::Added, born)));
                            continue;
                        }
                    }
                }
            }
            let entry = theirs.crowded.entry(&theirs.names, slot).to_entry();
            let done = self.join_entry(path, |dot| clock.contains(dot), &entry, |dot| their_clock.contains(dot));
            changes.note(path, done);
        }
        same
    }

    fn check_reuse(&self, path: &P, dot: Dot, payload: &V) -> Result<(), JoinError> {
        match self.get(path).and_then(|entry| entry.get(dot)) {
            Some(mine) if mine != payload => Err(JoinError::DotReused(dot)),
            _ => Ok(()),
        }
    }
}

/// For each name, in order, the events of its replica that the clock holds.
fn by_name<'c>(names: &Names, clock: &'c CausalContext) -> Vec<Option<EventsOf<'c>>> {
    names.ids().iter().map(|id| clock.of(*id)).collect()
}

/// Whether an entry of one dot is covered; any other may be.
fn is_covered<V>(by_name: &[Option<EventsOf<'_>>], slot: &Slot<V>) -> bool {
    match slot {
        Slot::One(short, _) => by_name[short.name().place()].is_some_and(|events| events.contains(short.sequence())),
        Slot::At(_) => true,
    }
}

#[inline]
fn names_each_dot_once<P, V>(events: &[Event<P, V>]) -> bool {
    if events.is_sorted_by(|left, right| left.dot < right.dot) {
        return true;
    }
    let mut dots: Vec<Dot> = events.iter().map(|event| event.dot).collect();
    dots.sort_unstable();
    dots.is_sorted_by(|left, right| left < right)
}
