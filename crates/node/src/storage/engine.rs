//! The rows of a node in a log-structured merge tree, [`fjall`].
//!
//! | here | in the engine |
//! |---|---|
//! | a write | nothing: rows wait in memory, visible, for the next flush |
//! | a flush | one batch with the last value of each row, one entry of the journal, one `fdatasync` |
//! | a partition | four bytes before each key, in one keyspace: one memtable, one journal, however many partitions |
//!
//! The engine holds its journal's lock while it syncs; a thread that wrote straight into it would wait for the disk.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};
use syncline_replicas::{Batch, PartitionId, StoreError, StoreRead};

use super::mark::Mark;
use super::overlay::{Generation, Overlay, Row, complete};
use super::record;
use super::{MAX_KEY, Storage, manifest};

/// A small memtable stays in the processor's cache, and sheds deleted rows sooner: scans step over fewer of them.
const MEMTABLE_BYTES: u64 = 8 << 20;

/// Under this row lies the number of the last flush. It is shorter than a partition's id, so that no scan finds it.
const FLUSHES: &[u8] = b"n";

/// A store of rows in a directory. See [`open`](super::open).
pub struct Engine {
    overlay: Overlay,
    keyspace: Keyspace,
    database: Database,
    mark: Mark,
    /// Locked for as long as the engine is open; the last field, so that it is the last thing to go.
    _lock: File,
}

/// Why an engine did not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// The engine says so.
    #[error("{0}")]
    Engine(#[from] fjall::Error),
    /// The number of the last flush is not to be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nor is it in the file beside the engine.
    #[error("the mark of the last flush: {0}")]
    Mark(#[from] io::Error),
    /// A list of the engine's files is damaged or missing.
    #[error("the engine's manifest: {0}")]
    Manifest(#[source] io::Error),
    /// There is less than what was flushed.
    #[error("{found} flushes are left of at least {flushed}")]
    Lost {
        /// In the engine.
        found: u64,
        /// According to the mark.
        flushed: u64,
    },
}

impl Engine {
    /// Creates an empty engine in a directory that is there and empty.
    pub(super) fn create(directory: &Path) -> Result<(), EngineError> {
        Mark::create(&directory.join("flushes"))?;
        let (database, _) = open_database(directory)?;
        guarded(|| database.persist(PersistMode::SyncAll))?;
        Ok(())
    }

    /// Opens one that was created before.
    pub(super) fn open(directory: &Path, lock: File) -> Result<Self, EngineError> {
        let mark = Mark::open(&directory.join("flushes"))?;
        manifest::check(&directory.join("fjall")).map_err(EngineError::Manifest)?;
        let (database, keyspace) = open_database(directory)?;
        let engine = Self { overlay: Overlay::default(), keyspace, database, mark, _lock: lock };
        let row = engine.read(FLUSHES)?.unwrap_or_default();
        let found = row.first_chunk().map_or(0, |number| u64::from_be_bytes(*number));
        let flushed = engine.mark.flushes();
        if found < flushed {
            return Err(EngineError::Lost { found, flushed });
        }
        engine.mark.advance(found)?;
        Ok(engine)
    }

    /// How many flushes there were.
    pub(super) fn flushes(&self) -> u64 {
        self.mark.flushes()
    }

    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = guarded(|| self.keyspace.get(key)).map_err(failed("read"))?;
        stored.map(|stored| record::unseal(key, &stored).map(<[u8]>::to_vec)).transpose()
    }

    /// The rows under a prefix from a key on; both name the partition, the rows do not.
    fn range(&self, prefix: &[u8], from: Vec<u8>) -> Result<impl Iterator<Item = Result<Row, StoreError>>, StoreError> {
        // A tight end: behind it may lie any number of deleted rows, which the engine would step over one by one.
        let (_, end) = fjall::util::prefix_to_range(prefix);
        let range = (Bound::Included(from.into()), end);
        // The engine panics over a range that ends before it begins.
        let is_empty = matches!(&range, (Bound::Included(from), Bound::Excluded(end)) if from >= end);
        let mut rows = if is_empty {
            None
        } else {
            Some(guarded(|| Ok(self.keyspace.range::<Slice, _>(range))).map_err(failed("scan"))?)
        };
        Ok(std::iter::from_fn(move || {
            let rows = rows.as_mut()?;
            let row = guarded(|| rows.next().map(fjall::Guard::into_inner).transpose()).map_err(failed("scan"));
            row.transpose().map(|row| {
                let (key, stored) = row?;
                let value = record::unseal(&key, &stored)?;
                Ok((record::bare(&key).to_vec(), value.to_vec()))
            })
        }))
    }

    fn take_down(&self, generation: &Generation) -> Result<(), StoreError> {
        let flushes = self.mark.flushes() + 1;
        let rows = 1 + generation.values().map(|written| written.rows.len()).sum::<usize>();
        let mut batch = OwnedWriteBatch::with_capacity(self.database.clone(), rows);
        for (partition, written) in generation {
            for (key, value) in &written.rows {
                let key = record::key(*partition, key);
                match value {
                    Some(value) => {
                        let stored = record::seal(&key, value);
                        batch.insert(&self.keyspace, key, stored);
                    }
                    None => batch.remove(&self.keyspace, key),
                }
            }
        }
        batch.insert(&self.keyspace, FLUSHES, record::seal(FLUSHES, &flushes.to_be_bytes()));
        guarded(|| batch.durability(Some(PersistMode::SyncData)).commit()).map_err(failed("flush"))?;
        self.mark.advance(flushes).map_err(|error| StoreError(format!("the mark of the last flush: {error}")))
    }
}

impl StoreRead for Engine {
    fn get(&self, partition: PartitionId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.overlay.get(partition, key)? {
            Some(value) => Ok(value),
            None => self.read(&record::key(partition, key)),
        }
    }

    fn scan(&self, partition: PartitionId, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let found = self.overlay.scan(partition, prefix, from, limit)?;
        let from = record::key(partition, from.max(prefix));
        complete(found, self.range(&record::key(partition, prefix), from)?, limit)
    }
}

impl Storage for Engine {
    fn write(&self, partition: PartitionId, batch: &Batch) -> Result<(), StoreError> {
        if let Some((key, _)) = batch.writes.iter().find(|(key, _)| key.len() > MAX_KEY) {
            return Err(StoreError(format!("a key of {} bytes is longer than {MAX_KEY}", key.len())));
        }
        self.overlay.write(partition, batch)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.overlay.flush(|generation| self.take_down(generation))
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("flushes", &self.flushes()).finish_non_exhaustive()
    }
}

fn open_database(directory: &Path) -> fjall::Result<(Database, Keyspace)> {
    guarded(|| {
        // Journals reach the disk by our flushes only, and one thread tends the tree beside those that serve.
        let database =
            Database::builder(directory.join("fjall")).manual_journal_persist(true).worker_threads(1).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let keyspace = database.keyspace("rows", options)?;
        Ok((database, keyspace))
    })
}

/// Calls the engine. A panic over a damaged file is an error like any other: the engine's state is its own, and it
/// refuses writes after a panic inside one.
fn guarded<T>(call: impl FnOnce() -> fjall::Result<T>) -> fjall::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(io::Error::other("the engine panicked").into()))
}

fn failed(what: &str) -> impl Fn(fjall::Error) -> StoreError {
    move |error| {
        let advice = "if a restart does not help, start the node with an empty directory: it is rebuilt from its peers";
        StoreError(format!("the engine can not {what}: {error}; {advice}"))
    }
}
