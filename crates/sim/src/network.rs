//! Datacenters, the delays between them, and messages that are late, lost, doubled or cut off.

use std::collections::{BTreeMap, BTreeSet};

use syncline_replicas::{DatacenterId, NodeId};

use crate::rng::Rng;

/// A one-way delay: a constant, and a random part from a mix of a Pareto and an exponential distribution. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// The part that is always there.
    pub constant: f64,
    /// How much of the random part is Pareto; the rest is exponential.
    pub pareto_share: f64,
    /// The Pareto part's minimum and shape.
    pub pareto: (f64, f64),
    /// The exponential part's mean.
    pub exponential: f64,
}

impl Delay {
    /// A constant delay with a little exponential jitter.
    #[must_use]
    pub const fn around(constant: f64, jitter: f64) -> Self {
        Self { constant, pareto_share: 0.0, pareto: (0.0, 1.0), exponential: jitter }
    }

    /// A delay in nanoseconds, at most a minute.
    pub(crate) fn draw(&self, rng: &mut Rng) -> u64 {
        let random = if rng.chance(self.pareto_share) {
            rng.pareto(self.pareto.0, self.pareto.1)
        } else {
            rng.exponential(self.exponential)
        };
        ((self.constant + random).clamp(0.001, 60_000.0) * 1e6) as u64
    }
}

/// Where nodes stand and how messages travel.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// For each datacenter its nodes.
    pub datacenters: Vec<Vec<NodeId>>,
    /// The delay within a datacenter, also between a client and its node.
    pub within: Delay,
    /// The delay between two datacenters, by their numbers, the smaller first.
    pub between: BTreeMap<(u16, u16), Delay>,
    /// How long a message between nodes stays in its sender's buffers before it is on the wire, in the mean, in
    /// milliseconds: a crash meanwhile takes it along.
    pub buffered: f64,
    /// How many messages between nodes are lost.
    pub loss: f64,
    /// How many messages between nodes arrive twice.
    pub duplication: f64,
    /// Whether messages from one node to another keep their order, as on a connection.
    pub ordered: bool,
}

impl Topology {
    /// One node in each of three datacenters, 35 to 45 ms apart, on connections that lose little.
    #[must_use]
    pub fn three_datacenters() -> Self {
        Self {
            datacenters: (0..3).map(|number| vec![NodeId(number)]).collect(),
            within: Delay::around(0.2, 0.05),
            between: BTreeMap::from([
                ((0, 1), Delay::around(35.0, 1.0)),
                ((0, 2), Delay::around(45.0, 1.0)),
                ((1, 2), Delay::around(40.0, 1.0)),
            ]),
            buffered: 2.0,
            loss: 0.000_5,
            duplication: 0.000_5,
            ordered: true,
        }
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.datacenters.iter().flatten().copied()
    }

    /// The datacenter of a node.
    #[must_use]
    pub fn datacenter(&self, node: NodeId) -> DatacenterId {
        let place = self.datacenters.iter().position(|nodes| nodes.contains(&node));
        DatacenterId(u16::try_from(place.unwrap_or(0)).unwrap_or(0))
    }

    fn delay(&self, from: DatacenterId, to: DatacenterId) -> Delay {
        let pair = (from.0.min(to.0), from.0.max(to.0));
        if from == to { self.within } else { self.between.get(&pair).copied().unwrap_or(self.within) }
    }
}

/// The network between nodes, and between clients and nodes.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    topology: Topology,
    rng: Rng,
    cut: BTreeSet<DatacenterId>,
    last_arrival: BTreeMap<(NodeId, NodeId), u64>,
    /// Bytes handed to the network between nodes.
    pub(crate) bytes: u64,
    /// Messages that were lost or cut off.
    pub(crate) lost: u64,
    /// Messages that arrived twice.
    pub(crate) doubled: u64,
}

impl Network {
    pub(crate) fn new(topology: Topology, rng: Rng) -> Self {
        Self { topology, rng, cut: BTreeSet::new(), last_arrival: BTreeMap::new(), bytes: 0, lost: 0, doubled: 0 }
    }

    pub(crate) fn cut(&mut self, datacenter: DatacenterId) {
        self.cut.insert(datacenter);
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    fn is_cut(&self, from: DatacenterId, to: DatacenterId) -> bool {
        from != to && (self.cut.contains(&from) || self.cut.contains(&to))
    }

    /// When a message between nodes has left its sender, and when it arrives: never, once, or twice.
    pub(crate) fn send(&mut self, now: u64, from: NodeId, to: NodeId, bytes: usize) -> Vec<(u64, u64)> {
        self.bytes += bytes as u64;
        let places = (self.topology.datacenter(from), self.topology.datacenter(to));
        if self.is_cut(places.0, places.1) || self.rng.chance(self.topology.loss) {
            self.lost += 1;
            return Vec::new();
        }
        let delay = self.topology.delay(places.0, places.1);
        let buffered = (self.rng.exponential(self.topology.buffered) * 1e6) as u64;
        let mut arrivals = vec![now + buffered + delay.draw(&mut self.rng)];
        if self.rng.chance(self.topology.duplication) {
            self.doubled += 1;
            arrivals.push(now + buffered + delay.draw(&mut self.rng));
        }
        if self.topology.ordered {
            let last = self.last_arrival.entry((from, to)).or_default();
            for arrival in &mut arrivals {
                *arrival = (*arrival).max(*last + 1);
                *last = *arrival;
            }
        }
        arrivals.into_iter().map(|arrival| (now + buffered, arrival)).collect()
    }

    /// When a message between a client in a datacenter and a node arrives, if it does.
    pub(crate) fn client_hop(&mut self, now: u64, client: DatacenterId, node: NodeId) -> Option<u64> {
        let place = self.topology.datacenter(node);
        let delay = self.topology.delay(client, place).draw(&mut self.rng);
        (!self.is_cut(client, place)).then_some(now + delay)
    }
}
