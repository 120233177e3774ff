//! Partitions of which this node holds nothing yet, and what it tells other nodes that hold nothing.

use std::collections::VecDeque;
use std::time::Duration;

use syncline_replicas::{Monotonic, NodeId, PartitionId, Request, Response, rebuild};
use tokio::sync::oneshot;

use super::requests::Origin;
use super::{Held, Shard};
use crate::peer::PeerMessage;
use crate::rebuild::{Part, Peers, Verdict};
use crate::report;

/// How often the other nodes are asked whether they hold anything.
const ASK: Duration = Duration::from_millis(100);
/// When a part of a snapshot is asked for again.
const FETCH_AGAIN: Duration = Duration::from_secs(2);
/// When the log says for the first time what is waited for, and how long it is silent after that at least.
const SAY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

/// A partition that is not served until the other nodes have said what they hold of it.
pub(super) struct Unborn {
    peers: Peers,
    fetch_again: Monotonic,
    said: String,
    say: Monotonic,
    /// What clients ask meanwhile, and until when they wait.
    held: Requests,
}

type Requests = VecDeque<(Monotonic, Request, oneshot::Sender<Response>)>;

impl Shard {
    /// Boots a partition, unless nothing is here of one that others may hold.
    pub(super) fn begin(&mut self, partition: PartitionId) {
        let peers = Peers::new(self.parts.partitions[&partition].peers(self.parts.node), self.parts.rebuild_from);
        // What can not be read is for the host to report.
        let is_empty = self.parts.storage.scan(partition, &[], &[], 1).is_ok_and(|rows| rows.is_empty());
        if peers.is_alone() || !is_empty {
            return self.boot(partition);
        }
        let now = self.now().monotonic;
        let (said, held) = (String::new(), VecDeque::new());
        self.unborn.insert(partition, Unborn { peers, fetch_again: now, said, say: now.after(SAY.0), held });
    }

    /// Asks the other nodes for what they have not said yet of partitions that nothing is here of.
    pub(super) fn ask_peers(&mut self) {
        let now = self.now().monotonic;
        let mut out_of_patience = Vec::new();
        for (partition, unborn) in &mut self.unborn {
            for peer in unborn.peers.silent().filter(|peer| self.parts.links.is_up(*peer)) {
                self.outbox.push(peer, &PeerMessage::Unborn(*partition));
            }
            if unborn.fetch_again <= now {
                unborn.fetch_again = now.after(FETCH_AGAIN);
                for (peer, index) in unborn.peers.wanted() {
                    self.outbox.push(peer, &PeerMessage::SnapshotWanted(*partition, index));
                }
            }
            let reason = unborn.peers.waits(&self.parts.names);
            if unborn.say <= now && unborn.said != reason {
                report!("partition {} {reason}", partition.0);
                (unborn.said, unborn.say) = (reason.clone(), now.after(SAY.1));
            }
            self.parts.metrics.readiness.of_partition(*partition, Some(reason));
            let (late, held) = std::mem::take(&mut unborn.held).into_iter().partition(|(until, ..)| *until <= now);
            unborn.held = held;
            out_of_patience.push(late);
        }
        if !self.unborn.is_empty() {
            self.ask_peers = Some(now.after(ASK));
        }
        // The host has no such partition, and says so.
        out_of_patience.into_iter().for_each(|late| self.ask_held(late));
    }

    /// Keeps a request until the partition is served, as long as its patience lasts.
    pub(super) fn hold(&mut self, request: Request, answer: oneshot::Sender<Response>) {
        let until = self.now().monotonic.after(request.patience);
        if let Some(unborn) = self.unborn.get_mut(&request.partition) {
            unborn.held.push_back((until, request, answer));
        }
    }

    fn ask_held(&mut self, held: Requests) {
        let now = self.now().monotonic;
        for (until, mut request, answer) in held {
            request.patience = Duration::from_nanos(until.0.saturating_sub(now.0));
            self.ask(request, Origin::Client(answer));
        }
    }

    /// A node that holds nothing of a partition asks whether this one does.
    pub(super) fn asked(&mut self, from: NodeId, partition: PartitionId) {
        let unborn = self.unborn.get_mut(&partition);
        let holds = unborn.is_none();
        if let Some(unborn) = unborn {
            unborn.peers.asks(from);
        }
        self.outbox.push(from, &PeerMessage::Holds(partition, holds));
    }

    /// A node says whether it holds anything of a partition.
    pub(super) fn told(&mut self, from: NodeId, partition: PartitionId, holds: bool) {
        let Some(unborn) = self.unborn.get_mut(&partition) else { return };
        if let Some(index) = unborn.peers.says(from, holds) {
            self.outbox.push(from, &PeerMessage::SnapshotWanted(partition, index));
        }
        self.conclude(partition);
    }

    /// A part of a snapshot came.
    pub(super) fn fetched(&mut self, from: NodeId, part: Part) {
        let partition = part.partition;
        let now = self.now().monotonic;
        let Some(unborn) = self.unborn.get_mut(&partition) else { return };
        if let Some(next) = unborn.peers.take(from, part) {
            unborn.fetch_again = now.after(FETCH_AGAIN);
            self.outbox.push(from, &PeerMessage::SnapshotWanted(partition, next));
        }
        self.conclude(partition);
    }

    /// Begins, if enough is known.
    fn conclude(&mut self, partition: PartitionId) {
        let Some(verdict) = self.unborn.get_mut(&partition).and_then(|unborn| unborn.peers.verdict()) else { return };
        let held = self.unborn.remove(&partition).map(|unborn| unborn.held).unwrap_or_default();
        let outcome = match verdict {
            Verdict::New => Ok(()),
            Verdict::Rebuild(snapshots) => {
                let storage = &self.parts.storage;
                rebuild(self.parts.node, snapshots).map_err(|error| error.to_string()).and_then(|batch| {
                    let written = storage.write(partition, &batch).and_then(|()| storage.flush());
                    written.map_err(|error| error.to_string())?;
                    report!("partition {} was rebuilt from the other nodes", partition.0);
                    Ok(())
                })
            }
        };
        match outcome {
            Ok(()) => self.boot(partition),
            Err(error) => {
                let reason = format!("can not be rebuilt: {error}");
                report!("partition {} {reason}", partition.0);
                self.parts.metrics.halt();
                self.parts.metrics.readiness.of_partition(partition, Some(reason));
            }
        }
        self.ask_held(held);
    }

    /// Gives a part of a snapshot to a node that holds nothing, when all that it holds is durable.
    pub(super) fn offer(&mut self, to: NodeId, partition: PartitionId, index: u32) {
        let (host, storage) = (&self.host, &*self.parts.storage);
        let take = || match host.snapshot(partition, storage) {
            Ok(snapshot) => snapshot,
            Err(fault) => {
                report!("partition {}: {fault}", partition.0);
                None
            }
        };
        let part = self.offered.part(to, partition, index, take);
        self.release_when_durable(partition, Held::Send(to, PeerMessage::SnapshotPart(part)));
    }
}
