//! How fast a node's store takes the batches of a busy partition, with so and so many of them waiting for the disk:
//!
//! ```text
//! cargo run --release -p syncline-node --example storage_speed -- <directory> [seconds]
//! ```
//!
//! One thread writes and one flushes, in a loop; a batch counts when a flush that covers it is over. The directory has
//! to be on the disk that is to be measured, and is left behind.

use std::collections::VecDeque;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use syncline_node::storage::{self, Storage};
use syncline_replicas::{Batch, BatchNumber, PartitionId};

const PARTITIONS: u64 = 8;
const KEYS: u64 = 20_000;
const CLIENTS: u64 = 64;
/// After so many batches a row that tells of an event is deleted.
const KEPT: usize = 3_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().ok_or("say in which directory")?;
    let seconds = arguments.next().and_then(|seconds| seconds.to_str()?.parse().ok()).unwrap_or(5);
    for outstanding in [1, 8, 64] {
        let directory = Path::new(&directory).join(format!("outstanding-{outstanding}"));
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        let store = storage::open(&directory, "speed", 1)?;
        let mut load = Load::default();
        writes(&*store, &mut load, outstanding, Duration::from_secs(seconds))?;
        reads(&*store, &mut load)?;
    }
    Ok(())
}

fn writes(store: &dyn Storage, load: &mut Load, outstanding: u64, time: Duration) -> Result<(), Box<dyn Error>> {
    let (begun, cpu) = (Instant::now(), cpu_seconds()?);
    let queue = Queue::default();
    let (mut slowest, mut written) = (Duration::ZERO, 0);
    let flushes = std::thread::scope(|scope| -> Result<u64, Box<dyn Error>> {
        let flusher = scope.spawn(|| queue.flush_in_a_loop(store));
        while begun.elapsed() < time {
            let (partition, batch) = load.next_batch();
            let write = Instant::now();
            store.write(partition, &batch)?;
            slowest = slowest.max(write.elapsed());
            written = batch.number.0;
            queue.wait_for_room(written, outstanding);
        }
        queue.wait_for_room(written, 1);
        queue.stop();
        flusher.join().map_err(|_| "the flusher panicked")?.map_err(Into::into)
    })?;
    let (elapsed, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    // The load costs processor time too, of which the store is innocent: it is made once more, to measure that.
    let making = cpu_seconds()?;
    let mut again = Load::default();
    (0..written).for_each(|_| drop(black_box(again.next_batch())));
    let cpu = cpu - (cpu_seconds()? - making);
    let batches = written as f64;
    println!(
        "{outstanding:2} outstanding: {:6.0} batches/s, \
         {:5.1} us of processor and {:4.1} batches for each flush of {:.2} ms, \
         {:.1} us of processor for each batch, slowest write {:.1} ms",
        batches / elapsed,
        cpu * 1e6 / flushes as f64,
        batches / flushes as f64,
        elapsed * 1e3 / flushes as f64,
        cpu * 1e6 / batches,
        slowest.as_secs_f64() * 1e3,
    );
    Ok(())
}

fn reads(store: &dyn Storage, load: &mut Load) -> Result<(), Box<dyn Error>> {
    const READS: u32 = 20_000;
    let begun = Instant::now();
    for _ in 0..READS {
        let (partition, key) = (load.any_partition(), load.key());
        black_box(store.get(partition, &[b"d", key.as_bytes()].concat())?);
    }
    let get = begun.elapsed() / READS;
    let begun = Instant::now();
    for _ in 0..READS {
        let (partition, prefix) = (load.any_partition(), [b"u", load.key().as_bytes()].concat());
        black_box(store.scan(partition, &prefix, &prefix, 16)?);
    }
    println!("                get {get:.1?}, scan of one key's events {:.1?}", begun.elapsed() / READS);
    Ok(())
}

/// How far the writer and the flusher are.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    written: u64,
    flushed: u64,
    is_over: bool,
}

impl Queue {
    fn wait_for_room(&self, written: u64, outstanding: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.written = written;
        self.changed.notify_all();
        while written - state.flushed >= outstanding && !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.changed.notify_all();
    }

    fn flush_in_a_loop(&self, store: &dyn Storage) -> Result<u64, syncline_replicas::StoreError> {
        let mut flushes = 0;
        loop {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            while state.written == state.flushed {
                if state.is_over {
                    return Ok(flushes);
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let written = state.written;
            drop(state);
            // Without this the writer would wait for ever for a flusher that has given up.
            store.flush().inspect_err(|_| self.stop())?;
            flushes += 1;
            self.state.lock().unwrap_or_else(PoisonError::into_inner).flushed = written;
            self.changed.notify_all();
        }
    }
}

/// Batches like those of a leaderless partition: its clock, a key's entry, the event, where it belongs, its client's
/// last request; and two rows of an old event that every member has by now.
#[derive(Default)]
struct Load {
    batches: u64,
    random: u64,
    kept: VecDeque<(PartitionId, Vec<u8>, Vec<u8>)>,
}

impl Load {
    fn next_batch(&mut self) -> (PartitionId, Batch) {
        self.batches += 1;
        let (partition, key, dot) = (self.partition(), self.key(), self.batches.to_be_bytes());
        let client = self.below(CLIENTS).to_be_bytes();
        let event = [&b"e-sixteen-bytes--"[..], &dot].concat();
        let unstable = [b"u", key.as_bytes(), b"-sixteen-bytes--", &dot].concat();
        let mut writes = vec![
            (b"m".to_vec(), self.value(150)),
            ([b"d", key.as_bytes()].concat(), self.value(100)),
            (event.clone(), self.value(120)),
            (unstable.clone(), self.value(50)),
            ([&b"q"[..], &client].concat(), self.value(80)),
        ];
        // Only the rows of this batch's partition can go in this batch.
        if self.kept.len() > KEPT && self.kept.front().is_some_and(|(oldest, ..)| *oldest == partition) {
            writes.extend(
                self.kept.pop_front().into_iter().flat_map(|(_, event, unstable)| [(event, None), (unstable, None)]),
            );
        }
        self.kept.push_back((partition, event, unstable));
        (partition, Batch { number: BatchNumber(self.batches), writes })
    }

    /// Batches take turns, so that the oldest event belongs to the partition whose turn it is.
    fn partition(&self) -> PartitionId {
        PartitionId((self.batches % PARTITIONS) as u32)
    }

    fn any_partition(&mut self) -> PartitionId {
        PartitionId(self.below(PARTITIONS) as u32)
    }

    fn key(&mut self) -> String {
        format!("user:{:08}", self.below(KEYS))
    }

    fn value(&mut self, length: usize) -> Option<Vec<u8>> {
        let words = std::iter::repeat_with(|| self.draw().to_be_bytes());
        Some(words.take(length.div_ceil(8)).flatten().collect())
    }

    fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The processor time of this process, of all threads: fields 14 and 15 of its `stat`, in hundredths of a second.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().into_iter().flat_map(str::split_whitespace);
    let ticks = fields.skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / 100.0)
}
