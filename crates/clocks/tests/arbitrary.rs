//! Every type that is data has random values, and they meet: independent values that never do would test no law.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(all(feature = "hlc", feature = "quickcheck-1"))]

use quickcheck::{Arbitrary, Gen, quickcheck};
use syncline_clocks::{
    CausalContext, Causality, Dot, HighWaterMark, HybridTimestamp, Interval, LamportTimestamp, Limits, ReplicaId,
    StepBack, Uncertainty, VersionVector, WallTime,
};

/// How many of a thousand pairs of independent values are related.
fn meet<T: Arbitrary>(related: impl Fn(&T, &T) -> bool) -> usize {
    let mut g = Gen::new(10);
    (0..1_000).filter(|_| related(&T::arbitrary(&mut g), &T::arbitrary(&mut g))).count()
}

#[test]
fn independent_values_meet_often() {
    assert!(meet::<ReplicaId>(|a, b| a == b) > 100);
    assert!(meet::<Dot>(|a, b| a.replica() == b.replica()) > 100);
    assert!(meet::<Dot>(|a, b| a == b) > 1);
    assert!(meet::<VersionVector>(|a, b| a.compare(b) == Causality::Concurrent) > 100);
    assert!(meet::<VersionVector>(|a, b| a.includes(b)) > 20);
    assert!(meet::<CausalContext>(|a, b| !a.intersect(b).is_empty()) > 100);
    assert!(meet::<CausalContext>(|a, b| a.includes(b)) > 20);
    assert!(meet::<HybridTimestamp>(|a, b| (a.epoch, a.time) == (b.epoch, b.time)) > 1);
    assert!(meet::<LamportTimestamp>(|a, b| a.counter == b.counter && a.replica != b.replica) > 20);
    assert!(meet::<HighWaterMark>(|a, b| a == b) > 1);
    assert!(meet::<WallTime>(|a, b| a == b) > 10);
    assert!(meet::<Limits>(|a, b| a.replicas == b.replicas) > 50);
    assert!(meet::<Causality>(|a, b| a == b) > 100);
}

quickcheck! {
    fn values_are_well_formed(run: Interval, step: StepBack, around: Uncertainty) -> bool {
        1 <= run.first && run.first <= run.last && step.to < step.from && around.earliest <= around.latest
    }
}
