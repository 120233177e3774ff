//! The world: virtual time, nodes with disks and clocks, a network, clients, and faults on a schedule. Every run
//! follows from one seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use syncline_clocks::{CausalContext, ReplicaId};
use syncline_crdt::Entry;
use syncline_replicas::{
    BatchNumber, ClientId, Configuration, DatacenterId, Epoch, Host, Input, Member, NodeId, PartitionId, Path, Payload,
    Request, Response, Row, Timer, Value, decode_row, read_value,
};

use crate::checkers::Checkers;
use crate::client::Client;
use crate::disk::Disk;
use crate::measures::Measures;
use crate::monitor::TraceError;
use crate::network::Network;
use crate::oracle::Oracle;
use crate::rng::Rng;
use crate::scenario::{Fault, Report, Sabotage, Scenario};
use crate::workload::{Operation, Source};

mod clients;
mod nodes;

const PARTITION: PartitionId = PartitionId(0);
/// The wall clocks begin at the start of 2026.
const WALL_START: u64 = 1_767_225_600_000_000_000;
/// How often the checkers forget what every replica holds, and convergence is looked for.
const LOOK: u64 = 50_000_000;

/// What is going to happen.
#[derive(Debug)]
enum Happening {
    Fault(usize),
    Look,
    /// A message; it was in its sender's hands from `sent` until `left`, and a crash in between takes it along.
    Message {
        from: NodeId,
        to: NodeId,
        sent: u64,
        left: u64,
        bytes: Vec<u8>,
    },
    Timer {
        node: NodeId,
        incarnation: u64,
        timer: Timer,
    },
    Flushed {
        node: NodeId,
        incarnation: u64,
        up_to: BatchNumber,
    },
    Asked {
        node: NodeId,
        client: usize,
        request: Box<Request>,
    },
    Answered {
        client: usize,
        response: Box<Response>,
    },
    Begins {
        client: usize,
        operation: Operation,
    },
    Attempts {
        client: usize,
        sequence: u64,
        target: NodeId,
    },
    Silence {
        client: usize,
        sequence: u64,
        attempt: u32,
    },
}

/// An output that waits for a batch.
#[derive(Debug)]
enum Held {
    Send { to: NodeId, bytes: Vec<u8> },
    Respond { to: ClientId, response: Box<Response> },
}

#[derive(Debug)]
struct Node {
    host: Option<Host>,
    disk: Disk,
    incarnation: u64,
    crashed_at: u64,
    /// The last batch written, the last one durable, and whether a flush is under way.
    written: BatchNumber,
    durable: BatchNumber,
    flushing: bool,
    held: VecDeque<(BatchNumber, Held)>,
    skew: i64,
}

pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    now: u64,
    order: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    nodes: BTreeMap<NodeId, Node>,
    network: Network,
    disk_rng: Rng,
    clients: Vec<Client>,
    checkers: Checkers,
    measures: Measures,
    oracle: Option<Oracle>,
    bootstrap: Configuration,
    /// The events that some replica held when the network healed, until all agree on them.
    converging: Option<(u64, CausalContext)>,
    last_end: u64,
}

impl<'a> World<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Result<Self, TraceError> {
        let topology = &scenario.topology;
        let members = topology.nodes().map(|node| Member {
            node,
            datacenter: topology.datacenter(node),
            replica: ReplicaId::from_u128(u128::from(node.0) + 1),
        });
        let bootstrap = Configuration {
            epoch: Epoch(1),
            strategy: scenario.strategy,
            members: members.collect(),
            leader: topology.nodes().next(),
            policies: scenario.policies.clone(),
        };
        let mut skews = Rng::new(scenario.seed, 4);
        let nodes = topology.nodes().map(|node| {
            let lie = if scenario.sabotage == Some(Sabotage::LyingDisk) { 300_000_000 } else { 0 };
            let skew = (skews.unit() * 2.0 - 1.0) * scenario.skew as f64;
            let disk = if lie > 0 { Disk::lying(lie) } else { Disk::default() };
            let fresh = Node {
                host: None,
                disk,
                incarnation: 0,
                crashed_at: u64::MAX,
                written: BatchNumber(0),
                durable: BatchNumber(0),
                flushing: false,
                held: VecDeque::new(),
                skew: skew as i64,
            };
            (node, fresh)
        });
        let mut world = Self {
            nodes: nodes.collect(),
            network: Network::new(topology.clone(), Rng::new(scenario.seed, 1)),
            disk_rng: Rng::new(scenario.seed, 2),
            clients: Vec::new(),
            checkers: Checkers::default(),
            measures: Measures::default(),
            oracle: scenario.check_invariant.then(Oracle::default),
            bootstrap,
            scenario,
            now: 0,
            order: 0,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            converging: None,
            last_end: 0,
        };
        world.people()?;
        for node in topology.nodes() {
            world.boot(node);
        }
        for (index, (at, _)) in scenario.faults.iter().enumerate() {
            world.plan(*at, Happening::Fault(index));
        }
        world.plan(LOOK, Happening::Look);
        Ok(world)
    }

    fn people(&mut self) -> Result<(), TraceError> {
        let datacenters = self.scenario.topology.datacenters.len();
        for index in 0..self.scenario.workload.clients(datacenters) {
            let place = index % datacenters;
            let datacenter = DatacenterId(u16::try_from(place).unwrap_or(0));
            let order = (0..datacenters).map(|step| (place + step) % datacenters);
            let nodes = order.flat_map(|place| self.scenario.topology.datacenters[place].iter().copied()).collect();
            let rng = Rng::new(self.scenario.seed, 1_000 + index as u64);
            let source = Source::new(&self.scenario.workload, index)?;
            let leader = self.bootstrap.leader;
            let id = ClientId(index as u64);
            self.clients.push(Client::new(id, datacenter, nodes, self.scenario.strategy, leader, rng, source));
            self.plan_next(index)?;
        }
        Ok(())
    }

    fn plan(&mut self, at: u64, happening: Happening) {
        self.order += 1;
        self.queue.push(Reverse((at, self.order)));
        self.happenings.insert(self.order, happening);
    }

    pub(crate) fn run(mut self) -> Result<Report, TraceError> {
        let end = self.scenario.clients_until.saturating_add(self.scenario.quiet);
        while let Some(Reverse((at, order))) = self.queue.pop() {
            // A trace ends when its clients have; a random workload at its time. Then some quiet.
            let over = if self.scenario.clients_until == u64::MAX {
                self.measures.finished_clients == self.clients.len()
                    && at > self.last_end.saturating_add(self.scenario.quiet)
            } else {
                at > end
            };
            if over {
                break;
            }
            self.now = at;
            let happening = self.happenings.remove(&order).expect("what is planned is kept");
            self.happen(happening)?;
        }
        Ok(self.finish())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), TraceError> {
        match happening {
            Happening::Fault(index) => {
                let fault = self.scenario.faults[index].1.clone();
                self.fault(&fault);
            }
            Happening::Look => self.look(),
            Happening::Message { from, to, sent, left, bytes } => {
                if !(sent..left).contains(&self.nodes[&from].crashed_at) {
                    self.deliver(from, to, &bytes);
                }
            }
            Happening::Timer { node, incarnation, timer } => {
                self.input_if(node, incarnation, Input::Timer { partition: PARTITION, timer });
            }
            Happening::Flushed { node, incarnation, up_to } => self.flushed(node, incarnation, up_to),
            Happening::Asked { node, client, request } => {
                self.input(node, Input::Request { from: ClientId(client as u64), request: *request });
            }
            Happening::Answered { client, response } => {
                let verdict = self.clients[client].handle_response(self.now, *response, self.scenario.patience);
                self.obey(client, verdict)?;
            }
            Happening::Begins { client, operation } => self.begin(client, operation),
            Happening::Attempts { client, sequence, target } => {
                let current = self.clients[client].running.as_ref().map(|running| running.request.id.sequence);
                if current == Some(sequence) {
                    self.attempt(client, target);
                }
            }
            Happening::Silence { client, sequence, attempt } => {
                let current = self.clients[client].running.as_ref().map(|running| running.request.id.sequence);
                if current == Some(sequence) {
                    let verdict = self.clients[client].handle_silence(self.now, attempt, self.scenario.patience);
                    self.obey(client, verdict)?;
                }
            }
        }
        Ok(())
    }

    // Faults.

    fn fault(&mut self, fault: &Fault) {
        match fault {
            Fault::Cut(datacenter) => {
                self.network.cut(*datacenter);
                self.measures.cut_began(self.now, *datacenter);
            }
            Fault::Heal => {
                self.network.heal();
                self.measures.cut_ended();
                let held = self.clocks().into_iter().fold(CausalContext::new(), |mut all, clock| {
                    all.union(clock);
                    all
                });
                self.converging = Some((self.now, held));
            }
            Fault::Crash(node) => {
                self.measures.crashed(self.now);
                self.crash(*node);
            }
            Fault::CrashLeader => {
                let leads = self.leader();
                self.measures.crashed(self.now);
                self.crash(leads);
            }
            Fault::LoseKeys(node, prefix) => {
                let disk = &mut self.nodes.get_mut(node).expect("the topology's nodes are there").disk;
                disk.lose(|key, value| {
                    matches!(decode_row(key, value), Ok(Row::Entry(path, _)) if path.key.starts_with(prefix))
                });
            }
            Fault::Restart => {
                let down = self.nodes.iter().filter(|(_, node)| node.host.is_none()).map(|(id, _)| *id);
                for node in down.collect::<Vec<_>>() {
                    self.boot(node);
                }
            }
        }
    }

    /// The leader of the newest configuration that any node knows.
    fn leader(&self) -> NodeId {
        let known = self.nodes.values().filter_map(|node| node.host.as_ref()?.configuration(PARTITION));
        let newest = known.max_by_key(|configuration| configuration.epoch);
        newest.and_then(|configuration| configuration.leader).unwrap_or(NodeId(0))
    }

    fn clocks(&self) -> Vec<&CausalContext> {
        self.nodes.values().filter_map(|node| node.host.as_ref()?.clock(PARTITION)).collect()
    }

    fn look(&mut self) {
        let clocks = self.clocks();
        if clocks.len() == self.nodes.len() {
            let mut everywhere = clocks[0].clone();
            for clock in &clocks[1..] {
                everywhere = everywhere.intersect(clock);
            }
            if let Some((healed, held)) = &self.converging
                && clocks.iter().all(|clock| clock.intersect(held) == clocks[0].intersect(held))
            {
                self.measures.converged(self.now - healed);
                self.converging = None;
            }
            if self.now % 1_000_000_000 < LOOK {
                self.checkers.prune(&everywhere);
            }
        }
        self.check_invariant();
        self.plan(self.now + LOOK, Happening::Look);
    }

    fn check_invariant(&mut self) {
        if let Some(oracle) = &mut self.oracle {
            for (id, node) in &self.nodes {
                if let Some(clock) = node.host.as_ref().and_then(|host| host.clock(PARTITION)) {
                    oracle.check(*id, clock, &node.disk);
                }
            }
        }
    }

    // The end.

    fn finish(mut self) -> Report {
        self.check_invariant();
        let clocks = self.clocks();
        let mut held_by_all = clocks.first().copied().cloned().unwrap_or_default();
        for clock in &clocks {
            held_by_all = held_by_all.intersect(clock);
        }
        let all_alive = clocks.len() == self.nodes.len();
        let equal_clocks = clocks.windows(2).all(|pair| pair[0] == pair[1]);
        let states: Vec<BTreeMap<Path, Entry<Payload>>> = self.nodes.values().map(|node| entries(&node.disk)).collect();
        let diverged = states.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64;
        self.checkers.findings.diverged = diverged + u64::from(!(all_alive && equal_clocks));
        let values = self.values();
        self.checkers.finish(&held_by_all, |key| values.get(key).cloned().unwrap_or_default());
        let (invariant, reached) = match self.oracle {
            Some(oracle) => (oracle.violations, oracle.reached),
            None => (Vec::new(), Default::default()),
        };
        Report {
            findings: self.checkers.findings,
            measures: self.measures,
            bytes: self.network.bytes,
            messages_lost: self.network.lost,
            messages_doubled: self.network.doubled,
            ended_at: self.now,
            invariant,
            reached,
        }
    }

    /// What every key holds at the end at some live node.
    fn values(&self) -> BTreeMap<Vec<u8>, Value> {
        let Some(node) = self.nodes.values().find(|node| node.host.is_some()) else { return BTreeMap::new() };
        let keys: BTreeSet<Vec<u8>> = entries(&node.disk).into_keys().map(|path| path.key).collect();
        let read = |key: &[u8]| read_value(&node.disk, PARTITION, &self.scenario.policies, key).unwrap_or_default();
        keys.into_iter().map(|key| (key.clone(), read(&key))).collect()
    }
}

/// What the rows of a disk say under its clock.
fn entries(disk: &Disk) -> BTreeMap<Path, Entry<Payload>> {
    let mut clock = CausalContext::new();
    let mut entries = BTreeMap::new();
    for (key, value) in disk.rows() {
        match decode_row(key, value) {
            Ok(Row::Meta(meta)) => clock = meta.clock,
            Ok(Row::Entry(path, entry)) => drop(entries.insert(path, entry)),
            _ => {}
        }
    }
    entries.retain(|_, entry| {
        entry.normalize(|dot| clock.contains(dot));
        !entry.is_empty()
    });
    entries
}
