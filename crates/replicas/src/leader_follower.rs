//! Leader-follower replication, the baseline: primary and backups in the manner of PacificA (Lin et al. 2008).
//!
//! The leader turns each write into events and a log entry, applies it, and ships the entry; followers apply it in
//! order. A write is acknowledged when as many members as the request asks for (the leader among them) have flushed it:
//! 1 is asynchronous replication, a majority is synchronous. The *register of the configuration*
//! ([`ConfigurationRegister`]) decides who leads; epochs fence whoever led before.
//!
//! **Failover.** A follower that hears nothing for the detection timeout has a new configuration decided (two round
//! trips), seals the members until a majority has adopted it and reported its log's end (one), fetches the longest of
//! these logs if it is not its own (one), and leads. A majority meets every set of members that acknowledged a
//! synchronous write, so none is lost; asynchronous ones may be.
//!
//! **A deposed leader** learns of the new epoch from the first answer that it gets. What it holds beyond its successor's
//! log is never offered to a join: it installs the successor's snapshot, reports its suffix as discarded, and never
//! mints those dots again.
//!
//! **Reads** go to the leader. A read at level 1 is answered from what the leader flushed, also by a leader that was
//! deposed and does not know yet. A read at a higher level waits until that many members have confirmed, after the read
//! arrived, that they still follow (the read-index of Raft, Ongaro 2014, §6.4), and sees every write that was acknowledged
//! by a majority.
//!
//! A leader that has not heard from a majority for the detection timeout stops serving: it asks less of its clients'
//! patience, and guarantees nothing (clocks may differ in speed).

use std::collections::BTreeMap;

use crate::configuration_register::ConfigurationRegister;
use crate::dedupe::Dedupe;
use crate::log::{Extent, LogEntry, Position};
use crate::partition::Partition;
use crate::turn::{Leaves, Turn};
use crate::{
    Applied, Body, ClientId, Configuration, Delta, Epoch, Fault, Monotonic, NodeId, Settings, Timer, TimerKind, Value,
};

mod following;
mod leading;
mod message;
mod requests;

use leading::Leading;

pub use message::LogMessage;

/// How many times its patience a candidate waits at the most before it tries again.
const MAX_BACK_OFF: u32 = 8;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    /// Takes what the leader sends.
    Follower,
    /// Has a configuration decided in which it leads.
    Candidate,
    /// Leads by the configuration; collects the ends of the members' logs.
    Sealing { ends: BTreeMap<NodeId, Position> },
    /// Takes over the longest log.
    Fetching { from: NodeId, end: Position },
    /// Serves.
    Leader(Leading),
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeaderFollower {
    partition: Partition,
    register: ConfigurationRegister,
    dedupe: Dedupe,
    log: Extent,
    role: Role,
    /// When the leader was last heard.
    heard: Monotonic,
    generation: u64,
    /// Attempts to lead since a leader was last heard: each waits longer for its answers than the one before.
    attempts: u32,
    settings: Settings,
}

impl LeaderFollower {
    pub(crate) fn boot(
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        settings: Settings,
        is_first: bool,
    ) -> Result<Self, Fault> {
        let member = configuration.member(turn.node).expect("the host boots only the partitions of its node");
        let partition = Partition::recover(turn, member.replica, settings, false)?;
        let mut booted = Self {
            log: partition.log.unwrap_or_default(),
            partition,
            register: ConfigurationRegister::recover(turn)?,
            dedupe: Dedupe::recover(turn)?,
            role: Role::Follower,
            heard: turn.now.monotonic,
            generation: 0,
            attempts: 0,
            settings,
        };
        // Only the very first leader needs no failover: one that restarts may have been deposed meanwhile.
        if is_first && configuration.leader == Some(turn.node) {
            booted.become_leader(turn, configuration)?;
        } else {
            booted.become_follower(turn, configuration);
        }
        Ok(booted)
    }

    pub(crate) fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Where its log ends.
    pub(crate) fn position(&self) -> Position {
        self.log.end
    }

    fn save(&mut self, turn: &mut Turn<'_>) {
        self.partition.log = Some(self.log);
        self.partition.save(turn);
    }

    // Roles.

    fn become_follower(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) {
        if let Role::Leader(leading) = &mut self.role {
            leading.give_up(turn, configuration);
        }
        self.role = Role::Follower;
        self.register.abandon();
        self.heard = turn.now.monotonic;
        self.arm(turn, TimerKind::Detection, self.patience(turn, configuration));
    }

    fn become_candidate(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) -> Option<Configuration> {
        self.role = Role::Candidate;
        // If the attempt fails, another may succeed meanwhile; else the next begins later, and with more patience, so that
        // candidates on slow disks and links do not outbid one another for ever.
        self.attempts = (self.attempts + 1).min(MAX_BACK_OFF);
        self.arm(turn, TimerKind::Detection, self.patience(turn, configuration) * self.attempts);
        let epoch = Epoch(configuration.epoch.0.saturating_add(1));
        let wanted = Configuration { epoch, leader: Some(turn.node), ..configuration.clone() };
        self.register.propose(turn, wanted)
    }

    /// A configuration was adopted: whoever it names leads, after it has made sure of the log.
    pub(crate) fn handle_configuration(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
    ) -> Result<(), Fault> {
        self.become_follower(turn, configuration);
        if configuration.leader == Some(turn.node) {
            self.role = Role::Sealing { ends: [(turn.node, self.log.end)].into() };
            self.seal(turn, configuration)?;
        }
        Ok(())
    }

    fn seal(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) -> Result<(), Fault> {
        for peer in configuration.peers(turn.node) {
            let seal = LogMessage::Seal { configuration: configuration.clone() };
            turn.send(peer, configuration.epoch, Body::Log(seal), Leaves::WhenDurable);
        }
        self.arm(turn, TimerKind::Heartbeat, self.settings.detection / 2);
        self.take_over(turn, configuration)
    }

    /// Leads, once a majority is sealed and the longest of its logs is here.
    fn take_over(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) -> Result<(), Fault> {
        let Role::Sealing { ends } = &self.role else { return Ok(()) };
        if ends.len() < usize::from(configuration.majority()) {
            return Ok(());
        }
        let longest = ends.iter().max_by_key(|(_, end)| **end).map(|(node, end)| (*node, *end));
        match longest {
            Some((from, end)) if end > self.log.end => {
                self.role = Role::Fetching { from, end };
                self.fetch(turn, configuration);
                Ok(())
            }
            _ => self.become_leader(turn, configuration),
        }
    }

    fn fetch(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) {
        if let Role::Fetching { from, .. } = self.role {
            let fetch = LogMessage::Fetch { after: self.log.end };
            turn.send(from, configuration.epoch, Body::Log(fetch), Leaves::WhenDurable);
        }
    }

    /// Begins to lead with an empty entry of the new epoch: entries of older ones count as held by a majority only
    /// together with it (Raft, Ongaro and Ousterhout 2014, §5.4.2).
    fn become_leader(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) -> Result<(), Fault> {
        self.attempts = 0;
        self.role = Role::Leader(Leading::begin(turn, configuration, self.log.end.index));
        let nothing = Delta::new();
        let entry =
            LogEntry { epoch: configuration.epoch, request: None, delta: nothing, value: Value::Absent, changed: 0 };
        self.append(turn, configuration, entry)?;
        self.arm(turn, TimerKind::Heartbeat, self.settings.heartbeat);
        Ok(())
    }

    // Timers.

    fn arm(&mut self, turn: &mut Turn<'_>, kind: TimerKind, wait: std::time::Duration) {
        self.generation += 1;
        turn.set_timer(Timer { kind, generation: self.generation }, wait);
    }

    /// How long this member waits for a leader: the followers, counted from the leader on, wait longer in turn.
    fn patience(&self, turn: &Turn<'_>, configuration: &Configuration) -> std::time::Duration {
        let place = |node: NodeId| configuration.members.iter().position(|member| member.node == node).unwrap_or(0);
        let count = configuration.members.len();
        let leader = configuration.leader.map_or(0, place);
        let rank = (place(turn.node) + count - leader + count - 1) % count;
        self.settings.detection + self.settings.stagger * u32::try_from(rank).unwrap_or(0)
    }

    /// Whether this member leads with a majority behind it, or heard the leader a short while ago: it will not help to
    /// depose a leader because another member lost touch. Half the detection timeout, so that members who hear of a
    /// crash at slightly different times do not refuse one another.
    fn leader_lives(&self, turn: &Turn<'_>, configuration: &Configuration) -> bool {
        let within = |heard: Monotonic, wait| turn.now.monotonic < heard.after(wait);
        match &self.role {
            Role::Leader(leading) => {
                let heard = leading.heard_by(configuration, |heard| within(heard, self.settings.detection));
                heard >= configuration.majority()
            }
            Role::Follower => {
                configuration.leader != Some(turn.node) && within(self.heard, self.settings.detection / 2)
            }
            Role::Candidate | Role::Sealing { .. } | Role::Fetching { .. } => false,
        }
    }

    pub(crate) fn handle_timer(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        timer: Timer,
    ) -> Result<Option<Configuration>, Fault> {
        if let TimerKind::Request(id) = timer.kind {
            if let Role::Leader(leading) = &mut self.role {
                leading.expire(turn, configuration, id, timer.generation);
            }
            return Ok(None);
        }
        if timer.generation != self.generation {
            return Ok(None);
        }
        match (&self.role, timer.kind) {
            (Role::Leader(_), TimerKind::Heartbeat) => {
                if self.leader_lives(turn, configuration) {
                    self.heartbeat(turn, configuration)?;
                } else {
                    self.become_follower(turn, configuration);
                }
                Ok(None)
            }
            (Role::Sealing { .. } | Role::Fetching { .. }, TimerKind::Heartbeat) => {
                // Someone did not answer: begin again, with whoever answers now.
                self.role = Role::Sealing { ends: [(turn.node, self.log.end)].into() };
                self.seal(turn, configuration)?;
                Ok(None)
            }
            (Role::Follower | Role::Candidate, TimerKind::Detection) => {
                let due = self.heard.after(self.patience(turn, configuration));
                if self.role == Role::Follower && turn.now.monotonic < due {
                    let left = std::time::Duration::from_nanos(due.0 - turn.now.monotonic.0);
                    self.arm(turn, TimerKind::Detection, left);
                    return Ok(None);
                }
                Ok(self.become_candidate(turn, configuration))
            }
            _ => Ok(None),
        }
    }

    fn heartbeat(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) -> Result<(), Fault> {
        let Role::Leader(leading) = &mut self.role else { return Ok(()) };
        let before = self.log;
        self.log.held_everywhere(turn, leading.everywhere())?;
        self.log.truncate(turn, self.log.end.index.saturating_sub(self.settings.log_entries))?;
        if self.log != before {
            self.save(turn);
        }
        let Role::Leader(leading) = &mut self.role else { return Ok(()) };
        leading.beat(turn, configuration, &self.log)?;
        self.arm(turn, TimerKind::Heartbeat, self.settings.heartbeat);
        Ok(())
    }

    // Messages.

    pub(crate) fn handle_message(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        body: Body,
    ) -> Result<Option<Configuration>, Fault> {
        match body {
            Body::Register(message) => {
                let lives = self.leader_lives(turn, configuration);
                let decided = self.register.handle(turn, configuration.epoch, from, message, lives);
                Ok(decided)
            }
            Body::Log(message) => {
                self.handle_log(turn, configuration, from, message)?;
                Ok(None)
            }
            // What belongs to other strategies means nothing here.
            _ => Ok(None),
        }
    }

    fn handle_log(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        message: LogMessage,
    ) -> Result<(), Fault> {
        let from_leader = configuration.leader == Some(from);
        match message {
            // Within an epoch only its leader appends, and sends snapshots unasked.
            LogMessage::Append { previous, entries, round, everywhere } if from_leader => {
                self.handle_append(turn, configuration, from, previous, entries, round)?;
                if everywhere > self.log.everywhere {
                    self.log.held_everywhere(turn, everywhere)?;
                    self.save(turn);
                }
                Ok(())
            }
            LogMessage::Appended { index, round } => {
                let Role::Leader(leading) = &mut self.role else { return Ok(()) };
                leading.handle_appended(turn, configuration, &self.log, from, index, round)
            }
            LogMessage::Mismatch { end, round } => self.handle_mismatch(turn, configuration, from, end, round),
            LogMessage::Seal { configuration: sealed } if sealed == *configuration && from_leader => {
                self.heard = turn.now.monotonic;
                let sealed = Body::Log(LogMessage::Sealed { end: self.log.end });
                turn.send(from, configuration.epoch, sealed, Leaves::WhenDurable);
                Ok(())
            }
            LogMessage::Sealed { end } => {
                if let Role::Sealing { ends } = &mut self.role {
                    ends.insert(from, end);
                    self.take_over(turn, configuration)?;
                }
                Ok(())
            }
            LogMessage::Fetch { after } if from_leader => {
                if self.log.holds(turn, after)? {
                    let entries = self.log.after(turn, after.index)?;
                    let fetched = Body::Log(LogMessage::Fetched { previous: after, entries });
                    turn.send(from, configuration.epoch, fetched, Leaves::WhenDurable);
                } else {
                    self.send_snapshot(turn, configuration, from)?;
                }
                Ok(())
            }
            LogMessage::Fetched { previous, entries } => {
                let is_awaited = matches!(self.role, Role::Fetching { from: awaited, .. } if awaited == from);
                if is_awaited && previous == self.log.end && self.take(turn, configuration, from, entries)? {
                    self.continue_fetching(turn, configuration)?;
                }
                Ok(())
            }
            LogMessage::Snapshot { position, state, applied } => {
                let is_awaited = matches!(self.role, Role::Fetching { from: awaited, .. } if awaited == from);
                if is_awaited && position > self.log.end {
                    self.install(turn, configuration, from, position, state, applied)?;
                    self.continue_fetching(turn, configuration)
                } else if from_leader && position > self.log.end {
                    self.heard = turn.now.monotonic;
                    if self.install(turn, configuration, from, position, state, applied)? {
                        let appended = Body::Log(LogMessage::Appended { index: position.index, round: 0 });
                        turn.send(from, configuration.epoch, appended, Leaves::WhenDurable);
                    }
                    Ok(())
                } else {
                    Ok(())
                }
            }
            LogMessage::Append { .. } | LogMessage::Seal { .. } | LogMessage::Fetch { .. } => Ok(()),
        }
    }

    fn continue_fetching(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) -> Result<(), Fault> {
        match self.role {
            Role::Fetching { end, .. } if self.log.end >= end => self.become_leader(turn, configuration),
            _ => {
                self.fetch(turn, configuration);
                Ok(())
            }
        }
    }
}

impl LogEntry {
    /// What the entry's request did, for its retries.
    fn applied(&self, index: u64) -> Option<(ClientId, Applied)> {
        let request = self.request?;
        let applied = Applied::of(request.sequence, &self.delta, self.value.clone(), self.changed, index);
        Some((request.client, applied))
    }
}
