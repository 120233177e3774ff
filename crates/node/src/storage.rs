//! Where a node keeps its rows.
//!
//! ```text
//! write ─▶ Overlay, in memory ─── flush ─▶ Engine: one batch, one fdatasync ─▶ journal, memtable, tables
//! get, scan ◀── newer rows ──┴── older rows, each behind its checksum ──┘
//! ```
//!
//! | promised | by |
//! |---|---|
//! | a crash loses a suffix of each partition's batches, and nothing that was flushed | a flush is one atomic batch of the engine |
//! | a row that was damaged is an error, never another value and never absent | a checksum over partition, key and value, those of the engine's blocks and journal, and `manifest.rs` and `mark.rs`, where the engine would not notice |
//! | a directory serves one node, and one process at a time | `identity.toml` and a lock that goes with the process |
//!
//! Not promised: that a scan beside writes to the same partition by another thread is a snapshot; that a store which is
//! dropped was flushed; that every damage is noticed: a sealed journal whose rows are not in a table yet may lose its
//! end unnoticed. And a power cut during a flush that tears a value longer than a page in just its middle makes the
//! engine refuse the store as damaged.
//!
//! # The choice of the engine
//!
//! Batches of five to seven small rows, one writer, one thread that flushes in a loop, 1 or 64 batches outstanding; a
//! batch counts when a flush that covers it is over. Measured in one session, with a harness that was not kept, on a
//! virtual machine with 2 cores that were shared with other work, so that figures vary by a third. Processor time is for
//! each batch, the making of it included:
//!
//! | engine | 1 outstanding | 64 outstanding | a write waits | get |
//! |---|---|---|---|---|
//! | redb 4.6, a commit for each batch | 3,800/s, 150 µs | 15,000/s, 50 µs | 30 to 57 µs, at worst 10 ms | 0.9 µs |
//! | redb 4.6 behind the overlay | 4,100/s, 135 µs | 27,000/s, 24 µs | 1 µs | 1.0 µs |
//! | fjall 3.1, a batch for each batch | 8,100/s, 61 µs | 48,000/s, 18 µs | 14 to 16 µs, at worst 118 ms | 4.0 µs |
//! | fjall 3.1 behind the overlay | 8,500/s, 56 µs | 48,000/s, 18 µs | 1 µs, at worst 2 ms | 1.5 µs |
//! | no engine: a map in memory and a bare log | 8,200/s, 56 µs | 168,000/s, 7 µs | 3 µs | 0.4 µs |
//!
//! Redb writes scattered pages where fjall appends to a journal, and compares its checksums only when it repairs. The
//! last line bounds what a log of our own could reach, before its rows are moved to a store that outgrows the memory.
//!
//! What was built, with memtables of 8 instead of 64 MiB, on the same machine:
//! `cargo run --release -p syncline-node --example storage_speed -- <directory>`
//!
//! | outstanding | batches | processor time, without the load's | a flush |
//! |---|---|---|---|
//! | 1 | 5,700/s | 80 µs for each | 0.17 ms |
//! | 8 | 22,000/s | 26 µs for each | 0.35 ms |
//! | 64 | 57,000/s | 14 µs for each | 0.93 ms, of 54 batches |

mod engine;
mod identity;
mod manifest;
mod mark;
mod open;
mod overlay;
pub mod power_cut;
mod record;

use std::sync::Arc;

use syncline_replicas::{Batch, PartitionId, StoreError, StoreRead};

pub use engine::Engine;
pub use open::{OpenError, open};
pub use record::MAX_KEY;

/// Ordered rows of bytes in a directory, which a host reads and a shard writes. Shared by the threads that handle
/// partitions and by the one that flushes. A record that is corrupt is an error, never "not found".
pub trait Storage: StoreRead + Send + Sync {
    /// Writes a batch, all or none: visible when this returns, durable after the next [`flush`](Self::flush). A crash
    /// loses a suffix of a partition's batches, never one in the middle.
    ///
    /// # Errors
    /// The engine fails.
    fn write(&self, partition: PartitionId, batch: &Batch) -> Result<(), StoreError>;

    /// Everything that was written before this call is on the disk when it returns. Runs beside writes.
    ///
    /// # Errors
    /// The disk fails; what was not flushed before may be lost.
    fn flush(&self) -> Result<(), StoreError>;
}

impl<S: Storage + ?Sized> Storage for Arc<S> {
    fn write(&self, partition: PartitionId, batch: &Batch) -> Result<(), StoreError> {
        S::write(self, partition, batch)
    }

    fn flush(&self) -> Result<(), StoreError> {
        S::flush(self)
    }
}
