//! The clients' part of the world: what they ask next, and what follows from an answer or from silence.

use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
use syncline_replicas::NodeId;

use super::{Happening, WALL_START, World};
use crate::client::{Outcome, Verdict};
use crate::monitor::TraceError;
use crate::workload::{Next, Operation};

impl World<'_> {
    pub(super) fn plan_next(&mut self, index: usize) -> Result<(), TraceError> {
        let client = &mut self.clients[index];
        match client.source.next(&mut client.rng, index)? {
            Next::Do(pause, operation) if self.now + pause < self.scenario.clients_until => {
                self.plan(self.now + pause, Happening::Begins { client: index, operation });
            }
            _ => self.measures.finished_clients += 1,
        }
        Ok(())
    }

    pub(super) fn begin(&mut self, index: usize, operation: Operation) {
        let level = self.scenario.level;
        let timestamp = self.scenario.client_clocks.then(|| self.client_timestamp(index));
        let client = &mut self.clients[index];
        let target = client.begin(self.now, operation, level, self.scenario.patience, timestamp);
        if self.scenario.forged_contexts {
            client.forge(&self.bootstrap);
        }
        if let Some(running) = &client.running {
            self.checkers.operation_began(running);
        }
        self.attempt(index, target);
    }

    /// What a client with a clock of its own stamps its writes with: the clock of its datacenter's first node.
    pub(super) fn client_timestamp(&self, index: usize) -> HybridTimestamp {
        let datacenter = &self.scenario.topology.datacenters[usize::from(self.clients[index].datacenter.0)];
        let skew = datacenter.first().map_or(0, |node| self.nodes[node].skew);
        let time = WallTime::from_nanos((WALL_START + self.now).saturating_add_signed(skew));
        let replica = ReplicaId::from_u128(1_000 + index as u128);
        HybridTimestamp { epoch: 0, time, counter: 0, replica }
    }

    pub(super) fn attempt(&mut self, index: usize, target: NodeId) {
        let patience = self.scenario.patience;
        let Some((request, attempt)) = self.clients[index].attempt(target) else { return };
        let sequence = request.id.sequence;
        self.plan(self.now + patience.attempt, Happening::Silence { client: index, sequence, attempt });
        if let Some(at) = self.network.client_hop(self.now, self.clients[index].datacenter, target) {
            self.plan(at, Happening::Asked { node: target, client: index, request: Box::new(request) });
        }
    }

    pub(super) fn obey(&mut self, index: usize, verdict: Verdict) -> Result<(), TraceError> {
        match verdict {
            Verdict::Ignored => Ok(()),
            Verdict::Again(pause, target) => {
                let running = self.clients[index].running.as_ref().expect("a client retries what it runs");
                let sequence = running.request.id.sequence;
                self.plan(self.now + pause, Happening::Attempts { client: index, sequence, target });
                Ok(())
            }
            Verdict::Ended(outcome) => {
                let running = self.clients[index].running.take().expect("what ended was running");
                let place = self.clients[index].datacenter;
                match &outcome {
                    Outcome::Served(reply) => self.checkers.operation_served(self.now, &running, reply),
                    Outcome::Failed | Outcome::Rejected => self.checkers.operation_failed(self.now, &running),
                }
                self.measures.ended(self.now, place, &running, &outcome);
                self.last_end = self.now;
                self.plan_next(index)
            }
        }
    }
}
