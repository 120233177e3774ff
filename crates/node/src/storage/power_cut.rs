//! A store that a killed process leaves as a power cut would, for tests.
//!
//! What a process has written survives its death, by kill -9 too, in the operating system's cache: killing processes
//! does not test what a program promises about the disk. Here what was not flushed stays in the process's own memory
//! and dies with it.

use syncline_replicas::{Batch, PartitionId, StoreError, StoreRead};

use super::Storage;
use super::overlay::{Overlay, Row, complete};

/// A store that hands down to another one only what is flushed.
pub struct PowerCut<S> {
    inner: S,
    overlay: Overlay,
    flushes: bool,
}

impl<S: Storage> PowerCut<S> {
    /// Over a store that nothing else writes to.
    pub fn new(inner: S) -> Self {
        Self { inner, overlay: Overlay::default(), flushes: true }
    }

    /// One that lies: [`flush`](Storage::flush) claims success and does nothing, so that nothing survives. The negative
    /// control: a test of durability that passes over this one tests nothing.
    pub fn without_flush(inner: S) -> Self {
        Self { flushes: false, ..Self::new(inner) }
    }
}

impl<S: Storage> StoreRead for PowerCut<S> {
    fn get(&self, partition: PartitionId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.overlay.get(partition, key)? {
            Some(value) => Ok(value),
            None => self.inner.get(partition, key),
        }
    }

    fn scan(&self, partition: PartitionId, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let found = self.overlay.scan(partition, prefix, from, limit)?;
        // Each row found above hides at most one below.
        let below = self.inner.scan(partition, prefix, from, limit.saturating_add(found.len()))?;
        complete(found, below.into_iter().map(Ok), limit)
    }
}

impl<S: Storage> Storage for PowerCut<S> {
    fn write(&self, partition: PartitionId, batch: &Batch) -> Result<(), StoreError> {
        self.overlay.write(partition, batch)
    }

    fn flush(&self) -> Result<(), StoreError> {
        if !self.flushes {
            return Ok(());
        }
        self.overlay.flush(|generation| {
            for (partition, written) in generation {
                let writes = written.rows.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                // A partition's batches go down as one: after a crash in between, all of them are there or none.
                self.inner.write(*partition, &Batch { number: written.number, writes })?;
            }
            self.inner.flush()
        })
    }
}
