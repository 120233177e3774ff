//! Laws of the clocks on random inputs, and the hostile timestamps that `hybrid-clocks` alone does not survive.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use quickcheck::quickcheck;
use syncline_clocks::{
    CausalContext, Causality, ClockError, Dot, HybridClock, HybridTimestamp, Interval, ReplicaId, VersionVector,
    WallTime,
};

type Raw = BTreeSet<(u8, u8)>;

fn dots(raw: &Raw) -> BTreeSet<Dot> {
    raw.iter().map(|(r, s)| Dot::new(ReplicaId::from_u128(u128::from(r % 3)), u64::from(s % 24) + 1).unwrap()).collect()
}

fn context(raw: &Raw) -> CausalContext {
    dots(raw).into_iter().collect()
}

quickcheck! {
    fn a_context_is_the_set_of_its_dots(left: Raw, right: Raw) -> bool {
        let (a, b) = (dots(&left), dots(&right));
        let (x, y) = (context(&left), context(&right));
        let mut union = x.clone();
        union.union(&y);
        let set = |context: &CausalContext| context.dots().collect::<BTreeSet<_>>();
        set(&x) == a
            && set(&union) == a.union(&b).copied().collect()
            && set(&x.subtract(&y)) == a.difference(&b).copied().collect()
            && set(&x.intersect(&y)) == a.intersection(&b).copied().collect()
            && x.includes(&y) == a.is_superset(&b)
            && b.iter().all(|dot| x.contains(*dot) == a.contains(dot))
    }

    fn equal_sets_are_equal_contexts_in_whatever_order(raw: Vec<(u8, u8)>) -> bool {
        let dot = |(r, s): &(u8, u8)| Dot::new(ReplicaId::from_u128(u128::from(r % 3)), u64::from(s % 24) + 1).unwrap();
        let forward: CausalContext = raw.iter().map(dot).collect();
        let backward: CausalContext = raw.iter().rev().map(dot).collect();
        forward == backward && postcard::to_allocvec(&forward) == postcard::to_allocvec(&backward)
    }

    fn joining_what_is_missing_gives_equality(left: Raw, right: Raw) -> bool {
        let (mut x, y) = (context(&left), context(&right));
        let mut whole = y.clone();
        whole.union(&x);
        x.union(&y.subtract(&x));
        x == whole
    }

    fn encodings_round_trip(raw: Raw) -> bool {
        let x = context(&raw);
        let bytes = postcard::to_allocvec(&x).unwrap();
        let json = serde_json::to_string(&x).unwrap();
        let vector = x.version_vector();
        let vector_bytes = postcard::to_allocvec(&vector).unwrap();
        postcard::from_bytes::<CausalContext>(&bytes).unwrap() == x
            && serde_json::from_str::<CausalContext>(&json).unwrap() == x
            && postcard::from_bytes::<VersionVector>(&vector_bytes).unwrap() == vector
    }

    fn arbitrary_bytes_decode_to_a_canonical_context_or_an_error(bytes: Vec<u8>) -> bool {
        postcard::from_bytes::<CausalContext>(&bytes).map_or(true, |decoded| {
            let mut rebuilt = CausalContext::new();
            decoded.intervals().for_each(|interval| rebuilt.insert_interval(interval));
            rebuilt == decoded
        })
    }

    fn version_vectors_compare_as_sets_of_events(left: Vec<(u8, u8)>, right: Vec<(u8, u8)>) -> bool {
        let build = |raw: &[(u8, u8)]| -> VersionVector {
            raw.iter().map(|(r, n)| (ReplicaId::from_u128(u128::from(r % 3)), u64::from(n % 8))).collect()
        };
        let events = |v: &VersionVector| -> BTreeSet<(ReplicaId, u64)> {
            v.iter().flat_map(|(r, n)| (1..=n).map(move |s| (r, s))).collect()
        };
        let (x, y) = (build(&left), build(&right));
        let (a, b) = (events(&x), events(&y));
        let expected = match (a.is_subset(&b), b.is_subset(&a)) {
            (true, true) => Causality::Equal,
            (true, false) => Causality::Before,
            (false, true) => Causality::After,
            (false, false) => Causality::Concurrent,
        };
        let mut joined = x.clone();
        joined.join(&y);
        x.compare(&y) == expected && events(&joined) == a.union(&b).copied().collect()
    }

    /// Two clocks with skewed, stepping wall clocks exchange messages: each issues strictly increasing timestamps,
    /// and a receipt is later than what was sent.
    fn hybrid_timestamps_increase_along_happens_before(steps: Vec<(bool, bool, u8)>) -> bool {
        let mut clocks = [1, 2].map(|n| HybridClock::new(ReplicaId::from_u128(n), Duration::from_secs(1)));
        let mut seen = BTreeSet::new();
        steps.into_iter().all(|(at, receive, wall)| {
            let (at, now) = (usize::from(at), WallTime::from_nanos(u64::from(wall)));
            let before = clocks[at].last();
            let remote = clocks[1 - at].last();
            let issued = if receive { clocks[at].observe(now, remote) } else { clocks[at].tick(now) }.unwrap();
            clocks[at] = HybridClock::resume(issued, Duration::from_secs(1));
            issued > before && (!receive || issued > remote) && seen.insert(issued)
        })
    }

    fn timestamp_bytes_keep_the_order(a: (u32, u64, u32), b: (u32, u64, u32)) -> bool {
        let stamp = |(epoch, time, counter)| HybridTimestamp {
            epoch, time: WallTime::from_nanos(time), counter, replica: ReplicaId::from_u128(1),
        };
        let (a, b) = (stamp(a), stamp(b));
        a.cmp(&b) == a.to_bytes().cmp(&b.to_bytes()) && HybridTimestamp::from_bytes(a.to_bytes()) == a
    }
}

fn hostile(epoch: u32, time: u64, counter: u32) -> HybridTimestamp {
    HybridTimestamp { epoch, time: WallTime::from_nanos(time), counter, replica: ReplicaId::from_u128(9) }
}

#[test]
fn hostile_timestamps_are_refused_and_change_nothing() {
    let mut clock = HybridClock::new(ReplicaId::from_u128(1), Duration::from_secs(1));
    let now = WallTime::from_nanos(5_000_000_000);
    let before = clock.tick(now).unwrap();
    assert!(matches!(clock.observe(now, hostile(0, 1, u32::MAX)), Err(ClockError::CounterTooHigh { .. })));
    assert!(matches!(clock.observe(now, hostile(u32::MAX, 1, 0)), Err(ClockError::OtherEpoch { .. })));
    assert!(matches!(clock.observe(now, hostile(0, u64::MAX, 0)), Err(ClockError::TooFarAhead { .. })));
    assert_eq!(clock.last(), before);
    assert!(clock.tick(now).unwrap() > before);
}

/// A peer's counter just below the limit, at a time ahead of the local clock: local events must still get timestamps, and
/// such that peers accept them.
#[test]
fn a_counter_that_is_used_up_carries_into_the_time() {
    let mut clock = HybridClock::new(ReplicaId::from_u128(1), Duration::from_secs(1));
    let now = WallTime::from_nanos(5_000_000_000);
    let highest = hostile(0, 5_900_000_000, (1 << 31) - 1);
    let mut before = clock.observe(now, highest).unwrap();
    assert!(before > highest);
    for _ in 0..10 {
        let next = clock.tick(now).unwrap();
        assert!(next > before && clock.admit(now, next).is_ok());
        before = next;
    }
}

#[test]
fn a_dot_far_ahead_costs_one_interval() {
    let replica = ReplicaId::from_u128(1);
    let mut context: CausalContext = [Dot::new(replica, u64::MAX).unwrap(), Dot::first(replica)].into_iter().collect();
    assert_eq!(context.intervals().count(), 2);
    context.insert_interval(Interval { replica, first: 2, last: u64::MAX - 1 });
    assert_eq!(context.intervals().collect::<Vec<_>>(), [Interval { replica, first: 1, last: u64::MAX }]);
    assert!(context.subtract(&context).is_empty());
    let bytes = postcard::to_allocvec(&context).unwrap();
    assert_eq!(postcard::from_bytes::<CausalContext>(&bytes).unwrap(), context);
}

#[test]
fn maps_keyed_by_dots_work_in_json() {
    let map: std::collections::BTreeMap<Dot, u8> = [(Dot::first(ReplicaId::from_u128(3)), 1)].into();
    let json = serde_json::to_string(&map).unwrap();
    assert_eq!(json, r#"{"00000000-0000-0000-0000-000000000003:1":1}"#);
    assert_eq!(serde_json::from_str::<std::collections::BTreeMap<Dot, u8>>(&json).unwrap(), map);
    assert!(serde_json::from_str::<Dot>(r#""00000000-0000-0000-0000-000000000003:0""#).is_err());
}
