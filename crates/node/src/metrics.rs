//! What a node counts, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use syncline_replicas::{
    AntiEntropyMessage, Body, Envelope, Host, LogMessage, NodeId, Notice, PartitionId, QuorumMessage, Refusal, Reply,
};

use crate::readiness::Readiness;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfPeer {
    peer: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfPartition {
    partition: u32,
    peer: u32,
}

/// The outcomes that there are from the beginning: a rate needs a value to begin with.
const REQUESTS: [&str; 5] = ["reached", "quorum_missed", "overloaded", "unavailable", "refused"];
const REPLICATION: [&str; 10] = [
    "conflict",
    "passed_over",
    "read_repaired",
    "leader_changed",
    "suffix_discarded",
    "quorum_missed",
    "update_refused",
    "too_far_ahead",
    "fenced",
    "halted",
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

/// Everything that is counted, and why the node is not ready.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    lag: Family<OfPartition, Gauge>,
    sent: Family<OfPeer, Counter>,
    dropped: Family<OfPeer, Counter>,
    refused: Counter,
    mismatches: Counter,
    requests: Family<OfOutcome, Counter>,
    latency: Histogram,
    notices: Family<OfOutcome, Counter>,
    connections: Gauge<i64, AtomicI64>,
    commands: Counter,
    halted: AtomicBool,
    pub(crate) readiness: Readiness,
    /// The last log index sent, for each partition that this node leads.
    log_ends: std::sync::Mutex<BTreeMap<PartitionId, u64>>,
}

fn of_outcomes(outcomes: &[&'static str]) -> Family<OfOutcome, Counter> {
    let family = Family::default();
    outcomes.iter().for_each(|outcome| drop(family.get_or_create(&OfOutcome { outcome })));
    family
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("syncline");
        let lag = Family::default();
        registry.register(
            "peer_lag_events",
            "Events (leader-follower: log entries) that this node holds and the peer has not reported, by partition",
            lag.clone(),
        );
        let sent = Family::default();
        registry.register("peer_sent_bytes", "Bytes written to a peer", sent.clone());
        let dropped = Family::default();
        registry.register(
            "peer_dropped",
            "Bursts of messages to or from a peer that were dropped: its link was down or a queue full",
            dropped.clone(),
        );
        let refused = Counter::default();
        registry.register("peer_connections_refused", "Peer connections that were refused or closed", refused.clone());
        let mismatches = Counter::default();
        registry.register(
            "peer_configuration_mismatches",
            "Peer connections that were refused because the peer was told something else of the cluster",
            mismatches.clone(),
        );
        let requests = of_outcomes(&REQUESTS);
        registry.register("requests", "Requests of this node's clients by outcome", requests.clone());
        let latency = Histogram::new(exponential_buckets(0.000_05, 2.0, 18));
        registry.register("request_seconds", "How long requests of this node's clients took", latency.clone());
        let notices = of_outcomes(&REPLICATION);
        registry.register(
            "replication",
            "Conflicts, discards, read repairs, leader changes, missed quorums and the like",
            notices.clone(),
        );
        let connections = Gauge::default();
        registry.register("client_connections", "Open connections of clients", connections.clone());
        let commands = Counter::default();
        registry.register("client_commands", "Commands of clients", commands.clone());
        Self {
            registry,
            lag,
            sent,
            dropped,
            refused,
            mismatches,
            requests,
            latency,
            notices,
            connections,
            commands,
            halted: AtomicBool::new(false),
            readiness: Readiness::default(),
            log_ends: std::sync::Mutex::default(),
        }
    }
}

impl Metrics {
    /// The text that Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("a string takes what is written");
        text
    }

    /// Whether a partition has stopped: its store can not be trusted, or it could not be rebuilt.
    #[must_use]
    pub fn has_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// A client connected (1) or left (-1).
    pub fn connections(&self, change: i64) {
        self.connections.inc_by(change);
    }

    /// How many clients are connected.
    #[must_use]
    pub fn connected_clients(&self) -> i64 {
        self.connections.get()
    }

    /// A client's command was taken.
    pub fn command(&self) {
        self.commands.inc();
    }

    /// How many commands were taken.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands.get()
    }

    pub(crate) fn peer_sent(&self, peer: NodeId, bytes: usize) {
        self.sent.get_or_create(&OfPeer { peer: peer.0 }).inc_by(bytes as u64);
    }

    pub(crate) fn peer_dropped(&self, peer: NodeId) {
        self.dropped.get_or_create(&OfPeer { peer: peer.0 }).inc();
    }

    pub(crate) fn peer_refused(&self) {
        self.refused.inc();
    }

    pub(crate) fn peer_mismatch(&self) {
        self.mismatches.inc();
    }

    pub(crate) fn answered(&self, took: Duration, outcome: &Result<Reply, Refusal>) {
        self.latency.observe(took.as_secs_f64());
        let outcome = match outcome {
            Ok(_) => "reached",
            Err(Refusal::QuorumNotReached { .. }) => "quorum_missed",
            Err(Refusal::Overloaded) => "overloaded",
            Err(Refusal::Unavailable | Refusal::NotLeader { .. }) => "unavailable",
            Err(_) => "refused",
        };
        self.requests.get_or_create(&OfOutcome { outcome }).inc();
    }

    pub(crate) fn notice(&self, notice: &Notice) {
        let outcome = match notice {
            Notice::Conflict { .. } => "conflict",
            Notice::PassedOver { .. } => "passed_over",
            Notice::ReadRepaired { .. } => "read_repaired",
            Notice::LeaderChanged { .. } => "leader_changed",
            Notice::SuffixDiscarded { .. } => "suffix_discarded",
            Notice::QuorumMissed { .. } => "quorum_missed",
            Notice::UpdateRefused { .. } => "update_refused",
            Notice::TooFarAhead { .. } => "too_far_ahead",
            Notice::Fenced { .. } => "fenced",
            Notice::Halted { .. } => {
                self.halt();
                "halted"
            }
            _ => "other",
        };
        self.notices.get_or_create(&OfOutcome { outcome }).inc();
    }

    /// What a message to a peer says of this node's log.
    pub(crate) fn said(&self, envelope: &Envelope) {
        if let Body::Log(LogMessage::Append { previous, entries, .. }) = &envelope.body {
            let end = previous.index + entries.len() as u64;
            if let Ok(mut ends) = self.log_ends.lock() {
                let known = ends.entry(envelope.partition).or_default();
                *known = end.max(*known);
            }
        }
    }

    /// What a message of a peer says of how far it is.
    pub(crate) fn heard(&self, from: NodeId, envelope: &Envelope, host: &Host) {
        let lag = match &envelope.body {
            Body::AntiEntropy(AntiEntropyMessage::Clock { clock, .. })
            | Body::Quorum(QuorumMessage::Read { since: clock, .. }) => {
                host.clock(envelope.partition).map(|held| held.subtract(clock).len())
            }
            Body::Log(LogMessage::Appended { index, .. }) => {
                let ends = self.log_ends.lock().ok();
                let end = ends.and_then(|ends| ends.get(&envelope.partition).copied());
                end.map(|end| u128::from(end.saturating_sub(*index)))
            }
            _ => None,
        };
        if let Some(lag) = lag {
            let labels = OfPartition { partition: envelope.partition.0, peer: from.0 };
            self.lag.get_or_create(&labels).set(i64::try_from(lag).unwrap_or(i64::MAX));
        }
    }
}
