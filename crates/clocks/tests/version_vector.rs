//! Version vectors against the plain definition: a history is the set of its events.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]

mod support;

use quickcheck::quickcheck;
use support::{History, encodings_round_trip, id, join_laws, order_laws, relation};
use syncline_clocks::{CausalContext, Causality, Dot, LimitExceeded, Limits, ReplicaId, VersionVector};

/// The events of a vector whose lengths are small.
fn events(vector: &VersionVector) -> History {
    vector.iter().flat_map(|(replica, last)| (1..=last).filter_map(move |n| Dot::new(replica, n))).collect()
}

/// The vector with lengths whose events can be listed.
fn small(vector: &VersionVector) -> VersionVector {
    vector.iter().map(|(replica, length)| (replica, length.min(8))).collect()
}

quickcheck! {
    fn join_and_order_keep_their_laws(a: VersionVector, b: VersionVector, c: VersionVector) -> bool {
        order_laws([a.clone(), b.clone(), c.clone()])
            && join_laws(VersionVector::join, [a.clone(), b.clone(), c.clone()])
            && join_laws(VersionVector::meet, [a.clone(), b.clone(), c])
            && encodings_round_trip(&a)
            && a.compare(&b) == match a.partial_cmp(&b) {
                None => Causality::Concurrent,
                Some(order) if order.is_eq() => Causality::Equal,
                Some(order) => if order.is_lt() { Causality::Before } else { Causality::After },
            }
    }

    fn they_are_the_sets_of_their_events(a: VersionVector, b: VersionVector) -> bool {
        let (a, b) = (small(&a), small(&b));
        let (x, y) = (events(&a), events(&b));
        let (mut joined, mut met) = (a.clone(), a.clone());
        joined.join(&b);
        met.meet(&b);
        let missing: History = a.missing_from(&b).flat_map(|run| run.dots()).collect();
        events(&joined) == &x | &y
            && events(&met) == &x & &y
            && missing == &x - &y
            && a.compare(&b) == relation(&x, &y)
            && a.includes(&b) == x.is_superset(&y)
            && y.iter().all(|dot| a.contains(*dot) == x.contains(dot))
            && a.len() == a.iter().count() && a.is_empty() == x.is_empty()
    }

    /// A random trace of events and messages; every event's history by definition, and by a vector that is joined.
    fn on_a_trace_they_answer_as_causal_histories_do(steps: Vec<(u8, Option<u8>)>) -> bool {
        let mut replicas = vec![(History::new(), VersionVector::new()); 4];
        let mut seen = Vec::new();
        for (at, from) in steps {
            let at = at % 4;
            let (other, vector) = replicas[usize::from(from.unwrap_or(at) % 4)].clone();
            let (history, clock) = &mut replicas[usize::from(at)];
            history.extend(other);
            clock.join(&vector);
            let next = clock.get(id(at)) + 1;
            history.insert(Dot::new(id(at), next).unwrap());
            clock.advance(id(at), next);
            seen.push((history.clone(), clock.clone()));
        }
        seen.iter().all(|(x, a)| seen.iter().all(|(y, b)| a.compare(b) == relation(x, y)))
    }

    fn a_join_of_what_is_missing_gives_the_join(a: VersionVector, b: VersionVector) -> bool {
        let mut known = CausalContext::from(b.clone());
        a.missing_from(&b).for_each(|run| known.insert_interval(run));
        let mut joined = b.clone();
        joined.join(&a);
        known == CausalContext::from(joined)
    }

    fn however_they_are_built_they_are_the_same(entries: Vec<(ReplicaId, u8)>) -> bool {
        let entries: Vec<(ReplicaId, u64)> = entries.into_iter().map(|(id, n)| (id, u64::from(n % 8))).collect();
        let collected: VersionVector = entries.iter().copied().collect();
        let (mut advanced, mut extended) = (VersionVector::new(), VersionVector::new());
        entries.iter().rev().for_each(|(id, n)| advanced.advance(*id, *n));
        entries.chunks(3).for_each(|some| extended.extend(some.iter().copied()));
        collected == advanced && collected == extended && advanced.into_iter().eq(&collected)
    }

    fn limits_refuse_or_join_and_never_in_between(a: VersionVector, b: VersionVector, limits: Limits) -> bool {
        let (mut whole, mut bounded) = (a.clone(), a.clone());
        whole.join(&b);
        match bounded.try_join(&b, &limits) {
            Ok(()) => bounded == whole && whole.len() <= limits.replicas,
            Err(error) => {
                let LimitExceeded::Replicas { would_be, limit } = error else { return false };
                bounded == a && would_be == whole.len() && limit == limits.replicas && would_be > limit
            }
        }
    }

    fn any_bytes_decode_to_a_canonical_vector_or_an_error(bytes: Vec<u8>) -> bool {
        postcard::from_bytes::<VersionVector>(&bytes)
            .map_or(true, |decoded| decoded.iter().all(|(_, n)| n > 0) && decoded == decoded.iter().collect())
    }
}

#[test]
fn its_encoding_is_an_id_and_a_number_each() {
    let vector: VersionVector = (0..256u64).map(|n| (ReplicaId::from_u128(n.into()), 1 << (n % 40))).collect();
    let numbers: usize = vector.iter().map(|(_, n)| postcard::to_allocvec(&n).unwrap().len()).sum();
    assert_eq!(postcard::to_allocvec(&vector).unwrap().len(), 2 + 256 * 16 + numbers);
}

#[test]
fn what_is_not_canonical_is_an_error() {
    let zero = r#"{"00000000-0000-0000-0000-000000000001":0}"#;
    let twice = r#"{"00000000-0000-0000-0000-000000000001":1,"00000000000000000000000000000001":2}"#;
    let unordered = r#"{"00000000-0000-0000-0000-000000000002":1,"00000000-0000-0000-0000-000000000001":2}"#;
    assert!(serde_json::from_str::<VersionVector>(zero).is_err());
    assert!(serde_json::from_str::<VersionVector>(twice).is_err());
    assert_eq!(
        serde_json::from_str::<VersionVector>(unordered).unwrap(),
        [(id(1), 2), (id(2), 1)].into_iter().collect()
    );
}
