//! What a partition remembers of its events until every member has them, and the repairs made of it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::{CausalContext, Dot};
use syncline_crdt::{CounterPayload, DotSet, Entries, Repair};

use super::Partition;
use crate::Fault;
use crate::rows::{self, EventRow};
use crate::turn::Turn;
use crate::value::{Event, Path, Payload, Slot, Update};

/// The most events, or paths, that one repair message carries.
const REPAIR_BUDGET: usize = 256;
/// About the most bytes of events or entries that one message carries, unless a single one is larger.
pub(crate) const REPAIR_BYTES: usize = 4 << 20;

/// How many bytes of rows a repair may cause that says where events belong: so many, and so many more for each byte that
/// said it. Few bytes can list a million events of one path. What goes beyond is not placed: whoever lacks those events
/// gets a state.
const INDEX_BASE: u128 = 64 << 10;
const INDEX_RATIO: u128 = 64;
/// About the size of a row that places an event, without its path.
const ROW_SIZE: usize = 48;

/// Which events are remembered until every member has them. The leader-follower log remembers its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Remembered {
    /// Events kept whole.
    pub(super) whole: CausalContext,
    /// How many they are.
    pub(super) count: usize,
    /// Events of which only the path is kept.
    pub(super) paths: CausalContext,
    /// Events whose path is not known, because they came in a state, and that some member may lack.
    pub(super) unplaced: CausalContext,
}

impl Partition {
    /// What a replica with this clock lacks, without what is on its way to it already, cut to a message's size, and
    /// whether more is left. `None` if there is nothing to send.
    pub(crate) fn diff(
        &self,
        turn: &Turn<'_>,
        since: &CausalContext,
        on_its_way: &CausalContext,
    ) -> Result<Option<(Update, bool)>, Fault> {
        let lacked = self.clock.subtract(since);
        let missing = lacked.subtract(on_its_way);
        if missing.is_empty() {
            return Ok(None);
        }
        let none = Remembered::default();
        let remembered = self.remembered.as_ref().unwrap_or(&none);
        let whole = missing.intersect(&remembered.whole);
        if !whole.is_empty() {
            let mut events = Vec::new();
            let mut bytes = 0;
            for dot in whole.dots().take(REPAIR_BUDGET) {
                let key = rows::event_key(dot);
                let Some(EventRow::Whole(event)) = turn.get(&key)? else { return Err(Fault::Corrupt(key)) };
                bytes += size_of_event(&event);
                if bytes > REPAIR_BYTES && !events.is_empty() {
                    break;
                }
                events.push(event);
            }
            let sent: CausalContext = events.iter().map(|event| event.dot).collect();
            let more = missing != sent;
            return Ok(Some((Update::Delta(events.into()), more)));
        }
        if !remembered.paths.includes(&missing) {
            return Ok(Some((Update::State(self.state(turn)?), false)));
        }
        // Entries are joined under the whole clock, so they have to list all that the peer lacks of their paths; and what
        // is not placed may be of any path. The state that holds it is on its way: until it has arrived, or is taken for
        // lost, nothing else is sound.
        if !remembered.unplaced.intersect(&lacked).is_empty() {
            return Ok(None);
        }
        let mut keys = BTreeSet::new();
        let mut more = false;
        for dot in missing.dots() {
            let key = rows::event_key(dot);
            let row: EventRow = turn.get(&key)?.ok_or(Fault::Corrupt(key))?;
            more = keys.len() == REPAIR_BUDGET && !keys.contains(&row.path().key);
            if more {
                break;
            }
            keys.insert(row.path().key.clone());
        }
        let (mut paths, mut bytes) = (Vec::new(), 0);
        'cut: for key in keys {
            for (path, events) in self.lacked_of_key(turn, &key, since)? {
                let (path, repair) = self.repair(turn, path, events)?;
                bytes += size_of_repair(&path, &repair);
                if bytes > REPAIR_BYTES && !paths.is_empty() {
                    more = true;
                    break 'cut;
                }
                paths.push((path, repair));
            }
        }
        Ok(Some((Update::Entries(Entries { since: since.clone(), clock: self.clock.clone(), paths }), more)))
    }

    /// What a replica with this clock lacks of one key.
    pub(crate) fn diff_of_key(&self, turn: &Turn<'_>, key: &[u8], since: &CausalContext) -> Result<Update, Fault> {
        let missing = self.clock.subtract(since);
        // Events whose paths are not known may be of this key: a repair that left them out would be unsound. What every
        // member is known to have needs no mention, even if the clock that this answers is older.
        let unplaced = self.remembered.as_ref().map(|remembered| missing.intersect(&remembered.unplaced));
        if unplaced.is_some_and(|unplaced| !unplaced.is_empty()) {
            return Ok(Update::State(self.state(turn)?));
        }
        let lacked = if missing.is_empty() { BTreeMap::new() } else { self.lacked_of_key(turn, key, since)? };
        // The events themselves, where all are kept: they take nothing out but what they kill, even if rows were lost here.
        let mut dots = CausalContext::new();
        lacked.values().for_each(|events| dots.union(events));
        if self.remembered.as_ref().is_some_and(|remembered| remembered.whole.includes(&dots)) {
            return Ok(Update::Delta(self.whole_events(turn, dots.dots())?.into()));
        }
        let paths = lacked.into_iter().map(|(path, events)| self.repair(turn, path, events));
        let paths = paths.collect::<Result<_, Fault>>()?;
        Ok(Update::Entries(Entries { since: since.clone(), clock: self.clock.clone(), paths }))
    }

    /// These events, each of which is kept whole.
    fn whole_events(&self, turn: &Turn<'_>, dots: impl Iterator<Item = Dot>) -> Result<Vec<Event>, Fault> {
        dots.map(|dot| {
            let key = rows::event_key(dot);
            match turn.get(&key)? {
                Some(EventRow::Whole(event)) => Ok(event),
                _ => Err(Fault::Corrupt(key)),
            }
        })
        .collect()
    }

    fn repair(&self, turn: &Turn<'_>, path: Path, events: CausalContext) -> Result<(Path, Repair<Payload>), Fault> {
        let entry = self.entry(turn, &path)?;
        Ok((path, Repair { events, entry }))
    }

    /// The key's paths of which a replica with this clock lacks events, each with all of these events.
    fn lacked_of_key(
        &self,
        turn: &Turn<'_>,
        key: &[u8],
        since: &CausalContext,
    ) -> Result<BTreeMap<Path, CausalContext>, Fault> {
        let mut lacked: BTreeMap<Path, CausalContext> = BTreeMap::new();
        let held = since.version_vector();
        for replica in self.clock.replicas() {
            let prefix = rows::unstable_of(key, replica);
            let first = held.get(replica).saturating_add(1);
            let from = [prefix.as_slice(), &first.to_be_bytes()].concat();
            for (row, value) in turn.scan_from(&prefix, &from)? {
                let dot = Dot::new(replica, rows::sequence_of(&row)?).filter(|dot| !since.contains(*dot));
                if let Some(dot) = dot {
                    lacked.entry(rows::decode(&row, &value)?).or_default().insert(dot);
                }
            }
        }
        Ok(lacked)
    }

    /// Forgets the events that every member has.
    pub(crate) fn forget(&mut self, turn: &mut Turn<'_>, everywhere: &CausalContext) -> Result<(), Fault> {
        let Some(remembered) = &mut self.remembered else { return Ok(()) };
        let mut stable = remembered.whole.intersect(everywhere);
        remembered.count -= usize::try_from(stable.len()).expect("no more than are kept");
        stable.union(&remembered.paths.intersect(everywhere));
        remembered.whole = remembered.whole.subtract(&stable);
        remembered.paths = remembered.paths.subtract(&stable);
        remembered.unplaced = remembered.unplaced.subtract(everywhere);
        for dot in stable.dots() {
            let key = rows::event_key(dot);
            let event: EventRow = turn.get(&key)?.ok_or_else(|| Fault::Corrupt(key.clone()))?;
            turn.delete(key);
            turn.delete(rows::unstable_key(&event.path().key, dot));
        }
        Ok(())
    }

    /// Logs the update's new events, by dot and by key, for members that lack them.
    pub(super) fn remember(&mut self, turn: &mut Turn<'_>, update: &Update, before: &CausalContext) {
        let Some(remembered) = &mut self.remembered else { return };
        match update {
            Update::Delta(delta) => {
                for event in delta.events().iter().filter(|event| !before.contains(event.dot)) {
                    turn.put(rows::event_key(event.dot), &EventRow::Whole(event.clone()));
                    turn.put(rows::unstable_key(&event.path.key, event.dot), &event.path);
                    remembered.whole.insert(event.dot);
                    remembered.count += 1;
                }
            }
            Update::Entries(entries) => {
                let mut room = INDEX_BASE;
                for (path, repair) in &entries.paths {
                    let events = repair.events.subtract(before);
                    let told = path_size(path) + 4 * events.intervals().count();
                    room = room.saturating_add(INDEX_RATIO * told as u128);
                    let rows = events.len().saturating_mul(2 * (ROW_SIZE + path_size(path)) as u128);
                    let Some(left) = room.checked_sub(rows) else {
                        remembered.unplaced.union(&events);
                        continue;
                    };
                    room = left;
                    for dot in events.dots() {
                        turn.put(rows::event_key(dot), &EventRow::Path(path.clone()));
                        turn.put(rows::unstable_key(&path.key, dot), path);
                        remembered.paths.insert(dot);
                    }
                }
            }
            // The paths of a state's dead events are unknown: whoever lacks them gets a state too.
            Update::State(state) => remembered.unplaced.union(&state.clock().subtract(before)),
        }
    }

    /// Keeps only the path of some events when too many are kept whole: the oldest of the longest run.
    pub(super) fn thin(&mut self, turn: &mut Turn<'_>) -> Result<(), Fault> {
        let Some(remembered) = &mut self.remembered else { return Ok(()) };
        while remembered.count > self.settings.whole_events {
            let oldest =
                remembered.whole.intervals().max_by_key(|run| run.last - run.first).and_then(|run| run.dots().next());
            let oldest = oldest.expect("more events than none are kept");
            let key = rows::event_key(oldest);
            let row: EventRow = turn.get(&key)?.ok_or_else(|| Fault::Corrupt(key.clone()))?;
            turn.put(key, &EventRow::Path(row.path().clone()));
            remembered.whole = remembered.whole.subtract(&[oldest].into_iter().collect());
            remembered.paths.insert(oldest);
            remembered.count -= 1;
        }
        Ok(())
    }
}

/// About how many bytes an event of these parts takes in a message.
pub(crate) fn size_of_change(path: &Path, payload: Option<&Payload>, kills: &DotSet) -> usize {
    32 + path_size(path) + payload.map_or(0, size_of_payload) + 24 * kills.len()
}

/// About how many bytes an event takes in a message.
pub(crate) fn size_of_event(event: &Event) -> usize {
    size_of_change(&event.path, event.payload.as_ref(), &event.kills)
}

fn size_of_repair(path: &Path, repair: &Repair<Payload>) -> usize {
    let live: usize = repair.entry.live().map(|(_, payload)| 24 + size_of_payload(payload)).sum();
    path_size(path) + live + 24 * repair.entry.kept_kills().len() + 8 * repair.events.intervals().count()
}

fn size_of_payload(payload: &Payload) -> usize {
    match payload {
        Payload::Register(stamped) => 40 + stamped.value.as_ref().map_or(0, Vec::len),
        Payload::Counter(CounterPayload::Baseline(seen)) => 40 * seen.len(),
        Payload::Counter(CounterPayload::Running(_)) | Payload::Member | Payload::Expiry(_) => 40,
    }
}

/// About how many bytes name a path.
fn path_size(path: &Path) -> usize {
    let slot = match &path.slot {
        Slot::Member(member) => member.len(),
        Slot::Added(_) => 24,
        Slot::Register | Slot::Counter | Slot::Expiry => 0,
    };
    path.key.len() + slot + 3
}
