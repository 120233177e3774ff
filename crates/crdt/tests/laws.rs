//! The invariant of the model, and the laws of joins, on random traces of each type.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use quickcheck::{Arbitrary, Gen, quickcheck};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use support::{Reached, Step, Subject, World};
use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{Edit, GCounter, Lattice, LwwRegister, OrSet, PnCounter, Replica, ResettableCounter, Store};

impl Subject for OrSet<u8> {
    fn change(edit: &mut Edit<'_, Self>, choice: u8, argument: u8) {
        match choice % 4 {
            0 | 1 => edit.insert(argument % 4),
            2 => edit.remove(&(argument % 4)),
            _ => {
                edit.insert(argument % 4);
                edit.remove(&(argument % 3));
                edit.insert((argument / 4) % 4);
            }
        }
    }
}

impl Subject for LwwRegister<u8> {
    fn change(edit: &mut Edit<'_, Self>, choice: u8, argument: u8) {
        let latest = edit.versions().map(|(_, timestamp, _)| timestamp.time.as_nanos()).max().unwrap_or(0);
        let time = WallTime::from_nanos(latest + 1 + u64::from(choice));
        edit.set(argument, HybridTimestamp { epoch: 0, time, counter: 0, replica: edit.writer() }).unwrap();
    }
}

impl Subject for ResettableCounter {
    fn change(edit: &mut Edit<'_, Self>, choice: u8, argument: u8) {
        match choice % 4 {
            0 => edit.reset(),
            1 => edit.increment(-i64::from(argument)).unwrap(),
            _ => {
                edit.increment(i64::from(argument)).unwrap();
                edit.increment(1).unwrap()
            }
        }
    }
}

/// Many traces from fixed seeds; fails if they did not come into the situations that matter.
fn sweep<S: Subject>() {
    let mut total = Reached::default();
    for seed in 0..300 {
        let mut world = World::<S>::new();
        let mut g = Gen::from_size_and_seed(60, seed);
        world.run(&Vec::<Step>::arbitrary(&mut g));
        let reached = world.reached;
        total.kept_kills += reached.kept_kills;
        total.concurrent += reached.concurrent;
        total.gaps += reached.gaps;
        total.duplicates += reached.duplicates;
        total.deltas += reached.deltas;
        total.entries += reached.entries;
        total.states += reached.states;
        total.cut_short += reached.cut_short;
    }
    let Reached { kept_kills, concurrent, gaps, duplicates, deltas, entries, states, cut_short } = total;
    let counts = [kept_kills, concurrent, gaps, duplicates, deltas, entries, states];
    assert!(counts.iter().all(|count| *count > 50) && cut_short > 10, "too rarely reached: {total:?}");
}

#[test]
fn or_set_keeps_the_invariant() {
    sweep::<OrSet<u8>>();
}

#[test]
fn lww_register_keeps_the_invariant() {
    sweep::<LwwRegister<u8>>();
}

#[test]
fn resettable_counter_keeps_the_invariant() {
    sweep::<ResettableCounter>();
}

quickcheck! {
    fn or_set_on_any_trace(steps: Vec<Step>) -> bool { World::<OrSet<u8>>::new().run(&steps); true }
    fn lww_register_on_any_trace(steps: Vec<Step>) -> bool { World::<LwwRegister<u8>>::new().run(&steps); true }
    fn resettable_counter_on_any_trace(steps: Vec<Step>) -> bool { World::<ResettableCounter>::new().run(&steps); true }

    /// Increments at three writers, their deltas delivered in any order, late and twice.
    fn counters_count_each_increment_once(edits: Vec<(u8, i8)>, deliveries: Vec<(u8, u16)>) -> bool {
        let mut counters: [PnCounter; 3] = Default::default();
        let mut growing: [GCounter; 3] = Default::default();
        let mut deltas = Vec::new();
        for (at, amount) in &edits {
            let (at, writer) = (usize::from(at % 3), ReplicaId::from_u128(u128::from(at % 3)));
            let delta = counters[at].increment(writer, i64::from(*amount)).unwrap();
            let grown = growing[at].increment(writer, u64::from(amount.unsigned_abs())).unwrap();
            deltas.push((delta, grown));
        }
        for (to, delta) in deliveries {
            if let Some((delta, grown)) = deltas.get(usize::from(delta) % deltas.len().max(1)) {
                counters[usize::from(to % 3)].join(delta);
                growing[usize::from(to % 3)].join(grown);
            }
        }
        let (mut sum, mut grown) = (counters[2].clone(), growing[2].clone());
        for at in [1, 0, 1] {
            sum.join(&counters[at]);
            grown.join(&growing[at]);
        }
        sum.value() == edits.iter().map(|(_, amount)| i128::from(*amount)).sum::<i128>()
            && grown.value() == edits.iter().map(|(_, amount)| u128::from(amount.unsigned_abs())).sum::<u128>()
    }
}

/// The value of a resettable counter against a log of its operations: each increment counts unless a reset that had
/// seen it (or a later one of its writer) came.
#[test]
fn a_reset_leaves_exactly_the_increments_it_had_not_seen() {
    let mut here = Replica::<ResettableCounter>::create(ReplicaId::from_u128(1));
    let mut there = Replica::<ResettableCounter>::create(ReplicaId::from_u128(2));
    let first = here.edit(|counter| counter.increment(1));
    there.join(&first).unwrap();
    let reset = there.edit(|counter| counter.reset());
    let more = here.edit(|counter| counter.increment(2));
    there.join(&more).unwrap();
    here.join(&reset).unwrap();
    assert_eq!((here.value(), there.value()), (2, 2));
    for _ in 0..1_000 {
        let _ = here.edit(|counter| counter.increment(1));
        let _ = here.edit(|counter| counter.reset());
    }
    assert_eq!(here.entries().iter().flat_map(|(_, entry)| entry.live()).count(), 1);
}

fn json_round_trip<S: Store + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &S) {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<S>(&json).unwrap(), *value, "{json}");
}

#[test]
fn json_works_for_every_type() {
    let mut set = Replica::<OrSet<String>>::create(ReplicaId::from_u128(1));
    let _ = set.edit(|set| set.insert("milk".to_string()));
    json_round_trip(set.causal().value());
    let mut tuples = Replica::<OrSet<(u8, u8)>>::create(ReplicaId::from_u128(1));
    let _ = tuples.edit(|set| set.insert((1, 2)));
    json_round_trip(tuples.causal().value());
    let mut counter = Replica::<ResettableCounter>::create(ReplicaId::from_u128(1));
    let _ = counter.edit(|counter| counter.increment(3));
    json_round_trip(counter.causal().value());
    let map: BTreeMap<ReplicaId, u8> = BTreeMap::new();
    assert_eq!(serde_json::to_string(&map).unwrap(), "{}");
}
