//! A node whose directory is gone fetches its partitions from the others before it takes part again.
//!
//! Snapshots may be large, so they are fetched in parts, one asked for after another. The sender makes the snapshot when
//! the first part is asked for, and keeps it until the last.

use std::collections::BTreeMap;

use syncline_replicas::{NodeId, PartitionId, Snapshot};

/// How large a part is, in bytes.
const PART: usize = 8 << 20;

/// One part of a snapshot.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Part {
    pub(crate) partition: PartitionId,
    /// Which part it is, from 0.
    pub(crate) index: u32,
    /// How many there are; 0 if the sender has no such snapshot and can not make one.
    pub(crate) count: u32,
    pub(crate) bytes: Vec<u8>,
}

/// The snapshots that others are fetching from this node.
#[derive(Default)]
pub(crate) struct Offered {
    snapshots: BTreeMap<(NodeId, PartitionId), Vec<u8>>,
}

impl Offered {
    /// The part that a peer asks for. With the first one `take` makes the snapshot.
    pub(crate) fn part(
        &mut self,
        to: NodeId,
        partition: PartitionId,
        index: u32,
        take: impl FnOnce() -> Option<Snapshot>,
    ) -> Part {
        let name = (to, partition);
        if index == 0
            && let Some(bytes) = take().and_then(|snapshot| postcard::to_allocvec(&snapshot).ok())
        {
            self.snapshots.insert(name, bytes);
        }
        let Some(bytes) = self.snapshots.get(&name) else {
            return Part { partition, index, count: 0, bytes: Vec::new() };
        };
        let count = u32::try_from(bytes.len().div_ceil(PART)).unwrap_or(u32::MAX);
        let part = bytes.chunks(PART).nth(index as usize).unwrap_or_default().to_vec();
        if index + 1 >= count {
            self.snapshots.remove(&name);
        }
        Part { partition, index, count, bytes: part }
    }
}

/// What has come of one peer's snapshot.
#[derive(Default)]
struct Fetched {
    bytes: Vec<u8>,
    parts: u32,
    snapshot: Option<Snapshot>,
}

/// One partition that is being fetched.
pub(crate) struct Fetching {
    peers: BTreeMap<NodeId, Fetched>,
    /// How many peers' snapshots hold whatever a quorum acknowledged.
    needed: usize,
}

impl Fetching {
    pub(crate) fn new(peers: impl IntoIterator<Item = NodeId>, needed: usize) -> Self {
        Self { peers: peers.into_iter().map(|peer| (peer, Fetched::default())).collect(), needed }
    }

    /// What to ask now, or again: of each peer the part that is missing.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (NodeId, u32)> {
        self.peers
            .iter()
            .filter(|(_, fetched)| fetched.snapshot.is_none())
            .map(|(peer, fetched)| (*peer, fetched.parts))
    }

    /// Takes a part; returns which to ask for next, if there is one. What does not continue is begun anew.
    pub(crate) fn take(&mut self, from: NodeId, part: Part) -> Option<u32> {
        let fetched = self.peers.get_mut(&from)?;
        if fetched.snapshot.is_some() || part.index != fetched.parts {
            return None;
        }
        if part.count == 0 {
            // It has forgotten, or has nothing yet: from the beginning, when the time comes to ask again.
            *fetched = Fetched::default();
            return None;
        }
        fetched.bytes.extend(part.bytes);
        fetched.parts += 1;
        if fetched.parts < part.count {
            return Some(fetched.parts);
        }
        match postcard::from_bytes(&std::mem::take(&mut fetched.bytes)) {
            Ok(snapshot) => fetched.snapshot = Some(snapshot),
            Err(_) => *fetched = Fetched::default(),
        }
        None
    }

    /// The snapshots, once there are enough of them.
    pub(crate) fn complete(&mut self) -> Option<Vec<Snapshot>> {
        let fetched = self.peers.values().filter(|fetched| fetched.snapshot.is_some()).count();
        (fetched >= self.needed).then(|| self.peers.values_mut().filter_map(|held| held.snapshot.take()).collect())
    }
}
