//! What is decoded takes memory in proportion to its bytes, whatever lengths they claim; and so a peer's ten million
//! invented ids are refused by the limits and change nothing.
//!
//! One test, because the allocator counts for the whole process.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(feature = "serde")]

use peak_alloc::PeakAlloc;
use serde::de::DeserializeOwned;
use syncline_clocks::{CausalContext, Dot, IntervalTreeClock, LimitExceeded, Limits, ReplicaId, VersionVector};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The value and the most bytes of memory that were in use at once while it was decoded, beyond those before.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> (postcard::Result<T>, usize) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let value = postcard::from_bytes(bytes);
    (value, HEAP.peak_usage() - before)
}

fn claiming(length: u64, entry: &[u8]) -> Vec<u8> {
    let mut bytes = postcard::to_allocvec(&length).unwrap();
    bytes.extend_from_slice(entry);
    bytes
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    free: u32,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        self.free -= 1;
        *self.bytes.last_mut().unwrap() |= u8::from(bit) << self.free;
    }

    /// An id that owns something in both halves for so many levels, and then in the right half alone.
    fn fork(&mut self, both: usize, right: usize) {
        if both > 0 {
            [true, true].into_iter().for_each(|bit| self.push(bit));
            (0..2).for_each(|_| self.fork(both - 1, right));
        } else {
            (0..right).flat_map(|_| [false, true]).for_each(|bit| self.push(bit));
            [false, false, true].into_iter().for_each(|bit| self.push(bit));
        }
    }
}

#[test]
fn decoding_takes_memory_in_proportion_to_the_bytes() {
    // A length of 2^60 entries and nothing, or one entry, behind it.
    for entry in [&[][..], &[1; 17], &[1; 19]] {
        let bytes = claiming(1 << 60, entry);
        let (vector, used) = decode::<VersionVector>(&bytes);
        assert!(vector.is_err() && used < 8_192, "{used}");
        let (context, used) = decode::<CausalContext>(&bytes);
        assert!(context.is_err() && used < 8_192, "{used}");
    }
    // 2^60 runs of one replica. Serde itself reserves at most a mebibyte for a claimed length.
    let runs = [&[1][..], &[1; 16], &claiming(1 << 60, &[0, 1])].concat();
    let (context, used) = decode::<CausalContext>(&runs);
    assert!(context.is_err() && used < 5 << 18, "{used}");

    // The most values for the fewest bytes: many ids with one event each, and many gaps under one id.
    let ids = |count: u128| (0..count).map(ReplicaId::from_u128);
    let vector: VersionVector = ids(100_000).map(|id| (id, 1)).collect();
    let bytes = postcard::to_allocvec(&vector).unwrap();
    let (decoded, used) = decode::<VersionVector>(&bytes);
    assert_eq!(decoded.unwrap(), vector);
    assert!(used <= 4 * bytes.len(), "{used} for {}", bytes.len());

    // What is held, as the documentation of `Limits` has it: the ids alone, and a run behind a gap of each.
    for (number, held) in [(1, 110), (5, 110 + 40)] {
        let before = HEAP.current_usage();
        let invented: CausalContext = ids(100_000).filter_map(|id| Dot::new(id, number)).collect();
        let kept = HEAP.current_usage() - before;
        assert!(kept <= held * 100_000, "{kept}");
        let bytes = postcard::to_allocvec(&invented).unwrap();
        let (decoded, used) = decode::<CausalContext>(&bytes);
        assert_eq!(decoded.unwrap(), invented);
        assert!(used <= 16 * bytes.len(), "{used} for {}", bytes.len());
    }

    let gaps: CausalContext = (1..=100_000).filter_map(|n| Dot::new(ReplicaId::from_u128(1), 2 * n)).collect();
    let bytes = postcard::to_allocvec(&gaps).unwrap();
    let (decoded, used) = decode::<CausalContext>(&bytes);
    assert_eq!(decoded.unwrap(), gaps);
    assert!(used <= 32 * bytes.len(), "{used} for {}", bytes.len());

    // An interval tree packs a level into two bits: 1,024 ways down to where the deepest ids are.
    let mut id = Bits::default();
    id.fork(10, IntervalTreeClock::MAX_DEPTH - 10);
    // The event 0.
    [true, false, false, false].into_iter().for_each(|bit| id.push(bit));
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let stamp = IntervalTreeClock::from_bytes(&id.bytes);
    let used = HEAP.peak_usage() - before;
    assert!(stamp.is_ok() && used <= 150 * id.bytes.len(), "{used} for {}", id.bytes.len());

    // Joined message by message, they would grow a state without bound.
    let limits = Limits { replicas: 1_000, intervals: 10_000 };
    let mut known = CausalContext::new();
    let mut histories = VersionVector::new();
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    for message in 0..1_000u128 {
        let invented = (0..100).map(|id| ReplicaId::from_u128(message * 100 + id));
        let context: CausalContext = invented.clone().map(Dot::first).collect();
        let refused = known.try_union(&context, &limits).is_err();
        assert_eq!(refused, message >= 10);
        let vector: VersionVector = invented.map(|id| (id, 1)).collect();
        assert_eq!(histories.try_join(&vector, &limits).is_err(), refused);
    }
    assert_eq!(
        known.try_union(&gaps, &Limits { replicas: 2_000, ..limits }),
        Err(LimitExceeded::Intervals { would_be: 100_999, limit: 10_000 }),
    );
    assert_eq!((known.interval_count(), histories.len()), (1_000, 1_000));
    let (kept, peak) = (HEAP.current_usage() - before, HEAP.peak_usage() - before);
    assert!(kept < 200 * 1_000 && peak < 8 << 20, "{kept}, at most {peak}");
}
