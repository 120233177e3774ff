//! The nodes' part of the world: it drives their hosts and obeys the effects, as a runtime would.

use syncline_clocks::{CausalContext, WallTime};
use syncline_replicas::{
    AntiEntropyMessage, Batch, BatchNumber, Body, Effect, Effects, Host, Input, Monotonic, NodeId, Now, Row, decode,
    decode_row, encode,
};

use super::{Happening, Held, PARTITION, WALL_START, World};
use crate::scenario::Sabotage;

impl World<'_> {
    pub(super) fn boot(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("the topology's nodes are there");
        node.incarnation += 1;
        node.written = BatchNumber(0);
        node.durable = BatchNumber(0);
        node.flushing = false;
        node.held.clear();
        node.host = Some(Host::new(id, self.scenario.settings));
        let incarnation = node.incarnation;
        let bootstrap = self.bootstrap.clone();
        self.input(id, Input::Boot { partition: PARTITION, incarnation, bootstrap });
    }

    pub(super) fn crash(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("the topology's nodes are there");
        if node.host.take().is_some() {
            node.incarnation += 1;
            node.crashed_at = self.now;
            self.measures.batches_lost += node.disk.crash() as u64;
            let durable = self.durable_clock(id);
            if let (Some(oracle), Some(member)) = (&mut self.oracle, self.bootstrap.member(id)) {
                oracle.forget(member.replica, &durable);
            }
        }
    }

    pub(super) fn input_if(&mut self, id: NodeId, incarnation: u64, input: Input) {
        if self.nodes.get(&id).is_some_and(|node| node.incarnation == incarnation) {
            self.input(id, input);
        }
    }

    pub(super) fn input(&mut self, id: NodeId, input: Input) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let wall = (WALL_START + self.now).saturating_add_signed(node.skew);
        let now = Now { monotonic: Monotonic(self.now), wall: WallTime::from_nanos(wall) };
        let Some(host) = &mut node.host else { return };
        let mut effects = Effects::default();
        host.handle(now, input, &node.disk, &mut effects);
        for effect in effects.drain() {
            self.effect(id, effect);
        }
    }

    pub(super) fn effect(&mut self, id: NodeId, effect: Effect) {
        let now = self.now;
        let node = self.nodes.get_mut(&id).expect("only nodes have effects");
        let incarnation = node.incarnation;
        match effect {
            Effect::Send { to, envelope, after } => {
                if let Some(oracle) = &mut self.oracle {
                    oracle.overhear(&envelope.body);
                }
                if self.scenario.sabotage == Some(Sabotage::DropRepairs)
                    && matches!(envelope.body, Body::AntiEntropy(AntiEntropyMessage::Repair { .. }))
                {
                    return;
                }
                let held = Held::Send { to, bytes: encode(&envelope) };
                self.release_or_hold(id, after, held);
            }
            Effect::Respond { to, response, after } => {
                self.release_or_hold(id, after, Held::Respond { to, response: Box::new(response) });
            }
            Effect::Persist { batch, .. } => {
                if let Some(oracle) = &mut self.oracle {
                    oracle.observe(&batch);
                }
                self.persist(id, batch);
            }
            Effect::SetTimer { timer, at, .. } => {
                self.plan(at.0.max(now), Happening::Timer { node: id, incarnation, timer });
            }
            Effect::Notify { notice, .. } => self.checkers.notice(notice),
            _ => {}
        }
    }

    pub(super) fn persist(&mut self, id: NodeId, batch: Batch) {
        let node = self.nodes.get_mut(&id).expect("only nodes persist");
        node.written = batch.number;
        node.disk.write(self.now, batch);
        if !node.flushing {
            self.start_flush(id);
        }
    }

    /// Group commit: one flush covers everything written before it began.
    pub(super) fn start_flush(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("only nodes flush");
        node.flushing = true;
        let (incarnation, up_to) = (node.incarnation, node.written);
        let took = self.scenario.flush / 2 + self.disk_rng.below(self.scenario.flush.max(1));
        self.plan(self.now + took, Happening::Flushed { node: id, incarnation, up_to });
    }

    pub(super) fn flushed(&mut self, id: NodeId, incarnation: u64, up_to: BatchNumber) {
        let node = self.nodes.get_mut(&id).expect("only nodes flush");
        if node.incarnation != incarnation {
            return;
        }
        node.disk.flush(self.now, up_to);
        node.durable = up_to;
        node.flushing = false;
        if node.written > up_to {
            self.start_flush(id);
        }
        loop {
            let node = self.nodes.get_mut(&id).expect("only nodes flush");
            match node.held.front() {
                Some((after, _)) if *after <= up_to => {
                    let (_, held) = node.held.pop_front().expect("it is at the front");
                    self.release(id, held);
                }
                _ => break,
            }
        }
        self.input(id, Input::Flushed { partition: PARTITION, up_to });
    }

    pub(super) fn release_or_hold(&mut self, id: NodeId, after: BatchNumber, held: Held) {
        let node = self.nodes.get_mut(&id).expect("only nodes send");
        if after <= node.durable {
            self.release(id, held);
        } else {
            node.held.push_back((after, held));
        }
    }

    pub(super) fn release(&mut self, id: NodeId, held: Held) {
        match held {
            Held::Send { to, bytes } => {
                if self.oracle.is_some()
                    && let Ok(envelope) = decode(&bytes)
                    && let Some(clock) = envelope.body.reported_clock()
                {
                    self.check_clock_is_durable(id, clock);
                }
                let sent = self.now;
                for (left, at) in self.network.send(sent, id, to, bytes.len()) {
                    self.plan(at, Happening::Message { from: id, to, sent, left, bytes: bytes.clone() });
                }
            }
            Held::Respond { to, response } => {
                let client = to.0 as usize;
                let Some(place) = self.clients.get(client).map(|client| client.datacenter) else { return };
                if let Some(at) = self.network.client_hop(self.now, place, id) {
                    self.plan(at, Happening::Answered { client, response });
                }
            }
        }
    }

    /// Schedule 5 of the design, seen from outside: a clock must be durable before a peer hears of it.
    pub(super) fn check_clock_is_durable(&mut self, id: NodeId, clock: &CausalContext) {
        if !self.durable_clock(id).includes(clock) {
            self.checkers.findings.early_clocks += 1;
        }
    }

    pub(super) fn durable_clock(&self, id: NodeId) -> CausalContext {
        match self.nodes[&id].disk.durable(b"m").map(|row| decode_row(b"m", row)) {
            Some(Ok(Row::Meta(meta))) => meta.clock,
            _ => CausalContext::new(),
        }
    }

    pub(super) fn deliver(&mut self, from: NodeId, to: NodeId, bytes: &[u8]) {
        let Ok(mut envelope) = decode(bytes) else {
            self.measures.undecodable += 1;
            return;
        };
        if self.scenario.sabotage == Some(Sabotage::IgnoreEpochs) {
            // A host that ignores epochs never fences, never tells its own configuration and never asks for one.
            if matches!(envelope.body, Body::Configuration(_) | Body::ConfigurationWanted) {
                return;
            }
            if let Some(ours) = self.nodes[&to].host.as_ref().and_then(|host| host.configuration(PARTITION)) {
                envelope.epoch = ours.epoch;
            }
        }
        self.input(to, Input::Message { from, envelope });
    }
}
