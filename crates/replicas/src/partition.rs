//! What all three replicators share: a partition's clock, its stored entries, and the join into them.
//!
//! A partition is one big map that merges, path to entry, under one clock. Entries are rows of their own and are read
//! when they are needed, so that adding to a large set costs one small row. The join itself is that of `syncline-crdt`,
//! run on the few entries that an update touches.

use std::collections::BTreeSet;

use syncline_clocks::{CausalContext, Dot, HybridClock, HybridTimestamp, ReplicaId};
use syncline_crdt::{Change, Changes, DotSet, Entry, EntryMap, EntryRef, JoinError, Receiver, State};
use syncline_resolvers::{Conflict, LastWriterWins, Resolver, Siblings, Version};

use crate::rows::{self, Meta};
use crate::turn::Turn;
use crate::value::{Event, Path, Payload, Slot, Update};
use crate::{Configuration, Delta, Fault, NodeId, Notice, RegisterPolicy, Settings};

mod log_by_dot;
mod vet;

use log_by_dot::Remembered;
pub(crate) use log_by_dot::{REPAIR_BYTES, size_of_change, size_of_event};

use vet::{OWN_LIMIT, Vetted};

/// How many numbers are set aside at once; so many at the most are left out when a replica restarts.
const RESERVED: u64 = 1 << 12;

/// One replica of one partition, without the protocol around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    writer: ReplicaId,
    clock: CausalContext,
    minted: u64,
    /// A replica that has lost what it had not flushed mints from behind this number on.
    reserved: u64,
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
                reserved: meta.minted,
                stamps: HybridClock::resume(HybridTimestamp { replica: writer, ..meta.stamp }, settings.max_drift),
                clock: meta.clock,
                remembered,
                log: meta.log,
                settings,
            },
            None => Self {
                writer,
                minted: 0,
                reserved: 0,
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
        let minted = self.minted.max(self.reserved);
        let meta = Meta { clock: self.clock.clone(), minted, stamp: self.stamps.last(), log: self.log };
        turn.put(rows::META.to_vec(), &meta);
    }

    /// Sets numbers aside for events that leave before they are flushed, from the next [`save`](Self::save) on. Returns the
    /// last of them.
    pub(crate) fn reserve(&mut self) -> u64 {
        if self.minted + RESERVED / 2 > self.reserved {
            self.reserved = self.minted + RESERVED;
        }
        self.reserved
    }

    /// The entry at one path.
    pub(crate) fn entry(&self, turn: &Turn<'_>, path: &Path) -> Result<Entry<Payload>, Fault> {
        let mut entry: Entry<Payload> = turn.get(&rows::entry_key(path))?.unwrap_or_default();
        entry.normalize(|dot| self.clock.contains(dot));
        Ok(entry)
    }

    /// A map to join in. Its hashes depend on what no client knows.
    fn no_entries(&self) -> EntryMap<Path, Payload> {
        EntryMap::with_hash_seed(self.writer.as_u128() as u64)
    }

    /// Turns changes into events under this replica's next dots and joins them.
    pub(crate) fn mint(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        changes: Vec<(Path, Option<Payload>, DotSet)>,
    ) -> Result<Delta, Fault> {
        let mut events = Vec::new();
        for (path, payload, kills) in changes {
            let entry = self.entry(turn, &path)?;
            let mut dot = self.next_dot();
            // A client that forged its context may have had dots of this replica killed that it had not minted. A payload
            // would be dead under such a dot, so it goes to an event that changes nothing, at a path that costs nothing.
            while entry.kept_kills().contains(dot) {
                let path = Path { key: Vec::new(), slot: Slot::Register };
                events.push(Event { dot, path, payload: None, kills: DotSet::new() });
                dot = self.next_dot();
            }
            events.push(Event { dot, path, payload, kills });
        }
        let delta = Delta::from(events);
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
        match self.vet(turn, configuration, from, update) {
            Ok(vetted) => self.join_vetted(turn, configuration, from, &vetted),
            Err(error) => Ok(refuse(turn, from, error)),
        }
    }

    /// As [`join`](Self::join), for events of which none may be missing; false, and nothing is joined, if one can not be.
    pub(crate) fn join_whole(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        delta: Delta,
    ) -> Result<bool, Fault> {
        match self.vet(turn, configuration, from, Update::Delta(delta)) {
            Ok(vetted) if vetted.left_out => Ok(false),
            Ok(vetted) => Ok(self.join_vetted(turn, configuration, from, &vetted)? == Joined::Whole),
            Err(error) => {
                refuse(turn, from, error);
                Ok(false)
            }
        }
    }

    fn join_vetted(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        Vetted { update, left_out }: &Vetted,
    ) -> Result<Joined, Fault> {
        if !update.is_empty()
            && let Err(error) = self.apply(turn, configuration, update)?
        {
            return Ok(refuse(turn, from, error));
        }
        Ok(if *left_out { Joined::InPart } else { Joined::Whole })
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
        let (mut entries, mut clock) = (self.no_entries(), CausalContext::new());
        let vetted = self.vet(turn, configuration, from, Update::State(state)).map(|vetted| vetted.update);
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
            turn.put(rows::entry_key(path), &entry);
        }
        self.minted = self.minted.max(clock.highest(self.writer));
        self.clock = clock;
        self.observe(turn, &vetted.expect("it was joined"));
        Ok(true)
    }

    /// Everything that this replica holds.
    pub(crate) fn state(&self, turn: &Turn<'_>) -> Result<State<Path, Payload>, Fault> {
        let mut entries = self.no_entries();
        for (key, value) in turn.scan(rows::ENTRIES)? {
            let mut entry: Entry<Payload> = rows::decode(&key, &value)?;
            entry.normalize(|dot| self.clock.contains(dot));
            entries.insert(rows::path_of(&key)?, entry);
        }
        State::new(self.clock.clone(), entries).map_err(|_| Fault::Corrupt(rows::META.to_vec()))
    }

    /// Runs the join on the entries that the update touches and writes back what it changed.
    fn apply(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        update: &Update,
    ) -> Result<Result<(), JoinError>, Fault> {
        let mut staged = self.no_entries();
        let mut paths: BTreeSet<Path> = match update {
            Update::Delta(delta) => delta.events().iter().map(|event| event.path.clone()).collect(),
            Update::Entries(entries) => entries.paths.iter().map(|(path, _)| path.clone()).collect(),
            Update::State(state) => state.entries().iter().map(|(path, _)| path.clone()).collect(),
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
                Some(entry) => turn.put(rows::entry_key(path), &entry),
                None => turn.delete(rows::entry_key(path)),
            }
        }
        self.thin(turn)?;
        self.observe(turn, update);
        self.report(turn, configuration, &staged, &changes);
        self.save(turn);
        Ok(Ok(()))
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
        changes: &Changes<Path>,
    ) {
        for Change { path, dots, .. } in changes.iter() {
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

fn refuse(turn: &mut Turn<'_>, from: NodeId, error: JoinError) -> Joined {
    turn.notify(Notice::UpdateRefused { from, error });
    Joined::Nothing
}

/// The latest timestamp that lives in an update.
pub(crate) fn latest_timestamp(update: &Update) -> Option<HybridTimestamp> {
    match update {
        Update::Delta(delta) => delta.events().iter().filter_map(|event| event.payload.as_ref()?.timestamp()).max(),
        Update::Entries(entries) => {
            let live = entries.paths.iter().flat_map(|(_, repair)| repair.entry.live());
            live.filter_map(|(_, payload)| payload.timestamp()).max()
        }
        Update::State(state) => {
            let live = state.entries().iter().flat_map(|(_, entry)| entry.live());
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
pub(crate) fn siblings(entry: EntryRef<'_, Payload>) -> Option<Siblings<Vec<u8>>> {
    let versions = entry.live().filter_map(|(dot, payload)| match payload {
        Payload::Register(stamped) => Some(Version { dot, timestamp: stamped.timestamp, value: stamped.value.clone() }),
        Payload::Counter(_) | Payload::Member | Payload::Expiry(_) => None,
    });
    Siblings::new(versions.collect())
}
