//! What keeps a node from being ready, in words, for `/ready`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncline_replicas::{NodeId, PartitionId};

/// The reasons that there are now.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Reasons>);

#[derive(Debug, Default)]
struct Reasons {
    peers: BTreeMap<NodeId, String>,
    partitions: BTreeMap<PartitionId, String>,
}

impl Readiness {
    /// Why a partition does not take part, if it does not.
    pub(crate) fn of_partition(&self, partition: PartitionId, reason: Option<String>) {
        let partitions = &mut self.reasons().partitions;
        match reason {
            Some(reason) => drop(partitions.insert(partition, reason)),
            None => drop(partitions.remove(&partition)),
        }
    }

    /// Why a peer refuses this node, if it does.
    pub(crate) fn of_peer(&self, peer: NodeId, reason: Option<String>) {
        let peers = &mut self.reasons().peers;
        match reason {
            Some(reason) => drop(peers.insert(peer, reason)),
            None => drop(peers.remove(&peer)),
        }
    }

    /// The first reason, and how many partitions have one.
    pub(crate) fn reason(&self) -> Option<String> {
        let reasons = self.reasons();
        let of_peer = reasons.peers.values().next().cloned();
        of_peer.or_else(|| {
            let (partition, reason) = reasons.partitions.first_key_value()?;
            let others = match reasons.partitions.len() - 1 {
                0 => String::new(),
                others => format!("; {others} other partitions are not served either"),
            };
            Some(format!("partition {} {reason}{others}", partition.0))
        })
    }

    fn reasons(&self) -> MutexGuard<'_, Reasons> {
        // Whatever panicked while it held the lock left whole entries.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
