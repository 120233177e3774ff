//! A disk whose writes are visible at once and durable later, in order; a crash takes back what was not flushed.

use std::collections::{BTreeMap, VecDeque};

use syncline_replicas::{Batch, BatchNumber, PartitionId, StoreError, StoreRead};

/// A batch that is not durable, and what it overwrote.
#[derive(Clone, Debug)]
struct Unflushed {
    number: BatchNumber,
    at: u64,
    before: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The rows of one node's one partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    unflushed: VecDeque<Unflushed>,
    /// For a negative control: how long a flush that was reported is not true yet.
    lie: u64,
}

impl Disk {
    pub(crate) fn lying(lie: u64) -> Self {
        Self { lie, ..Self::default() }
    }

    pub(crate) fn write(&mut self, now: u64, batch: Batch) {
        let mut before = Vec::with_capacity(batch.writes.len());
        for (key, value) in batch.writes {
            let old = match value {
                Some(value) => self.rows.insert(key.clone(), value),
                None => self.rows.remove(&key),
            };
            before.push((key, old));
        }
        self.unflushed.push_back(Unflushed { number: batch.number, at: now, before });
    }

    /// Everything up to this batch is durable, or is said to be.
    pub(crate) fn flush(&mut self, now: u64, up_to: BatchNumber) {
        let (lie, is_lying) = (self.lie, self.lie > 0);
        while self.unflushed.front().is_some_and(
            |batch| {
                if is_lying { batch.at + lie <= now } else { batch.number <= up_to }
            },
        ) {
            self.unflushed.pop_front();
        }
    }

    /// Takes back what was not durable; says how many batches that were.
    pub(crate) fn crash(&mut self) -> usize {
        let lost = self.unflushed.len();
        while let Some(batch) = self.unflushed.pop_back() {
            for (key, old) in batch.before.into_iter().rev() {
                match old {
                    Some(value) => self.rows.insert(key, value),
                    None => self.rows.remove(&key),
                };
            }
        }
        lost
    }

    /// Forgets rows for good.
    pub(crate) fn lose(&mut self, lost: impl Fn(&[u8], &[u8]) -> bool) {
        self.rows.retain(|key, value| !lost(key, value));
    }

    /// All rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// A row as a crash would leave it.
    pub(crate) fn durable(&self, key: &[u8]) -> Option<&[u8]> {
        let overwritten = self.unflushed.iter().flat_map(|batch| &batch.before).find(|(written, _)| written == key);
        match overwritten {
            Some((_, old)) => old.as_deref(),
            None => self.rows.get(key).map(Vec::as_slice),
        }
    }
}

impl StoreRead for Disk {
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
