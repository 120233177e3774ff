//! Hostile values: of the right types, and wrong in every way that the types allow.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::{CausalContext, Dot, HybridTimestamp, Interval, ReplicaId, WallTime};
use syncline_crdt::{CounterPayload, Entries, Entry, EntryMap, Repair, State, Totals};
use syncline_replicas::{
    Ballot, Configuration, Deadline, Delta, Envelope, Event, Extent, Path, Payload, RequestId, Slot, Stamped, Timer,
    Update,
};

use crate::Choices;

mod client;
mod peer;

/// The keys that hostile parties agree on, so that their inputs meet; each under a policy of its own.
const KEYS: [&[u8]; 5] = [b"a", b"", b"s", b"t", &[b'a'; 300]];

/// What attackers have found out about the host.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// Its clock.
    pub clock: CausalContext,
    /// Its configuration.
    pub configuration: Configuration,
    /// Its wall clock.
    pub wall: WallTime,
    /// Its log.
    pub log: Extent,
    /// The attempts that it made or answered.
    pub ballots: Vec<Ballot>,
    /// The requests that it was asked.
    pub requests: Vec<RequestId>,
    /// The timers that it set, also those that it cancelled.
    pub timers: Vec<Timer>,
    /// What it sent lately.
    pub sent: Vec<Envelope>,
}

/// Makes hostile inputs out of choices.
#[derive(Debug)]
pub struct Hostile<'a, 'b> {
    choices: &'a mut Choices<'b>,
    knows: &'a Knowledge,
}

impl<'a, 'b> Hostile<'a, 'b> {
    /// Choices, made with this knowledge.
    #[must_use]
    pub fn new(choices: &'a mut Choices<'b>, knows: &'a Knowledge) -> Self {
        Self { choices, knows }
    }

    fn replica(&mut self) -> ReplicaId {
        ReplicaId::from_u128(self.choices.of(&[2, 3, 2, 3, 1, 1, 2, 3, 9, 0, u128::MAX]))
    }

    /// A member's event, known or not; one that nobody can have made; one that the host is about to make.
    fn dot(&mut self) -> Dot {
        let replica = self.replica();
        let sequence = self.choices.number(self.knows.clock.highest(replica)).max(1);
        Dot::new(replica, sequence).expect("at least 1")
    }

    fn dot_in(&mut self, clock: &CausalContext) -> Option<Dot> {
        let run = self.choices.recent(&clock.intervals().take(64).collect::<Vec<_>>())?;
        let sequence = run.first.saturating_add(self.choices.below(4) as u64);
        Dot::new(run.replica, sequence.min(run.last))
    }

    fn dots(&mut self) -> BTreeSet<Dot> {
        (0..self.choices.of(&[0, 0, 1, 1, 2, 5])).map(|_| self.dot()).collect()
    }

    fn run(&mut self) -> Interval {
        let first = self.dot();
        let length = self.choices.number(0).min(u64::MAX - first.sequence());
        Interval { replica: first.replica(), first: first.sequence(), last: first.sequence() + length }
    }

    fn clock(&mut self) -> CausalContext {
        let mut clock = match self.choices.below(4) {
            0 | 1 => self.knows.clock.clone(),
            2 => CausalContext::new(),
            _ => self.knows.clock.version_vector().iter().flat_map(|(replica, last)| Dot::new(replica, last)).collect(),
        };
        for _ in 0..self.choices.of(&[0, 0, 1, 1, 2, 4]) {
            if self.choices.once_in(3) {
                clock.insert_interval(self.run());
            } else {
                clock.insert(self.dot());
            }
        }
        clock
    }

    fn timestamp(&mut self) -> HybridTimestamp {
        let now = self.knows.wall.as_nanos();
        let ahead = self.choices.of(&[0, 0, 1, 999_999_999, 1_000_000_000, 1_000_000_001]);
        let time = if self.choices.once_in(6) { self.choices.number(now) } else { now.saturating_add(ahead) };
        let counter = self.choices.of(&[0, 0, 0, 7, (1 << 31) - 1, 1 << 31, u32::MAX]);
        let epoch = self.choices.of(&[0, 0, 0, 0, 0, 1, u32::MAX]);
        HybridTimestamp { epoch, time: WallTime::from_nanos(time), counter, replica: self.replica() }
    }

    fn key(&mut self) -> Vec<u8> {
        self.choices.of(&KEYS).to_vec()
    }

    fn path(&mut self) -> Path {
        let slot = match self.choices.below(6) {
            0 => Slot::Register,
            1 => Slot::Counter,
            2 => Slot::Added(self.dot()),
            3 => Slot::Expiry,
            _ => Slot::Member(self.choices.bytes(300)),
        };
        Path { key: self.key(), slot }
    }

    fn totals(&mut self) -> Totals {
        Totals { added: self.choices.number(0), taken: self.choices.number(0) }
    }

    fn payload(&mut self, slot: &Slot) -> Payload {
        let kind = match slot {
            _ if self.choices.once_in(12) => self.choices.below(4),
            Slot::Register => 0,
            Slot::Counter | Slot::Added(_) => 1,
            Slot::Expiry => 3,
            _ => 2,
        };
        match kind {
            0 => {
                let value = (!self.choices.once_in(3)).then(|| self.choices.bytes(300));
                Payload::Register(Stamped { timestamp: self.timestamp(), value })
            }
            1 if self.choices.once_in(2) => Payload::Counter(CounterPayload::Running(self.totals())),
            1 => {
                let seen = (0..self.choices.below(4)).map(|_| (self.replica(), self.totals()));
                Payload::Counter(CounterPayload::Baseline(seen.collect()))
            }
            2 => Payload::Member,
            _ => {
                let at = self.choices.number(self.knows.wall.as_nanos() / 1_000_000);
                Payload::Expiry(Deadline { timestamp: self.timestamp(), at })
            }
        }
    }

    fn event(&mut self) -> Event {
        let path = self.path();
        let payload = (!self.choices.once_in(4)).then(|| self.payload(&path.slot));
        let (dot, mut kills) = (self.dot(), self.dots());
        if self.choices.once_in(16) {
            kills.insert(dot);
        }
        Event { dot, path, payload, kills: kills.into_iter().collect() }
    }

    /// Events: hostile ones, one of them twice, or some that the host sent itself.
    fn delta(&mut self) -> Delta {
        let mut events: Vec<Event> = (0..self.choices.of(&[1, 1, 1, 2, 3, 8, 0])).map(|_| self.event()).collect();
        if self.choices.once_in(16) {
            events.extend(events.first().cloned());
        }
        events.into()
    }

    /// An entry whose live dots are mostly in one clock and whose kept kills are mostly outside of another.
    fn entry(&mut self, path: &Path, live_in: &CausalContext, outside: &CausalContext) -> Entry<Payload> {
        let mut live = BTreeMap::new();
        for _ in 0..self.choices.of(&[0, 1, 1, 2, 4]) {
            let dot = if self.choices.once_in(12) { Some(self.dot()) } else { self.dot_in(live_in) };
            live.extend(dot.map(|dot| (dot, self.payload(&path.slot))));
        }
        let mut kept_kills = self.dots();
        if !self.choices.once_in(12) {
            kept_kills.retain(|dot| !outside.contains(*dot));
        }
        // An entry has no constructor that takes contradictions; its encoding does.
        let bytes = postcard::to_allocvec(&(live, kept_kills)).expect("memory takes it");
        postcard::from_bytes(&bytes).expect("an entry is its two parts")
    }

    fn entries(&mut self) -> Entries<Path, Payload> {
        let since = self.clock();
        let mut clock = self.clock();
        if !self.choices.once_in(8) {
            clock.union(&since);
        }
        let mut paths = Vec::new();
        for _ in 0..self.choices.of(&[1, 1, 2, 4, 0]) {
            let path = self.path();
            let events = if self.choices.once_in(4) { self.clock() } else { self.dots().into_iter().collect() };
            if !self.choices.once_in(8) {
                clock.union(&events);
            }
            let entry = self.entry(&path, &events, &clock);
            paths.push((path, Repair { events, entry }));
        }
        Entries { since, clock, paths }
    }

    fn state(&mut self) -> State<Path, Payload> {
        let clock = self.clock();
        let mut entries = EntryMap::default();
        for _ in 0..self.choices.of(&[0, 1, 2, 6]) {
            let path = self.path();
            let entry = self.entry(&path, &clock, &clock);
            entries.insert(path, entry);
        }
        // What no state can be, such as one dot at two paths, is refused when it is decoded: that is another target's to try.
        let arrives = |state: &State<Path, Payload>| {
            let bytes = postcard::to_allocvec(state);
            bytes.is_ok_and(|bytes| postcard::from_bytes::<State<Path, Payload>>(&bytes).is_ok())
        };
        let state = State::new(clock, entries).ok().filter(arrives);
        state.unwrap_or_else(|| State::new(CausalContext::new(), EntryMap::default()).expect("it is empty"))
    }

    fn update(&mut self) -> Update {
        match self.choices.below(4) {
            0 | 1 => Update::Delta(self.delta()),
            2 => Update::Entries(self.entries()),
            _ => Update::State(self.state()),
        }
    }
}
