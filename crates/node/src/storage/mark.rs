//! How many flushes there were, kept beside the engine: so that it is noticed when the engine has lost some.
//!
//! An engine that recovers takes the first damaged entry of its log for the end of it, as it must after a power cut,
//! and so would forget flushed writes behind a flipped bit without a word. Each flush therefore also writes its number
//! as a row, and, once that is on the disk, into this file, which is never synced: it may lag behind the row, and one
//! that is ahead of it tells of writes that were lost.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The mark's file, and the number of the last flush.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    flushes: AtomicU64,
}

impl Mark {
    /// Creates the mark of an engine that was never flushed.
    pub(super) fn create(path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        file.write_all_at(&encode(0), 0)?;
        file.sync_all()
    }

    /// Opens it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let mut bytes = [0; 12];
        file.read_exact_at(&mut bytes, 0)?;
        let [flushes @ .., _, _, _, _] = bytes;
        let flushes = u64::from_be_bytes(flushes);
        if bytes != encode(flushes) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the mark of the last flush fails its checksum"));
        }
        Ok(Self { file, flushes: AtomicU64::new(flushes) })
    }

    /// The number of the last flush.
    pub(super) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    /// This flush is on the disk.
    pub(super) fn advance(&self, flushes: u64) -> io::Result<()> {
        self.file.write_all_at(&encode(flushes), 0)?;
        self.flushes.store(flushes, Ordering::Relaxed);
        Ok(())
    }
}

/// One write of less than a sector: it happens as a whole.
fn encode(flushes: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    let (number, sum) = bytes.split_at_mut(8);
    number.copy_from_slice(&flushes.to_be_bytes());
    sum.copy_from_slice(&crc32fast::hash(number).to_be_bytes());
    bytes
}
