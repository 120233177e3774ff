//! The value of each type against its specification over the partial order of operations, and all laws with it, on
//! random schedules over 2 to 5 replicas: out of order, duplicated, dropped, repaired, cut short, restored from a backup.
//!
//! 3,000 schedules for each type; `SYNCLINE_SCHEDULES=100000 cargo test --release -p syncline-crdt --all-features --test
//! model` plays more. `SYNCLINE_SEED` plays the one of a seed.
#![allow(missing_docs)]

use std::env;

use syncline_crdt::laws::{Grown, Laws, Specified, Subject};
use syncline_crdt::{
    EnableWinsFlag, GCounter, GSet, LwwRegister, MaxRegister, MinRegister, MvRegister, OrSet, PnCounter, Replica,
    ResettableCounter,
};

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// The test's name is printed with the command that replays a failure.
fn reads_as_specified<T: Subject + Specified<Operation = <T as Subject>::Operation>>(test: &str) {
    let laws = Laws::<T>::specified();
    let seeds = match number("SYNCLINE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SYNCLINE_SCHEDULES").unwrap_or(3_000),
    };
    let reached = laws.sweep(seeds.clone()).unwrap_or_else(|counterexample| {
        let seed = counterexample.seed.expect("a sweep has seeds");
        let command = "cargo test -p syncline-crdt --all-features --test model";
        panic!("{counterexample}replay: SYNCLINE_SEED={seed} {command} {test}")
    });
    println!("{test}, {seeds:?}: {reached:?}");
    reached.assert_all(T::situations(), seeds.end - seeds.start);
}

#[test]
fn or_set() {
    reads_as_specified::<Replica<OrSet<u8>>>("or_set");
}

#[test]
fn lww_register() {
    reads_as_specified::<Replica<LwwRegister<u8>>>("lww_register");
}

#[test]
fn resettable_counter() {
    reads_as_specified::<Replica<ResettableCounter>>("resettable_counter");
}

#[test]
fn g_counter() {
    reads_as_specified::<Grown<GCounter>>("g_counter");
}

#[test]
fn pn_counter() {
    reads_as_specified::<Grown<PnCounter>>("pn_counter");
}

#[test]
fn mv_register() {
    reads_as_specified::<Replica<MvRegister<u8>>>("mv_register");
}

#[test]
fn enable_wins_flag() {
    reads_as_specified::<Replica<EnableWinsFlag>>("enable_wins_flag");
}

#[test]
fn g_set() {
    reads_as_specified::<Grown<GSet<u8>>>("g_set");
}

#[test]
fn max_register() {
    reads_as_specified::<Grown<MaxRegister<u8>>>("max_register");
}

#[test]
fn min_register() {
    reads_as_specified::<Grown<MinRegister<u8>>>("min_register");
}
