//! Each CRDT beside the plainest structure of `std` that holds the same, and beside the set of `crdts`.
//!
//! The elements are pseudo-random numbers below 2^56 and the same on both sides. A set is built by its own history: its
//! elements were put in one after the other, by so many replicas in turn. What is timed begins at the size that is named
//! and ends when it has grown, or shrunk, by a tenth; building, making inputs and dropping are not timed.
//!
//! The references are given their best case: a `HashMap` has grown by the same insertions and keeps one event an element,
//! it learns neither who lacks what nor what a removal has to reach, and it returns nothing that would have to be sent.
//! `crdts` has `u128` for its actors and numbers for its elements; a context for an addition is made as its documents say.

mod counters;
mod fixtures;
mod sets;
mod sizes;

use crate::{Group, Prepare, Row};
use counters::{count, count_up, hash_count};
use sets::{
    add, crdts_add, crdts_merge, grow, hash_add, hash_grow, hash_remove, hash_union, in_order, join, join_removal,
    join_state, rejoin, shuffled,
};
use sizes::{churned, encoded, hash_heap, heap, heap_kept, heap_twice, plainly_encoded};

/// Group `crdt`.
pub const GROUP: Group =
    Group { name: "crdt", about: "each CRDT (ours) beside std's hash map and the crate crdts (reference)", rows };

fn rows() -> Vec<Row> {
    let mut rows = additions();
    rows.extend(joins());
    rows.extend(memory());
    rows.extend(bytes());
    rows.extend(counters());
    rows
}

fn timed(work: &str, ours: Prepare, reference: Prepare, reach: f64) -> Row {
    Row::time(work.to_owned(), ours, reference, Some(reach))
}

fn additions() -> Vec<Row> {
    vec![
        timed("OrSet add, 10k of 1 replica; HashMap", add::<10_000, 1>, hash_add::<10_000>, 1.1),
        timed("OrSet add, 10k of 16 replicas; HashMap", add::<10_000, 16>, hash_add::<10_000>, 1.1),
        timed("OrSet add, 10k of 256 replicas; HashMap", add::<10_000, 256>, hash_add::<10_000>, 1.1),
        timed("OrSet add, 100k of 1 replica; HashMap", add::<100_000, 1>, hash_add::<100_000>, 1.1),
        timed("OrSet add, 100k of 16 replicas; HashMap", add::<100_000, 16>, hash_add::<100_000>, 1.1),
        timed("OrSet add, 100k of 256 replicas; HashMap", add::<100_000, 256>, hash_add::<100_000>, 1.1),
        Row::time("OrSet, 10k additions from nothing; HashMap".to_owned(), grow::<10_000>, hash_grow::<10_000>, None),
        Row::time(
            "OrSet, 100k additions from nothing; HashMap".to_owned(),
            grow::<100_000>,
            hash_grow::<100_000>,
            None,
        ),
        timed("OrSet add, 10k of 1 replica; crdts", add::<10_000, 1>, crdts_add::<10_000, 1>, 0.2),
        timed("OrSet add, 10k of 16 replicas; crdts", add::<10_000, 16>, crdts_add::<10_000, 16>, 0.067),
        timed("OrSet add, 10k of 256 replicas; crdts", add::<10_000, 256>, crdts_add::<10_000, 256>, 0.01),
        timed("OrSet add, 100k of 1 replica; crdts", add::<100_000, 1>, crdts_add::<100_000, 1>, 0.2),
        timed("OrSet add, 100k of 16 replicas; crdts", add::<100_000, 16>, crdts_add::<100_000, 16>, 0.067),
        timed("OrSet add, 100k of 256 replicas; crdts", add::<100_000, 256>, crdts_add::<100_000, 256>, 0.01),
    ]
}

fn joins() -> Vec<Row> {
    vec![
        timed("OrSet join of an addition, 10k; HashMap insert", join::<10_000>, hash_add::<10_000>, 1.5),
        timed("OrSet join of an addition, 100k; HashMap insert", join::<100_000>, hash_add::<100_000>, 1.5),
        timed("OrSet join of an addition, 1M; HashMap insert", join::<1_000_000>, hash_add::<1_000_000>, 1.5),
        timed("OrSet join of a known delta, 10k; HashMap insert", rejoin::<10_000>, hash_add::<10_000>, 0.6),
        timed("OrSet join of a known delta, 100k; HashMap insert", rejoin::<100_000>, hash_add::<100_000>, 0.6),
        timed("OrSet join of a known delta, 1M; HashMap insert", rejoin::<1_000_000>, hash_add::<1_000_000>, 0.6),
        timed("OrSet join of a removal, 10k; HashMap remove", join_removal::<10_000>, hash_remove::<10_000>, 1.7),
        timed("OrSet join of a removal, 100k; HashMap remove", join_removal::<100_000>, hash_remove::<100_000>, 1.7),
        timed("OrSet join of a removal, 1M; HashMap remove", join_removal::<1_000_000>, hash_remove::<1_000_000>, 1.7),
        timed("OrSet join of two 10k, half shared; HashMap", join_state, hash_union, 0.7),
        timed("OrSet join of two 10k, half shared; crdts", join_state, crdts_merge, 0.1),
        timed("OrSet join of 100k deltas, shuffled; in order", shuffled::<false>, in_order::<false>, 5.0),
        Row::time(
            "OrSet join of 100k, a third removals, shuffled; in order".to_owned(),
            shuffled::<true>,
            in_order::<true>,
            None,
        ),
    ]
}

fn memory() -> Vec<Row> {
    let row = |work: &str, ours, reference, reach| Row::memory(work.to_owned(), ours, reference, reach);
    vec![
        row("OrSet of 10k: memory; HashMap", heap::<10_000>, hash_heap::<10_000>, Some(0.45)),
        row("OrSet of 100k: memory; HashMap", heap::<100_000>, hash_heap::<100_000>, Some(0.45)),
        row("OrSet of 1M: memory; HashMap", heap::<1_000_000>, hash_heap::<1_000_000>, Some(0.45)),
        row("OrSet of 10k, two dots each: memory; HashMap", heap_twice::<10_000>, hash_heap::<10_000>, Some(0.9)),
        row("OrSet of 100k, two dots each: memory; HashMap", heap_twice::<100_000>, hash_heap::<100_000>, Some(0.9)),
        row("OrSet of 1M, two dots each: memory; HashMap", heap_twice::<1_000_000>, hash_heap::<1_000_000>, Some(0.9)),
        row("OrSet of 10k with its history: memory; HashMap", heap_kept::<10_000>, hash_heap::<10_000>, None),
        row("OrSet of 100k with its history: memory; HashMap", heap_kept::<100_000>, hash_heap::<100_000>, None),
        row("OrSet of 1M with its history: memory; HashMap", heap_kept::<1_000_000>, hash_heap::<1_000_000>, None),
        row("OrSet, 1M changes leave 100: memory; 16 KiB", churned::<100>, || 16_384, Some(1.0)),
        row("OrSet, the same, 500k at most: memory; 16 KiB", churned::<{ usize::MAX }>, || 16_384, None),
    ]
}

fn bytes() -> Vec<Row> {
    let row = |work: &str, ours, reference| Row::bytes(work.to_owned(), ours, reference, Some(0.95));
    vec![
        row("OrSet of 10k, 16 replicas: bytes; 11 each, 16 an id", encoded::<16>, plainly_encoded::<16>),
        row("OrSet of 10k, 256 replicas: bytes; 11 each, 16 an id", encoded::<256>, plainly_encoded::<256>),
    ]
}

fn counters() -> Vec<Row> {
    vec![
        timed("GCounter increment, 1 replica; HashMap", count_up::<1>, hash_count::<1>, 1.0),
        timed("GCounter increment, 16 replicas; HashMap", count_up::<16>, hash_count::<16>, 1.0),
        timed("GCounter increment, 256 replicas; HashMap", count_up::<256>, hash_count::<256>, 1.0),
        timed("PnCounter increment, 1 replica; HashMap", count::<1>, hash_count::<1>, 1.0),
        timed("PnCounter increment, 16 replicas; HashMap", count::<16>, hash_count::<16>, 1.0),
        timed("PnCounter increment, 256 replicas; HashMap", count::<256>, hash_count::<256>, 1.0),
    ]
}
