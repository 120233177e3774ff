//! Three hosts, and messages that are delivered, dropped and forged by hand.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::cast_possible_truncation)]

use std::time::Duration;

use syncline_clocks::{CausalContext, Dot, ReplicaId, WallTime};
use syncline_replicas::{
    AntiEntropyMessage, Body, ClientId, Command, Configuration, Context, Effect, Effects, Envelope, Epoch, Host, Input,
    Level, Monotonic, NodeId, Notice, Now, PartitionId, Policies, Position, Refusal, RegisterPolicy, Reply, Request,
    RequestId, Response, Row, Settings, Strategy, Timer, Value, decode_row, read_value,
};

use super::{Rows, configuration};

pub const P: PartitionId = PartitionId(0);
pub const MS: u64 = 1_000_000;
pub const WALL: u64 = 1_000_000_000_000;

pub fn replica(node: u32) -> ReplicaId {
    ReplicaId::from_u128(u128::from(node) + 1)
}

pub fn dot(node: u32, n: u64) -> Dot {
    Dot::new(replica(node), n).unwrap()
}

pub struct Node {
    pub host: Host,
    pub rows: Rows,
    pub timers: Vec<(Monotonic, Timer)>,
    pub skew: i64,
}

pub struct World {
    pub nodes: Vec<Node>,
    pub now: u64,
    pub wire: Vec<(u32, u32, Envelope)>,
    pub replies: Vec<Response>,
    pub notices: Vec<(u32, Notice)>,
    pub seq: u64,
    pub bootstrap: Configuration,
}

impl World {
    pub fn new(strategy: Strategy, policy: RegisterPolicy, settings: impl Fn(u32) -> Settings) -> Self {
        let policies = Policies { default: policy, by_prefix: vec![] };
        let bootstrap = Configuration { policies, ..configuration(strategy, 3) };
        let mut w = Self {
            nodes: vec![],
            now: 0,
            wire: vec![],
            replies: vec![],
            notices: vec![],
            seq: 0,
            bootstrap: bootstrap.clone(),
        };
        for id in 0..3 {
            w.nodes.push(Node {
                host: Host::new(NodeId(id), settings(id)),
                rows: Rows::default(),
                timers: vec![],
                skew: 0,
            });
        }
        for id in 0..3 {
            w.input(id, Input::Boot { partition: P, incarnation: 1, bootstrap: bootstrap.clone() });
        }
        w
    }

    pub fn input(&mut self, to: u32, input: Input) {
        let n = &mut self.nodes[to as usize];
        let now = Now {
            monotonic: Monotonic(self.now),
            wall: WallTime::from_nanos((WALL as i64 + self.now as i64 + n.skew) as u64),
        };
        let mut e = Effects::default();
        n.host.handle(now, input, &n.rows, &mut e);
        let mut last = None;
        for e in e.drain() {
            match e {
                Effect::Persist { batch, .. } => {
                    last = Some(batch.number);
                    n.rows.apply(batch);
                }
                Effect::Send { to: t, envelope, .. } => self.wire.push((to, t.0, envelope)),
                Effect::SetTimer { timer, at, .. } => n.timers.push((at, timer)),
                Effect::Respond { response, .. } => self.replies.push(response),
                Effect::Notify { notice, .. } => self.notices.push((to, notice)),
                _ => {}
            }
        }
        if let Some(up_to) = last {
            self.input(to, Input::Flushed { partition: P, up_to });
        }
    }

    /// Delivers what `keep` says; drops the rest.
    pub fn deliver(&mut self, keep: impl Fn(u32, u32, &Body) -> bool) {
        for _ in 0..50 {
            for (f, t, envelope) in std::mem::take(&mut self.wire) {
                if keep(f, t, &envelope.body) {
                    self.input(t, Input::Message { from: NodeId(f), envelope });
                }
            }
            if self.wire.is_empty() {
                break;
            }
        }
        self.wire.clear();
    }

    pub fn tick(&mut self, until: u64, keep: impl Fn(u32, u32, &Body) -> bool + Copy, alive: &[u32]) {
        while self.now < until {
            self.now += 5 * MS;
            for id in alive {
                let n = &mut self.nodes[*id as usize];
                let now = self.now;
                let due: Vec<_> = n.timers.iter().filter(|(at, _)| at.0 <= now).cloned().collect();
                n.timers.retain(|(at, _)| at.0 > now);
                for (_, timer) in due {
                    self.input(*id, Input::Timer { partition: P, timer });
                }
            }
            self.deliver(keep);
        }
    }

    pub fn hear(&mut self, from: u32, to: u32, body: Body) {
        self.hear_in(from, to, Epoch(1), body)
    }

    pub fn hear_in(&mut self, from: u32, to: u32, epoch: Epoch, body: Body) {
        self.input(to, Input::Message { from: NodeId(from), envelope: Envelope { partition: P, epoch, body } });
    }

    pub fn ask(&mut self, to: u32, key: &[u8], command: Command, context: Option<Context>, level: Level) {
        self.seq += 1;
        let request = Request {
            id: RequestId { client: ClientId(self.seq), sequence: 1 },
            partition: P,
            epoch: Epoch(0),
            key: key.to_vec(),
            command,
            context,
            level,
            patience: Duration::from_secs(2),
        };
        self.input(to, Input::Request { from: ClientId(self.seq), request });
    }

    pub fn clock(&self, n: u32) -> CausalContext {
        self.nodes[n as usize].host.clock(P).unwrap().clone()
    }

    pub fn value(&self, n: u32, key: &[u8]) -> Value {
        read_value(&self.nodes[n as usize].rows, P, &self.bootstrap.policies, key).unwrap()
    }

    pub fn last(&self) -> &Result<Reply, Refusal> {
        &self.replies.last().unwrap().outcome
    }

    pub fn ask_clock(&mut self, from: u32, to: u32) {
        let clock = self.clock(from);
        self.hear(from, to, Body::AntiEntropy(AntiEntropyMessage::Clock { clock, answer: false }));
    }
}
pub const ONE: Level = Level { read: 1, write: 1 };
pub const TWO: Level = Level { read: 2, write: 2 };
pub fn set(v: &[u8]) -> Command {
    Command::set(v.to_vec())
}
pub fn ctx(key: &[u8], seen: impl IntoIterator<Item = Dot>) -> Context {
    Context { key: key.to_vec(), seen: seen.into_iter().collect(), ..Context::default() }
}
pub fn log_end(w: &World, n: u32) -> Position {
    match decode_row(b"m", &w.nodes[n as usize].rows.rows[b"m".as_slice()]) {
        Ok(Row::Meta(m)) => m.log.unwrap().end,
        _ => panic!(),
    }
}
pub fn all(_: u32, _: u32, _: &Body) -> bool {
    true
}
