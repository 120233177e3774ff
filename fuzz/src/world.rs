//! One host under attack, and the runtime around it: it obeys every effect, and holds each against its contract.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;
use std::time::Duration;

use syncline_clocks::{CausalContext, ReplicaId, WallTime};
use syncline_replicas::{
    BatchNumber, Body, ClientId, Configuration, DatacenterId, Effect, Effects, Envelope, Epoch, Extent, Host, Input,
    Member, Meta, Monotonic, NodeId, Notice, Now, PartitionId, Policies, RegisterMessage, RegisterPolicy, Request,
    RequestId, Response, Row, Settings, Strategy, Timer, TimerKind, decode, decode_row, encode, read_value,
};

use crate::{Choices, Hostile, Knowledge, Rows, Watch};

/// The partition that the host holds.
pub const PARTITION: PartitionId = PartitionId(0);
/// The host under test.
const HOST: NodeId = NodeId(0);
/// How many messages and timers the attackers remember.
const REMEMBERED: usize = 24;
/// Whether to print every input and its effects: for reading what a found schedule does.
static TRACE: LazyLock<bool> = LazyLock::new(|| std::env::var_os("TRACE").is_some());

/// The host, its store, and what is known about both.
#[derive(Debug)]
pub struct World {
    host: Host,
    settings: Settings,
    bootstrap: Configuration,
    store: Rows,
    now: Now,
    incarnation: u64,
    last_batch: BatchNumber,
    /// Requests that were sent, by name and client, and how often each was sent and not yet answered.
    unanswered: BTreeMap<(RequestId, ClientId), u64>,
    /// A flush failed: the host may have halted. Nothing else is a reason, because the store is honest.
    may_halt: bool,
    ballots: VecDeque<syncline_replicas::Ballot>,
    requests: VecDeque<RequestId>,
    timers: VecDeque<Timer>,
    sent: VecDeque<Envelope>,
}

impl World {
    /// A host that was booted over an empty store, under a strategy and settings that are chosen.
    #[must_use]
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let member =
            |node: u32| Member { node: NodeId(node), datacenter: DatacenterId(node as u16), replica: replica(node) };
        let by_prefix =
            vec![(b"s".to_vec(), RegisterPolicy::KeepSiblings), (b"t".to_vec(), RegisterPolicy::TimestampOnly)];
        let bootstrap = Configuration {
            epoch: Epoch(1),
            strategy: choices.of(&[Strategy::LeaderFollower, Strategy::Leaderless, Strategy::MultiLeader]),
            members: (0..3).map(member).collect(),
            leader: Some(NodeId(choices.of(&[0, 1, 2]))),
            policies: Policies { default: RegisterPolicy::LastWriterWins, by_prefix },
        };
        let settings = Settings {
            whole_events: choices.of(&[65_536, 3, 0]),
            log_entries: choices.of(&[65_536, 2, 0]),
            ..Settings::default()
        };
        let start = choices.of(&[0, 1_000_000_000_000, u64::MAX - 2_000_000_000]);
        let mut world = Self {
            host: Host::new(HOST, settings),
            settings,
            bootstrap,
            store: Rows::default(),
            now: Now { monotonic: Monotonic(start), wall: WallTime::from_nanos(start) },
            incarnation: 0,
            last_batch: BatchNumber(0),
            unanswered: BTreeMap::new(),
            may_halt: false,
            ballots: VecDeque::new(),
            requests: VecDeque::new(),
            timers: VecDeque::new(),
            sent: VecDeque::new(),
        };
        world.boot(BatchNumber(0));
        world
    }

    /// One step of the schedule.
    pub fn step(&mut self, choices: &mut Choices<'_>) {
        self.pass_time(choices);
        match choices.below(16) {
            0..=3 => {
                let knows = self.knowledge();
                let (from, request) = Hostile::new(choices, &knows).request();
                self.ask(from, request);
            }
            4..=10 => {
                let knows = self.knowledge();
                if let Some((from, envelope)) = Hostile::new(choices, &knows).message() {
                    self.handle(Input::Message { from, envelope });
                }
            }
            11 | 12 => {
                let timers: Vec<Timer> = self.timers.iter().copied().collect();
                let timer = choices.recent(&timers).unwrap_or(Timer { kind: TimerKind::Detection, generation: 0 });
                let generation = if choices.once_in(8) { choices.number(timer.generation) } else { timer.generation };
                self.handle(Input::Timer { partition: PARTITION, timer: Timer { generation, ..timer } });
            }
            13 => {
                let up_to = if choices.once_in(4) { choices.number(self.last_batch.0) } else { self.last_batch.0 };
                self.handle(Input::Flushed { partition: PARTITION, up_to: BatchNumber(up_to) });
            }
            14 if choices.once_in(8) => {
                self.may_halt = true;
                self.handle(Input::FlushFailed { partition: PARTITION });
            }
            14 => self.handle_of_another_partition(choices),
            _ => {
                let lost = choices.of(&[0, 0, 1, 2, 8]);
                self.boot(BatchNumber(self.last_batch.0.saturating_sub(lost)));
            }
        }
    }

    /// What has to hold of the store at the end, whatever was said.
    pub fn check_store(&self) {
        let clock = self.meta().map(|meta| meta.clock).unwrap_or_default();
        let mut log = Vec::new();
        for (key, value) in self.store.iter() {
            match decode_row(key, value).expect("checked when it was written") {
                Row::Event(dot, _) => assert!(clock.contains(dot), "{dot:?} is logged and not in the clock"),
                Row::Entry(path, entry) => {
                    assert!(!entry.is_empty(), "an empty entry is stored at {path:?}");
                    if !self.may_halt {
                        let alien = entry.live().find(|(dot, _)| !clock.contains(*dot));
                        assert!(alien.is_none(), "{alien:?} lives at {path:?} and is not in the clock {clock:?}");
                    }
                    let read = read_value(&self.store, PARTITION, &self.bootstrap.policies, &path.key);
                    assert!(read.is_ok(), "the value at {path:?} can not be read: {read:?}");
                }
                Row::Log(index, _) => log.push(index),
                _ => {}
            }
        }
        let Extent { base, end, .. } = self.log();
        assert!(log.iter().copied().eq(base.index + 1..=end.index), "of the log {base:?} to {end:?} there is {log:?}");
    }

    fn pass_time(&mut self, choices: &mut Choices<'_>) {
        let millis = |millis| Duration::from_millis(millis);
        let passed = choices.of(&[millis(0), millis(1), millis(50), millis(600), millis(2_500), Duration::MAX]);
        // Once everything has timed out for good nothing more happens, so the end of time is rare.
        let passed = if passed == Duration::MAX && !choices.once_in(16) { millis(10) } else { passed };
        self.now.monotonic = self.now.monotonic.after(passed);
        let wall = self.now.wall.as_nanos();
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        let steps_back = choices.once_in(16);
        let wall = if steps_back { wall.saturating_sub(nanos) } else { wall.saturating_add(nanos) };
        self.now.wall = WallTime::from_nanos(wall);
    }

    fn ask(&mut self, from: ClientId, request: Request) {
        *self.unanswered.entry((request.id, from)).or_default() += 1;
        remember(&mut self.requests, request.id);
        self.handle(Input::Request { from, request });
    }

    /// A crash that loses the batches after `kept`, and a restart.
    fn boot(&mut self, kept: BatchNumber) {
        self.store.crash(kept);
        self.incarnation += 1;
        self.last_batch = BatchNumber(0);
        self.may_halt = false;
        self.host = Host::new(HOST, self.settings);
        let bootstrap = self.bootstrap.clone();
        self.handle(Input::Boot { partition: PARTITION, incarnation: self.incarnation, bootstrap });
    }

    fn handle_of_another_partition(&mut self, choices: &mut Choices<'_>) {
        let knows = self.knowledge();
        let (from, mut request) = Hostile::new(choices, &knows).request();
        request.partition = PartitionId(1);
        let id = request.id;
        let mut effects = Effects::default();
        self.host.handle(self.now, Input::Request { from, request }, &self.store, &mut effects);
        let effects: Vec<Effect> = effects.drain().collect();
        let [Effect::Respond { to, response, after: BatchNumber(0) }] = effects.as_slice() else {
            panic!("a partition that is not here is answered with a refusal, not with {effects:?}");
        };
        assert!(*to == from && response.id == id && response.outcome.is_err());
    }

    fn handle(&mut self, input: Input) {
        let size = postcard::to_allocvec(&input).expect("memory takes it").len();
        let stored = self.store.size();
        let pending: u64 = self.unanswered.values().sum();
        if *TRACE {
            eprintln!("> {input:?}");
        }
        let mut effects = Effects::default();
        let watch = Watch::begin();
        self.host.handle(self.now, input, &self.store, &mut effects);
        let peak = watch.peak();
        let effects: Vec<Effect> = effects.drain().collect();
        let written: usize = effects.iter().map(written).sum();
        let bound = (1 << 20) + 64 * (size + stored);
        assert!(peak <= 16 * bound, "an input of {size} bytes over {stored} stored took {peak} of memory");
        assert!(written <= bound, "an input of {size} bytes over {stored} stored wrote and sent {written}");
        assert!(
            effects.len() as u64 <= 64 + 2 * size as u64 + 2 * pending,
            "{size} bytes made {} effects",
            effects.len()
        );
        for effect in effects {
            if *TRACE {
                eprintln!("  < {effect:?}");
            }
            self.obey(effect);
        }
        self.check_clock();
    }

    /// The clock in memory is the one that was written.
    fn check_clock(&self) {
        if self.may_halt {
            return;
        }
        let held = self.host.clock(PARTITION).expect("the host has not halted");
        let stored = self.meta().map(|meta| meta.clock).unwrap_or_default();
        assert_eq!(*held, stored, "the clock in memory and the one in the store differ");
    }

    fn obey(&mut self, effect: Effect) {
        match effect {
            Effect::Persist { partition, batch } => {
                assert_eq!(partition, PARTITION);
                assert_eq!(batch.number.0, self.last_batch.0 + 1, "batches are numbered without gaps");
                for (key, value) in &batch.writes {
                    if let Some(value) = value {
                        assert!(decode_row(key, value).is_ok(), "the row {key:02x?} does not decode: {value:02x?}");
                    }
                }
                self.last_batch = batch.number;
                self.store.apply(batch);
            }
            Effect::Send { to, envelope, after } => self.check_send(to, envelope, after),
            Effect::SetTimer { partition, timer, at } => {
                assert_eq!(partition, PARTITION);
                assert!(at >= self.now.monotonic, "{timer:?} is set into the past");
                remember(&mut self.timers, timer);
            }
            Effect::Respond { to, response, after } => self.check_response(to, &response, after),
            Effect::Notify { partition, notice } => {
                assert_eq!(partition, PARTITION);
                if let Notice::Halted { fault } = notice {
                    assert!(self.may_halt, "the store is honest, and the host halted: {fault}");
                }
            }
            other => panic!("an effect without a contract: {other:?}"),
        }
    }

    fn check_send(&mut self, to: NodeId, envelope: Envelope, after: BatchNumber) {
        assert!(to != HOST && self.bootstrap.member(to).is_some(), "a message to {to:?}");
        assert_eq!(envelope.partition, PARTITION);
        assert!(after <= self.last_batch, "a message waits for {after:?} after {:?}", self.last_batch);
        assert_eq!(decode(&encode(&envelope)).as_ref(), Ok(&envelope), "a message that peers can not read");
        if let Some(reported) = envelope.body.reported_clock() {
            let durable = self.meta().map(|meta| meta.clock).unwrap_or_default();
            assert!(after == self.last_batch && durable.includes(reported), "{reported:?} is reported too early");
        }
        if let Body::Register(
            RegisterMessage::Prepare(ballot)
            | RegisterMessage::Promised(ballot, _)
            | RegisterMessage::Refused(ballot, _),
        ) = &envelope.body
        {
            remember(&mut self.ballots, *ballot);
        }
        remember(&mut self.sent, envelope);
    }

    fn check_response(&mut self, to: ClientId, response: &Response, after: BatchNumber) {
        assert_eq!(response.partition, PARTITION);
        assert!(after <= self.last_batch, "a response waits for {after:?} after {:?}", self.last_batch);
        // A retry of what still waits gets no answer of its own, so there are at most as many as there were questions.
        let left = self.unanswered.get_mut(&(response.id, to)).filter(|left| **left > 0);
        *left.unwrap_or_else(|| panic!("{:?} was answered to {to:?}, who did not ask", response.id)) -= 1;
        if let Ok(reply) = &response.outcome {
            assert!(reply.achieved.copies >= 1 && reply.achieved.copies <= 3, "{:?}", reply.achieved);
        }
    }

    fn meta(&self) -> Option<Meta> {
        match decode_row(b"m", self.store.row(b"m")?) {
            Ok(Row::Meta(meta)) => Some(meta),
            other => panic!("the partition's own row is {other:?}"),
        }
    }

    fn log(&self) -> Extent {
        self.meta().and_then(|meta| meta.log).unwrap_or_default()
    }

    fn knowledge(&self) -> Knowledge {
        Knowledge {
            clock: self.host.clock(PARTITION).cloned().unwrap_or_else(CausalContext::new),
            configuration: self.host.configuration(PARTITION).unwrap_or(&self.bootstrap).clone(),
            wall: self.now.wall,
            log: self.log(),
            ballots: self.ballots.iter().copied().collect(),
            requests: self.requests.iter().copied().collect(),
            timers: self.timers.iter().copied().collect(),
            sent: self.sent.iter().cloned().collect(),
        }
    }
}

fn replica(node: u32) -> ReplicaId {
    ReplicaId::from_u128(u128::from(node) + 1)
}

fn remember<T>(known: &mut VecDeque<T>, one: T) {
    known.push_back(one);
    if known.len() > REMEMBERED {
        known.pop_front();
    }
}

/// The bytes that an effect costs a disk or a network.
fn written(effect: &Effect) -> usize {
    match effect {
        Effect::Persist { batch, .. } => {
            batch.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
        }
        Effect::Send { envelope, .. } => encode(envelope).len(),
        _ => 0,
    }
}
