//! Resolvers are views: deterministic, independent of arrival order, and they take nothing out of an entry.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;

use quickcheck::quickcheck;
use syncline_clocks::{Dot, HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{Delta, EntryMap, Event, Receiver};
use syncline_resolvers::{Conflict, KeepSiblings, LastWriterWins, Outcome, Resolver, Siblings, Version};

fn version(writer: u8, nanos: u8) -> Version<u8> {
    let replica = ReplicaId::from_u128(u128::from(writer));
    let timestamp = HybridTimestamp { epoch: 0, time: WallTime::from_nanos(u64::from(nanos)), counter: 0, replica };
    Version { dot: Dot::first(replica), timestamp, value: Some(nanos) }
}

fn resolve(resolver: &dyn Resolver<u8>, versions: Vec<Version<u8>>) -> (Vec<Dot>, BTreeSet<Dot>) {
    let siblings = Siblings::new(versions).unwrap();
    let resolution = resolver.resolve(&Conflict { siblings: &siblings, base: None });
    let Outcome::Kept(kept) = resolution.outcome else { panic!("these resolvers keep versions") };
    let kept: Vec<Dot> = kept.into_iter().map(|version| version.dot).collect();
    (kept, resolution.passed_over.into_iter().map(|passed| passed.loser).collect())
}

quickcheck! {
    fn order_and_repetition_do_not_matter_and_nothing_is_discarded_unseen(raw: Vec<u8>) -> bool {
        // One dot always names the same version.
        let versions: Vec<_> = raw.iter().map(|writer| version(writer % 5, (writer % 5).wrapping_mul(91))).collect();
        versions.is_empty() || [&LastWriterWins as &dyn Resolver<u8>, &KeepSiblings].into_iter().all(|resolver| {
            let forward = resolve(resolver, versions.clone());
            let mut all: Vec<_> = versions.iter().rev().cloned().collect();
            all.extend(versions.clone());
            let named: BTreeSet<Dot> = forward.0.iter().copied().chain(forward.1.iter().copied()).collect();
            forward == resolve(resolver, all) && named == versions.iter().map(|version| version.dot).collect()
        })
    }
}

/// Schedule 4 of the design: a (timestamp 10); b saw a (timestamp 5, from a skewed clock) and replaces it; c
/// (timestamp 7) is concurrent. P meets a and c first and reads a; then b arrives. Q meets all in another order. Had the
/// resolver dropped c at P, P would end with b alone.
#[test]
fn a_resolver_that_is_a_view_can_not_make_replicas_diverge() {
    let (a, mut b, c) = (version(1, 10), version(2, 5), version(3, 7));
    b.value = Some(99);
    let event = |version: &Version<u8>, kills: &[Dot]| Event {
        dot: version.dot,
        path: (),
        payload: Some((version.timestamp, version.value)),
        kills: kills.iter().copied().collect(),
    };
    let (a, b, c) = (event(&a, &[]), event(&b, &[a.dot]), event(&c, &[]));
    let read = |entries: &EntryMap<(), _>| {
        let live = entries.get(&()).unwrap().live();
        let versions = live.map(|(dot, &(timestamp, value))| Version { dot, timestamp, value });
        resolve(&LastWriterWins, versions.collect()).0
    };
    let receiver = Receiver { writer: ReplicaId::from_u128(9), minted: 0, believes_kills: true };
    let mut p = (EntryMap::default(), Default::default());
    for event in [&a, &c, &b] {
        p.0.join(&mut p.1, receiver, &Delta::from(event.clone())).unwrap();
        if event.dot == c.dot {
            assert_eq!(read(&p.0), [a.dot]);
        }
    }
    let mut q = (EntryMap::default(), Default::default());
    q.0.join(&mut q.1, receiver, &Delta::from(vec![b, a, c.clone()])).unwrap();
    assert_eq!(p, q);
    assert_eq!((read(&p.0), read(&q.0)), (vec![c.dot], vec![c.dot]));
}
