//! Taking what a leader sends: entries that continue the log, or a snapshot that replaces it; and the leader's answer to
//! a follower whose log does not continue its own.

use syncline_crdt::State;

use super::{LeaderFollower, LogMessage, Role};
use crate::dedupe::Dedupe;
use crate::log::{Extent, LogEntry, Position};
use crate::turn::{Leaves, Turn};
use crate::value::{Path, Payload};
use crate::{Applied, Body, ClientId, Configuration, Fault, NodeId, Notice, rows};

/// No log grows longer: a snapshot that claims more is not believed.
const INDEX_LIMIT: u64 = 1 << 62;

impl LeaderFollower {
    pub(super) fn handle_append(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        previous: Position,
        entries: Vec<LogEntry>,
        round: u64,
    ) -> Result<(), Fault> {
        self.heard = turn.now.monotonic;
        self.attempts = 0;
        if self.role == Role::Candidate {
            self.become_follower(turn, configuration);
        }
        // Entries that are here already, as far as they are the same, need not be applied again.
        let mut agrees = self.log.agrees(turn, previous)?;
        let mut agreed = previous.index;
        let mut fresh = Vec::new();
        for entry in entries {
            if !agrees {
                break;
            }
            let index = agreed + 1 + fresh.len() as u64;
            if index > self.log.end.index {
                fresh.push(entry);
            } else if self.log.agrees(turn, Position { epoch: entry.epoch, index })? {
                agreed = index;
            } else {
                agrees = false;
            }
        }
        if !agrees {
            let mismatch = Body::Log(LogMessage::Mismatch { end: self.log.end, round });
            turn.send(from, configuration.epoch, mismatch, Leaves::WhenDurable);
            return Ok(());
        }
        if !fresh.is_empty() {
            self.take(turn, configuration, from, fresh)?;
            agreed = self.log.end.index;
        }
        let appended = Body::Log(LogMessage::Appended { index: agreed, round });
        turn.send(from, configuration.epoch, appended, Leaves::WhenDurable);
        Ok(())
    }

    /// Applies entries at the end of the log; false, and the rest is left, if one can not be joined.
    pub(super) fn take(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        entries: Vec<LogEntry>,
    ) -> Result<bool, Fault> {
        let mut taken = true;
        for entry in entries {
            let follows = entry.epoch >= self.log.end.epoch && entry.epoch <= configuration.epoch;
            if !follows || !self.partition.join_whole(turn, configuration, from, entry.delta.clone())? {
                taken = false;
                break;
            }
            self.log.push(turn, &entry);
            if let Some((client, applied)) = entry.applied(self.log.end.index) {
                self.dedupe.record(turn, client, &applied);
            }
        }
        self.save(turn);
        Ok(taken)
    }

    pub(super) fn handle_mismatch(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        end: Position,
        round: u64,
    ) -> Result<(), Fault> {
        let continues = self.log.holds(turn, end)?;
        let Role::Leader(leading) = &mut self.role else { return Ok(()) };
        leading.hear(turn, from, round);
        if continues {
            leading.resend(turn, configuration, &self.log, from, end.index)?;
        } else if leading.may_send_snapshot(turn, from, self.settings.detection) {
            self.send_snapshot(turn, configuration, from)?;
        }
        let Role::Leader(leading) = &mut self.role else { return Ok(()) };
        leading.answer(turn, configuration);
        Ok(())
    }

    pub(super) fn send_snapshot(
        &self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        to: NodeId,
    ) -> Result<(), Fault> {
        let state = self.partition.state(turn)?;
        let snapshot = LogMessage::Snapshot { position: self.log.end, state, applied: Dedupe::all(turn)? };
        turn.send(to, configuration.epoch, Body::Log(snapshot), Leaves::WhenDurable);
        Ok(())
    }

    /// Replaces everything by another member's snapshot; what only this member held is discarded and reported.
    pub(super) fn install(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        position: Position,
        state: State<Path, Payload>,
        applied: Vec<(ClientId, Applied)>,
    ) -> Result<bool, Fault> {
        if position.index > INDEX_LIMIT || position.epoch > configuration.epoch {
            return Ok(false);
        }
        let before = self.partition.clock().clone();
        if !self.partition.install(turn, configuration, from, state)? {
            return Ok(false);
        }
        let discarded = before.subtract(self.partition.clock());
        for prefix in [rows::LOG, rows::APPLIED] {
            for (key, _) in turn.scan(prefix)? {
                turn.delete(key);
            }
        }
        self.dedupe = Dedupe::default();
        for (client, applied) in applied {
            self.dedupe.record(turn, client, &applied);
        }
        self.log = Extent { base: position, end: position, everywhere: self.log.everywhere.min(position.index) };
        self.save(turn);
        if !discarded.is_empty() {
            turn.notify(Notice::SuffixDiscarded { events: discarded });
        }
        Ok(true)
    }
}
