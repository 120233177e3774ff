//! What is timed of a counter, and the same of an integer for each replica.

use std::collections::HashMap;

use syncline_clocks::ReplicaId;
use syncline_crdt::{GCounter, PnCounter};

use super::fixtures;
use crate::Routine;
use crate::course::course;

/// The replica that counts, of so many that have.
fn counting(replicas: u64) -> ReplicaId {
    ReplicaId::from_u128(fixtures::id(replicas / 2))
}

const NO_OVERFLOW: &str = "totals stay far below 2^64";

pub(super) fn count_up<const R: u64>() -> Routine {
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

pub(super) fn count<const R: u64>() -> Routine {
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

pub(super) fn hash_count<const R: u64>() -> Routine {
    let build = || (0..R).map(|n| (fixtures::id(n), 1)).collect::<HashMap<u128, u64>>();
    let counting = counting(R).as_u128();
    course(u64::MAX, build, |_| 1, move |counts, amount| *counts.entry(counting).or_default() += amount)
}
