//! Multi-leader replication: each datacenter's leader takes writes alone and exchanges deltas with the others.
//!
//! A write is acknowledged when its own datacenter's leader has flushed it; the other datacenters learn of it later.
//! Concurrent writes of one key are found by causality and read by the key's policy. Nothing acknowledged is lost while
//! the acknowledging leader's disk survives; until the delta has crossed, that disk holds the only copy.
//!
//! New events are pushed to every other leader once, and anti-entropy sends again what was lost; deltas that arrive
//! twice or by a detour change nothing.

use crate::anti_entropy::{AntiEntropy, AntiEntropyMessage};
use crate::command::{Once, execute_once, read};
use crate::dedupe::Dedupe;
use crate::partition::Partition;
use crate::turn::{Leaves, Turn};
use crate::{
    Achieved, Applied, Body, ClientId, Configuration, Context, Fault, Level, NodeId, Refusal, Reply, Request, Settings,
    Timer, TimerKind, Update,
};

/// The leader of one datacenter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MultiLeader {
    partition: Partition,
    dedupe: Dedupe,
    anti_entropy: AntiEntropy,
}

impl MultiLeader {
    pub(crate) fn boot(turn: &mut Turn<'_>, configuration: &Configuration, settings: Settings) -> Result<Self, Fault> {
        let member = configuration.member(turn.node).expect("the host boots only the partitions of its node");
        Ok(Self {
            partition: Partition::recover(turn, member.replica, settings, true)?,
            dedupe: Dedupe::recover(turn)?,
            anti_entropy: AntiEntropy::start(turn, settings),
        })
    }

    pub(crate) fn partition(&self) -> &Partition {
        &self.partition
    }

    pub(crate) fn handle_request(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: ClientId,
        request: &Request,
    ) -> Result<(), Fault> {
        match self.serve(turn, configuration, request)? {
            Ok(reply) => turn.respond(from, request.respond(configuration, Ok(reply)), Leaves::WhenDurable),
            Err(refusal) => turn.refuse(from, request, configuration, refusal),
        }
        Ok(())
    }

    fn serve(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        request: &Request,
    ) -> Result<Result<Reply, Refusal>, Fault> {
        if let Err(refusal) = request.level.check(Level { read: 1, write: 1 }) {
            return Ok(Err(refusal));
        }
        let achieved = Achieved { copies: 1, datacenters: 1 };
        if request.command.is_read() {
            let reply = read(&self.partition, turn, configuration, request)?;
            return Ok(Ok(Reply { achieved, ..reply }));
        }
        let once = execute_once(&mut self.partition, &mut self.dedupe, turn, configuration, request)?;
        let Once { applied, minted } = match once {
            Ok(once) => once,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(delta) = minted.filter(|delta| !delta.is_empty()) {
            let update = Update::Delta(delta);
            for peer in configuration.peers(turn.node) {
                let push = AntiEntropyMessage::Repair { update: update.clone(), more: false };
                turn.send(peer, configuration.epoch, Body::AntiEntropy(push), Leaves::WhenDurable);
            }
        }
        let context = Context::after_write(request, &applied, self.partition.stamps().last());
        let Applied { value, changed, events, .. } = applied;
        Ok(Ok(Reply { value, context, changed, events, achieved, ..Reply::default() }))
    }

    pub(crate) fn handle_message(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        body: Body,
    ) -> Result<(), Fault> {
        match body {
            Body::AntiEntropy(message) => {
                self.anti_entropy.handle(turn, &mut self.partition, configuration, from, message)
            }
            // What belongs to other strategies means nothing here.
            _ => Ok(()),
        }
    }

    pub(crate) fn handle_timer(&mut self, turn: &mut Turn<'_>, configuration: &Configuration, timer: Timer) {
        if timer.kind == TimerKind::AntiEntropy {
            self.anti_entropy.handle_timer(turn, &self.partition, configuration, timer.generation);
        }
    }
}
