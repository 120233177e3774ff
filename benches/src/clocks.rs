//! Each clock beside the plainest structure that could stand in its place, and beside the crates that have one like it.
//!
//! The references are given their best case: a merge writes into space that is already there, an actor of `crdts` is a
//! `u128`, and nothing of the references' inputs is copied or dropped while they are timed, except that `VClock::merge`
//! takes its argument, so that taking it apart is part of it.

mod fixtures;

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use crdts::{CvRDT, VClock};
use criterion::{BatchSize, Bencher};
use syncline_clocks::{CausalContext, Dot, HybridClock, ReplicaId, VersionVector, WallTime};

use crate::memory::held;
use crate::{Group, Routine, Row};
use fixtures::{Dots, Hashed, Lengths, Sorted, Tree};

/// Group `clocks`.
pub const GROUP: Group = Group {
    name: "clocks",
    about: "each clock (ours) beside SystemTime, sorted lists, hash sets, and the crates uhlc and crdts (reference)",
    rows,
};

fn rows() -> Vec<Row> {
    let row = |work: &str, ours, reference, reach| Row::time(work.to_owned(), ours, reference, Some(reach));
    vec![
        row("HybridClock::tick of the system's time; SystemTime::now", tick, system_time, 1.3),
        row("HybridClock::tick of the system's time; in nanoseconds", tick, system_nanos, 1.3),
        row("HybridClock::tick of the system's time; uhlc", tick, uhlc_timestamp, 1.0),
        row("VersionVector join, 16 replicas; sorted lists", join::<16>, merge::<16>, 1.3),
        row("VersionVector join, 256 replicas; sorted lists", join::<256>, merge::<256>, 1.3),
        row("VersionVector join, 16 replicas; crdts", join::<16>, crdts_merge::<16>, 0.1),
        row("VersionVector join, 256 replicas; crdts", join::<256>, crdts_merge::<256>, 0.1),
        row("VersionVector join, 256, half new; sorted lists", join_half::<256>, merge_half::<256>, 1.3),
        row("VersionVector compare, 16 replicas; sorted lists", compare::<16>, compare_lists::<16>, 1.3),
        row("VersionVector compare, 256 replicas; sorted lists", compare::<256>, compare_lists::<256>, 1.3),
        row("VersionVector compare, 16 replicas; crdts", compare::<16>, crdts_compare::<16>, 0.1),
        row("VersionVector compare, 256 replicas; crdts", compare::<256>, crdts_compare::<256>, 0.1),
        row("CausalContext contains, 1M dots; HashSet", contains::<0>, hash_contains::<0>, 1.0),
        row("CausalContext contains, 1M dots, 1% gaps; HashSet", contains::<100>, hash_contains::<100>, 1.0),
        row("CausalContext insert of 100k dots; HashSet", insert::<0>, hash_insert::<0>, 1.0),
        row("CausalContext insert of 100k, 1% late; HashSet", insert::<100>, hash_insert::<100>, 1.0),
        Row::time("CausalContext insert making 500k gaps; HashSet".to_owned(), gaps, hash_gaps, None),
        row("CausalContext subtract, 1M dots, 1% gaps; HashSet", subtract, hash_subtract, 0.01),
        row("CausalContext subtract, 1M dots, 1% gaps; BTreeSet", subtract, tree_subtract, 0.01),
        Row::memory("CausalContext of 1M dots: memory; HashSet".to_owned(), memory::<0>, hash_memory::<0>, Some(0.1)),
        Row::memory(
            "CausalContext of 1M dots, 1% gaps: memory; HashSet".to_owned(),
            memory::<100>,
            hash_memory::<100>,
            None,
        ),
        Row::bytes(
            "VersionVector of 256: bytes; 16 an id and a varint".to_owned(),
            encoded_bytes,
            ids_and_varints,
            Some(1.1),
        ),
    ]
}

fn system_time() -> Routine {
    Box::new(|bencher| bencher.iter(SystemTime::now))
}

/// The same reading as what a clock needs: nanoseconds. Most of what `tick` adds to [`system_time`] is this conversion.
fn system_nanos() -> Routine {
    Box::new(|bencher| bencher.iter(now))
}

fn now() -> WallTime {
    WallTime::from_duration(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn tick() -> Routine {
    let mut clock = HybridClock::new(ReplicaId::from_u128(1), Duration::from_secs(1));
    Box::new(move |bencher| bencher.iter(|| clock.tick(now())))
}

fn uhlc_timestamp() -> Routine {
    let clock = uhlc::HLC::default();
    Box::new(move |bencher| bencher.iter(|| clock.new_timestamp()))
}

/// So many values at a time: few enough for the processor's cache, enough to hide the clock's reading.
const BATCH: BatchSize = BatchSize::NumIterations(64);

/// For values that grow: so few that the allocator does not give their memory back to the system between the batches.
const GROWING: BatchSize = BatchSize::NumIterations(8);

/// Both name the same replicas, and each is ahead in half of them.
fn join<const N: usize>() -> Routine {
    joining(Lengths::ahead_in_turn(N), BATCH)
}

/// Half of the replicas of each are not the other's.
fn join_half<const N: usize>() -> Routine {
    joining(Lengths::half_shared(N), GROWING)
}

fn joining([left, right]: [Lengths; 2], batch: BatchSize) -> Routine {
    let [left, right]: [VersionVector; 2] = [left.ours(), right.ours()];
    Box::new(move |bencher| bencher.iter_batched_ref(|| left.clone(), |left| left.join(&right), batch))
}

fn merge<const N: usize>() -> Routine {
    merging(Lengths::ahead_in_turn(N))
}

fn merge_half<const N: usize>() -> Routine {
    merging(Lengths::half_shared(N))
}

fn merging([left, right]: [Lengths; 2]) -> Routine {
    let [left, right]: [Sorted; 2] = [left.sorted(), right.sorted()];
    let mut to = Vec::with_capacity(left.len() + right.len());
    Box::new(move |bencher| {
        bencher.iter(|| {
            to.clear();
            fixtures::merge(&left, &right, &mut to);
            to.len()
        });
    })
}

fn crdts_merge<const N: usize>() -> Routine {
    let [left, right]: [VClock<u128>; 2] = Lengths::ahead_in_turn(N).map(|lengths| lengths.crdts());
    Box::new(move |bencher| {
        let clones = || (left.clone(), right.clone());
        bencher.iter_batched(
            clones,
            |(mut left, right)| {
                left.merge(right);
                left
            },
            BATCH,
        );
    })
}

/// The left one is ahead in every replica, so that nobody knows before the end.
fn compare<const N: usize>() -> Routine {
    let [left, right]: [VersionVector; 2] = Lengths::ahead(N).map(|lengths| lengths.ours());
    Box::new(move |bencher| bencher.iter(|| black_box(&left).compare(black_box(&right))))
}

fn compare_lists<const N: usize>() -> Routine {
    let [left, right]: [Sorted; 2] = Lengths::ahead(N).map(|lengths| lengths.sorted());
    Box::new(move |bencher| bencher.iter(|| fixtures::compare(black_box(&left), black_box(&right))))
}

fn crdts_compare<const N: usize>() -> Routine {
    let [left, right]: [VClock<u128>; 2] = Lengths::ahead(N).map(|lengths| lengths.crdts());
    Box::new(move |bencher| bencher.iter(|| black_box(&left).partial_cmp(black_box(&right))))
}

const MILLION: u64 = 1_000_000;
const INSERTED: u64 = 100_000;

/// Looks all dots up, those in gaps too, in an order that jumps about.
fn contains<const GAP: u64>() -> Routine {
    let known: CausalContext = Dots::new(MILLION).without_every(GAP).ours().collect();
    let asked: Vec<Dot> = Dots::new(MILLION).scattered().ours().collect();
    Box::new(move |bencher| ask(bencher, &asked, |dot| known.contains(*dot)))
}

fn hash_contains<const GAP: u64>() -> Routine {
    let known: Hashed = Dots::new(MILLION).without_every(GAP).pairs().collect();
    let asked: Vec<(u128, u64)> = Dots::new(MILLION).scattered().pairs().collect();
    Box::new(move |bencher| ask(bencher, &asked, |dot| known.contains(dot)))
}

fn ask<T>(bencher: &mut Bencher<'_>, asked: &[T], answer: impl Fn(&T) -> bool) {
    let mut turns = asked.iter().cycle();
    bencher.iter(|| turns.next().is_some_and(&answer));
}

/// All dots in order but every `LATE`th, then those.
fn insert<const LATE: u64>() -> Routine {
    inserting(Dots::new(INSERTED).every_last(LATE))
}

fn hash_insert<const LATE: u64>() -> Routine {
    hash_inserting(Dots::new(INSERTED).every_last(LATE))
}

/// Every other dot of one replica in an order that jumps about: as many gaps as there can be, made in their midst.
fn gaps() -> Routine {
    inserting(Dots::of_one(MILLION).without_every(2).scattered())
}

fn hash_gaps() -> Routine {
    hash_inserting(Dots::of_one(MILLION).without_every(2).scattered())
}

fn inserting(dots: Dots) -> Routine {
    let dots: Vec<Dot> = dots.ours().collect();
    Box::new(move |bencher| {
        let insert = |known: &mut CausalContext| dots.iter().filter(|dot| known.insert(**dot)).count();
        bencher.iter_batched_ref(CausalContext::new, insert, BatchSize::PerIteration);
    })
}

fn hash_inserting(dots: Dots) -> Routine {
    let dots: Vec<(u128, u64)> = dots.pairs().collect();
    Box::new(move |bencher| {
        let insert = |known: &mut Hashed| dots.iter().filter(|dot| known.insert(**dot)).count();
        bencher.iter_batched_ref(Hashed::new, insert, BatchSize::PerIteration);
    })
}

/// Ten dots of a million, with one in a hundred missing, that the other lacks.
fn subtract() -> Routine {
    let known: CausalContext = Dots::new(MILLION).without_every(100).ours().collect();
    let less: CausalContext = Dots::new(MILLION).without_every(100).without_ten().ours().collect();
    assert_eq!(known.subtract(&less).len(), 10);
    Box::new(move |bencher| bencher.iter(|| known.subtract(&less)))
}

fn hash_subtract() -> Routine {
    let known: Hashed = Dots::new(MILLION).without_every(100).pairs().collect();
    let less: Hashed = Dots::new(MILLION).without_every(100).without_ten().pairs().collect();
    Box::new(move |bencher| bencher.iter(|| known.difference(&less).copied().collect::<Vec<_>>()))
}

fn tree_subtract() -> Routine {
    let known: Tree = Dots::new(MILLION).without_every(100).pairs().collect();
    let less: Tree = Dots::new(MILLION).without_every(100).without_ten().pairs().collect();
    Box::new(move |bencher| bencher.iter(|| known.difference(&less).copied().collect::<Vec<_>>()))
}

fn memory<const GAP: u64>() -> u64 {
    held(|| Dots::new(MILLION).without_every(GAP).ours().collect::<CausalContext>())
}

fn hash_memory<const GAP: u64>() -> u64 {
    held(|| Dots::new(MILLION).without_every(GAP).pairs().collect::<Hashed>())
}

fn encoded_bytes() -> u64 {
    let [vector, _] = Lengths::ahead(256);
    encoded(&vector.ours())
}

fn ids_and_varints() -> u64 {
    let [vector, _] = Lengths::ahead(256);
    vector.sorted().iter().map(|(_, length)| 16 + encoded(length)).sum()
}

fn encoded(value: &impl serde::Serialize) -> u64 {
    postcard::to_allocvec(value).expect("these have lengths and no foreign Serialize").len() as u64
}
