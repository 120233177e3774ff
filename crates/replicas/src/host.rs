//! One node: the replicas of its partitions, and the fence of epochs in front of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline_clocks::CausalContext;

use crate::leader_follower::{LeaderFollower, LogMessage};
use crate::leaderless::Leaderless;
use crate::multi_leader::MultiLeader;
use crate::turn::{Leaves, Turn};
use crate::{
    BatchNumber, Body, ClientId, Configuration, Effects, Envelope, Epoch, Fault, Input, NodeId, Notice, Now,
    PartitionId, Refusal, Request, Response, Snapshot, StoreRead, Strategy, Timer, rows,
};

/// The intervals and limits that a node works with; the same on all nodes of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// How often a leader says that it lives. Below the shortest one-way delay between members, an interval without
    /// service after a crash is at least [`detection`](Self::detection).
    pub heartbeat: Duration,
    /// How long a follower, or a leader without followers, hears nothing before it acts.
    pub detection: Duration,
    /// How much longer each further follower waits, so that they do not all stand for leader at once.
    pub stagger: Duration,
    /// How often a replica compares its clock with a peer's.
    pub anti_entropy: Duration,
    /// How far ahead of the local wall clock a timestamp from elsewhere may be.
    pub max_drift: Duration,
    /// How many events a replica keeps whole for members that may lack them; of more it keeps the path, which costs
    /// whole entries to repair.
    pub whole_events: usize,
    /// How many log entries a leader keeps for followers that may lack them; beyond, they get a snapshot.
    pub log_entries: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(30),
            detection: Duration::from_secs(1),
            stagger: Duration::from_millis(400),
            anti_entropy: Duration::from_millis(200),
            max_drift: Duration::from_secs(1),
            whole_events: 65_536,
            log_entries: 65_536,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "one for each partition, and it lives as long as the partition")]
enum Replicator {
    LeaderFollower(LeaderFollower),
    MultiLeader(MultiLeader),
    Leaderless(Leaderless),
    /// The store can not be trusted: nothing is served until the node is booted again.
    Halted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hosted {
    configuration: Configuration,
    last_batch: BatchNumber,
    replicator: Replicator,
}

/// All replicas of one node. Sans-IO: see the [crate's documentation](crate) for the order of calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    node: NodeId,
    settings: Settings,
    partitions: BTreeMap<PartitionId, Hosted>,
}

impl Host {
    /// A node that holds nothing yet.
    #[must_use]
    pub fn new(node: NodeId, settings: Settings) -> Self {
        Self { node, settings, partitions: BTreeMap::new() }
    }

    /// The configuration that a partition works under here.
    #[must_use]
    pub fn configuration(&self, partition: PartitionId) -> Option<&Configuration> {
        self.partitions.get(&partition).map(|hosted| &hosted.configuration)
    }

    /// The events that a partition's replica has joined here, durable or not; none once it halted.
    #[must_use]
    pub fn clock(&self, partition: PartitionId) -> Option<&CausalContext> {
        match &self.partitions.get(&partition)?.replicator {
            Replicator::LeaderFollower(replicator) => Some(replicator.partition().clock()),
            Replicator::MultiLeader(replicator) => Some(replicator.partition().clock()),
            Replicator::Leaderless(replicator) => Some(replicator.partition().clock()),
            Replicator::Halted => None,
        }
    }

    /// Everything that a partition's replica holds here, for a member that lost its store: it may be sent once all that was
    /// written is durable. `None` if the replica is not here or has stopped.
    ///
    /// # Errors
    /// The store can not be read, or holds a corrupt record.
    pub fn snapshot(&self, partition: PartitionId, store: &dyn StoreRead) -> Result<Option<Snapshot>, Fault> {
        let Some(hosted) = self.partitions.get(&partition) else { return Ok(None) };
        let turn = Turn::new(Now::default(), self.node, partition, store, hosted.last_batch);
        let (held, position) = match &hosted.replicator {
            Replicator::LeaderFollower(replicator) => (replicator.partition(), Some(replicator.position())),
            Replicator::MultiLeader(replicator) => (replicator.partition(), None),
            Replicator::Leaderless(replicator) => (replicator.partition(), None),
            Replicator::Halted => return Ok(None),
        };
        Snapshot::take(&turn, &hosted.configuration, held, position).map(Some)
    }

    /// Handles one input. What has to be done comes out as effects; a fault of the store halts the partition and says
    /// so in a notice. Never panics on what peers and clients send.
    pub fn handle(&mut self, now: Now, input: Input, store: &dyn StoreRead, effects: &mut Effects) {
        let partition = match &input {
            Input::Boot { partition, .. }
            | Input::Timer { partition, .. }
            | Input::Flushed { partition, .. }
            | Input::FlushFailed { partition } => *partition,
            Input::Request { request, .. } => request.partition,
            Input::Message { envelope, .. } => envelope.partition,
        };
        if let Input::Boot { bootstrap, .. } = input {
            return self.boot(now, partition, bootstrap, store, effects);
        }
        let last_batch = self.partitions.get(&partition).map_or(BatchNumber(0), |hosted| hosted.last_batch);
        let mut turn = Turn::new(now, self.node, partition, store, last_batch);
        let Some(hosted) = self.partitions.get_mut(&partition) else {
            if let Input::Request { from, request } = input {
                turn.respond(from, unavailable(&request, Epoch(0)), Leaves::AtOnce);
                turn.finish(effects);
            }
            return;
        };
        match hosted.handle(&mut turn, input) {
            Ok(()) => hosted.last_batch = turn.finish(effects),
            Err(fault) => hosted.halt(Turn::new(now, self.node, partition, store, last_batch), fault, effects),
        }
    }

    fn boot(
        &mut self,
        now: Now,
        partition: PartitionId,
        bootstrap: Configuration,
        store: &dyn StoreRead,
        effects: &mut Effects,
    ) {
        let mut turn = Turn::new(now, self.node, partition, store, BatchNumber(0));
        let booted = boot_replicator(&mut turn, &bootstrap, self.settings);
        let (configuration, replicator, fault) = match booted {
            Ok((configuration, replicator)) => (configuration, replicator, None),
            Err(fault) => (bootstrap, Replicator::Halted, Some(fault)),
        };
        let mut hosted = Hosted { configuration, last_batch: BatchNumber(0), replicator };
        match fault {
            None => hosted.last_batch = turn.finish(effects),
            Some(fault) => hosted.halt(Turn::new(now, self.node, partition, store, BatchNumber(0)), fault, effects),
        }
        self.partitions.insert(partition, hosted);
    }
}

fn boot_replicator(
    turn: &mut Turn<'_>,
    bootstrap: &Configuration,
    settings: Settings,
) -> Result<(Configuration, Replicator), Fault> {
    let held: Option<Configuration> = turn.get(rows::CONFIGURATION)?;
    let is_first = held.is_none();
    let configuration = held.unwrap_or_else(|| bootstrap.clone());
    if configuration.check().is_err() || configuration.member(turn.node).is_none() {
        return Err(Fault::Corrupt(rows::CONFIGURATION.to_vec()));
    }
    if is_first {
        turn.put(rows::CONFIGURATION.to_vec(), &configuration);
    }
    let replicator = match configuration.strategy {
        Strategy::LeaderFollower => {
            Replicator::LeaderFollower(LeaderFollower::boot(turn, &configuration, settings, is_first)?)
        }
        Strategy::MultiLeader => Replicator::MultiLeader(MultiLeader::boot(turn, &configuration, settings)?),
        Strategy::Leaderless => Replicator::Leaderless(Leaderless::boot(turn, &configuration, settings)?),
    };
    Ok((configuration, replicator))
}

fn unavailable(request: &Request, epoch: Epoch) -> Response {
    Response { id: request.id, partition: request.partition, epoch, outcome: Err(Refusal::Unavailable) }
}

impl Hosted {
    fn halt(&mut self, mut turn: Turn<'_>, fault: Fault, effects: &mut Effects) {
        self.replicator = Replicator::Halted;
        turn.notify(Notice::Halted { fault });
        turn.finish(effects);
    }

    fn handle(&mut self, turn: &mut Turn<'_>, input: Input) -> Result<(), Fault> {
        match input {
            Input::Request { from, request } => self.handle_request(turn, from, request),
            Input::Message { from, envelope } => self.handle_message(turn, from, envelope),
            Input::Timer { timer, .. } => self.handle_timer(turn, timer),
            Input::Flushed { up_to, .. } => self.handle_flushed(turn, up_to),
            Input::FlushFailed { .. } => Err(Fault::FlushFailed),
            Input::Boot { .. } => unreachable!("a boot replaces the partition"),
        }
    }

    fn handle_request(&mut self, turn: &mut Turn<'_>, from: ClientId, request: Request) -> Result<(), Fault> {
        let configuration = &self.configuration;
        if request.epoch > configuration.epoch {
            turn.respond(from, unavailable(&request, configuration.epoch), Leaves::AtOnce);
            return Ok(());
        }
        if !request.fits() {
            turn.refuse(from, &request, configuration, Refusal::TooLarge);
            return Ok(());
        }
        match &mut self.replicator {
            Replicator::LeaderFollower(replicator) => replicator.handle_request(turn, configuration, from, request),
            Replicator::MultiLeader(replicator) => replicator.handle_request(turn, configuration, from, &request),
            Replicator::Leaderless(replicator) => replicator.handle_request(turn, configuration, from, request),
            Replicator::Halted => {
                turn.respond(from, unavailable(&request, configuration.epoch), Leaves::AtOnce);
                Ok(())
            }
        }
    }

    /// The fence: a message of an older configuration is answered with the current one, a newer one makes this node
    /// ask for it first.
    fn handle_message(&mut self, turn: &mut Turn<'_>, from: NodeId, envelope: Envelope) -> Result<(), Fault> {
        let ours = self.configuration.epoch;
        if self.configuration.member(from).is_none() || from == turn.node {
            return Ok(());
        }
        let body = envelope.body;
        if !body.crosses_epochs() && envelope.epoch != ours {
            let answer = if envelope.epoch < ours {
                turn.notify(Notice::Fenced { from, epoch: envelope.epoch });
                Body::Configuration(self.configuration.clone())
            } else {
                Body::ConfigurationWanted
            };
            turn.send(from, ours, answer, Leaves::WhenDurable);
            return Ok(());
        }
        match body {
            Body::ConfigurationWanted => {
                let answer = Body::Configuration(self.configuration.clone());
                turn.send(from, ours, answer, Leaves::WhenDurable);
                Ok(())
            }
            Body::Configuration(configuration) => self.adopt(turn, configuration),
            body => {
                if let Body::Log(LogMessage::Seal { configuration }) = &body {
                    self.adopt(turn, configuration.clone())?;
                }
                let configuration = &self.configuration;
                let decided = match &mut self.replicator {
                    Replicator::LeaderFollower(replicator) => {
                        replicator.handle_message(turn, configuration, from, body)?
                    }
                    Replicator::MultiLeader(replicator) => {
                        replicator.handle_message(turn, configuration, from, body)?;
                        None
                    }
                    Replicator::Leaderless(replicator) => {
                        replicator.handle_message(turn, configuration, from, body)?;
                        None
                    }
                    Replicator::Halted => None,
                };
                decided.map_or(Ok(()), |configuration| self.adopt(turn, configuration))
            }
        }
    }

    fn handle_timer(&mut self, turn: &mut Turn<'_>, timer: Timer) -> Result<(), Fault> {
        let configuration = &self.configuration;
        match &mut self.replicator {
            Replicator::LeaderFollower(replicator) => {
                let decided = replicator.handle_timer(turn, configuration, timer)?;
                decided.map_or(Ok(()), |configuration| self.adopt(turn, configuration))
            }
            Replicator::MultiLeader(replicator) => {
                replicator.handle_timer(turn, configuration, timer);
                Ok(())
            }
            Replicator::Leaderless(replicator) => replicator.handle_timer(turn, configuration, timer),
            Replicator::Halted => Ok(()),
        }
    }

    fn handle_flushed(&mut self, turn: &mut Turn<'_>, up_to: BatchNumber) -> Result<(), Fault> {
        let configuration = &self.configuration;
        match &mut self.replicator {
            Replicator::LeaderFollower(replicator) => replicator.handle_flushed(turn, configuration, up_to),
            Replicator::Leaderless(replicator) => replicator.handle_flushed(turn, configuration, up_to),
            Replicator::MultiLeader(_) | Replicator::Halted => Ok(()),
        }
    }

    /// Takes a newer configuration. Members are fixed, so one with other members, or another strategy, is none of ours.
    fn adopt(&mut self, turn: &mut Turn<'_>, configuration: Configuration) -> Result<(), Fault> {
        let is_ours = configuration.members == self.configuration.members
            && configuration.strategy == self.configuration.strategy
            && configuration.check().is_ok();
        let held = self.configuration.epoch;
        if !is_ours || configuration.epoch <= held || !configuration.epoch.follows_closely(held) {
            return Ok(());
        }
        turn.put(rows::CONFIGURATION.to_vec(), &configuration);
        turn.notify(Notice::LeaderChanged { epoch: configuration.epoch, leader: configuration.leader });
        self.configuration = configuration;
        match &mut self.replicator {
            Replicator::LeaderFollower(replicator) => replicator.handle_configuration(turn, &self.configuration),
            Replicator::MultiLeader(_) | Replicator::Leaderless(_) | Replicator::Halted => Ok(()),
        }
    }
}
