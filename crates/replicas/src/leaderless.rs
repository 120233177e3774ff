//! Leaderless replication: Dynamo's reads and writes over a partition's clock (DeCandia et al. 2007, §4.5).
//!
//! Every member coordinates. A write becomes events at the coordinator and goes to all members; it is acknowledged when
//! W of them have flushed it. A read asks all members and is answered when R of them, the coordinator among them, have
//! answered; what the answers lacked is sent to them afterwards (read repair). With R = 1 the coordinator answers alone.
//! R + W > N makes every read see the last acknowledged write of the key, unless a replica lost its disk; R + W <= N does
//! not, and no error tells.
//!
//! A write that reached fewer than W members in time is *indeterminate*: it stays where it is and spreads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use syncline_clocks::{CausalContext, Dot};

use crate::anti_entropy::{AntiEntropy, AntiEntropyMessage};
use crate::command::{Once, execute_once, read};
use crate::dedupe::Dedupe;
use crate::partition::{Joined, Partition};
use crate::rows::{self, EventRow};
use crate::turn::{Leaves, Turn};
use crate::{
    Achieved, Applied, BatchNumber, Body, ClientId, Configuration, Context, Delta, Fault, Level, MAX_PATH, NodeId,
    Notice, Refusal, Reply, Request, RequestId, Settings, Timer, TimerKind, Update,
};

/// The most requests that wait for other members at once.
const MAX_PENDING: usize = 10_000;

/// What a coordinator and the other members say to one another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QuorumMessage {
    /// "Join and flush these events."
    Write {
        /// The request that they belong to.
        request: RequestId,
        /// Its events: acknowledged only when all of them are joined.
        events: Vec<Dot>,
        /// Those of them that some member may lack and that are still kept whole.
        delta: Delta,
    },
    /// "They are flushed here."
    Written {
        /// The request.
        request: RequestId,
    },
    /// "What do you hold of this key that I lack?"
    Read {
        /// The request.
        request: RequestId,
        /// The key.
        key: Vec<u8>,
        /// The coordinator's clock.
        since: CausalContext,
    },
    /// "This, and these are the events I have."
    Answer {
        /// The request.
        request: RequestId,
        /// The answering replica's clock.
        clock: CausalContext,
        /// The key's entries that the coordinator lacks events of.
        update: Update,
    },
}

/// A request that waits for other members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    client: ClientId,
    request: Request,
    generation: u64,
    answered: BTreeSet<NodeId>,
    responded: bool,
    kind: PendingKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum PendingKind {
    Write {
        batch: BatchNumber,
        applied: Applied,
    },
    /// The clocks that the members answered with, for read repair.
    Read {
        clocks: BTreeMap<NodeId, CausalContext>,
    },
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leaderless {
    partition: Partition,
    dedupe: Dedupe,
    anti_entropy: AntiEntropy,
    pending: BTreeMap<RequestId, Pending>,
    generation: u64,
}

impl Leaderless {
    pub(crate) fn boot(turn: &mut Turn<'_>, configuration: &Configuration, settings: Settings) -> Result<Self, Fault> {
        let member = configuration.member(turn.node).expect("the host boots only the partitions of its node");
        Ok(Self {
            partition: Partition::recover(turn, member.replica, settings, true)?,
            dedupe: Dedupe::recover(turn)?,
            anti_entropy: AntiEntropy::start(turn, settings),
            pending: BTreeMap::new(),
            generation: 0,
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
        request: Request,
    ) -> Result<(), Fault> {
        if let Some(pending) = self.pending.get_mut(&request.id) {
            // A retry of what still waits: its answer will come. One of what was answered and only waits for the others may
            // ask for more of them.
            if !pending.responded {
                return Ok(());
            }
            let members = configuration.size();
            if let Err(refusal) = request.level.check(Level { read: members, write: members }) {
                turn.refuse(from, &request, configuration, refusal);
                return Ok(());
            }
            self.generation += 1;
            let id = request.id;
            let timer = Timer { kind: TimerKind::Request(id), generation: self.generation };
            turn.set_timer(timer, request.patience());
            *pending =
                Pending { client: from, request, generation: self.generation, responded: false, ..pending.clone() };
            return self.progress(turn, configuration, id);
        }
        let members = configuration.size();
        let refusal = match request.level.check(Level { read: members, write: members }) {
            Err(refusal) => Some(refusal),
            Ok(()) if self.pending.len() >= MAX_PENDING => Some(Refusal::Overloaded),
            Ok(()) => None,
        };
        if refusal.is_none() && request.command.is_read() && request.level.read == 1 {
            // The coordinator's own answer is enough: nobody else is asked, and anti-entropy repairs what it lacks.
            let reply = read(&self.partition, turn, configuration, &request)?;
            let achieved = Achieved { copies: 1, datacenters: 1 };
            let response = request.respond(configuration, Ok(Reply { achieved, ..reply }));
            turn.respond(from, response, Leaves::WhenDurable);
            return Ok(());
        }
        let kind = match refusal {
            Some(refusal) => Err(refusal),
            None if request.command.is_read() => Ok(self.begin_read(turn, configuration, &request)),
            None => self.begin_write(turn, configuration, &request)?,
        };
        match kind {
            Ok(kind) => self.wait(turn, configuration, from, request, kind),
            Err(refusal) => {
                turn.refuse(from, &request, configuration, refusal);
                Ok(())
            }
        }
    }

    fn begin_read(&self, turn: &mut Turn<'_>, configuration: &Configuration, request: &Request) -> PendingKind {
        for peer in configuration.peers(turn.node) {
            let since = self.partition.clock().clone();
            let read = QuorumMessage::Read { request: request.id, key: request.key.clone(), since };
            turn.send(peer, configuration.epoch, Body::Quorum(read), Leaves::WhenDurable);
        }
        PendingKind::Read { clocks: BTreeMap::new() }
    }

    fn begin_write(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        request: &Request,
    ) -> Result<Result<PendingKind, Refusal>, Fault> {
        let once = execute_once(&mut self.partition, &mut self.dedupe, turn, configuration, request)?;
        let Once { applied, minted } = match once {
            Ok(once) => once,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let delta = match minted {
            Some(delta) => delta,
            // Applied before, acknowledged or not: the same events go out again.
            None => self.logged(turn, &applied.events)?,
        };
        for peer in configuration.peers(turn.node) {
            let (events, delta) = (applied.events.clone(), delta.clone());
            let write = QuorumMessage::Write { request: request.id, events, delta };
            turn.send(peer, configuration.epoch, Body::Quorum(write), Leaves::WhenDurable);
        }
        // The mark makes sure that a batch follows whose flush answers for this replica, also on a retry.
        self.partition.save(turn);
        Ok(Ok(PendingKind::Write { batch: turn.batch(), applied }))
    }

    /// Those of the events with these dots that are kept whole. Of the others every member has some; what is kept by path
    /// alone reaches the members by anti-entropy, and they acknowledge it then.
    fn logged(&self, turn: &Turn<'_>, events: &[Dot]) -> Result<Delta, Fault> {
        let mut logged = Vec::new();
        for dot in events {
            if let Some(EventRow::Whole(event)) = turn.get(&rows::event_key(*dot))? {
                logged.push(event);
            }
        }
        Ok(logged.into())
    }

    fn wait(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        client: ClientId,
        request: Request,
        kind: PendingKind,
    ) -> Result<(), Fault> {
        self.generation += 1;
        let generation = self.generation;
        turn.set_timer(Timer { kind: TimerKind::Request(request.id), generation }, request.patience());
        // A coordinator answers its own read at once; its copy of a write counts when it is flushed.
        let is_read = matches!(kind, PendingKind::Read { .. });
        let answered = is_read.then_some(turn.node).into_iter().collect();
        let id = request.id;
        self.pending.insert(id, Pending { client, request, generation, answered, responded: false, kind });
        self.progress(turn, configuration, id)
    }

    pub(crate) fn handle_flushed(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        up_to: BatchNumber,
    ) -> Result<(), Fault> {
        let flushed = self.pending.iter_mut().filter_map(|(id, pending)| {
            let own = matches!(pending.kind, PendingKind::Write { batch, .. } if batch <= up_to);
            (own && pending.answered.insert(turn.node)).then_some(*id)
        });
        let flushed: Vec<RequestId> = flushed.collect();
        for id in flushed {
            self.progress(turn, configuration, id)?;
        }
        Ok(())
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
                if let AntiEntropyMessage::Clock { clock, .. } = &message {
                    self.acknowledge(turn, configuration, from, clock)?;
                }
                self.anti_entropy.handle(turn, &mut self.partition, configuration, from, message)
            }
            Body::Quorum(message) => self.handle_quorum(turn, configuration, from, message),
            // What belongs to other strategies means nothing here.
            _ => Ok(()),
        }
    }

    /// A clock that a member reports is durable there, so it acknowledges the writes that it covers, whichever way they came.
    fn acknowledge(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        clock: &CausalContext,
    ) -> Result<(), Fault> {
        let covered = self.pending.iter_mut().filter_map(|(id, pending)| {
            let PendingKind::Write { applied, .. } = &pending.kind else { return None };
            let covers = applied.events.iter().all(|dot| clock.contains(*dot));
            (covers && !applied.events.is_empty() && pending.answered.insert(from)).then_some(*id)
        });
        for id in covered.collect::<Vec<_>>() {
            self.progress(turn, configuration, id)?;
        }
        Ok(())
    }

    fn handle_quorum(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        message: QuorumMessage,
    ) -> Result<(), Fault> {
        match message {
            QuorumMessage::Write { request, events, delta } => {
                self.partition.join(turn, configuration, from, Update::Delta(delta))?;
                // An event that was left out of the join is not acknowledged.
                if events.iter().all(|dot| self.partition.clock().contains(*dot)) {
                    let written = Body::Quorum(QuorumMessage::Written { request });
                    turn.send(from, configuration.epoch, written, Leaves::WhenDurable);
                }
                Ok(())
            }
            // No key is so long.
            QuorumMessage::Read { key, .. } if key.len() > MAX_PATH => Ok(()),
            QuorumMessage::Read { request, key, since } => {
                let update = self.partition.diff_of_key(turn, &key, &since)?;
                let clock = self.partition.clock().clone();
                let answer = Body::Quorum(QuorumMessage::Answer { request, clock, update });
                turn.send(from, configuration.epoch, answer, Leaves::WhenDurable);
                Ok(())
            }
            QuorumMessage::Written { request } => {
                let waits = self.pending.get_mut(&request);
                if let Some(pending) = waits.filter(|pending| matches!(pending.kind, PendingKind::Write { .. })) {
                    pending.answered.insert(from);
                }
                self.progress(turn, configuration, request)
            }
            QuorumMessage::Answer { request, clock, update } => {
                self.anti_entropy.learn(turn, &mut self.partition, configuration, from, &clock)?;
                let joined = self.partition.join(turn, configuration, from, update)?;
                // An answer of which something was left out does not show what its sender holds.
                let waits = self.pending.get_mut(&request).filter(|_| joined == Joined::Whole);
                if let Some(Pending { kind: PendingKind::Read { clocks }, answered, .. }) = waits {
                    answered.insert(from);
                    clocks.insert(from, clock);
                }
                self.progress(turn, configuration, request)
            }
        }
    }

    /// Responds when enough members have answered; ends the request when all have.
    fn progress(&mut self, turn: &mut Turn<'_>, configuration: &Configuration, id: RequestId) -> Result<(), Fault> {
        let Some(pending) = self.pending.get(&id) else { return Ok(()) };
        let needed = pending.request.needed();
        let achieved = pending.achieved(configuration);
        let is_write = matches!(pending.kind, PendingKind::Write { .. });
        let is_flushed = pending.answered.contains(&turn.node);
        if !pending.responded && achieved.copies >= needed && (is_flushed || !is_write) {
            let reply = match &pending.kind {
                PendingKind::Write { applied, .. } => {
                    let stamp = self.partition.stamps().last();
                    let context = Context::after_write(&pending.request, applied, stamp);
                    let Applied { value, changed, events, .. } = applied.clone();
                    Reply { value, context, changed, events, achieved, ..Reply::default() }
                }
                PendingKind::Read { .. } => {
                    let reply = read(&self.partition, turn, configuration, &pending.request)?;
                    Reply { achieved, ..reply }
                }
            };
            // What a write's reply tells is flushed here, whatever was written since; a read's may be of a moment ago.
            let leaves = if is_write { Leaves::AtOnce } else { Leaves::WhenDurable };
            turn.respond(pending.client, pending.request.respond(configuration, Ok(reply)), leaves);
            let pending = self.pending.get_mut(&id).expect("it was there");
            pending.responded = true;
            // A read that was answered waits for the others so that they can be repaired, while there is room; a write needs
            // no more of them: a member that is down must not fill the room of those that wait.
            if is_write || self.pending.len() > MAX_PENDING / 2 {
                return self.end(turn, configuration, id);
            }
        }
        if achieved.copies == configuration.size() {
            self.end(turn, configuration, id)?;
        }
        Ok(())
    }

    pub(crate) fn handle_timer(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        timer: Timer,
    ) -> Result<(), Fault> {
        match timer.kind {
            TimerKind::AntiEntropy => {
                self.anti_entropy.handle_timer(turn, &self.partition, configuration, timer.generation);
                Ok(())
            }
            TimerKind::Request(id) => {
                let waits = self.pending.get(&id).is_some_and(|pending| pending.generation == timer.generation);
                if waits { self.end(turn, configuration, id) } else { Ok(()) }
            }
            TimerKind::Heartbeat | TimerKind::Detection => Ok(()),
        }
    }

    /// Ends a request: says what was missed if it was not answered, and repairs what its answers lacked.
    fn end(&mut self, turn: &mut Turn<'_>, configuration: &Configuration, id: RequestId) -> Result<(), Fault> {
        let Some(pending) = self.pending.remove(&id) else { return Ok(()) };
        if !pending.responded {
            let achieved = pending.achieved(configuration);
            let needed = pending.request.needed();
            turn.notify(Notice::QuorumMissed { request: id });
            let refusal = Refusal::QuorumNotReached { achieved, needed };
            turn.refuse(pending.client, &pending.request, configuration, refusal);
        }
        if let PendingKind::Read { clocks } = pending.kind {
            for (node, clock) in clocks {
                let update = self.partition.diff_of_key(turn, &pending.request.key, &clock)?;
                if !update.is_empty() {
                    turn.notify(Notice::ReadRepaired { node });
                    let repair = AntiEntropyMessage::Repair { update, more: false };
                    turn.send(node, configuration.epoch, Body::AntiEntropy(repair), Leaves::WhenDurable);
                }
            }
        }
        Ok(())
    }
}

impl Pending {
    fn achieved(&self, configuration: &Configuration) -> Achieved {
        let copies = u8::try_from(self.answered.len()).expect("no more answers than members");
        Achieved { copies, datacenters: configuration.datacenters(self.answered.iter().copied()) }
    }
}
