//! Partitions that are fetched from the other nodes before they are served, and those that others fetch from here.

use std::time::Duration;

use syncline_replicas::{BatchNumber, NodeId, PartitionId, rebuild};

use super::{Held, Shard};
use crate::peer::PeerMessage;
use crate::rebuild::Part;
use crate::report;

/// When a part of a snapshot is asked for again.
const FETCH_AGAIN: Duration = Duration::from_secs(2);

impl Shard {
    /// Asks for what is missing of the partitions that are being fetched.
    pub(super) fn fetch(&mut self) {
        for (partition, fetching) in &self.fetching {
            for (peer, index) in fetching.wanted() {
                self.outbox.push(peer, &PeerMessage::SnapshotWanted(*partition, index));
            }
        }
        if !self.fetching.is_empty() {
            self.fetch_again = Some(self.now().monotonic.after(FETCH_AGAIN));
        }
    }

    pub(super) fn fetched(&mut self, from: NodeId, part: Part) {
        let partition = part.partition;
        let Some(fetching) = self.fetching.get_mut(&partition) else { return };
        if let Some(next) = fetching.take(from, part) {
            return self.outbox.push(from, &PeerMessage::SnapshotWanted(partition, next));
        }
        let Some(snapshots) = fetching.complete() else { return };
        self.fetching.remove(&partition);
        match rebuild(self.parts.node, snapshots) {
            Ok(batch) => {
                let storage = &self.parts.storage;
                match storage.write(partition, &batch).and_then(|()| storage.flush()) {
                    Ok(()) => {
                        report!("partition {} was rebuilt from the other nodes", partition.0);
                        self.boot(partition);
                    }
                    Err(error) => report!("partition {} can not be rebuilt: {error}", partition.0),
                }
            }
            Err(error) => report!("partition {} can not be rebuilt: {error}", partition.0),
        }
    }

    /// Gives a part of a snapshot to a node that lost its store, when all that it holds is durable.
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
        let written = self.partitions.get(&partition).map_or(BatchNumber(0), |held| held.written);
        self.release_or_hold(partition, written, Held::Send(to, PeerMessage::SnapshotPart(part)));
    }
}
