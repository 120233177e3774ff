//! The definition of a replica's state, recomputed from outside: the join of the events in its clock, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::{CausalContext, Dot, ReplicaId};
use syncline_replicas::{AntiEntropyMessage, Batch, Body, Event, NodeId, Path, QuorumMessage, Row, Update, decode_row};

use crate::disk::Disk;

/// How often the situations occurred that the invariant is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Entries with a kept kill.
    pub kept_kills: u64,
    /// Entries with concurrent live dots.
    pub concurrent: u64,
    /// Clocks with gaps.
    pub gaps: u64,
    /// Events that change nothing: what a forged context makes of a number that it killed.
    pub spent: u64,
    /// States that were compared.
    pub states: u64,
}

/// Every event that was ever written to a disk, and what follows from them.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    events: BTreeMap<Dot, Event>,
    pub(crate) violations: Vec<String>,
    pub(crate) reached: Reached,
}

impl Oracle {
    /// Takes the events out of a batch that a node persists.
    pub(crate) fn observe(&mut self, batch: &Batch) {
        for (key, value) in &batch.writes {
            let Some(value) = value else { continue };
            match decode_row(key, value) {
                Ok(Row::Event(_, Some(event))) => self.learn(event),
                Ok(Row::Log(_, entry)) => entry.delta.into_iter().for_each(|event| self.learn(event)),
                Ok(_) => {}
                Err(fault) => self.violations.push(format!("a row that does not decode: {fault}")),
            }
        }
    }

    /// Takes the events out of a message: one that is kept only by its path from the start is in no row.
    pub(crate) fn overhear(&mut self, body: &Body) {
        let delta = match body {
            Body::AntiEntropy(AntiEntropyMessage::Repair { update: Update::Delta(delta), .. }) => delta,
            Body::Quorum(QuorumMessage::Write { delta, .. }) => delta,
            _ => return,
        };
        delta.events().iter().for_each(|event| self.learn(event.clone()));
    }

    /// A node crashed and forgot what it had not flushed: its events among that never left it, and their dots are
    /// minted again.
    pub(crate) fn forget(&mut self, replica: ReplicaId, durable: &CausalContext) {
        self.events.retain(|dot, _| dot.replica() != replica || durable.contains(*dot));
    }

    fn learn(&mut self, event: Event) {
        match self.events.get(&event.dot) {
            Some(known) if *known != event => self.violations.push(format!("{:?} names two changes", event.dot)),
            Some(_) => {}
            None => {
                self.reached.spent += u64::from(event.payload.is_none() && event.kills.is_empty());
                self.events.insert(event.dot, event);
            }
        }
    }

    /// For each path, live dots = those of its events in the clock less what these kill; kept kills = what they kill
    /// that the clock does not cover.
    pub(crate) fn check(&mut self, node: NodeId, clock: &CausalContext, disk: &Disk) {
        let mut expected: BTreeMap<&Path, (BTreeSet<Dot>, BTreeSet<Dot>)> = BTreeMap::new();
        for event in self.events.values().filter(|event| clock.contains(event.dot)) {
            let (live, killed) = expected.entry(&event.path).or_default();
            live.extend(event.payload.as_ref().map(|_| event.dot));
            killed.extend(&event.kills);
        }
        // A kill of another path's dot, as a forged context makes it, takes nothing out: it may be gone before that dot is
        // joined here, because a peer that has it repaired this path.
        let matters = |path: &Path, dot: &Dot| {
            !clock.contains(*dot) && self.events.get(dot).is_none_or(|event| event.path == *path)
        };
        for (path, (live, killed)) in &mut expected {
            live.retain(|dot| !killed.contains(dot));
            killed.retain(|dot| matters(path, dot));
        }
        expected.retain(|_, (live, kept)| !live.is_empty() || !kept.is_empty());
        self.reached.states += 1;
        self.reached.gaps += u64::from(clock.intervals().any(|run| run.first > 1));
        for (key, value) in disk.rows() {
            let Ok(Row::Entry(path, entry)) = decode_row(key, value) else { continue };
            let kept = entry.kept_kills().iter().filter(|dot| matters(&path, dot));
            let held = (entry.live().map(|(dot, _)| dot).collect::<BTreeSet<Dot>>(), kept.collect::<BTreeSet<Dot>>());
            self.reached.kept_kills += u64::from(!held.1.is_empty());
            self.reached.concurrent += u64::from(held.0.len() > 1);
            let due = expected.remove(&path).unwrap_or_default();
            let payloads_hold = entry.live().all(|(dot, payload)| {
                self.events.get(&dot).is_none_or(|event| event.payload.as_ref() == Some(payload))
            });
            if held != due || !payloads_hold {
                self.violations.push(format!("{node:?} holds {held:?} at {path:?}, its events make {due:?}"));
            }
        }
        if let Some((path, due)) = expected.into_iter().next() {
            self.violations.push(format!("{node:?} holds nothing at {path:?}, its events make {due:?}"));
        }
    }
}
