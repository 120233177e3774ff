//! A client: one request at a time, retries, redirects, and what it has read of each key.

use std::collections::{BTreeMap, VecDeque};

use syncline_clocks::Dot;
use syncline_replicas::{
    ClientId, Command, Configuration, Context, DatacenterId, Epoch, Level, NodeId, PartitionId, Refusal, Reply,
    Request, RequestId, Response, Strategy,
};

use crate::rng::Rng;
use crate::workload::{Operation, Source};

/// Of how many keys a client remembers what it read.
const REMEMBERED: usize = 64;

/// How clients behave; times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// What a request gives its coordinator.
    pub request: u64,
    /// When the client takes an attempt for lost.
    pub attempt: u64,
    /// When it gives the operation up.
    pub operation: u64,
    /// How long it waits before it asks again after a refusal.
    pub retry: u64,
}

impl Default for Patience {
    fn default() -> Self {
        const MS: u64 = 1_000_000;
        Self { request: 450 * MS, attempt: 500 * MS, operation: 2_000 * MS, retry: 50 * MS }
    }
}

/// An operation under way.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) operation: Operation,
    pub(crate) request: Request,
    pub(crate) started: u64,
    pub(crate) attempts: u32,
    /// The coordinators that may have applied it.
    pub(crate) coordinators: Vec<NodeId>,
    target: NodeId,
}

/// What a client does after an answer, or after none came.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The operation ended.
    Ended(Outcome),
    /// Ask this node after this pause.
    Again(u64, NodeId),
    /// The answer belongs to an attempt that is over.
    Ignored,
}

/// How an operation ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Served(Reply),
    /// Never acknowledged; a write may have taken effect.
    Failed,
    /// Refused for what it is: no other node would take it.
    Rejected,
}

#[derive(Debug)]
pub(crate) struct Client {
    id: ClientId,
    pub(crate) datacenter: DatacenterId,
    /// All nodes, the nearest first.
    nodes: Vec<NodeId>,
    strategy: Strategy,
    pub(crate) rng: Rng,
    pub(crate) source: Source,
    sequence: u64,
    epoch: Epoch,
    leader: Option<NodeId>,
    /// The node that did not answer last: a redirect to it is not believed until somebody answered.
    silent: Option<NodeId>,
    /// The highest event it has heard of, for what it forges.
    highest: u64,
    read: BTreeMap<Vec<u8>, Context>,
    read_order: VecDeque<Vec<u8>>,
    pub(crate) running: Option<Running>,
}

impl Client {
    pub(crate) fn new(
        id: ClientId,
        datacenter: DatacenterId,
        nodes: Vec<NodeId>,
        strategy: Strategy,
        leader: Option<NodeId>,
        rng: Rng,
        source: Source,
    ) -> Self {
        Self {
            id,
            datacenter,
            nodes,
            strategy,
            rng,
            source,
            sequence: 0,
            epoch: Epoch(0),
            leader,
            silent: None,
            highest: 0,
            read: BTreeMap::new(),
            read_order: VecDeque::new(),
            running: None,
        }
    }

    /// Begins an operation; returns the node to ask.
    pub(crate) fn begin(
        &mut self,
        now: u64,
        operation: Operation,
        level: Level,
        patience: Patience,
        timestamp: Option<syncline_clocks::HybridTimestamp>,
    ) -> NodeId {
        self.sequence += 1;
        let mut command = operation.command.clone();
        if let Command::Set { options, .. } = &mut command {
            options.timestamp = timestamp;
        }
        let context = if operation.with_context { self.read.get(&operation.key).cloned() } else { None };
        let request = Request {
            id: RequestId { client: self.id, sequence: self.sequence },
            partition: PartitionId(0),
            epoch: self.epoch,
            key: operation.key.clone(),
            command,
            context,
            level,
            patience: std::time::Duration::from_nanos(patience.request),
        };
        let target = match self.strategy {
            Strategy::LeaderFollower => self.leader.unwrap_or(self.nodes[0]),
            _ => self.nodes[0],
        };
        self.running =
            Some(Running { operation, request, started: now, attempts: 0, coordinators: Vec::new(), target });
        target
    }

    /// Claims in one write of four to have read versions that nobody wrote: a member's next ones, and one far away.
    pub(crate) fn forge(&mut self, configuration: &Configuration) {
        let Some(running) = self.running.as_mut().filter(|running| !running.request.command.is_read()) else { return };
        if !self.rng.chance(0.25) {
            return;
        }
        let key = running.request.key.clone();
        let context = running.request.context.get_or_insert_with(|| Context { key, ..Context::default() });
        let members = &configuration.members;
        let victim = members[self.rng.below(members.len() as u64) as usize].replica;
        self.highest = self.highest.max(context.covers.highest(victim));
        let near = (0..4).map(|_| self.highest + 1 + self.rng.below(64));
        context.seen.extend(near.chain([1 << 62]).filter_map(|sequence| Dot::new(victim, sequence)));
    }

    /// Notes an attempt; returns the request to send and the attempt's number.
    pub(crate) fn attempt(&mut self, target: NodeId) -> Option<(Request, u32)> {
        let epoch = self.epoch;
        let running = self.running.as_mut()?;
        running.attempts += 1;
        running.target = target;
        running.request.epoch = epoch;
        if !running.coordinators.contains(&target) {
            running.coordinators.push(target);
        }
        Some((running.request.clone(), running.attempts))
    }

    /// No answer came to an attempt.
    pub(crate) fn handle_silence(&mut self, now: u64, attempt: u32, patience: Patience) -> Verdict {
        match &self.running {
            Some(running) if running.attempts == attempt => {
                let silent = running.target;
                self.silent = Some(silent);
                if self.strategy == Strategy::LeaderFollower {
                    self.leader = None;
                }
                self.retry(now, 0, self.next_after(silent), patience)
            }
            _ => Verdict::Ignored,
        }
    }

    pub(crate) fn handle_response(&mut self, now: u64, response: Response, patience: Patience) -> Verdict {
        self.epoch = self.epoch.max(response.epoch);
        let Some(running) = self.running.as_ref().filter(|running| running.request.id == response.id) else {
            return Verdict::Ignored;
        };
        let target = running.target;
        match response.outcome {
            Ok(reply) => {
                self.remember(&reply.context);
                self.running_ended();
                Verdict::Ended(Outcome::Served(reply))
            }
            Err(Refusal::NotLeader { leader }) => {
                self.leader = leader.filter(|leader| *leader != target && Some(*leader) != self.silent);
                match self.leader {
                    Some(leader) => self.retry(now, 0, leader, patience),
                    None => self.retry(now, patience.retry, self.next_after(target), patience),
                }
            }
            // The same coordinator knows a retry when it sees one.
            Err(Refusal::QuorumNotReached { .. }) => self.retry(now, patience.retry, target, patience),
            Err(Refusal::Unavailable | Refusal::Overloaded) => {
                self.retry(now, patience.retry, self.next_after(target), patience)
            }
            Err(_) => Verdict::Ended(Outcome::Rejected),
        }
    }

    fn running_ended(&mut self) {
        self.silent = None;
        if let (Strategy::LeaderFollower, Some(running)) = (self.strategy, &self.running) {
            self.leader = Some(running.target);
        }
    }

    fn next_after(&self, node: NodeId) -> NodeId {
        let place = self.nodes.iter().position(|other| *other == node).unwrap_or(0);
        self.nodes[(place + 1) % self.nodes.len()]
    }

    fn retry(&self, now: u64, pause: u64, target: NodeId, patience: Patience) -> Verdict {
        let running = self.running.as_ref().expect("a client retries what it runs");
        if now + pause >= running.started + patience.operation {
            Verdict::Ended(Outcome::Failed)
        } else {
            Verdict::Again(pause, target)
        }
    }

    /// Keeps what was read until the write that follows from it: a later write without a read of its own replaces
    /// whatever its coordinator holds, as a plain `SET` does.
    fn remember(&mut self, context: &Context) {
        let Some(running) = &self.running else { return };
        let key = &running.request.key;
        if !running.request.command.is_read() {
            self.read.remove(key);
            self.read_order.retain(|other| other != key);
        } else if self.read.insert(key.clone(), context.clone()).is_none() {
            self.read_order.push_back(key.clone());
            if self.read_order.len() > REMEMBERED
                && let Some(oldest) = self.read_order.pop_front()
            {
                self.read.remove(&oldest);
            }
        }
    }
}
