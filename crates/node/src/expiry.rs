//! Removing what has expired although nobody asks for it.
//!
//! A key that has expired holds nothing, and a write that finds it removes it. For those that nobody writes again, each
//! shard remembers the deadlines that go by, and those that its store held when it began, and writes to the keys when they
//! are due. The node that is first in the cluster's list goes first; what it has removed the others find removed. 8 bytes
//! and the key for each deadline that is to come.

use std::collections::{BTreeSet, VecDeque};

use syncline_replicas::{Batch, PartitionId, Payload, Row, Slot, StoreError, decode_row};

use crate::storage::Storage;

/// How much later each further node goes, in milliseconds.
const STAGGER: u64 = 1_000;
/// How many rows are looked through at once when a shard begins.
const PAGE: usize = 512;
/// The rows of entries, and the end of those that hold a deadline: the kind of row, and the kind of slot.
const ENTRIES: &[u8] = b"d";
const EXPIRY: u8 = 4;

/// The deadlines that one shard knows.
pub(crate) struct Deadlines {
    delay: u64,
    due: BTreeSet<(u64, PartitionId, Vec<u8>)>,
    /// Partitions whose rows are still to be looked through, and from which row on.
    recovering: VecDeque<(PartitionId, Vec<u8>)>,
}

impl Deadlines {
    /// Of the node at this place in the cluster's list.
    pub(crate) fn new(place: u32) -> Self {
        Self { delay: u64::from(place) * STAGGER, due: BTreeSet::new(), recovering: VecDeque::new() }
    }

    /// A partition was booted: its rows are looked through, a page at a time.
    pub(crate) fn recover(&mut self, partition: PartitionId) {
        self.recovering.push_back((partition, ENTRIES.to_vec()));
    }

    pub(crate) fn is_recovering(&self) -> bool {
        !self.recovering.is_empty()
    }

    /// Looks through one page.
    pub(crate) fn look(&mut self, storage: &dyn Storage) -> Result<(), StoreError> {
        let Some((partition, from)) = self.recovering.pop_front() else { return Ok(()) };
        let rows = storage.scan(partition, ENTRIES, &from, PAGE)?;
        if rows.len() == PAGE
            && let Some((last, _)) = rows.last()
        {
            self.recovering.push_back((partition, [last.as_slice(), &[0]].concat()));
        }
        rows.iter().for_each(|(key, value)| self.observe_row(partition, key, value));
        Ok(())
    }

    /// Rows that are written.
    pub(crate) fn observe(&mut self, partition: PartitionId, batch: &Batch) {
        for (key, value) in &batch.writes {
            if let Some(value) = value {
                self.observe_row(partition, key, value);
            }
        }
    }

    fn observe_row(&mut self, partition: PartitionId, key: &[u8], value: &[u8]) {
        if !key.starts_with(ENTRIES) || key.last() != Some(&EXPIRY) {
            return;
        }
        let Ok(Row::Entry(path, entry)) = decode_row(key, value) else { return };
        if path.slot != Slot::Expiry {
            return;
        }
        let deadlines = entry.live().filter_map(|(_, payload)| match payload {
            Payload::Expiry(deadline) => Some(*deadline),
            _ => None,
        });
        if let Some(deadline) = deadlines.max() {
            self.due.insert((deadline.at.saturating_add(self.delay), partition, path.key));
        }
    }

    /// When the next key is due, in milliseconds since the Unix epoch.
    pub(crate) fn next(&self) -> Option<u64> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// A key whose time has come; it may have been written meanwhile.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<(PartitionId, Vec<u8>)> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, partition, key)| (partition, key))
    }
}
