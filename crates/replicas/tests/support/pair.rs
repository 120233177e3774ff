//! Two leaders, and commands on one key at both of them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses a part")]

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use syncline_clocks::WallTime;
use syncline_replicas::{
    ClientId, Command, Configuration, Context, Effect, Effects, Envelope, Epoch, Host, Input, Level, Monotonic, NodeId,
    Now, PartitionId, Policies, Refusal, RegisterPolicy, Reply, Request, RequestId, SetCondition, SetExpiry,
    SetOptions, Settings, Strategy, Value,
};

use super::{Rows, configuration};

pub const PARTITION: PartitionId = PartitionId(0);
pub const START_MS: u64 = 1_000_000;

/// Two leaders whose messages wait until they are exchanged.
pub struct Pair {
    pub nodes: Vec<(Host, Rows)>,
    on_the_way: VecDeque<(NodeId, NodeId, Envelope)>,
    pub ms: u64,
    sequence: u64,
}

impl Pair {
    pub fn new() -> Self {
        let policies =
            Policies { by_prefix: vec![(b"s:".to_vec(), RegisterPolicy::KeepSiblings)], ..Policies::default() };
        let bootstrap = Configuration { policies, ..configuration(Strategy::MultiLeader, 2) };
        let nodes = (0..2).map(|node| (Host::new(NodeId(node), Settings::default()), Rows::default())).collect();
        let mut pair = Self { nodes, on_the_way: VecDeque::new(), ms: START_MS, sequence: 0 };
        for node in 0..2 {
            let bootstrap = bootstrap.clone();
            pair.handle(node, Input::Boot { partition: PARTITION, incarnation: 1, bootstrap });
        }
        pair
    }

    pub fn now(&self) -> Now {
        Now { monotonic: Monotonic(self.ms * 1_000_000), wall: WallTime::from_nanos(self.ms * 1_000_000) }
    }

    pub fn handle(&mut self, node: usize, input: Input) -> Option<Result<Reply, Refusal>> {
        let now = self.now();
        let (host, rows) = &mut self.nodes[node];
        let mut effects = Effects::default();
        host.handle(now, input, rows, &mut effects);
        let mut answer = None;
        for effect in effects.drain() {
            match effect {
                Effect::Persist { batch, .. } => rows.apply(batch),
                Effect::Send { to, envelope, .. } => {
                    self.on_the_way.push_back((NodeId(u32::try_from(node).unwrap()), to, envelope));
                }
                Effect::Respond { response, .. } => answer = Some(response.outcome),
                _ => {}
            }
        }
        answer
    }

    pub fn ask_with(
        &mut self,
        node: usize,
        key: &str,
        command: Command,
        context: Option<Context>,
    ) -> Result<Reply, Refusal> {
        self.sequence += 1;
        self.ms += 1;
        let client = ClientId(7);
        let request = Request {
            id: RequestId { client, sequence: self.sequence },
            partition: PARTITION,
            epoch: Epoch(0),
            key: key.as_bytes().to_vec(),
            command,
            context,
            level: Level { read: 1, write: 1 },
            patience: Duration::from_secs(1),
        };
        self.handle(node, Input::Request { from: client, request }).expect("a leader answers at once")
    }

    pub fn ask(&mut self, node: usize, key: &str, command: Command) -> Result<Reply, Refusal> {
        self.ask_with(node, key, command, None)
    }

    pub fn exchange(&mut self) {
        while let Some((from, to, envelope)) = self.on_the_way.pop_front() {
            self.handle(to.0 as usize, Input::Message { from, envelope });
        }
    }

    /// What both show, in the end.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.exchange();
        let both = [0, 1].map(|node| self.ask(node, key, Command::Get).unwrap().value);
        assert_eq!(both[0], both[1], "the leaders differ at {key}");
        match &both[0] {
            Value::Absent => None,
            Value::Register(versions) => Some(String::from_utf8(versions.last().unwrap().value.clone()).unwrap()),
            Value::Counter(count) => Some(count.to_string()),
            other => panic!("{key} holds {other:?}"),
        }
    }

    pub fn members(&mut self, key: &str) -> Vec<String> {
        self.exchange();
        match self.ask(0, key, Command::Get).unwrap().value {
            Value::Set(members) => members.into_iter().map(|member| String::from_utf8(member).unwrap()).collect(),
            Value::Absent => Vec::new(),
            other => panic!("{key} holds {other:?}"),
        }
    }
}

pub fn set(value: &str) -> Command {
    Command::set(value.as_bytes().to_vec())
}

pub fn set_if(value: &str, condition: SetCondition) -> Command {
    Command::Set { value: value.as_bytes().to_vec(), options: SetOptions { condition, ..SetOptions::default() } }
}

pub fn set_until(value: &str, at: u64) -> Command {
    let options = SetOptions { expiry: SetExpiry::At(at), ..SetOptions::default() };
    Command::Set { value: value.as_bytes().to_vec(), options }
}

pub fn names(members: &[&str]) -> BTreeSet<Vec<u8>> {
    members.iter().map(|member| member.as_bytes().to_vec()).collect()
}

pub const DELETE: Command = Command::Delete { previous: false };
