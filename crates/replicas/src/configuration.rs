//! Who replicates a partition, how, and under which number: ownership comes from here and never from gossip.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use syncline_clocks::ReplicaId;

use crate::{DatacenterId, Epoch, NodeId};

/// How a partition is replicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Strategy {
    /// One leader orders all writes; followers take its log over when it fails.
    LeaderFollower,
    /// A leader for each datacenter; they exchange deltas.
    MultiLeader,
    /// Every member takes writes and reads, and asks the others.
    Leaderless,
}

/// One replica of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// The machine.
    pub node: NodeId,
    /// Where it stands.
    pub datacenter: DatacenterId,
    /// The identity under which it mints dots.
    pub replica: ReplicaId,
}

/// How a register's concurrent versions are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RegisterPolicy {
    /// The latest of the versions that causality left.
    #[default]
    LastWriterWins,
    /// All of them.
    KeepSiblings,
    /// The latest timestamp, blind to causality, as in Cassandra's cells: a write replaces what has an earlier timestamp,
    /// seen or not, and is itself hidden by a later one. The baseline of comparisons; with skewed clocks it lets a write
    /// lose against one that it had seen.
    TimestampOnly,
}

/// Which policy reads which key's register: the longest matching prefix decides. Versioned with the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policies {
    /// Where no prefix matches.
    pub default: RegisterPolicy,
    /// Prefixes of keys and their policies.
    pub by_prefix: Vec<(Vec<u8>, RegisterPolicy)>,
}

impl Policies {
    /// The policy of a key.
    #[must_use]
    pub fn of(&self, key: &[u8]) -> RegisterPolicy {
        let matching = self.by_prefix.iter().filter(|(prefix, _)| key.starts_with(prefix));
        matching.max_by_key(|(prefix, _)| prefix.len()).map_or(self.default, |(_, policy)| *policy)
    }
}

/// The configuration of one partition. A higher epoch fences every lower one.
///
/// The set of members is fixed here. Leader-follower acknowledges by *any k* members, so a new leader asks as many
/// members as meet every such set, and no in-sync set has to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// Its number, from 1.
    pub epoch: Epoch,
    /// How the partition is replicated.
    pub strategy: Strategy,
    /// The replicas.
    pub members: Vec<Member>,
    /// Who leads; only of meaning for leader-follower.
    pub leader: Option<NodeId>,
    /// How registers are read.
    pub policies: Policies,
}

/// Why a configuration can not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// No member, or more than 255.
    #[error("a partition has between 1 and 255 members, not {0}")]
    Members(usize),
    /// A node or a replica id stands twice.
    #[error("a node or a replica id stands twice among the members")]
    Duplicate,
    /// The leader is not a member, or is missing where the strategy needs one.
    #[error("the leader has to be one of the members")]
    Leader,
    /// Multi-leader has two members in one datacenter.
    #[error("multi-leader has one leader for each datacenter")]
    Datacenters,
}

impl Configuration {
    /// Whether the configuration can be used at all.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), ConfigurationError> {
        let count = self.members.len();
        if count == 0 || count > usize::from(u8::MAX) {
            return Err(ConfigurationError::Members(count));
        }
        let nodes: BTreeSet<_> = self.members.iter().map(|member| member.node).collect();
        let replicas: BTreeSet<_> = self.members.iter().map(|member| member.replica).collect();
        if nodes.len() != count || replicas.len() != count {
            return Err(ConfigurationError::Duplicate);
        }
        let leads = |node: NodeId| nodes.contains(&node);
        if self.leader.is_some_and(|leader| !leads(leader))
            || (self.strategy == Strategy::LeaderFollower && self.leader.is_none())
        {
            return Err(ConfigurationError::Leader);
        }
        let datacenters: BTreeSet<_> = self.members.iter().map(|member| member.datacenter).collect();
        if self.strategy == Strategy::MultiLeader && datacenters.len() != count {
            return Err(ConfigurationError::Datacenters);
        }
        Ok(())
    }

    /// The member on a node.
    #[must_use]
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.node == node)
    }

    /// All members but the one on this node.
    pub fn peers(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.members.iter().map(|member| member.node).filter(move |other| *other != node)
    }

    /// The number of members.
    #[must_use]
    pub fn size(&self) -> u8 {
        u8::try_from(self.members.len()).expect("a checked configuration has at most 255 members")
    }

    /// The least number of members that is more than half.
    #[must_use]
    pub fn majority(&self) -> u8 {
        self.size() / 2 + 1
    }

    /// In how many datacenters these nodes stand.
    pub(crate) fn datacenters(&self, nodes: impl Iterator<Item = NodeId>) -> u8 {
        let places: BTreeSet<_> = nodes.filter_map(|node| self.member(node)).map(|member| member.datacenter).collect();
        u8::try_from(places.len()).expect("no more datacenters than members")
    }
}
