//! What only the leader keeps: how far each follower is, and which requests wait for how many of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::LogMessage;
use crate::log::{Extent, LogEntry};
use crate::turn::{Leaves, Turn};
use crate::{
    Achieved, BatchNumber, Body, ClientId, Configuration, Fault, Monotonic, NodeId, Notice, Refusal, Reply, Request,
    RequestId, Timer, TimerKind,
};

/// The most requests that wait for followers at once.
const MAX_PENDING: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Follower {
    /// The entries up to here are flushed there.
    matched: u64,
    /// The next entry to send.
    next: u64,
    heard: Monotonic,
    /// The latest round that it confirmed.
    confirmed: u64,
    /// Not before this moment is a snapshot, or the same stretch of log, sent again.
    resend_after: Monotonic,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    client: ClientId,
    request: Request,
    generation: u64,
    reply: Reply,
    /// Answered when enough members have flushed the log up to here,
    index: u64,
    /// and have confirmed this round.
    round: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Flushing {
    batch: BatchNumber,
    end: u64,
    reserved: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leading {
    /// The first entry of this leader.
    pub(super) first: u64,
    followers: BTreeMap<NodeId, Follower>,
    /// The entries up to here are flushed here.
    flushed: u64,
    /// The dots that this leader may mint after it lost what is not flushed begin behind this number.
    reserved: u64,
    /// Batches on the way to the disk, and what is flushed with each.
    flushing: VecDeque<Flushing>,
    round: u64,
    pending: BTreeMap<RequestId, Pending>,
    generation: u64,
}

impl Leading {
    pub(super) fn begin(turn: &Turn<'_>, configuration: &Configuration, end: u64) -> Self {
        let follower =
            Follower { matched: 0, next: end + 1, heard: turn.now.monotonic, confirmed: 0, resend_after: Monotonic(0) };
        Self {
            first: end + 1,
            followers: configuration.peers(turn.node).map(|peer| (peer, follower.clone())).collect(),
            flushed: 0,
            reserved: 0,
            flushing: VecDeque::new(),
            round: 0,
            pending: BTreeMap::new(),
            generation: 0,
        }
    }

    pub(super) fn waits_for(&self, id: RequestId) -> bool {
        self.pending.contains_key(&id)
    }

    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= MAX_PENDING
    }

    /// How many members, this one included, were heard recently.
    pub(super) fn heard_by(&self, configuration: &Configuration, recently: impl Fn(Monotonic) -> bool) -> u8 {
        let heard = self.followers.values().filter(|follower| recently(follower.heard)).count();
        u8::try_from(heard + 1).unwrap_or(configuration.size())
    }

    /// The entries up to here are flushed at every member.
    pub(super) fn everywhere(&self) -> u64 {
        self.followers.values().map(|follower| follower.matched).fold(self.flushed, u64::min)
    }

    /// Sends the log's last entry, just appended, to every follower that has been sent all before it.
    pub(super) fn ship(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        log: &Extent,
        reserved: u64,
    ) -> Result<(), Fault> {
        self.flushing.push_back(Flushing { batch: turn.batch(), end: log.end.index, reserved });
        let caught_up = self.followers.iter().filter(|(_, follower)| follower.next == log.end.index);
        for node in caught_up.map(|(node, _)| *node).collect::<Vec<_>>() {
            self.send(turn, configuration, log, node)?;
        }
        Ok(())
    }

    /// Tells every follower that this leader lives, in a new round, with what it has not been sent. It leaves once all is
    /// flushed: a leader whose disk hangs is not taken for one that lives.
    pub(super) fn beat(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        log: &Extent,
    ) -> Result<(), Fault> {
        self.round += 1;
        for node in self.followers.keys().copied().collect::<Vec<_>>() {
            self.send_append(turn, configuration, log, node, |_| Leaves::WhenDurable)?;
        }
        Ok(())
    }

    /// Sends what a follower has not been sent, while this leader's own flush is on its way (Ongaro 2014, §10.2.1). A leader
    /// that loses what was not flushed can not take up its epoch again, since a first entry of that epoch is flushed; and
    /// it mints none of these dots again, since they are reserved.
    fn send(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        log: &Extent,
        to: NodeId,
    ) -> Result<(), Fault> {
        let Some(replica) = configuration.member(turn.node).map(|member| member.replica) else { return Ok(()) };
        let (may_leave, reserved) = (self.flushed >= self.first, self.reserved);
        self.send_append(turn, configuration, log, to, |entries| {
            let mut dots = entries.iter().flat_map(|entry| entry.delta.events()).map(|event| event.dot);
            let are_reserved = dots.all(|dot| dot.replica() != replica || dot.sequence() <= reserved);
            if may_leave && are_reserved { Leaves::AtOnce } else { Leaves::WhenDurable }
        })
    }

    fn send_append(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        log: &Extent,
        to: NodeId,
        leaves: impl FnOnce(&[LogEntry]) -> Leaves,
    ) -> Result<(), Fault> {
        let everywhere = self.everywhere();
        let Some(follower) = self.followers.get_mut(&to) else { return Ok(()) };
        // Below the base there is nothing to continue from: the answer to the base tells that a snapshot is due.
        let previous = log.at(turn, follower.next - 1)?.unwrap_or(log.base);
        let entries = log.after(turn, previous.index)?;
        follower.next = previous.index + 1 + entries.len() as u64;
        let leaves = leaves(&entries);
        let append = LogMessage::Append { previous, entries, round: self.round, everywhere };
        turn.send(to, configuration.epoch, Body::Log(append), leaves);
        Ok(())
    }

    /// A follower's log ends at an entry that this log holds: continue from there, once for each time it can answer.
    pub(super) fn resend(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        log: &Extent,
        to: NodeId,
        end: u64,
    ) -> Result<(), Fault> {
        let Some(follower) = self.followers.get_mut(&to) else { return Ok(()) };
        if follower.next > end + 1 && turn.now.monotonic < follower.resend_after {
            return Ok(());
        }
        follower.resend_after = turn.now.monotonic.after(Duration::from_millis(200));
        follower.next = end + 1;
        self.send(turn, configuration, log, to)
    }

    pub(super) fn may_send_snapshot(&mut self, turn: &Turn<'_>, to: NodeId, again: Duration) -> bool {
        match self.followers.get_mut(&to) {
            Some(follower) if turn.now.monotonic >= follower.resend_after => {
                follower.resend_after = turn.now.monotonic.after(again);
                true
            }
            _ => false,
        }
    }

    pub(super) fn hear(&mut self, turn: &Turn<'_>, from: NodeId, round: u64) {
        let most = self.round;
        if let Some(follower) = self.followers.get_mut(&from) {
            follower.heard = turn.now.monotonic;
            follower.confirmed = follower.confirmed.max(round.min(most));
        }
    }

    pub(super) fn handle_appended(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        log: &Extent,
        from: NodeId,
        index: u64,
        round: u64,
    ) -> Result<(), Fault> {
        self.hear(turn, from, round);
        if let Some(follower) = self.followers.get_mut(&from) {
            follower.matched = follower.matched.max(index.min(log.end.index));
            follower.next = follower.next.max(follower.matched + 1);
            // A follower that is catching up gets the next stretch as soon as it has this one.
            if follower.matched + 1 == follower.next && follower.next <= log.end.index {
                self.send(turn, configuration, log, from)?;
            }
        }
        self.answer(turn, configuration);
        Ok(())
    }

    pub(super) fn handle_flushed(&mut self, turn: &mut Turn<'_>, configuration: &Configuration, up_to: BatchNumber) {
        while let Some(flushing) = self.flushing.pop_front_if(|flushing| flushing.batch <= up_to) {
            (self.flushed, self.reserved) = (flushing.end, flushing.reserved);
        }
        self.answer(turn, configuration);
    }

    /// Lets a request wait until the log is flushed up to `index` at as many members as its level says.
    #[expect(clippy::too_many_arguments, reason = "the parts of one pending request")]
    pub(super) fn wait(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        client: ClientId,
        request: Request,
        reply: Reply,
        index: u64,
        confirm: bool,
    ) {
        self.generation += 1;
        let generation = self.generation;
        turn.set_timer(Timer { kind: TimerKind::Request(request.id), generation }, request.patience());
        let round = if confirm { self.round + 1 } else { 0 };
        self.pending.insert(request.id, Pending { client, request, generation, reply, index, round });
        self.answer(turn, configuration);
    }

    /// Answers every request that waits for nobody any more. What its reply tells is flushed here, so it leaves at once,
    /// whatever was written since.
    pub(super) fn answer(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) {
        let ready = self.pending.iter().filter_map(|(id, pending)| {
            let copies = 1 + self.holders(pending).count();
            (self.flushed >= pending.index && copies >= usize::from(pending.request.needed())).then_some(*id)
        });
        for id in ready.collect::<Vec<_>>() {
            let pending = self.pending.remove(&id).expect("it is ready");
            let achieved = self.achieved(turn, configuration, &pending);
            let Pending { client, request, reply, .. } = pending;
            let reply = Reply { achieved, ..reply };
            turn.respond(client, request.respond(configuration, Ok(reply)), Leaves::AtOnce);
        }
    }

    /// The followers that hold what a request waits for.
    fn holders(&self, pending: &Pending) -> impl Iterator<Item = NodeId> {
        let (index, round) = (pending.index, pending.round);
        let has = move |follower: &Follower| follower.matched >= index && follower.confirmed >= round;
        self.followers.iter().filter(move |(_, follower)| has(follower)).map(|(node, _)| *node)
    }

    fn achieved(&self, turn: &Turn<'_>, configuration: &Configuration, pending: &Pending) -> Achieved {
        let itself = (self.flushed >= pending.index).then_some(turn.node);
        let nodes: Vec<NodeId> = self.holders(pending).chain(itself).collect();
        let copies = u8::try_from(nodes.len()).expect("no more copies than members");
        Achieved { copies, datacenters: configuration.datacenters(nodes.into_iter()) }
    }

    /// A request's patience has ended.
    pub(super) fn expire(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        id: RequestId,
        generation: u64,
    ) {
        if self.pending.get(&id).is_some_and(|pending| pending.generation == generation) {
            self.miss(turn, configuration, id);
        }
    }

    /// This leader does not lead any more: what waits is indeterminate.
    pub(super) fn give_up(&mut self, turn: &mut Turn<'_>, configuration: &Configuration) {
        for id in self.pending.keys().copied().collect::<Vec<_>>() {
            self.miss(turn, configuration, id);
        }
    }

    fn miss(&mut self, turn: &mut Turn<'_>, configuration: &Configuration, id: RequestId) {
        let Some(pending) = self.pending.remove(&id) else { return };
        let achieved = self.achieved(turn, configuration, &pending);
        turn.notify(Notice::QuorumMissed { request: id });
        let refusal = Refusal::QuorumNotReached { achieved, needed: pending.request.needed() };
        turn.refuse(pending.client, &pending.request, configuration, refusal);
    }
}
