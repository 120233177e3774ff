//! Group commit: one thread flushes for all partitions, so that everything which waits at the same time shares one flush.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use syncline_replicas::{BatchNumber, PartitionId};

use crate::shard::{ShardInbox, ShardInput};
use crate::storage::Storage;

/// If so many batches shared the last flush, the next one waits for more.
const MANY: usize = 8;
/// How long.
const GATHER: Duration = Duration::from_micros(300);

/// What was written and waits to be flushed: for each partition its last batch, and whom to tell.
#[derive(Default)]
struct Wanted {
    batches: BTreeMap<PartitionId, (BatchNumber, ShardInbox)>,
    /// How many batches they are.
    count: usize,
    stopping: bool,
}

#[derive(Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

/// Asks for flushes. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Flusher {
    shared: Arc<Shared>,
}

impl Flusher {
    /// Starts the thread; it ends after [`stop`](Self::stop), with a last flush.
    pub(crate) fn start(self, storage: Arc<dyn Storage>) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("flush".into()).spawn(move || self.run(&*storage))
    }

    /// The partition's batches up to this one are written: flush them, and tell its shard.
    pub(crate) fn want(
        &self,
        written: impl IntoIterator<Item = (PartitionId, BatchNumber)>,
        count: usize,
        inbox: &ShardInbox,
    ) {
        let mut wanted = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.count += count;
        for (partition, batch) in written {
            wanted.batches.insert(partition, (batch, inbox.clone()));
        }
        self.shared.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).stopping = true;
        self.shared.changed.notify_one();
    }

    fn run(&self, storage: &dyn Storage) {
        let mut last = 0;
        loop {
            let mut wanted = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            while wanted.batches.is_empty() {
                if wanted.stopping {
                    return;
                }
                wanted = self.shared.changed.wait(wanted).unwrap_or_else(PoisonError::into_inner);
            }
            // Where many wait for each flush, more are about to: a moment's wait saves the next flush. Where few do, it would
            // only delay them.
            if last >= MANY && !wanted.stopping {
                drop(wanted);
                std::thread::sleep(GATHER);
                wanted = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            }
            let batches = std::mem::take(&mut wanted.batches);
            last = std::mem::take(&mut wanted.count);
            drop(wanted);
            let flushed = storage.flush();
            for (partition, (up_to, inbox)) in batches {
                match &flushed {
                    Ok(()) => inbox.send_own(ShardInput::Flushed { partition, up_to }),
                    Err(error) => inbox.send_own(ShardInput::FlushFailed { partition, reason: error.to_string() }),
                }
            }
        }
    }
}
