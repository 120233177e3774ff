//! What was written and is not in the store below yet, merged over what is.
//!
//! Two generations of rows: the newer one takes writes, the older one is on its way down. Both stay visible until the
//! flush is over, so that a flush never hides a row and never blocks a writer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use syncline_replicas::{Batch, BatchNumber, PartitionId, StoreError};

/// A key and its value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// Rows by key; `None` is one that was deleted.
pub(super) type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What one flush takes down.
pub(super) type Generation = BTreeMap<PartitionId, Written>;

/// The outcome of a partition's batches: each key's last value.
#[derive(Default)]
pub(super) struct Written {
    /// The last of the batches.
    pub(super) number: BatchNumber,
    /// What they wrote.
    pub(super) rows: Rows,
}

/// The overlay of a store, shared by the threads that write and the one that flushes.
#[derive(Default)]
pub(super) struct Overlay {
    generations: Mutex<Generations>,
    /// Held for a whole flush: two at once would take their generations down in either order.
    flushing: Mutex<()>,
}

#[derive(Default)]
struct Generations {
    pending: Generation,
    flushing: Arc<Generation>,
    /// Why a flush failed. What the disk holds is not known any more, so that nothing is written after it.
    failed: Option<StoreError>,
}

impl Overlay {
    /// Makes a batch visible, all of it at once.
    pub(super) fn write(&self, partition: PartitionId, batch: &Batch) -> Result<(), StoreError> {
        let writes = batch.writes.clone();
        let mut generations = self.lock()?;
        if let Some(failed) = &generations.failed {
            return Err(failed.clone());
        }
        let written = generations.pending.entry(partition).or_default();
        written.number = batch.number;
        written.rows.extend(writes);
        Ok(())
    }

    /// What a key was last set to, `Some(None)` if it was deleted; `None` if the store below has to be asked.
    #[expect(clippy::option_option, reason = "a row can be unknown, deleted or there")]
    pub(super) fn get(&self, partition: PartitionId, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        let generations = self.lock()?;
        let mut newest_first = generations.newest_first(partition);
        Ok(newest_first.find_map(|rows| rows.get(key)).cloned())
    }

    /// The rows of a scan that are known here, deleted ones included: those up to the `limit`-th that is there. Hand
    /// them to [`complete`] together with the rows of the store below, which is to be read afterwards: a flush that
    /// ends in between then shows a row twice rather than not at all.
    pub(super) fn scan(
        &self,
        partition: PartitionId,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Rows, StoreError> {
        let mut found = Rows::new();
        let generations = self.lock()?;
        for rows in generations.newest_first(partition) {
            let behind = rows.range::<[u8], _>((Bound::Included(from.max(prefix)), Bound::Unbounded));
            let within = behind.take_while(|(key, _)| key.starts_with(prefix));
            let copies = within.map(|(key, value)| Ok::<_, Infallible>((key.clone(), value.clone())));
            let Ok(()) = lay_under(&mut found, copies, limit);
        }
        Ok(found)
    }

    /// Takes down what was written before, by a function that is called unless there is nothing. After it has failed,
    /// nothing is written any more.
    pub(super) fn flush(
        &self,
        take_down: impl FnOnce(&Generation) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _one_at_a_time = self.flushing.lock().map_err(|_| poisoned())?;
        let generation = {
            let mut generations = self.lock()?;
            if let Some(failed) = &generations.failed {
                return Err(failed.clone());
            }
            if generations.pending.is_empty() {
                return Ok(());
            }
            generations.flushing = Arc::new(std::mem::take(&mut generations.pending));
            Arc::clone(&generations.flushing)
        };
        let taken_down = take_down(&generation);
        let mut generations = self.lock()?;
        match &taken_down {
            Ok(()) => generations.flushing = Arc::default(),
            Err(failed) => generations.failed = Some(failed.clone()),
        }
        // The rows are freed behind the lock: writers do not wait for that.
        drop(generations);
        drop(generation);
        taken_down
    }

    fn lock(&self) -> Result<MutexGuard<'_, Generations>, StoreError> {
        self.generations.lock().map_err(|_| poisoned())
    }
}

impl Generations {
    fn newest_first(&self, partition: PartitionId) -> impl Iterator<Item = &Rows> {
        [self.pending.get(&partition), self.flushing.get(&partition)].into_iter().flatten().map(|written| &written.rows)
    }
}

/// Completes a scan of an overlay by the rows of the store below, in order.
pub(super) fn complete(
    mut found: Rows,
    below: impl Iterator<Item = Result<Row, StoreError>>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    lay_under(&mut found, below.map(|row| row.map(|(key, value)| (key, Some(value)))), limit)?;
    Ok(found.into_iter().filter_map(|(key, value)| Some((key, value?))).take(limit).collect())
}

/// Adds older rows where there are no newer ones. It stops after `limit` that are not deleted: whatever follows is
/// behind as many rows that are there, and so behind the end of the scan.
fn lay_under<E>(
    newer: &mut Rows,
    mut older: impl Iterator<Item = Result<(Vec<u8>, Option<Vec<u8>>), E>>,
    limit: usize,
) -> Result<(), E> {
    let mut there = 0;
    while there < limit {
        let Some(row) = older.next() else { break };
        let (key, value) = row?;
        if let Entry::Vacant(vacant) = newer.entry(key) {
            there += usize::from(vacant.insert(value).is_some());
        }
    }
    Ok(())
}

fn poisoned() -> StoreError {
    StoreError("a thread panicked while it wrote: restart the node".into())
}
