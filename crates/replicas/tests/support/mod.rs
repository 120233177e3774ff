//! A store in memory that flushes at once.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

pub mod pair;
pub mod world;

use std::collections::BTreeMap;

use syncline_clocks::ReplicaId;
use syncline_replicas::{
    Batch, Configuration, DatacenterId, Epoch, Member, NodeId, PartitionId, Policies, StoreError, StoreRead, Strategy,
};

/// So many nodes, each in a datacenter of its own; where one leads, it is the first.
pub fn configuration(strategy: Strategy, nodes: u16) -> Configuration {
    let member = |node: u16| Member {
        node: NodeId(node.into()),
        datacenter: DatacenterId(node),
        replica: ReplicaId::from_u128(u128::from(node) + 1),
    };
    Configuration {
        epoch: Epoch(1),
        strategy,
        members: (0..nodes).map(member).collect(),
        leader: (strategy == Strategy::LeaderFollower).then_some(NodeId(0)),
        policies: Policies::default(),
    }
}

#[derive(Default)]
pub struct Rows {
    pub rows: BTreeMap<Vec<u8>, Vec<u8>>,
    /// How many bytes were written.
    pub written: usize,
}

impl Rows {
    pub fn apply(&mut self, batch: Batch) {
        for (key, value) in batch.writes {
            self.written += key.len() + value.as_ref().map_or(0, Vec::len);
            match value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }
}

impl StoreRead for Rows {
    fn get(&self, _: PartitionId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.get(key).cloned())
    }

    fn scan(
        &self,
        _: PartitionId,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let rows = self.rows.range(from.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(rows.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
