//! Checkers: what clients were promised, held against what they and the replicas see. They watch from outside and
//! know nothing of how a replicator works.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use syncline_clocks::{CausalContext, Dot, ReplicaId};
use syncline_replicas::{Command, Notice, Reply, Value};

use crate::client::Running;

/// How many replaced versions of a key are remembered.
const REPLACED: usize = 64;

/// The acknowledged writes of one key, as far as some replica may lack them.
#[derive(Clone, Debug, Default)]
struct KeyWrites {
    /// When each was acknowledged, by writer and sequence number, so that what a read covers without gaps is skipped.
    acknowledged: BTreeMap<ReplicaId, BTreeMap<u64, u64>>,
    /// The last writes that had seen a version: what they saw, when they were acknowledged, what they are.
    replaced: VecDeque<(Dot, u64, Dot)>,
}

/// Whether something that removes is under way, or may still come: what is added meanwhile need not stay.
#[derive(Clone, Debug, Default)]
struct Removals {
    under_way: u32,
    last_ended: u64,
    /// One was never answered.
    uncertain: bool,
}

impl Removals {
    fn ended(&mut self, now: u64, maybe_again: bool) {
        self.under_way -= 1;
        self.last_ended = now;
        self.uncertain |= maybe_again;
    }

    fn leave_alone(&self, since: u64) -> bool {
        self.under_way == 0 && self.last_ended < since && !self.uncertain
    }
}

/// A member of a set: whether it has to be in at the end.
#[derive(Clone, Debug, Default)]
struct Member {
    required: bool,
    removals: Removals,
}

/// A counter: what it has to be at the end.
#[derive(Clone, Debug, Default)]
struct Counted {
    acknowledged: i64,
    /// The sums of increments and decrements that may have happened, or happened twice.
    maybe: (i64, i64),
    /// It was removed: nothing can be said.
    reset: bool,
}

/// What the checkers found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Reads that were served.
    pub reads: u64,
    /// Of these, how many returned a context that lacks a write acknowledged before the read began.
    pub stale_reads: u64,
    /// Reads that show a version although a write that had seen it was acknowledged before and is known to the reader.
    pub inversions: u64,
    /// Writes that were acknowledged.
    pub writes: u64,
    /// Acknowledged events that no replica holds at the end (or not all do), by the copies that were promised.
    pub acknowledged_lost: BTreeMap<u8, u64>,
    /// Acknowledged additions whose member is missing at the end.
    pub adds_lost: u64,
    /// Acknowledged additions that were checked.
    pub adds_checked: u64,
    /// Increments missing from, or surplus in, the counters at the end.
    pub counts_wrong: u64,
    /// Counters that were checked.
    pub counters_checked: u64,
    /// Versions that met a concurrent one.
    pub conflicts: u64,
    /// Versions that a policy hid behind a concurrent one.
    pub passed_over: u64,
    /// Events that a deposed leader discarded.
    pub discarded: u64,
    /// Clocks that left a node before they were durable there.
    pub early_clocks: u64,
    /// Quorums that were missed, updates refused, messages fenced, partitions halted.
    pub quorums_missed: u64,
    /// Updates that could not be joined.
    pub updates_refused: u64,
    /// Messages of an old epoch.
    pub fenced: u64,
    /// Partitions that stopped.
    pub halted: u64,
    /// Leaders that were elected.
    pub leader_changes: u64,
    /// Replicas repaired by reads.
    pub read_repairs: u64,
    /// Replicas whose answers differ at the end, when everything is quiet.
    pub diverged: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Checkers {
    pub(crate) findings: Findings,
    writes: BTreeMap<Vec<u8>, KeyWrites>,
    deletions: BTreeMap<Vec<u8>, Removals>,
    acknowledged: BTreeMap<u8, CausalContext>,
    members: BTreeMap<(Vec<u8>, Vec<u8>), Member>,
    counters: BTreeMap<Vec<u8>, Counted>,
    /// Keys whose register was written: what their counters and sets hold can not be said.
    overwritten: BTreeSet<Vec<u8>>,
    conflicting: CausalContext,
    passed_over: CausalContext,
    discarded: CausalContext,
}

impl Checkers {
    pub(crate) fn operation_began(&mut self, running: &Running) {
        let key = &running.operation.key;
        match &running.operation.command {
            Command::Remove(members) => {
                for member in members {
                    let member = self.members.entry((key.clone(), member.clone())).or_default();
                    member.required = false;
                    member.removals.under_way += 1;
                }
            }
            Command::Set { .. } => drop(self.overwritten.insert(key.clone())),
            Command::Delete { .. } => {
                self.deletions.entry(key.clone()).or_default().under_way += 1;
                self.counters.entry(key.clone()).or_default().reset = true;
                let members = self.members.range_mut((key.clone(), Vec::new())..);
                for (_, member) in members.take_while(|((of, _), _)| of == key) {
                    member.required = false;
                }
            }
            _ => {}
        }
    }

    pub(crate) fn operation_served(&mut self, now: u64, running: &Running, reply: &Reply) {
        let key = &running.operation.key;
        if running.request.command.is_read() {
            self.check_read(running, reply);
            return;
        }
        self.findings.writes += 1;
        let promised = running.request.level.write;
        self.acknowledged.entry(promised).or_default().extend(reply.events.iter().copied());
        let writes = self.writes.entry(key.clone()).or_default();
        for dot in &reply.events {
            writes.acknowledged.entry(dot.replica()).or_default().insert(dot.sequence(), now);
            let seen = running.request.context.iter().flat_map(|context| &context.seen);
            writes.replaced.extend(seen.map(|seen| (*seen, now, *dot)));
        }
        while writes.replaced.len() > REPLACED {
            writes.replaced.pop_front();
        }
        let further = running.coordinators.len() - 1;
        match &running.operation.command {
            Command::Add(members) => {
                let deletions = self.deletions.get(key);
                for member in members {
                    let member = self.members.entry((key.clone(), member.clone())).or_default();
                    member.required = member.removals.leave_alone(running.started)
                        && deletions.is_none_or(|deletions| deletions.leave_alone(running.started));
                }
            }
            Command::Increment(amount) => {
                let counter = self.counters.entry(key.clone()).or_default();
                counter.acknowledged += amount;
                // Each further coordinator that was asked may have applied it too.
                (0..further).for_each(|_| counter.maybe(*amount));
            }
            _ => self.removal_ended(now, running, further > 0),
        }
    }

    pub(crate) fn operation_failed(&mut self, now: u64, running: &Running) {
        match &running.operation.command {
            Command::Increment(amount) => {
                let counter = self.counters.entry(running.operation.key.clone()).or_default();
                running.coordinators.iter().for_each(|_| counter.maybe(*amount));
            }
            _ => self.removal_ended(now, running, true),
        }
    }

    fn removal_ended(&mut self, now: u64, running: &Running, maybe_again: bool) {
        let key = &running.operation.key;
        match &running.operation.command {
            Command::Remove(members) => {
                for member in members {
                    let member = self.members.entry((key.clone(), member.clone())).or_default();
                    member.removals.ended(now, maybe_again);
                }
            }
            Command::Delete { .. } => self.deletions.entry(key.clone()).or_default().ended(now, maybe_again),
            _ => {}
        }
    }

    fn check_read(&mut self, running: &Running, reply: &Reply) {
        self.findings.reads += 1;
        let Some(writes) = self.writes.get(&running.operation.key) else { return };
        let covers = &reply.context.covers;
        let prefix = covers.version_vector();
        let stale = writes.acknowledged.iter().any(|(writer, writes)| {
            let beyond = writes.range(prefix.get(*writer).saturating_add(1)..);
            let missed = |sequence| Dot::new(*writer, sequence).is_some_and(|dot| !covers.contains(dot));
            beyond.into_iter().any(|(sequence, at)| *at <= running.started && missed(*sequence))
        });
        self.findings.stale_reads += u64::from(stale);
        if let Value::Register(versions) = &reply.value {
            let shown = |dot: Dot| versions.iter().any(|version| version.dot == dot);
            let inverted = writes
                .replaced
                .iter()
                .any(|(seen, at, by)| *at <= running.started && shown(*seen) && covers.contains(*by) && !shown(*by));
            self.findings.inversions += u64::from(inverted);
        }
    }

    /// Forgets what every replica holds: no read can miss it any more.
    pub(crate) fn prune(&mut self, everywhere: &CausalContext) {
        for writes in self.writes.values_mut() {
            for (writer, sequences) in &mut writes.acknowledged {
                let held = |sequence| Dot::new(*writer, sequence).is_some_and(|dot| everywhere.contains(dot));
                sequences.retain(|sequence, _| !held(*sequence));
            }
        }
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        let findings = &mut self.findings;
        match notice {
            Notice::Conflict { dots, .. } => self.conflicting.extend(dots),
            Notice::PassedOver { passed_over, .. } => {
                self.passed_over.insert(passed_over.loser);
            }
            Notice::SuffixDiscarded { events } => self.discarded.union(&events),
            Notice::ReadRepaired { .. } => findings.read_repairs += 1,
            Notice::LeaderChanged { .. } => findings.leader_changes += 1,
            Notice::QuorumMissed { .. } => findings.quorums_missed += 1,
            Notice::UpdateRefused { .. } | Notice::TooFarAhead { .. } => findings.updates_refused += 1,
            Notice::Fenced { .. } => findings.fenced += 1,
            Notice::Halted { .. } => findings.halted += 1,
            _ => {}
        }
    }

    /// The end: what all replicas hold, and what one of them answers for each key.
    pub(crate) fn finish(&mut self, held_by_all: &CausalContext, value: impl Fn(&[u8]) -> Value) {
        for (promised, dots) in &self.acknowledged {
            let lost = count(&dots.subtract(held_by_all));
            self.findings.acknowledged_lost.insert(*promised, lost);
        }
        for ((key, name), _) in self.members.iter().filter(|(_, member)| member.required) {
            if self.overwritten.contains(key) {
                continue;
            }
            self.findings.adds_checked += 1;
            let is_in = matches!(value(key), Value::Set(members) if members.contains(name));
            self.findings.adds_lost += u64::from(!is_in);
        }
        for (key, counter) in self.counters.iter().filter(|(_, counter)| !counter.reset) {
            if self.overwritten.contains(key) {
                continue;
            }
            self.findings.counters_checked += 1;
            let counted = if let Value::Counter(counted) = value(key) { counted } else { 0 };
            let least = counter.acknowledged + counter.maybe.1;
            let most = counter.acknowledged + counter.maybe.0;
            let wrong = (least - counted).max(counted - most).max(0);
            self.findings.counts_wrong += wrong.unsigned_abs();
        }
        self.findings.conflicts = count(&self.conflicting);
        self.findings.passed_over = count(&self.passed_over);
        self.findings.discarded = count(&self.discarded);
    }
}

impl Counted {
    fn maybe(&mut self, amount: i64) {
        self.maybe.0 += amount.max(0);
        self.maybe.1 += amount.min(0);
    }
}

fn count(context: &CausalContext) -> u64 {
    u64::try_from(context.len()).unwrap_or(u64::MAX)
}
