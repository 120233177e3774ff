//! What is refused changes nothing; and what is far out still works: more replicas than there are short names, numbers
//! beyond 48 bits.

use std::fmt::Debug;

use syncline_clocks::{self as clocks, CausalContext, Dot, Fenced, Freeze, LimitExceeded, ReplicaId, Retirement};
use syncline_crdt::{
    Delta, DotSet, Encoded, Entries, EntryMap, Event, JoinError, LimitReached, Limits, OrSet, Replica, Settings, State,
    Store, StoredEnd, Update, UpdateRef,
};

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);

type Set = Replica<OrSet<u32>>;

fn dot(replica: u128, sequence: u64) -> Dot {
    Dot::new(ReplicaId::from_u128(replica), sequence).unwrap()
}

fn limited(limits: Limits) -> Set {
    Set::with_settings(A, Settings { limits, ..Settings::default() })
}

fn clock_limits(replicas: usize, intervals: usize) -> Limits {
    Limits { clock: clocks::Limits { replicas, intervals }, ..Limits::NONE }
}

fn add(dot: Dot, path: u32) -> Event<u32, ()> {
    Event { dot, path, payload: Some(()), kills: DotSet::new() }
}

/// The update is refused with this error, and the replica is as it was: value, clock, dots, and what it sends.
fn refuses<'u>(here: &mut Set, update: impl Into<UpdateRef<'u, u32, ()>>) -> JoinError {
    let before = (here.causal().clone(), here.entries().dots(), here.diff(&CausalContext::new()));
    let error = here.join(update).unwrap_err();
    assert_eq!((here.causal().clone(), here.entries().dots(), here.diff(&CausalContext::new())), before);
    error
}

/// The three kinds that tell of the same two additions.
fn kinds() -> [Update<u32, ()>; 3] {
    let told = |settings: Settings| {
        let mut there = Set::with_settings(B, settings);
        let _ = there.edit(|set| [7, 8].into_iter().for_each(|element| set.insert(element)));
        (there.diff(&CausalContext::new()), there.causal().state())
    };
    let (delta, state) = told(Settings::default());
    let (entries, _) = told(Settings { history: 0, ..Settings::default() });
    assert!(matches!((&delta, &entries), (Update::Delta(_), Update::Entries(_))));
    [delta, entries, Update::State(state)]
}

#[test]
fn too_many_dots_of_each_kind() {
    for update in kinds() {
        let mut here = limited(Limits { dots: 2, ..Limits::NONE });
        let _ = here.edit(|set| set.insert(1));
        let error = refuses(&mut here, &update);
        assert_eq!(error, JoinError::Limit(LimitReached::Dots { would_be: 3, limit: 2 }));
        let mut here = limited(Limits { dots: 3, ..Limits::NONE });
        let _ = here.edit(|set| set.insert(1));
        here.join(&update).unwrap();
        assert_eq!(here.len(), 3);
    }
}

/// Kills whose victims never come are counted: they stay.
#[test]
fn too_many_kept_kills() {
    let mut here = limited(Limits { dots: 2, ..Limits::NONE });
    let kills: DotSet = (1..=3).map(|number| dot(9, number)).collect();
    let removal = Event { dot: dot(2, 1), path: 1, payload: None, kills };
    let error = refuses(&mut here, &Delta::from(removal));
    assert_eq!(error, JoinError::Limit(LimitReached::Dots { would_be: 3, limit: 2 }));
}

#[test]
fn too_many_replicas() {
    let mut here = limited(clock_limits(3, 100));
    for replica in 2..5 {
        here.join(&Delta::from(add(dot(replica, 1), 1))).unwrap();
    }
    let error = refuses(&mut here, &Delta::from(add(dot(5, 1), 1)));
    assert_eq!(error, JoinError::Limit(LimitReached::Clock(LimitExceeded::Replicas { would_be: 4, limit: 3 })));
    // What is known already is not new, and of the known ones more may come.
    here.join(&Delta::from(add(dot(4, 1), 1))).unwrap();
    here.join(&Delta::from(add(dot(4, 2), 1))).unwrap();
    assert_eq!(here.clock().replicas().count(), 3);
}

#[test]
fn too_many_gaps() {
    let mut here = limited(clock_limits(100, 3));
    for number in [2, 4, 6] {
        here.join(&Delta::from(add(dot(2, number), 1))).unwrap();
    }
    let error = refuses(&mut here, &Delta::from(add(dot(2, 8), 1)));
    assert_eq!(error, JoinError::Limit(LimitReached::Clock(LimitExceeded::Intervals { would_be: 4, limit: 3 })));
    // What fills gaps may come.
    for number in [3, 5, 1, 7, 8] {
        here.join(&Delta::from(add(dot(2, number), 1))).unwrap();
    }
    assert_eq!(here.clock().interval_count(), 1);
}

/// The limits bind what peers send, not what the replica does itself, nor what it resumes from.
#[test]
fn own_edits_are_not_limited() {
    let limits = Limits { bytes: 0, dots: 0, clock: clocks::Limits { replicas: 0, intervals: 0 } };
    let mut here = limited(limits);
    let _ = here.edit(|set| (0..10).for_each(|element| set.insert(element)));
    assert_eq!(here.len(), 10);
    let mut here = Set::resume(here.save(), StoredEnd::Certain, Settings { limits, ..Settings::default() });
    let _ = here.edit(|set| set.insert(10));
    assert_eq!(here.len(), 11);
    assert!(matches!(refuses(&mut here, &kinds()[0]), JoinError::Limit(_)));
}

/// After a retirement events beyond the agreed count are refused, of each kind; those up to it still come.
#[test]
fn a_retired_replica() {
    let agree = |length| Retirement::agree(B, [A], &[Freeze { member: A, replica: B, length }]).unwrap();
    for update in kinds() {
        let mut here = Set::create(A);
        here.retire(agree(1)).unwrap();
        let error = refuses(&mut here, &update);
        assert!(matches!(error, JoinError::Retired(Fenced::Retired { .. })), "{error:?}");
        let mut resumed = Set::resume(here.save(), StoredEnd::Certain, Settings::default());
        assert!(matches!(refuses(&mut resumed, &update), JoinError::Retired(_)), "it is stored");
        assert!(here.retire(agree(2)).is_err(), "at another count");
        let mut later = Set::create(A);
        later.retire(agree(2)).unwrap();
        later.join(&update).unwrap();
        assert_eq!(later.len(), 2);
    }
}

/// What no replica that follows the rules builds.
#[test]
fn malformed_updates() {
    let mut here = Set::create(A);
    let _ = here.edit(|set| set.insert(1));
    let malformed = |error| assert!(matches!(error, JoinError::Malformed(_)), "{error:?}");
    malformed(refuses(&mut here, &Delta::from(vec![add(dot(2, 1), 1), add(dot(2, 1), 2)])));
    let own_kill = Event { kills: dot(2, 1).into(), ..add(dot(2, 1), 1) };
    malformed(refuses(&mut here, &Delta::from(vec![add(dot(2, 2), 1), own_kill])));

    let Update::Entries(honest) = kinds()[1].clone() else { panic!("entries") };
    let spoilt = |spoil: fn(&mut Entries<u32, ()>)| {
        let mut entries = honest.clone();
        spoil(&mut entries);
        entries
    };
    malformed(refuses(&mut here, &spoilt(|entries| entries.clock = CausalContext::new())));
    malformed(refuses(&mut here, &spoilt(|entries| entries.paths[0].1.events = CausalContext::new())));
    malformed(refuses(&mut here, &spoilt(|entries| entries.paths[1] = entries.paths[0].clone())));
    let own: CausalContext = [Dot::new(A, 9).unwrap()].into_iter().collect();
    let error = refuses(&mut here, &Entries { clock: own.clone(), ..honest.clone() });
    assert_eq!(error, JoinError::OwnFuture(Dot::new(A, 9).unwrap()));
    let error = refuses(&mut here, &State::new(own, EntryMap::default()).unwrap());
    assert_eq!(error, JoinError::OwnFuture(Dot::new(A, 9).unwrap()));
    let own_kill = Event { kills: Dot::new(A, 2).unwrap().into(), ..add(dot(2, 1), 1) };
    assert_eq!(refuses(&mut here, &Delta::from(own_kill)), JoinError::OwnFuture(Dot::new(A, 2).unwrap()));
    let Update::State(state) = kinds()[2].clone() else { panic!("a state") };
    assert!(State::new(CausalContext::new(), state.entries().clone()).is_err());
}

/// Both hold the same, wherever one looks.
fn alike<E: std::hash::Hash + Eq + Clone + Debug + serde::Serialize + serde::de::DeserializeOwned>(
    one: &Replica<OrSet<E>>,
    other: &Replica<OrSet<E>>,
) {
    assert_eq!(one.causal(), other.causal());
    assert_eq!(one.entries().dots(), other.entries().dots());
    assert!(one.iter().eq(other.iter()));
    assert_eq!(format!("{:?}", one.entries()), format!("{:?}", other.entries()));
    let (bytes, others) = (one.causal().state().encode().unwrap(), other.causal().state().encode().unwrap());
    assert!(bytes == others);
    let read = State::<E, ()>::decode(&bytes, &Limits::NONE).unwrap();
    assert!(read == one.causal().state() && read.encode().unwrap() == bytes);
}

/// An instance has short names for 65,535 replicas. Dots of further ones are held in full, and which replicas have the
/// names is not to be seen.
#[test]
fn more_replicas_than_short_names() {
    const REPLICAS: u32 = 65_535 + 65;
    let settings = Settings { limits: Limits::NONE, ..Settings::default() };
    let events: Vec<_> = (0..REPLICAS).map(|n| add(dot(1_000 + u128::from(n), 1), n)).collect();
    let (mut one, mut other) = (Set::with_settings(A, settings), Set::with_settings(B, settings));
    one.join(&Delta::from(events.clone())).unwrap();
    other.join(&events.iter().rev().cloned().collect::<Delta<_, _>>()).unwrap();
    alike(&one, &other);

    // The first replicas have no name in `other`, the last ones none in `one`: each change meets both.
    for path in [0, 1, 2, REPLICAS - 3, REPLICAS - 2, REPLICAS - 1] {
        let again = add(dot(500 + u128::from(path % 2), u64::from(path) + 1), path);
        for set in [&mut one, &mut other] {
            set.join(&Delta::from(again.clone())).unwrap();
            assert_eq!(set.entries().get(&path).unwrap().live().len(), 2);
        }
    }
    alike(&one, &other);
    let removals = one.edit(|set| [0, REPLICAS - 1].iter().for_each(|path| set.remove(path)));
    other.join(&removals).unwrap();
    let replaced = other.edit(|set| [1, REPLICAS - 2, 77].into_iter().for_each(|path| set.insert(path)));
    one.join(&replaced).unwrap();
    alike(&one, &other);
    assert_eq!(one.len(), REPLICAS as usize - 2);

    let mut third = Set::with_settings(ReplicaId::from_u128(3), settings);
    third.join(&other.causal().state()).unwrap();
    alike(&third, &one);
    for set in [&mut one, &mut third] {
        let state = other.causal().state();
        assert!(set.join(&state).unwrap().is_empty());
    }
    let cleared = third.edit(|set| set.clear());
    one.join(&cleared).unwrap();
    other.join(&third.causal().state()).unwrap();
    assert!(one.is_empty() && other.entries().is_empty());
    alike(&one, &other);
}

/// Short dots have 48 bits for the number.
#[test]
fn numbers_beyond_48_bits() {
    const EDGE: u64 = 1 << 48;
    let numbers = [1, EDGE - 1, EDGE, EDGE + 1, u64::MAX - 1, u64::MAX];
    let add_at = |number: u64, path: u32| add(dot(7, number), path);
    let mut events: Vec<_> = numbers.iter().zip(0..).map(|(number, path)| add_at(*number, path)).collect();
    // One path with a short and a long dot, one with a long dot killed, one with a kept kill of a long dot.
    events.push(add(dot(8, 1), 2));
    events.push(Event { kills: dot(7, u64::MAX - 1).into(), ..add(dot(8, EDGE), 4) });
    events.push(Event { dot: dot(8, 3), path: 9, payload: None, kills: dot(7, EDGE + 9).into() });
    type Reorder = fn(&mut [Event<u32, ()>]);
    let orders: [Reorder; 3] = [|_| (), |events| events.reverse(), |events| events.rotate_left(4)];
    let replicas: Vec<Set> = (0u128..)
        .zip(orders)
        .map(|(id, order)| {
            let mut events = events.clone();
            order(&mut events);
            let mut set = Set::create(ReplicaId::from_u128(100 + id));
            events.into_iter().for_each(|event| {
                set.join(&Delta::from(event)).unwrap();
            });
            set
        })
        .collect();
    let [one, other, third] = &replicas[..] else { panic!("three") };
    alike(one, other);
    alike(one, third);
    assert_eq!(one.len(), 6);
    let live: Vec<_> = one.entries().get(&2).unwrap().live_dots().iter().collect();
    assert_eq!(live, [dot(7, EDGE), dot(8, 1)]);
    assert_eq!(one.entries().get(&4).unwrap().live_dots(), dot(8, EDGE).into());
    let mut fresh = Set::create(ReplicaId::from_u128(200));
    fresh.join(&one.causal().state()).unwrap();
    alike(&fresh, one);
    let _ = fresh.edit(|set| set.clear());
    assert!(fresh.is_empty() && fresh.entries().len() == 1, "but for the kept kill");
}
