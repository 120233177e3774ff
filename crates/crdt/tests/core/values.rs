//! What readers are told: sizes, emptiness, equality of what is seen, texts of errors.

use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{
    EnableWinsFlag, Entry, EntryMap, GCounter, GSet, JoinError, Lattice, LimitReached, LwwRegister, MvRegister, OrSet,
    Overflow, PnCounter, Replica, ResettableCounter, Settings, Store, StoredEnd,
};

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);

fn at(nanos: u64, replica: ReplicaId) -> HybridTimestamp {
    HybridTimestamp { epoch: 0, time: WallTime::from_nanos(nanos), counter: 0, replica }
}

/// Two replicas that came to a value in different ways, and one with another value.
fn alike<S: Store + PartialEq>(
    one: impl FnOnce(&mut Replica<S>),
    same: impl FnOnce(&mut Replica<S>),
    other: impl FnOnce(&mut Replica<S>),
) {
    let [mut a, mut b, mut c] = [A, B, ReplicaId::from_u128(3)].map(Replica::<S>::create);
    one(&mut a);
    same(&mut b);
    other(&mut c);
    assert!(a.value_eq(&b) && b.value_eq(&a) && *a.causal().value() != *b.causal().value());
    assert!(!a.value_eq(&c) && !c.value_eq(&a));
    assert!(a.value_eq(&a));
}

#[test]
fn equal_to_a_reader() {
    let insert = |replica: &mut Replica<OrSet<u8>>, elements: &[u8]| {
        elements.iter().for_each(|element| drop(replica.edit(|set| set.insert(*element))));
    };
    alike::<OrSet<u8>>(|a| insert(a, &[1, 2]), |b| insert(b, &[2, 1]), |c| insert(c, &[1, 3]));
    alike::<OrSet<u8>>(|a| insert(a, &[1, 2]), |b| insert(b, &[2, 1]), |c| insert(c, &[1]));
    alike::<LwwRegister<u8>>(
        |a| drop(a.try_edit(|name| name.set(7, at(1, A))).unwrap()),
        |b| drop(b.try_edit(|name| name.set(7, at(2, B))).unwrap()),
        |c| drop(c.try_edit(|name| name.set(8, at(1, A))).unwrap()),
    );
    // Two values at once, in whatever order, each as often.
    let both = |replica: &mut Replica<MvRegister<u8>>, values: [u8; 2]| {
        let mut other = Replica::<MvRegister<u8>>::create(ReplicaId::from_u128(9));
        let sent = other.edit(|register| register.set(values[1]));
        let _ = replica.edit(|register| register.set(values[0]));
        replica.join(&sent).unwrap();
    };
    alike::<MvRegister<u8>>(|a| both(a, [1, 2]), |b| both(b, [2, 1]), |c| both(c, [1, 1]));
    alike::<MvRegister<u8>>(|a| both(a, [1, 1]), |b| both(b, [1, 1]), |c| drop(c.edit(|register| register.set(1))));
    alike::<EnableWinsFlag>(
        |a| drop(a.edit(|flag| flag.enable())),
        |b| drop(b.edit(|flag| flag.enable())),
        |c| drop(c.edit(|flag| flag.disable())),
    );
    let count = |replica: &mut Replica<ResettableCounter>, by: &[i64]| {
        by.iter().for_each(|by| drop(replica.try_edit(|counter| counter.increment(*by)).unwrap()));
    };
    alike::<ResettableCounter>(|a| count(a, &[3]), |b| count(b, &[1, 2]), |c| count(c, &[2]));
}

#[test]
fn sizes_and_emptiness() {
    let mut set: Replica<OrSet<u8>> = Replica::create(A);
    assert!(set.is_empty() && set.len() == 0 && set.entries().is_empty());
    let _ = set.edit(|set| (0..3).for_each(|element| set.insert(element)));
    assert!(!set.is_empty() && set.len() == 3 && !set.entries().is_empty() && set.entries().dots() == 3);
    // A kept kill is an entry, and no element.
    let removal = set.edit(|set| set.remove(&1));
    let mut there: Replica<OrSet<u8>> = Replica::create(B);
    let changes = there.join(&removal).unwrap();
    assert!(changes.is_empty() && changes.len() == 0);
    assert!(
        there.is_empty() && there.entries().len() == 1 && there.entries().live() == 0 && there.entries().dots() == 1
    );
    let changes = there.join(&set.diff(there.clock())).unwrap();
    assert_eq!((changes.len(), changes.iter().len()), (2, 2));
    assert_eq!(changes.into_iter().count(), 2);

    let mut grown = GSet::default();
    assert!(grown.is_empty() && grown.len() == 0);
    assert!(grown.insert(1).is_some() && grown.insert(1).is_none());
    assert!(!grown.is_empty() && grown.len() == 1 && grown.contains(&1) && !grown.contains(&2));
    let mut both = PnCounter::default();
    let (up, down) = (both.increment(A, 2).unwrap(), both.increment(A, -5).unwrap());
    let mut there = PnCounter::default();
    let mut in_turn = PnCounter::default();
    assert!(in_turn.join(&up) && in_turn.join(&down) && in_turn == both);
    assert!(there.join(&both) && !there.join(&both) && !there.join(&up) && !there.join(&down) && there.value() == -3);
    let states: Vec<_> = [1, 2].map(|element| Replica::<OrSet<u8>>::create(A).edit(|set| set.insert(element))).into();
    let [one, other] = [&states[0], &states[1]].map(|delta| {
        let mut replica: Replica<OrSet<u8>> = Replica::create(B);
        replica.join(delta).unwrap();
        replica.causal().state()
    });
    assert!(one == one.clone() && one != other, "equal clocks, other elements");
    let mut counter = GCounter::default();
    assert!(!counter.join(&GCounter::default()) && counter.value() == 0);
    assert!(counter.increment(A, 0).unwrap() == GCounter::default() && counter.totals().count() == 0);
}

/// A table gives memory back when most of what it held is gone, and not before.
#[test]
fn memory_follows_what_is_held() {
    let dot = |sequence| syncline_clocks::Dot::new(A, sequence).unwrap();
    let entry = |sequence| Entry::of_event(dot(sequence), Some(()), Default::default());
    let mut map: EntryMap<u64, ()> = (1..=10_000).map(|n| (n, entry(n))).collect();
    let full = map.capacity();
    assert!((10_000..40_000).contains(&full));
    (full as u64 / 8 + 1..=10_000).for_each(|n| map.insert(n, Entry::default()));
    assert!(map.capacity() > full / 2, "it holds an eighth of what there is room for: {}", map.capacity());
    (1_500..=10_000).for_each(|n| map.insert(n, Entry::default()));
    assert!(map.len() == 1_499 && (1_499..full / 2).contains(&map.capacity()), "{}", map.capacity());
    (500..=1_499).for_each(|n| map.insert(n, Entry::default()));
    let (held, room) = (map.len(), map.capacity());
    assert!(held == 499 && (499..=499 * 8).contains(&room), "{room}");
    (33..=499).for_each(|n| map.insert(n, Entry::default()));
    assert!(map.len() == 32 && (32..=499).contains(&map.capacity()), "{}", map.capacity());
    assert!((1..=32).all(|n| map.get(&n).is_some_and(|held| held.is_live())));
}

/// What is stored beside a log of later deltas comes back with them.
#[test]
fn a_log_of_deltas_behind_what_is_stored() {
    let (mut here, mut there) = (Replica::<OrSet<u8>>::create(A), Replica::<OrSet<u8>>::create(B));
    let _ = here.edit(|set| set.insert(1));
    let mut stored = here.save();
    let log = [here.edit(|set| set.insert(2)), there.edit(|set| set.insert(3)), here.edit(|set| set.remove(&1))];
    here.join(&log[1]).unwrap();
    log.iter().chain(&log).for_each(|delta| stored.add(delta).unwrap());
    let settings = Settings { hash_seed: 99, ..Settings::default() };
    let mut resumed = Replica::resume(stored, StoredEnd::Certain, settings);
    assert_eq!(resumed.causal(), here.causal());
    assert!([2, 3].iter().all(|element| resumed.contains(element)), "looked up under another seed");
    assert_eq!(resumed.edit(|set| set.insert(4)), here.edit(|set| set.insert(4)), "no dot is made again");
}

#[test]
fn errors_say_what_is_wrong() {
    assert_eq!(Overflow.to_string(), "a running total would pass 2^64 - 1");
    let mut name: Replica<LwwRegister<u8>> = Replica::create(A);
    let _ = name.try_edit(|name| name.set(1, at(5, A))).unwrap();
    let error = name.try_edit(|name| name.set(2, at(4, A))).unwrap_err();
    assert_eq!(error.to_string(), "the timestamp 0:4+0@#00000001 is not newer than 0:5+0@#00000001");
    let dot = syncline_clocks::Dot::first(A);
    let texts = [
        (
            JoinError::OwnFuture(dot),
            "the update holds #00000001:1, an event of this replica that this replica never made",
        ),
        (JoinError::DotReused(dot), "#00000001:1 names two different changes"),
        (JoinError::NotBasedHere, "the repair was computed against events that this replica lacks"),
        (JoinError::Malformed("why"), "malformed update: why"),
        (
            JoinError::Limit(LimitReached::Dots { would_be: 3, limit: 2 }),
            "the value might hold 3 dots; at most 2 are accepted",
        ),
        (JoinError::Limit(LimitReached::Bytes { length: 3, limit: 2 }), "3 bytes; at most 2 are accepted"),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
    }
}
