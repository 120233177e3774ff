//! A store in memory that applies every batch at once and can take the latest ones back.

use std::collections::BTreeMap;

use syncline_replicas::{Batch, BatchNumber, PartitionId, StoreError, StoreRead};

type Row = (Vec<u8>, Option<Vec<u8>>);

/// The rows of one partition, and how to undo the batches of the current incarnation.
#[derive(Debug, Default)]
pub struct Rows {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    size: usize,
    undo: Vec<Vec<Row>>,
}

impl Rows {
    /// Writes a batch.
    pub fn apply(&mut self, batch: Batch) {
        let undo = batch.writes.into_iter().map(|(key, value)| self.write(key, value));
        let undo = undo.collect();
        self.undo.push(undo);
    }

    /// A crash: all batches after this one are lost. Those before can not be lost any more.
    pub fn crash(&mut self, kept: BatchNumber) {
        while self.undo.len() as u64 > kept.0 {
            for (key, before) in self.undo.pop().expect("longer than what is kept") {
                self.write(key, before);
            }
        }
        self.undo.clear();
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Row {
        let before = match value {
            Some(value) => {
                self.size += key.len() + value.len();
                self.rows.insert(key.clone(), value)
            }
            None => self.rows.remove(&key),
        };
        self.size -= before.as_ref().map_or(0, |before| key.len() + before.len());
        (key, before)
    }

    /// The bytes of all keys and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// The value under a key.
    #[must_use]
    pub fn row(&self, key: &[u8]) -> Option<&[u8]> {
        self.rows.get(key).map(Vec::as_slice)
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
        let rows = self.rows.range(from.to_vec()..).take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
