//! A partition of which a node holds nothing: is it new, or was it lost with the node's directory?
//!
//! A replica that began anew under the name of a lost one would mint dots that stand for other changes, vote against what it
//! accepted, and answer reads without what it acknowledged. So it asks all other nodes before it takes part, and nothing
//! counts on it meanwhile:
//!
//! | they say | then |
//! |---|---|
//! | all: "nothing either" | it begins: the cluster is new |
//! | some hold the partition, and with theirs there are so many answers that one has whatever W acknowledged | it is rebuilt from their snapshots |
//! | less than that | it waits |
//!
//! The nodes of a new cluster ask one another at the same time, and one begins first. It has an answer of each other node
//! then, so each of them has heard its question and knows that it held nothing: that it holds something now does not matter.
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

/// What is known of one peer.
enum Peer {
    Silent,
    /// It asked: it holds nothing. Whether it knows the same of this node is not known.
    Asks,
    /// It holds nothing, or did when this node did not either; and it knows of this node.
    Nothing,
    /// It holds something, of which these parts have come.
    Holds {
        bytes: Vec<u8>,
        parts: u32,
        count: u32,
    },
    /// That is all here.
    Fetched(Box<Snapshot>),
}

impl Peer {
    const BEGINNING: Self = Self::Holds { bytes: Vec::new(), parts: 0, count: 0 };
}

/// What is known of the peers of one partition.
pub(crate) struct Peers {
    peers: BTreeMap<NodeId, Peer>,
    /// How many peers' answers tell whatever a quorum acknowledged.
    needed: usize,
}

/// What follows from the answers.
pub(crate) enum Verdict {
    New,
    Rebuild(Vec<Snapshot>),
}

impl Peers {
    pub(crate) fn new(peers: impl Iterator<Item = NodeId>, needed: usize) -> Self {
        Self { peers: peers.map(|peer| (peer, Peer::Silent)).collect(), needed }
    }

    /// Whether there is nobody to ask.
    pub(crate) fn is_alone(&self) -> bool {
        self.peers.is_empty()
    }

    /// Those that have to be asked whether they hold anything.
    pub(crate) fn silent(&self) -> impl Iterator<Item = NodeId> {
        self.peers.iter().filter(|(_, peer)| matches!(peer, Peer::Silent | Peer::Asks)).map(|(node, _)| *node)
    }

    /// Which part to ask for, now or again, and of whom.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (NodeId, u32)> {
        self.peers.iter().filter_map(|(node, peer)| match peer {
            Peer::Holds { parts, .. } => Some((*node, *parts)),
            _ => None,
        })
    }

    /// A peer asks: it holds nothing, or nothing any more.
    pub(crate) fn asks(&mut self, from: NodeId) {
        if let Some(peer @ (Peer::Silent | Peer::Holds { .. })) = self.peers.get_mut(&from) {
            *peer = Peer::Asks;
        }
    }

    /// A peer answers; returns which part to ask it for, if there is one.
    pub(crate) fn says(&mut self, from: NodeId, holds: bool) -> Option<u32> {
        let peer = self.peers.get_mut(&from)?;
        match (&*peer, holds) {
            (Peer::Silent, true) => {
                *peer = Peer::BEGINNING;
                return Some(0);
            }
            (Peer::Silent | Peer::Holds { .. }, false) | (Peer::Asks, _) => *peer = Peer::Nothing,
            _ => {}
        }
        None
    }

    /// Takes a part; returns which to ask for next, if there is one. What does not continue is begun anew.
    pub(crate) fn take(&mut self, from: NodeId, part: Part) -> Option<u32> {
        let peer = self.peers.get_mut(&from)?;
        let Peer::Holds { bytes, parts, count } = peer else { return None };
        if part.index != *parts {
            return None;
        }
        if part.count == 0 {
            // It has forgotten, or has stopped: from the beginning, when the time comes to ask again.
            *peer = Peer::BEGINNING;
            return None;
        }
        bytes.extend(part.bytes);
        *count = part.count;
        *parts += 1;
        if *parts < part.count {
            return Some(*parts);
        }
        *peer = postcard::from_bytes(bytes).map_or(Peer::BEGINNING, |held| Peer::Fetched(Box::new(held)));
        None
    }

    /// What to do, once enough is known.
    pub(crate) fn verdict(&mut self) -> Option<Verdict> {
        let nothing = self.peers.values().filter(|peer| matches!(peer, Peer::Nothing)).count();
        let fetched = self.peers.values().filter(|peer| matches!(peer, Peer::Fetched(_))).count();
        if nothing == self.peers.len() {
            return Some(Verdict::New);
        }
        let is_enough = fetched > 0 && nothing + fetched >= self.needed;
        is_enough.then(|| {
            let peers = std::mem::take(&mut self.peers).into_values();
            Verdict::Rebuild(
                peers.filter_map(|peer| if let Peer::Fetched(held) = peer { Some(*held) } else { None }).collect(),
            )
        })
    }

    /// What is waited for, in words that continue "partition 0".
    pub(crate) fn waits(&self, names: &[String]) -> String {
        let name = |node: &NodeId| names.get(node.0 as usize).cloned().unwrap_or_else(|| format!("node {}", node.0));
        let list = |names: Vec<String>| names.join(" and ");
        let silent = list(self.silent().map(|node| name(&node)).collect());
        let sending = self.peers.iter().filter_map(|(node, peer)| match peer {
            Peer::Holds { count: 0, .. } => Some(format!("{} (nothing has come yet)", name(node))),
            Peer::Holds { parts, count, .. } => Some(format!("{} (part {parts} of {count})", name(node))),
            _ => None,
        });
        let sending = list(sending.collect());
        let is_known = self.peers.values().any(|peer| matches!(peer, Peer::Holds { .. } | Peer::Fetched(_)));
        match (is_known, sending.is_empty()) {
            (false, _) => format!("waits to hear from {silent}, whether this cluster is new: nothing of it is here"),
            (true, true) => format!("is being rebuilt, and waits to hear from {silent}, what is there of it"),
            (true, false) => format!("is being rebuilt, from {sending}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use syncline_replicas::NodeId;

    use super::{Peer, Peers, Verdict};

    const OTHERS: [NodeId; 2] = [NodeId(1), NodeId(2)];

    fn peers() -> Peers {
        Peers::new(OTHERS.into_iter(), 2)
    }

    #[test]
    fn all_others_have_to_say_that_they_hold_nothing() {
        let mut peers = peers();
        peers.says(OTHERS[0], false);
        assert!(peers.verdict().is_none(), "one of two has answered");
        peers.asks(OTHERS[1]);
        assert!(
            peers.verdict().is_none(),
            "it may not know of this node, and would take it for one that was there before"
        );
        peers.says(OTHERS[1], false);
        assert!(matches!(peers.verdict(), Some(Verdict::New)));
    }

    #[test]
    fn who_asked_before_it_began_held_nothing() {
        let mut peers = peers();
        peers.asks(OTHERS[0]);
        assert_eq!(peers.says(OTHERS[0], true), None);
        peers.says(OTHERS[1], false);
        assert!(matches!(peers.verdict(), Some(Verdict::New)));
    }

    #[test]
    fn one_that_holds_something_is_fetched_from_and_not_forgotten() {
        let mut peers = peers();
        assert_eq!(peers.says(OTHERS[0], true), Some(0));
        peers.says(OTHERS[1], false);
        assert!(peers.verdict().is_none());
        assert_eq!(peers.wanted().collect::<Vec<_>>(), [(OTHERS[0], 0)]);
        // Unless it loses its directory too.
        peers.asks(OTHERS[0]);
        assert!(matches!(peers.peers[&OTHERS[0]], Peer::Asks));
    }
}
