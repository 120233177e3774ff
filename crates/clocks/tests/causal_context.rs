//! Causal contexts against sets of dots.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]

mod support;

use std::collections::BTreeSet;

use quickcheck::{Arbitrary, Gen, quickcheck};
use support::{History, dot, encodings_round_trip, id, join_laws, relation};
use syncline_clocks::{CausalContext, Causality, Dot, Interval, LimitExceeded, Limits, ReplicaId, VersionVector};

/// Dots that can be listed: those of two replicas begin with 1, those of the third end with the last number there is.
#[derive(Clone, Debug)]
struct Few(History);

impl Arbitrary for Few {
    fn arbitrary(g: &mut Gen) -> Self {
        let one = |(r, n): (u8, u8)| match (r % 3, u64::from(n % 24)) {
            (2, n) => dot(2, u64::MAX - n),
            (r, n) => dot(r, n + 1),
        };
        Self(Vec::arbitrary(g).into_iter().map(one).collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

fn context(dots: &History) -> CausalContext {
    dots.iter().copied().collect()
}

fn set(context: &CausalContext) -> History {
    context.dots().collect()
}

quickcheck! {
    fn a_context_is_the_set_of_its_dots(left: Few, right: Few) -> bool {
        let (a, b) = (left.0, right.0);
        let (x, y) = (context(&a), context(&b));
        let mut union = x.clone();
        union.union(&y);
        set(&x) == a
            && set(&union) == &a | &b
            && set(&x.subtract(&y)) == &a - &b
            && set(&x.intersect(&y)) == &a & &b
            && x.includes(&y) == a.is_superset(&b)
            && (x == y) == (relation(&a, &b) == Causality::Equal)
            && b.iter().all(|dot| x.contains(*dot) == a.contains(dot))
            && x.len() == a.len() as u128
            && x.interval_count() == x.intervals().count()
            && a.iter().all(|dot| x.highest(dot.replica()) >= dot.sequence())
            && x.version_vector().iter().all(|(id, n)| (1..=n).all(|s| x.contains(Dot::new(id, s).unwrap())))
    }

    fn union_keeps_its_laws(a: CausalContext, b: CausalContext, c: CausalContext) -> bool {
        join_laws(CausalContext::union, [a, b, c])
    }

    fn subtraction_and_intersection_part_a_context(a: CausalContext, b: CausalContext) -> bool {
        let (mut whole, both, rest) = (a.intersect(&b), a.intersect(&b), a.subtract(&b));
        whole.union(&rest);
        whole == a && both == b.intersect(&a) && rest.intersect(&b).is_empty() && b.includes(&both)
    }

    fn a_join_of_what_is_missing_gives_equality(a: CausalContext, b: CausalContext) -> bool {
        let (mut mine, mut theirs) = (a.clone(), b.clone());
        mine.union(&b.subtract(&a));
        theirs.union(&a.subtract(&b));
        mine == theirs && mine.includes(&a) && mine.includes(&b)
    }

    fn equal_sets_are_equal_contexts_in_whatever_order(dots: Vec<Dot>) -> bool {
        let forward: CausalContext = dots.iter().copied().collect();
        let backward: CausalContext = dots.iter().rev().copied().collect();
        forward == backward && postcard::to_allocvec(&forward) == postcard::to_allocvec(&backward)
    }

    fn encodings_give_the_context_back(a: CausalContext) -> bool {
        encodings_round_trip(&a)
    }

    fn any_bytes_decode_to_a_canonical_context_or_an_error(bytes: Vec<u8>) -> bool {
        postcard::from_bytes::<CausalContext>(&bytes).map_or(true, |decoded| {
            let mut rebuilt = CausalContext::new();
            decoded.intervals().for_each(|interval| rebuilt.insert_interval(interval));
            rebuilt == decoded && rebuilt.interval_count() == decoded.interval_count()
        })
    }

    fn limits_refuse_or_join_and_never_in_between(a: CausalContext, b: CausalContext, limits: Limits) -> bool {
        let (mut whole, mut bounded) = (a.clone(), a.clone());
        whole.union(&b);
        let (replicas, intervals) = (whole.replicas().count(), whole.interval_count());
        let result = bounded.try_union(&b, &limits);
        let allowed = replicas <= limits.replicas && intervals <= limits.intervals;
        result.is_ok() == allowed && bounded == if allowed { whole } else { a } && match result {
            Err(LimitExceeded::Replicas { would_be, .. }) => would_be == replicas,
            Err(LimitExceeded::Intervals { would_be, .. }) => would_be == intervals,
            _ => true,
        }
    }

    fn a_vector_is_a_context_without_gaps(vector: VersionVector) -> bool {
        let context = CausalContext::from(vector.clone());
        context.version_vector() == vector && context.interval_count() == vector.len()
    }
}

/// Thousands of gaps, so that runs fill many chunks: made, joined and filled in an order that jumps about.
#[test]
fn thousands_of_gaps_are_kept_and_filled() {
    const GAPS: u64 = 5_000;
    let scattered = |n: u64| (n * 2_654_435_761) % GAPS;
    let mut context = CausalContext::new();
    let mut model = BTreeSet::new();
    for n in 0..GAPS {
        assert!(context.insert(dot(1, 2 * scattered(n) + 3)));
        model.insert(2 * scattered(n) + 3);
    }
    assert_eq!(context.interval_count(), GAPS as usize);
    let other: CausalContext = model.iter().filter(|n| *n % 3 == 0).map(|n| dot(1, n - 1)).collect();
    let mut joined = context.clone();
    joined.union(&other);
    let numbers = |context: &CausalContext| context.dots().map(Dot::sequence).collect::<BTreeSet<_>>();
    let expected: BTreeSet<u64> =
        model.iter().flat_map(|n| [Some(*n), (n % 3 == 0).then(|| n - 1)]).flatten().collect();
    assert_eq!(numbers(&joined), expected);
    assert_eq!(numbers(&joined.subtract(&context)), expected.difference(&model).copied().collect());
    assert_eq!(joined.intersect(&other), other);
    assert!(joined.includes(&context) && joined.includes(&other) && !context.includes(&joined));
    for n in 0..GAPS {
        let gap = 2 * scattered(n) + 2;
        assert!(!context.contains(dot(1, gap)) && context.insert(dot(1, gap)));
        assert!(context.contains(dot(1, gap)) && !context.insert(dot(1, gap)));
    }
    assert_eq!(context.intervals().collect::<Vec<_>>(), [Interval { replica: id(1), first: 2, last: 2 * GAPS + 1 }]);
    context.insert(dot(1, 1));
    assert_eq!(context.version_vector().get(id(1)), 2 * GAPS + 1);
}

/// Long and short intervals among thousands of others, in a fixed order that looks random, against a table of numbers.
#[test]
fn intervals_of_all_lengths_are_kept() {
    const NUMBERS: u64 = 20_000;
    let mut draw = 1u64;
    let mut next = |below: u64| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) % below
    };
    for longest in [3, 40, 2_000] {
        let mut context = CausalContext::new();
        let mut known = vec![false; 1 + NUMBERS as usize];
        for turn in 0..4_000 {
            let first = 1 + next(NUMBERS);
            let last = NUMBERS.min(first + if turn % 50 == 0 { next(longest) } else { next(2) });
            let interval = Interval { replica: id(1), first, last };
            let new: CausalContext = interval.dots().filter(|dot| !known[dot.sequence() as usize]).collect();
            let mut addition = CausalContext::new();
            addition.insert_interval(interval);
            assert_eq!(addition.subtract(&context), new);
            assert_eq!(context.includes(&addition), new.is_empty());
            if turn % 2 == 0 {
                context.union(&addition)
            } else {
                context.insert_interval(interval)
            }
            known[first as usize..=last as usize].fill(true);
        }
        for number in 1..=NUMBERS {
            assert_eq!(context.contains(dot(1, number)), known[number as usize], "{number}");
        }
        let runs = known.chunk_by(|left, right| left == right).filter(|run| run[0]).count();
        assert_eq!(context.interval_count(), runs);
        assert_eq!(context.len(), known.iter().filter(|known| **known).count() as u128);
    }
}

#[test]
fn a_dot_far_ahead_costs_one_interval() {
    let mut context: CausalContext = [dot(1, u64::MAX), dot(1, 1)].into_iter().collect();
    assert_eq!(context.interval_count(), 2);
    context.insert_interval(Interval { replica: id(1), first: 2, last: u64::MAX - 1 });
    assert_eq!(context.intervals().collect::<Vec<_>>(), [Interval { replica: id(1), first: 1, last: u64::MAX }]);
    assert_eq!(context.len(), u128::from(u64::MAX));
    assert!(context.subtract(&context).is_empty());
    assert!(encodings_round_trip(&context));
}

#[test]
fn runs_that_are_not_in_their_one_form_are_errors() {
    let json = |runs: &str| format!(r#"{{"00000000-0000-0000-0000-000000000001":{runs}}}"#);
    let decode = |runs: &str| serde_json::from_str::<CausalContext>(&json(runs));
    assert_eq!(decode("[[1,2],[4,4]]").unwrap(), [1, 2, 4].into_iter().map(|n| dot(1, n)).collect());
    for wrong in
        ["[]", "[[0,1]]", "[[2,1]]", "[[1,2],[3,4]]", "[[1,2],[2,4]]", "[[4,4],[1,2]]", "[[1,18446744073709551616]]"]
    {
        assert!(decode(wrong).is_err(), "{wrong}");
    }
    let bytes = |pairs: Vec<(u64, u64)>| {
        postcard::to_allocvec(&[(id(1), pairs)].into_iter().collect::<std::collections::BTreeMap<ReplicaId, _>>())
            .unwrap()
    };
    let decode = |pairs| postcard::from_bytes::<CausalContext>(&bytes(pairs));
    assert_eq!(decode(vec![(0, 2), (1, 1)]).unwrap(), [1, 2, 4].into_iter().map(|n| dot(1, n)).collect());
    for wrong in [vec![], vec![(0, 0)], vec![(0, 1), (0, 1)], vec![(u64::MAX, 1)], vec![(1, u64::MAX)]] {
        assert!(decode(wrong.clone()).is_err(), "{wrong:?}");
    }
}
