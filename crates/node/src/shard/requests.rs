//! Clients' requests on their way: to this node's host, or to the node that leads, and asked again if nobody is at them.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use syncline_replicas::{Achieved, Input, Monotonic, NodeId, Refusal, Request, RequestId, Response, Strategy};
use tokio::sync::oneshot;

use super::Shard;
use crate::peer::PeerMessage;

/// When a request that another node has to answer is passed on again, or tried again here.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// When a leader that does not answer is asked again: the link may have lost the question.
const SILENT: Duration = Duration::from_secs(1);

/// Who waits for an answer.
pub(super) enum Origin {
    Client(oneshot::Sender<Response>),
    Peer(NodeId),
}

/// A request that was not answered yet.
pub(super) struct Waiting {
    pub(super) request: Request,
    origin: Origin,
    asked: Instant,
    /// Where only one node can answer.
    again: Option<Again>,
}

/// A request that may have to be asked again.
struct Again {
    until: Monotonic,
    /// Whom it was asked of last, and when.
    leader: Option<NodeId>,
    at: Monotonic,
    /// That node did not lead.
    was_refused: bool,
    /// It was asked more than once.
    is_repeated: bool,
}

impl Shard {
    /// Asks the host, or the node that leads the partition.
    pub(super) fn ask(&mut self, request: Request, origin: Origin) {
        let id = request.id;
        let Some((request, origin)) = self.keep_behind(request, origin) else { return };
        if matches!(origin, Origin::Peer(_)) && self.waiting.contains_key(&id) {
            // It was passed on twice: the first time is being answered.
            return;
        }
        let configuration = self.host.configuration(request.partition);
        let only_one_answers = configuration.is_some_and(|held| held.strategy == Strategy::LeaderFollower);
        if only_one_answers && matches!(origin, Origin::Client(_)) {
            let now = self.now().monotonic;
            let until = now.after(request.patience);
            let again = Again { until, leader: None, at: now, was_refused: false, is_repeated: false };
            self.waiting.insert(id, Waiting { request, origin, asked: Instant::now(), again: Some(again) });
            self.pass_on(id);
            self.again.push(Reverse((now.after(ASK_AGAIN), id)));
        } else {
            let waiting = Waiting { request: request.clone(), origin, asked: Instant::now(), again: None };
            self.waiting.insert(id, waiting);
            self.handle(Input::Request { from: id.client, request });
        }
    }

    /// Asks the host or the leader once more, which have all its patience again.
    pub(super) fn ask_once_more(&mut self, id: RequestId) {
        let now = self.now().monotonic;
        match self.waiting.get_mut(&id) {
            Some(Waiting { request, again: Some(again), .. }) => {
                again.until = now.after(request.patience);
                self.pass_on(id);
            }
            Some(Waiting { request, again: None, .. }) => {
                let request = request.clone();
                self.handle(Input::Request { from: id.client, request });
            }
            None => {}
        }
    }

    /// Sends a request to the leader: this node's own host, or another's.
    fn pass_on(&mut self, id: RequestId) {
        let now = self.now().monotonic;
        let Some(Waiting { request, again: Some(again), .. }) = self.waiting.get_mut(&id) else { return };
        let leader = self.host.configuration(request.partition).and_then(|held| held.leader);
        let leader = leader.unwrap_or(self.parts.node);
        let is_here = leader == self.parts.node;
        if !is_here && !self.parts.links.is_up(leader) {
            // A leader that can not be reached may be no leader much longer: it is asked later.
            again.leader = None;
            return;
        }
        again.is_repeated = again.leader.is_some();
        (again.leader, again.at, again.was_refused) = (Some(leader), now, false);
        let request = request.clone();
        if is_here {
            self.handle(Input::Request { from: id.client, request });
        } else {
            self.outbox.push(leader, &PeerMessage::Forward(request));
        }
    }

    /// A request that still waits is asked again, of whoever leads now, unless somebody is at it: it was refused, another
    /// node leads, or another node has been silent for so long that the link may have lost it.
    pub(super) fn ask_again(&mut self, id: RequestId, now: Monotonic) {
        let Some(Waiting { request, again: Some(again), .. }) = self.waiting.get(&id) else { return };
        if now >= again.until {
            let needed = if request.command.is_read() { request.level.read } else { request.level.write };
            let outcome = Err(Refusal::QuorumNotReached { achieved: Achieved::default(), needed });
            let response = Response { id, partition: request.partition, epoch: request.epoch, outcome };
            return self.answer(response);
        }
        let leader = self.host.configuration(request.partition).and_then(|held| held.leader);
        let is_silent = again.leader != Some(self.parts.node) && now >= again.at.after(SILENT);
        let is_due = again.was_refused || again.leader.is_none() || again.leader != leader || is_silent;
        self.again.push(Reverse((now.after(ASK_AGAIN), id)));
        if is_due {
            self.pass_on(id);
        }
    }

    /// A response came from the host or from the leader.
    pub(super) fn respond(&mut self, response: Response) {
        if response.id.client == self.parts.client {
            return self.own_answered(response);
        }
        if let Some(Waiting { again: Some(again), .. }) = self.waiting.get_mut(&response.id) {
            match &response.outcome {
                // Another node leads, or nobody yet: the request waits and is asked again.
                Err(Refusal::NotLeader { .. } | Refusal::Unavailable) => {
                    again.was_refused = true;
                    return;
                }
                // What was asked twice was taken the first time, and later requests after it. Its own answer may still come.
                Err(Refusal::Superseded) if again.is_repeated => return,
                _ => {}
            }
        }
        if let Err(Refusal::TooManyMembers { expired }) = response.outcome
            && self.waiting.contains_key(&response.id)
        {
            return self.set_aside(response.id, expired);
        }
        self.answer(response);
    }

    fn answer(&mut self, response: Response) {
        let Some(Waiting { origin, asked, .. }) = self.waiting.remove(&response.id) else { return };
        self.let_follow(response.id);
        match origin {
            Origin::Client(answer) => {
                self.parts.metrics.answered(asked.elapsed(), &response.outcome);
                // A client that has gone needs no answer.
                let _ = answer.send(response);
            }
            Origin::Peer(peer) => self.outbox.push(peer, &PeerMessage::Answer(response)),
        }
    }
}
