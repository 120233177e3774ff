//! What all three replicators share: a partition's clock, its stored entries, and the join into them.
//!
//! A partition is one big map that merges, path to entry, under one clock. Entries are rows of their own and are read
//! when they are needed, so that adding to a large set costs one small row. The join itself is that of `syncline-crdt`,
//! run on the few entries that an update touches.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::{CausalContext, Dot, HybridClock, HybridTimestamp, ReplicaId};
use syncline_crdt::{Change, CounterPayload, Entries, Entry, EntryMap, JoinError, Receiver, Repair, State};
use syncline_resolvers::{Conflict, LastWriterWins, Resolver, Siblings, Version};

use crate::rows::{self, EventRow, Meta};
use crate::turn::Turn;
use crate::value::{Event, Path, Payload, Slot, Update};
use crate::{Configuration, Delta, Fault, NodeId, Notice, RegisterPolicy, Settings};

mod vet;

use vet::{OWN_LIMIT, Vetted};

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
struct Remembered {
    /// Events kept whole.
    whole: CausalContext,
    /// How many they are.
    count: usize,
    /// Events of which only the path is kept.
    paths: CausalContext,
    /// Events whose path is not known, because they came in a state, and that some member may lack.
    unplaced: CausalContext,
}

/// One replica of one partition, without the protocol around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    writer: ReplicaId,
    clock: CausalContext,
    minted: u64,
    stamps: HybridClock,
    /// `None` where a log by index takes the place of the log by dot.
    remembered: Option<Remembered>,
    /// Leader-follower's log extent, kept here because it is written in the same row.
    pub(crate) log: Option<crate::log::Extent>,
    settings: Settings,
}

impl Partition {
    pub(crate) fn recover(
        turn: &Turn<'_>,
        writer: ReplicaId,
        settings: Settings,
        remembers: bool,
    ) -> Result<Self, Fault> {
        let meta: Option<Meta> = turn.get(rows::META)?;
        let mut remembered = remembers.then(Remembered::default);
        if let Some(remembered) = &mut remembered {
            for (key, value) in turn.scan(rows::EVENTS)? {
                match rows::decode_row(&key, &value)? {
                    rows::Row::Event(dot, Some(_)) => {
                        remembered.whole.insert(dot);
                        remembered.count += 1;
                    }
                    rows::Row::Event(dot, None) => {
                        remembered.paths.insert(dot);
                    }
                    _ => return Err(Fault::Corrupt(key)),
                }
            }
        }
        if let (Some(remembered), Some(meta)) = (&mut remembered, &meta) {
            remembered.unplaced = meta.clock.subtract(&remembered.whole).subtract(&remembered.paths);
        }
        Ok(match meta {
            Some(meta) => Self {
                writer,
                minted: meta.minted,
                stamps: HybridClock::resume(HybridTimestamp { replica: writer, ..meta.stamp }, settings.max_drift),
                clock: meta.clock,
                remembered,
                log: meta.log,
                settings,
            },
            None => Self {
                writer,
                minted: 0,
                stamps: HybridClock::new(writer, settings.max_drift),
                clock: CausalContext::new(),
                remembered,
                log: None,
                settings,
            },
        })
    }

    pub(crate) fn clock(&self) -> &CausalContext {
        &self.clock
    }

    pub(crate) fn writer(&self) -> ReplicaId {
        self.writer
    }

    pub(crate) fn stamps(&mut self) -> &mut HybridClock {
        &mut self.stamps
    }

    /// Writes the partition's own row; called whenever the clock, the stamps or the log's extent changed.
    pub(crate) fn save(&self, turn: &mut Turn<'_>) {
        let meta = Meta { clock: self.clock.clone(), minted: self.minted, stamp: self.stamps.last(), log: self.log };
        turn.put(rows::META.to_vec(), &meta);
    }

    /// The entry at one path.
    pub(crate) fn entry(&self, turn: &Turn<'_>, path: &Path) -> Result<Entry<Payload>, Fault> {
        let mut entry: Entry<Payload> = turn.get(&rows::entry_key(path))?.unwrap_or_default();
        entry.normalize(|dot| self.clock.contains(dot));
        Ok(entry)
    }

    /// Turns changes into events under this replica's next dots and joins them.
    pub(crate) fn mint(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        changes: Vec<(Path, Option<Payload>, BTreeSet<Dot>)>,
    ) -> Result<Delta, Fault> {
        let mut events = Vec::new();
        for (path, payload, kills) in changes {
            let entry = self.entry(turn, &path)?;
            let mut dot = self.next_dot();
            // A client that forged its context may have had dots of this replica killed that it had not minted. A payload
            // would be dead under such a dot, so it goes to an event that changes nothing, at a path that costs nothing.
            while entry.kept_kills().contains(&dot) {
                let path = Path { key: Vec::new(), slot: Slot::Register };
                events.push(Event { dot, path, payload: None, kills: BTreeSet::new() });
                dot = self.next_dot();
            }
            events.push(Event { dot, path, payload, kills });
        }
        let delta = Delta { events };
        let joined = self.apply(turn, configuration, &Update::Delta(delta.clone()))?;
        joined.expect("an event just minted is new, and kills only what this replica may know of");
        Ok(delta)
    }

    fn next_dot(&mut self) -> Dot {
        self.minted += 1;
        Dot::new(self.writer, self.minted).expect("sequence numbers start at 1")
    }

    fn receiver(&self, minted: u64) -> Receiver {
        Receiver { writer: self.writer, minted, believes_kills: false }
    }

    /// A replica that takes over what others hold of it, as it knows nothing itself.
    pub(crate) fn receiver_of(writer: ReplicaId) -> Receiver {
        Receiver { writer, minted: OWN_LIMIT, believes_kills: false }
    }

    /// Joins what a peer sent, and says how much of it; what can not be joined is reported and leaves no trace.
    pub(crate) fn join(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        update: Update,
    ) -> Result<Joined, Fault> {
        let (joined, refused) = match self.vet(turn, configuration, update) {
            Ok(Vetted { update, left_out }) => {
                let joined = if left_out.is_some() { Joined::InPart } else { Joined::Whole };
                let refused = if update.is_empty() { None } else { self.apply(turn, configuration, &update)?.err() };
                if refused.is_some() { (Joined::Nothing, refused) } else { (joined, left_out.flatten()) }
            }
            Err(error) => (Joined::Nothing, Some(error)),
        };
        if let Some(error) = refused {
            turn.notify(Notice::UpdateRefused { from, error });
        }
        Ok(joined)
    }

    /// As [`join`](Self::join), for events of which none may be missing; false, and nothing is joined, if one can not be.
    pub(crate) fn join_whole(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        delta: Delta,
    ) -> Result<bool, Fault> {
        let update = Update::Delta(delta);
        match self.vet(turn, configuration, update.clone()) {
            Ok(Vetted { left_out: None, .. }) => Ok(self.join(turn, configuration, from, update)? == Joined::Whole),
            Ok(Vetted { left_out, .. }) => {
                if let Some(error) = left_out.flatten() {
                    turn.notify(Notice::UpdateRefused { from, error });
                }
                Ok(false)
            }
            Err(error) => {
                turn.notify(Notice::UpdateRefused { from, error });
                Ok(false)
            }
        }
    }

    /// Replaces everything by what another replica holds: for a replica whose own state must not be joined.
    pub(crate) fn install(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        state: State<Path, Payload>,
    ) -> Result<bool, Fault> {
        // Joined into nothing, so that a snapshot is held to the same rules as any other state. Events of this replica that
        // it discarded, or never flushed, may well be in it.
        let (mut entries, mut clock) = (EntryMap::default(), CausalContext::new());
        let vetted = self.vet(turn, configuration, Update::State(state)).map(|vetted| vetted.update);
        let joined = vetted
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|state| entries.join(&mut clock, Self::receiver_of(self.writer), state));
        if let Err(error) = joined {
            turn.notify(Notice::UpdateRefused { from, error });
            return Ok(false);
        }
        for (key, _) in turn.scan(rows::ENTRIES)? {
            turn.delete(key);
        }
        for (path, entry) in entries.iter() {
            turn.put(rows::entry_key(path), entry);
        }
        self.minted = self.minted.max(clock.highest(self.writer));
        self.clock = clock;
        self.observe(turn, &vetted.expect("it was joined"));
        Ok(true)
    }

    /// Everything that this replica holds.
    pub(crate) fn state(&self, turn: &Turn<'_>) -> Result<State<Path, Payload>, Fault> {
        let mut entries = EntryMap::default();
        for (key, value) in turn.scan(rows::ENTRIES)? {
            let mut entry: Entry<Payload> = rows::decode(&key, &value)?;
            entry.normalize(|dot| self.clock.contains(dot));
            entries.insert(rows::path_of(&key)?, entry);
        }
        Ok(State { clock: self.clock.clone(), entries })
    }

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
            return Ok(Some((Update::Delta(Delta { events }), more)));
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
            return Ok(Update::Delta(Delta { events: self.whole_events(turn, dots.dots())? }));
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

    /// Runs the join on the entries that the update touches and writes back what it changed.
    fn apply(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        update: &Update,
    ) -> Result<Result<(), JoinError>, Fault> {
        let mut staged = EntryMap::default();
        let mut paths: BTreeSet<Path> = match update {
            Update::Delta(delta) => delta.events.iter().map(|event| event.path.clone()).collect(),
            Update::Entries(entries) => entries.paths.iter().map(|(path, _)| path.clone()).collect(),
            Update::State(state) => state.entries.iter().map(|(path, _)| path.clone()).collect(),
        };
        if matches!(update, Update::State(_)) {
            for (key, _) in turn.scan(rows::ENTRIES)? {
                paths.insert(rows::path_of(&key)?);
            }
        }
        for path in &paths {
            staged.insert(path.clone(), self.entry(turn, path)?);
        }
        let before = self.clock.clone();
        let receiver = self.receiver(self.minted);
        let changes = match staged.join(&mut self.clock, receiver, update) {
            Ok(changes) => changes,
            Err(error) => return Ok(Err(error)),
        };
        self.minted = self.minted.max(self.clock.highest(self.writer));
        self.remember(turn, update, &before);
        for path in &paths {
            match staged.get(path) {
                Some(entry) => turn.put(rows::entry_key(path), entry),
                None => turn.delete(rows::entry_key(path)),
            }
        }
        self.thin(turn)?;
        self.observe(turn, update);
        self.report(turn, configuration, &staged, &changes);
        self.save(turn);
        Ok(Ok(()))
    }

    /// Logs the update's new events, by dot and by key, for members that lack them.
    fn remember(&mut self, turn: &mut Turn<'_>, update: &Update, before: &CausalContext) {
        let Some(remembered) = &mut self.remembered else { return };
        match update {
            Update::Delta(delta) => {
                for event in delta.events.iter().filter(|event| !before.contains(event.dot)) {
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
            Update::State(state) => remembered.unplaced.union(&state.clock.subtract(before)),
        }
    }

    /// Keeps only the path of some events when too many are kept whole: the oldest of the longest run.
    fn thin(&mut self, turn: &mut Turn<'_>) -> Result<(), Fault> {
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

    /// Later timestamps of this replica exceed all that it joined.
    fn observe(&mut self, turn: &Turn<'_>, update: &Update) {
        if let Some(latest) = latest_timestamp(update).filter(|latest| *latest > self.stamps.last()) {
            // What is too far ahead was vetted out; a client's own timestamp was admitted before it was written.
            let _ = self.stamps.observe(turn.now.wall, latest);
        }
    }

    /// Tells of registers that have concurrent versions now.
    fn report(
        &self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        entries: &EntryMap<Path, Payload>,
        changes: &[Change<Path>],
    ) {
        for Change { path, dots } in changes {
            let Some(siblings) = entries.get(path).and_then(siblings).filter(|_| path.slot == Slot::Register) else {
                continue;
            };
            let concurrent = siblings.versions();
            if dots.born.is_empty() || concurrent.len() < 2 {
                continue;
            }
            let dots = concurrent.iter().map(|version| version.dot).collect();
            turn.notify(Notice::Conflict { key: path.key.clone(), dots });
            if configuration.policies.of(&path.key) != RegisterPolicy::KeepSiblings {
                let conflict = Conflict { siblings: &siblings, base: None };
                for passed_over in LastWriterWins.resolve(&conflict).passed_over {
                    turn.notify(Notice::PassedOver { key: path.key.clone(), passed_over });
                }
            }
        }
    }
}

/// How much of an update was joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// All of it.
    Whole,
    /// Not the events that this replica must not believe.
    InPart,
    /// Nothing.
    Nothing,
}

/// About how many bytes an event of these parts takes in a message.
pub(crate) fn size_of_change(path: &Path, payload: Option<&Payload>, kills: &BTreeSet<Dot>) -> usize {
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

/// The latest timestamp that lives in an update.
pub(crate) fn latest_timestamp(update: &Update) -> Option<HybridTimestamp> {
    match update {
        Update::Delta(delta) => delta.events.iter().filter_map(|event| event.payload.as_ref()?.timestamp()).max(),
        Update::Entries(entries) => {
            let live = entries.paths.iter().flat_map(|(_, repair)| repair.entry.live());
            live.filter_map(|(_, payload)| payload.timestamp()).max()
        }
        Update::State(state) => {
            let live = state.entries.iter().flat_map(|(_, entry)| entry.live());
            live.filter_map(|(_, payload)| payload.timestamp()).max()
        }
    }
}

/// The entries whose rows begin with a prefix, by path.
pub(crate) fn entries_under(turn: &Turn<'_>, prefix: &[u8]) -> Result<Vec<(Path, Entry<Payload>)>, Fault> {
    let rows = turn.scan(prefix)?;
    rows.into_iter().map(|(key, value)| Ok((rows::path_of(&key)?, rows::decode(&key, &value)?))).collect()
}

/// The register versions that live in an entry.
pub(crate) fn siblings(entry: &Entry<Payload>) -> Option<Siblings<Vec<u8>>> {
    let versions = entry.live().filter_map(|(dot, payload)| match payload {
        Payload::Register(stamped) => Some(Version { dot, timestamp: stamped.timestamp, value: stamped.value.clone() }),
        Payload::Counter(_) | Payload::Member | Payload::Expiry(_) => None,
    });
    Siblings::new(versions.collect())
}
