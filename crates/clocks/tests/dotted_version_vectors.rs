//! A Dynamo-like store of one key, kept in four ways side by side: dotted version vector sets, dotted version vectors,
//! and a naive store whose versions carry the plain set of the writes that they have seen; and two stores with version
//! vectors by server, which go wrong.
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use quickcheck::{Arbitrary, Gen, quickcheck};
use support::{encodings_round_trip, relation};
use syncline_clocks::{
    Causality, Dot, DottedVersionVector, DottedVersionVectorSet, LimitExceeded, Limits, ReplicaId, UpdateError,
    VersionVector,
};

const SERVERS: usize = 3;
const CLIENTS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Step {
    Read {
        client: usize,
        server: usize,
    },
    /// A write under everything that the client has read; the answer is a read.
    Write {
        client: usize,
        server: usize,
    },
    Delete {
        client: usize,
        server: usize,
    },
    Sync {
        from: usize,
        to: usize,
    },
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let (client, server) = (usize::arbitrary(g) % CLIENTS, usize::arbitrary(g) % SERVERS);
        match u8::arbitrary(g) % 9 {
            0 | 1 => Self::Read { client, server },
            2..=5 => Self::Write { client, server },
            6 => Self::Delete { client, server },
            _ => Self::Sync { from: usize::arbitrary(g) % SERVERS, to: server },
        }
    }
}

fn id(server: usize) -> ReplicaId {
    ReplicaId::from_u128(server as u128)
}

/// What a store of one key does. Values are the numbers of the writes.
trait Store {
    type Context: Clone + Default;
    fn read(&self, server: usize, context: &mut Self::Context);
    fn write(&mut self, server: usize, context: &Self::Context, write: usize);
    fn delete(&mut self, server: usize, context: &Self::Context);
    fn sync(&mut self, from: usize, to: usize);
    fn values(&self, server: usize) -> BTreeSet<usize>;
}

/// The definition: a server knows a set of writes, and the versions among them that no other write known here had seen.
#[derive(Default)]
struct Naive {
    servers: [NaiveServer; SERVERS],
}

#[derive(Clone, Default)]
struct NaiveServer {
    known: BTreeSet<usize>,
    replaced: BTreeSet<usize>,
}

impl Store for Naive {
    type Context = BTreeSet<usize>;

    fn read(&self, server: usize, context: &mut Self::Context) {
        context.extend(&self.servers[server].known);
    }

    fn write(&mut self, server: usize, context: &Self::Context, write: usize) {
        self.delete(server, context);
        self.servers[server].known.insert(write);
    }

    fn delete(&mut self, server: usize, context: &Self::Context) {
        self.servers[server].known.extend(context);
        self.servers[server].replaced.extend(context);
    }

    fn sync(&mut self, from: usize, to: usize) {
        let NaiveServer { known, replaced } = self.servers[from].clone();
        self.servers[to].known.extend(known);
        self.servers[to].replaced.extend(replaced);
    }

    fn values(&self, server: usize) -> BTreeSet<usize> {
        self.servers[server].known.difference(&self.servers[server].replaced).copied().collect()
    }
}

#[derive(Default)]
struct Sets {
    servers: [DottedVersionVectorSet<usize>; SERVERS],
}

impl Store for Sets {
    type Context = VersionVector;

    fn read(&self, server: usize, context: &mut Self::Context) {
        context.join(&self.servers[server].context());
    }

    fn write(&mut self, server: usize, context: &Self::Context, write: usize) {
        self.servers[server].update(context, id(server), write).unwrap();
    }

    fn delete(&mut self, server: usize, context: &Self::Context) {
        self.servers[server].discard(context);
    }

    fn sync(&mut self, from: usize, to: usize) {
        let other = self.servers[from].clone();
        self.servers[to].sync(other);
    }

    fn values(&self, server: usize) -> BTreeSet<usize> {
        assert_eq!(self.servers[server].len(), self.servers[server].values().count());
        self.servers[server].values().copied().collect()
    }
}

/// Versions with a clock each. It has no deletes: a server that holds no version has forgotten its numbers.
#[derive(Default)]
struct Versions {
    servers: [Vec<(DottedVersionVector, usize)>; SERVERS],
}

impl Store for Versions {
    type Context = VersionVector;

    fn read(&self, server: usize, context: &mut Self::Context) {
        context.join(&DottedVersionVector::join(self.servers[server].iter().map(|(clock, _)| clock)));
    }

    fn write(&mut self, server: usize, context: &Self::Context, write: usize) {
        let stored = &mut self.servers[server];
        let clock = DottedVersionVector::update(context, stored.iter().map(|(clock, _)| clock), id(server)).unwrap();
        stored.retain(|(clock, _)| !clock.is_obsolete(context));
        stored.push((clock, write));
    }

    fn delete(&mut self, _: usize, _: &Self::Context) {}

    fn sync(&mut self, from: usize, to: usize) {
        let (left, right) = (self.servers[to].clone(), self.servers[from].clone());
        self.servers[to] = DottedVersionVector::sync(left, right);
    }

    fn values(&self, server: usize) -> BTreeSet<usize> {
        self.servers[server].iter().map(|(_, write)| *write).collect()
    }
}

/// Control: a version vector by server beside each version, which replaces what it dominates. Concurrent writes
/// through one server look ordered.
#[derive(Default)]
struct VectorByServer {
    servers: [Vec<(VersionVector, usize)>; SERVERS],
    counts: [u64; SERVERS],
}

impl Store for VectorByServer {
    type Context = VersionVector;

    fn read(&self, server: usize, context: &mut Self::Context) {
        self.servers[server].iter().for_each(|(vector, _)| context.join(vector));
    }

    fn write(&mut self, server: usize, context: &Self::Context, write: usize) {
        self.counts[server] += 1;
        let mut vector = context.clone();
        vector.advance(id(server), self.counts[server]);
        self.servers[server].retain(|(held, _)| held.compare(&vector) != Causality::Before);
        self.servers[server].push((vector, write));
    }

    fn delete(&mut self, _: usize, _: &Self::Context) {}

    fn sync(&mut self, from: usize, to: usize) {
        let mut all = self.servers[to].clone();
        all.extend(self.servers[from].clone());
        let obsolete = |one: &VersionVector| all.iter().any(|(other, _)| one.compare(other) == Causality::Before);
        self.servers[to] = all.iter().filter(|(vector, _)| !obsolete(vector)).cloned().collect();
    }

    fn values(&self, server: usize) -> BTreeSet<usize> {
        self.servers[server].iter().map(|(_, write)| *write).collect()
    }
}

/// Control: one version vector for all siblings of a server. A write that has not seen all of them replaces none.
#[derive(Default)]
struct VectorBySet {
    servers: [(VersionVector, BTreeSet<usize>); SERVERS],
}

impl Store for VectorBySet {
    type Context = VersionVector;

    fn read(&self, server: usize, context: &mut Self::Context) {
        context.join(&self.servers[server].0);
    }

    fn write(&mut self, server: usize, context: &Self::Context, write: usize) {
        let (vector, siblings) = &mut self.servers[server];
        if matches!(vector.compare(context), Causality::Before | Causality::Equal) {
            siblings.clear();
        }
        vector.join(context);
        vector.advance(id(server), vector.get(id(server)) + 1);
        siblings.insert(write);
    }

    fn delete(&mut self, _: usize, _: &Self::Context) {}

    fn sync(&mut self, from: usize, to: usize) {
        let (vector, siblings) = self.servers[from].clone();
        match self.servers[to].0.compare(&vector) {
            Causality::Before => self.servers[to].1 = siblings,
            Causality::Concurrent => self.servers[to].1.extend(siblings),
            Causality::Equal | Causality::After => {}
        }
        self.servers[to].0.join(&vector);
    }

    fn values(&self, server: usize) -> BTreeSet<usize> {
        self.servers[server].1.clone()
    }
}

/// What each server holds after each step.
fn run<S: Store + Default>(steps: &[Step]) -> (S, Vec<[BTreeSet<usize>; SERVERS]>) {
    let mut store = S::default();
    let mut clients: [S::Context; CLIENTS] = Default::default();
    let mut seen = Vec::new();
    for (write, step) in steps.iter().enumerate() {
        match *step {
            Step::Read { client, server } => store.read(server, &mut clients[client]),
            Step::Write { client, server } => {
                store.write(server, &clients[client], write);
                store.read(server, &mut clients[client]);
            }
            Step::Delete { client, server } => store.delete(server, &clients[client]),
            Step::Sync { from, to } => store.sync(from, to),
        }
        seen.push(std::array::from_fn(|server| store.values(server)));
    }
    (store, seen)
}

fn without_deletes(steps: &[Step]) -> Vec<Step> {
    steps.iter().copied().filter(|step| !matches!(step, Step::Delete { .. })).collect()
}

/// Whether no server ever holds two versions of one client, each of whose writes has seen the one before: then there
/// are no more siblings than clients that write at the same time.
fn bounded_by_writers(steps: &[Step], seen: &[[BTreeSet<usize>; SERVERS]]) -> bool {
    let writer = |write: usize| match steps[write] {
        Step::Write { client, .. } => client,
        _ => unreachable!("only writes are values"),
    };
    seen.iter().flatten().all(|values| {
        let mut writers = BTreeMap::new();
        values.iter().for_each(|write| *writers.entry(writer(*write)).or_insert(0) += 1);
        writers.values().all(|siblings| *siblings == 1)
    })
}

quickcheck! {
    fn sets_hold_what_the_definition_says(steps: Vec<Step>) -> bool {
        let (naive, expected) = run::<Naive>(&steps);
        let (sets, seen) = run::<Sets>(&steps);
        // The clocks relate as the sets of known writes do.
        let known = |at: usize| &naive.servers[at].known;
        let pairs = (0..SERVERS).flat_map(|a| (0..SERVERS).map(move |b| (a, b)));
        seen == expected
            && pairs.into_iter().all(|(a, b)| sets.servers[a].compare(&sets.servers[b]) == relation(known(a), known(b)))
    }

    fn versions_are_what_the_definition_says(steps: Vec<Step>) -> bool {
        let steps = without_deletes(&steps);
        run::<Versions>(&steps).1 == run::<Naive>(&steps).1
    }

    fn versions_relate_as_their_histories(steps: Vec<Step>) -> bool {
        let (store, _) = run::<Versions>(&without_deletes(&steps));
        let all: Vec<_> = store.servers.iter().flatten().map(|(clock, _)| clock).collect();
        all.iter().all(|left| all.iter().all(|right| {
            let relation = left.compare(right);
            let (below, above) = (right.contains(left.dot()), left.contains(right.dot()));
            match (below, above) {
                (true, true) => relation == Causality::Equal && left == right,
                (true, false) => relation == Causality::Before,
                (false, true) => relation == Causality::After,
                (false, false) => relation == Causality::Concurrent,
            }
        }))
    }

    fn siblings_never_exceed_the_concurrent_writers(steps: Vec<Step>) -> bool {
        bounded_by_writers(&steps, &run::<Sets>(&steps).1)
    }

    fn sync_is_a_join(steps: Vec<Step>) -> bool {
        let (store, _) = run::<Sets>(&steps);
        let [a, b, c] = store.servers;
        let synced = |left: &DottedVersionVectorSet<usize>, right: &DottedVersionVectorSet<usize>| {
            let mut left = left.clone();
            left.sync(right.clone());
            left
        };
        synced(&a, &a) == a
            && synced(&a, &b) == synced(&b, &a)
            && synced(&synced(&a, &b), &c) == synced(&a, &synced(&b, &c))
    }

    fn encodings_give_them_back(set: DottedVersionVectorSet<String>, version: DottedVersionVector) -> bool {
        encodings_round_trip(&set) && encodings_round_trip(&version)
    }

    fn bytes_that_decode_are_a_set_with_an_encoding_of_its_own(bytes: Vec<u8>) -> bool {
        postcard::from_bytes::<DottedVersionVectorSet<u8>>(&bytes).map_or(true, |set| {
            let (known, written) = (set.context(), postcard::to_allocvec(&set).unwrap());
            // Postcard reads numbers that are spelled longer than it writes them.
            written.len() <= bytes.len()
                && postcard::from_bytes::<DottedVersionVectorSet<u8>>(&written).as_ref() == Ok(&set)
                && set.siblings().all(|(dot, _)| known.contains(dot))
        })
    }
}

/// Two clients that write in turns through one server, each under what the answer to its last write said.
fn in_turns() -> Vec<Step> {
    (0..20).map(|turn| Step::Write { client: turn % 2, server: 0 }).collect()
}

#[test]
fn two_writers_in_turns_have_two_siblings_at_most() {
    let (_, seen) = run::<Sets>(&in_turns());
    assert!(seen.iter().all(|servers| servers[0].len() <= 2));
    assert_eq!(seen, run::<Naive>(&in_turns()).1);
}

#[test]
fn control_a_vector_by_server_loses_writes() {
    let both_read_nothing = [Step::Write { client: 0, server: 0 }, Step::Write { client: 1, server: 0 }];
    let (_, seen) = run::<VectorByServer>(&both_read_nothing);
    assert_eq!(seen[1][0], [1].into(), "the first write is lost");
    assert_ne!(seen, run::<Naive>(&both_read_nothing).1);
}

#[test]
fn control_a_vector_for_all_siblings_lets_them_explode() {
    let (_, seen) = run::<VectorBySet>(&in_turns());
    assert!(seen[19][0].len() > 10, "{} siblings of two writers", seen[19][0].len());
    assert!(!bounded_by_writers(&in_turns(), &seen));
}

#[test]
fn contexts_that_can_not_be_are_refused_and_change_nothing() {
    let [a, b] = [1, 2].map(ReplicaId::from_u128);
    let mut set = DottedVersionVectorSet::new();
    set.update(&VersionVector::new(), a, "one").unwrap();
    let before = set.clone();
    let forged = VersionVector::from_iter([(a, 2), (b, 3)]);
    assert_eq!(set.update(&forged, a, "two"), Err(UpdateError::OwnFuture { claimed: 2, known: 1 }));
    assert_eq!(set, before);
    // About another replica it can not be told from an honest one.
    assert_eq!(set.update(&VersionVector::from_iter([(b, 3)]), a, "two"), Ok(Dot::new(a, 2).unwrap()));
    let full = VersionVector::from_iter([(a, u64::MAX)]);
    set.discard(&full);
    let before = set.clone();
    assert_eq!(set.update(&full, a, "three"), Err(UpdateError::Exhausted));
    assert_eq!(set, before);
    // Neither the last number without a value nor one with it overflows.
    assert_eq!(set.siblings().count(), 0);
    set = DottedVersionVectorSet::new();
    set.discard(&VersionVector::from_iter([(a, u64::MAX - 1)]));
    set.update(&VersionVector::new(), a, "last").unwrap();
    assert_eq!(set.siblings().collect::<Vec<_>>(), [(Dot::new(a, u64::MAX).unwrap(), &"last")]);
    let version = DottedVersionVector::new(Dot::new(a, u64::MAX).unwrap(), VersionVector::new()).unwrap();
    assert_eq!(DottedVersionVector::update(&full, [&version], a), Err(UpdateError::Exhausted));
    assert_eq!(DottedVersionVector::update(&full, [], a), Err(UpdateError::OwnFuture { claimed: u64::MAX, known: 0 }));
}

#[test]
fn last_writer_wins_is_a_way_to_read() {
    let mut set = DottedVersionVectorSet::new();
    assert_eq!(set.lww(|value: &(u64, &str)| value.0), None);
    for (number, value) in [(1, (5, "early")), (2, (9, "late")), (3, (7, "between"))] {
        set.update(&VersionVector::new(), ReplicaId::from_u128(number), value).unwrap();
    }
    assert_eq!(set.lww(|value| value.0), Some(&(9, "late")));
    assert_eq!(set.len(), 3);
}

#[test]
fn what_is_not_canonical_is_refused() {
    let id = ReplicaId::from_u128;
    type Raw = Vec<(ReplicaId, u64, Vec<u8>)>;
    let decode = |raw: Raw| postcard::from_bytes::<DottedVersionVectorSet<u8>>(&postcard::to_allocvec(&raw).unwrap());
    assert!(decode(vec![(id(1), 2, vec![7, 8]), (id(2), 1, vec![])]).is_ok());
    assert!(decode(vec![(id(1), 1, vec![7, 8])]).is_err(), "more values than events");
    assert!(decode(vec![(id(1), 0, vec![])]).is_err(), "no events");
    assert!(decode(vec![(id(2), 1, vec![]), (id(1), 1, vec![])]).is_err(), "descending");
    assert!(decode(vec![(id(1), 1, vec![]), (id(1), 1, vec![])]).is_err(), "twice");
    let past: VersionVector = [(id(1), 2)].into_iter().collect();
    let bytes = postcard::to_allocvec(&(Dot::new(id(1), 2).unwrap(), &past)).unwrap();
    assert!(postcard::from_bytes::<DottedVersionVector>(&bytes).is_err(), "its own past");
}

#[test]
fn invented_replicas_are_limited() {
    let invented = |from: u128| {
        let mut set = DottedVersionVectorSet::new();
        for number in from..from + 60 {
            set.update(&VersionVector::new(), ReplicaId::from_u128(number), number).unwrap();
        }
        set
    };
    let limits = Limits { replicas: 100, ..Limits::NONE };
    let mut set = invented(0);
    let exceeded = LimitExceeded::Replicas { would_be: 120, limit: 100 };
    assert_eq!(set.try_sync(invented(60), &limits), Err(exceeded));
    assert_eq!(set, invented(0));
    assert_eq!(set.try_sync(invented(30), &limits), Ok(()));
    assert_eq!(set.len(), 90);
    // Clients invent them too, in what they say they have read.
    let before = set.clone();
    let context = invented(60).context();
    assert_eq!(set.try_discard(&context, &limits), Err(exceeded));
    let refused = set.try_update(&context, ReplicaId::from_u128(0), 7, &limits);
    assert_eq!(refused, Err(UpdateError::LimitExceeded(exceeded)));
    assert_eq!(set, before);
    let limits = Limits { replicas: 90, ..limits };
    assert_eq!(set.try_discard(&invented(30).context(), &limits), Ok(()));
    assert!(set.try_update(&set.context(), ReplicaId::from_u128(1_000), 7, &limits).is_ok());
    assert_eq!(set.values().collect::<Vec<_>>(), [&7]);
}

/// Ids that all stand before those that are known: were each inserted by itself, it would take minutes, which whoever waits for this test would see.
#[test]
fn a_context_of_many_replicas_is_taken_in_by_one_walk() {
    let contexts = [200_000..400_000, 0..200_000].map(|ids| -> VersionVector { ids.map(|n| (id(n), 1)).collect() });
    let mut set = DottedVersionVectorSet::<u8>::new();
    contexts.iter().for_each(|context| set.discard(context));
    assert_eq!(set.context().len(), 400_000);
}
