//! Each CRDT beside the plainest structure of `std` that holds the same, and beside the set of `crdts`.
//!
//! The elements are pseudo-random numbers below 2^56 and the same on both sides. A set is built by its own history: its
//! elements were put in one after the other, by so many replicas in turn. What is timed begins at the size that is named
//! and ends when it has grown, or shrunk, by a tenth; building, making inputs and dropping are not timed.
//!
//! The references are given their best case: a `HashMap` has grown by the same insertions and keeps one event an element,
//! it learns neither who lacks what nor what a removal has to reach, and it returns nothing that would have to be sent.
//! `crdts` has `u128` for its actors and numbers for its elements; a context for an addition is made as its documents say.

mod course;
mod fixtures;

use std::collections::HashMap;

use crdts::{CmRDT, CvRDT};
use syncline_clocks::ReplicaId;
use syncline_crdt::{GCounter, PnCounter};

use crate::memory::held;
use crate::{Group, Prepare, Routine, Row};
use course::course;
use fixtures::{Hashed, Name, Sent, Set, Step, Theirs};

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

/// Steps until a value of `size` has to be built anew.
const fn room(size: u64) -> u64 {
    size / 10
}

/// Puts new elements in, each in a transaction of its own, at the first of `R` replicas.
fn add<const N: u64, const R: u64>() -> Routine {
    course(
        room(N),
        || fixtures::writer(N, R),
        |n| fixtures::element(N + n),
        |set, element| fixtures::insert(set, *element),
    )
}

/// Puts new elements into a map, each with an event's name.
fn hash_add<const N: u64>() -> Routine {
    let map = once(|| fixtures::hashed(N, REPLICAS));
    course(room(N), map, |n| Step::nth(N + n, REPLICAS).pair(), |map, (element, name)| map.insert(*element, *name))
}

/// The context, the operation and its application.
fn crdts_add<const N: u64, const R: u64>() -> Routine {
    let set = once(|| fixtures::theirs((0..N).map(|n| Step::nth(n, R))));
    let actor = fixtures::id(0);
    course(
        room(N),
        set,
        |n| fixtures::element(N + n),
        move |set: &mut Theirs, element| {
            let context = set.read_ctx().derive_add_ctx(actor);
            set.apply(set.add(*element, context));
        },
    )
}

/// Builds once and clones from then on.
fn once<V: Clone>(build: impl Fn() -> V) -> impl FnMut() -> V {
    let mut built = None;
    move || built.get_or_insert_with(&build).clone()
}

/// How many replicas made what is joined.
const REPLICAS: u64 = 16;

fn nth(n: u64) -> Step {
    Step::nth(n, REPLICAS)
}

fn received<const N: u64>() -> Set {
    fixtures::joined(fixtures::receiver(), (0..N).map(nth))
}

fn one(step: Step) -> Sent {
    fixtures::sent(std::iter::once(step))
}

/// Deltas of one new element each, as they follow.
fn join<const N: u64>() -> Routine {
    course(room(N), received::<N>, |n| one(nth(N + n)), fixtures::join)
}

/// Deltas that arrived before, in an order that jumps about.
fn rejoin<const N: u64>() -> Routine {
    // A prime greater than any size here: every place comes up once.
    course(u64::MAX, received::<N>, |n| one(nth(n % N * 2_147_483_647 % N)), fixtures::join)
}

/// Deltas that take one element out each, the oldest first: the elements themselves jump about.
fn join_removal<const N: u64>() -> Routine {
    course(room(N), received::<N>, |n| one(nth(n).undone(Name::nth(N + n, REPLICAS))), fixtures::join)
}

fn hash_remove<const N: u64>() -> Routine {
    let map = once(|| fixtures::hashed(N, REPLICAS));
    course(room(N), map, fixtures::element, |map, element| map.remove(element))
}

const MERGED: u64 = 10_000;

fn join_state() -> Routine {
    let [left, right] = fixtures::parted(MERGED);
    let right = fixtures::state(&fixtures::joined(fixtures::receiver(), right.into_iter()));
    let left = move || fixtures::joined(fixtures::receiver(), left.iter().copied());
    course(1, left, |_| (), move |left, ()| fixtures::join(left, &right))
}

fn hash_union() -> Routine {
    let [left, right]: [Hashed; 2] = fixtures::parted(MERGED).map(|steps| {
        let mut map = Hashed::new();
        steps.into_iter().map(Step::pair).for_each(|(element, name)| {
            map.insert(element, name);
        });
        map
    });
    course(1, move || left.clone(), |_| (), move |left, ()| left.extend(&right))
}

fn crdts_merge() -> Routine {
    let [left, right]: [Theirs; 2] = fixtures::parted(MERGED).map(|steps| fixtures::theirs(steps.into_iter()));
    let both = move || (left.clone(), Some(right.clone()));
    // It takes its argument, so that taking it apart is part of the work.
    course(1, both, |_| (), |(left, right), ()| right.take().map(|right| left.merge(right)))
}

/// A hundred thousand deltas of one event each, and with `REMOVALS` every third takes out what the one before put in.
fn deltas<const REMOVALS: bool>() -> Vec<Sent> {
    let event = |n| {
        let name = Name::nth(n, REPLICAS);
        if REMOVALS && n % 3 == 2 { nth(n - 1).undone(name) } else { nth(n) }
    };
    (0..100_000).map(|n| one(event(n))).collect()
}

fn in_order<const REMOVALS: bool>() -> Routine {
    joining_all(deltas::<REMOVALS>)
}

fn shuffled<const REMOVALS: bool>() -> Routine {
    joining_all(|| {
        let mut deltas = deltas::<REMOVALS>();
        fixtures::shuffle(&mut deltas);
        deltas
    })
}

fn joining_all(deltas: impl Fn() -> Vec<Sent> + 'static) -> Routine {
    let mut made = None;
    let build = move || (fixtures::receiver(), std::rc::Rc::clone(made.get_or_insert_with(|| deltas().into())));
    course(
        1,
        build,
        |_| (),
        |(set, deltas): &mut (Set, std::rc::Rc<[Sent]>), ()| {
            deltas.iter().map(|delta| fixtures::join(set, delta).len()).sum::<usize>()
        },
    )
}

/// The value with its clock, grown by single additions.
fn heap<const N: u64>() -> u64 {
    held(|| fixtures::joined(fixtures::alone(), (0..N).map(nth)))
}

fn heap_twice<const N: u64>() -> u64 {
    held(|| fixtures::joined(fixtures::alone(), fixtures::twice(N)))
}

/// The whole replica, with as much history as it keeps unless it is told otherwise.
fn heap_kept<const N: u64>() -> u64 {
    held(received::<N>)
}

fn hash_heap<const N: u64>() -> u64 {
    held(|| fixtures::hashed(N, REPLICAS))
}

fn churned<const MOST: usize>() -> u64 {
    held(|| fixtures::joined(fixtures::alone(), fixtures::churn(MOST)))
}

const ENCODED: u64 = 10_000;

fn encoded<const R: u64>() -> u64 {
    fixtures::state_bytes(&fixtures::writer(ENCODED, R))
}

/// Of each element its 8 bytes, a byte for its replica's place in a list and two of a number; of each replica its id.
fn plainly_encoded<const R: u64>() -> u64 {
    ENCODED * (8 + 1 + 2) + 16 * R
}

/// The replica that counts, of so many that have.
fn counting(replicas: u64) -> ReplicaId {
    ReplicaId::from_u128(fixtures::id(replicas / 2))
}

const NO_OVERFLOW: &str = "totals stay far below 2^64";

fn count_up<const R: u64>() -> Routine {
    let build = || {
        let mut counter = GCounter::default();
        for n in 0..R {
            counter.increment(ReplicaId::from_u128(fixtures::id(n)), 1).expect(NO_OVERFLOW);
        }
        counter
    };
    let writer = counting(R);
    course(u64::MAX, build, |_| 1, move |counter, amount| counter.increment(writer, *amount).expect(NO_OVERFLOW))
}

fn count<const R: u64>() -> Routine {
    let build = || {
        let mut counter = PnCounter::default();
        for n in 0..R {
            counter.increment(ReplicaId::from_u128(fixtures::id(n)), 1).expect(NO_OVERFLOW);
        }
        counter
    };
    let writer = counting(R);
    course(u64::MAX, build, |_| 1, move |counter, amount| counter.increment(writer, *amount).expect(NO_OVERFLOW))
}

fn hash_count<const R: u64>() -> Routine {
    let build = || (0..R).map(|n| (fixtures::id(n), 1)).collect::<HashMap<u128, u64>>();
    let counting = counting(R).as_u128();
    course(u64::MAX, build, |_| 1, move |counts, amount| *counts.entry(counting).or_default() += amount)
}
