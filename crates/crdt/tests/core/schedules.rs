//! The schedules that break tempting shortcuts, at the level of a single value. (The fourth, a resolver that drops
//! the loser, is a test of the resolvers; the fifth and sixth, a clock that is not durable and lost rows, of the
//! replicators.)

use syncline_clocks::{CausalContext, Dot, ReplicaId};
use syncline_crdt::{
    Delta, DotSet, Entries, Entry, Event, JoinError, OrSet, Repair, Replica, ResettableCounter, Store, Update,
};

type Set = Replica<OrSet<&'static str>>;

fn replicas() -> (Set, Set, Set) {
    let create = |n| Replica::create(ReplicaId::from_u128(n));
    (create(1), create(2), create(3))
}

/// Schedule 1: A adds x, adds y, removes x; B gets only the removal. It must not take y for known.
#[test]
fn a_delta_does_not_stand_for_the_senders_clock() {
    let (mut a, mut b, _) = replicas();
    let _ = a.edit(|set| set.insert("x"));
    let _ = a.edit(|set| set.insert("y"));
    let removal = a.edit(|set| set.remove("x"));
    b.join(&removal).unwrap();
    assert_eq!(b.clock().dots().count(), 1);
    b.join(&a.diff(b.clock())).unwrap();
    a.join(&b.diff(a.clock())).unwrap();
    assert!(a.contains("y") && b.contains("y") && !b.contains("x"));
    assert_eq!(a.causal(), b.causal());
}

/// Schedule 2: A adds x and syncs to B; B removes x; the delta is lost. The clocks must differ, so that it is sent again.
#[test]
fn a_lost_removal_is_found_by_the_clocks() {
    let (mut a, mut b, _) = replicas();
    let added = a.edit(|set| set.insert("x"));
    b.join(&added).unwrap();
    let _lost = b.edit(|set| set.remove("x"));
    assert_ne!(a.clock(), b.clock());
    a.join(&b.diff(a.clock())).unwrap();
    assert!(!a.contains("x"));
}

/// Schedule 3: e1 adds x, e2 adds x again, e3 removes x. B gets e3 only, later e1, never e2: x must stay out, and e2
/// must not be taken for known.
#[test]
fn killed_dots_do_not_enter_the_clock() {
    let (mut a, mut b, _) = replicas();
    let e1 = a.edit(|set| set.insert("x"));
    let e2 = a.edit(|set| set.insert("x"));
    let e3 = a.edit(|set| set.remove("x"));
    b.join(&e3).unwrap();
    b.join(&e1).unwrap();
    assert!(!b.clock().contains(e2.events()[0].dot));
    b.join(&e2).unwrap();
    assert!(!b.contains("x"));
    assert_eq!(a.causal(), b.causal());
}

/// A repair computed against a clock that the receiver no longer includes is refused (schedule 5, seen by the receiver).
#[test]
fn a_repair_names_the_clock_it_was_computed_against() {
    let (mut a, mut b, _) = replicas();
    let _ = a.edit(|set| set.insert("x"));
    let forgotten: CausalContext = [Dot::first(b.id())].into_iter().collect();
    let repair = Entries { since: forgotten, clock: a.clock().clone(), paths: Vec::new() };
    assert_eq!(b.join(&Update::Entries(repair)), Err(JoinError::NotBasedHere));
}

#[test]
fn a_reused_identity_is_a_typed_error_and_changes_nothing() {
    let (mut a, mut b, _) = replicas();
    let mut twin: Set = Replica::create(a.id());
    let other = twin.edit(|set| set.insert("z"));
    assert!(matches!(a.join(&other.clone()), Err(JoinError::OwnFuture(_))));
    assert!(matches!(a.join(&twin.diff(&CausalContext::new())), Err(JoinError::OwnFuture(_))));
    assert!(a.clock().is_empty() && a.iter().count() == 0);
    b.join(&other).unwrap();
    let kills_itself = Event { dot: Dot::first(a.id()), path: "q", payload: None, kills: Dot::first(a.id()).into() };
    assert!(matches!(b.join(&Delta::from(kills_itself)), Err(JoinError::Malformed(_))));
}

/// One dot with two payloads is told apart while the first is live.
#[test]
fn a_dot_with_two_payloads_is_a_typed_error() {
    use syncline_clocks::{HybridTimestamp, WallTime};
    use syncline_crdt::LwwRegister;
    let stamp = |nanos| HybridTimestamp {
        epoch: 0,
        time: WallTime::from_nanos(nanos),
        counter: 0,
        replica: ReplicaId::from_u128(1),
    };
    let mut one = Replica::<LwwRegister<u8>>::create(ReplicaId::from_u128(1));
    let mut twin = Replica::<LwwRegister<u8>>::create(ReplicaId::from_u128(1));
    let mut reader = Replica::<LwwRegister<u8>>::create(ReplicaId::from_u128(2));
    let first = one.try_edit(|register| register.set(1, stamp(5))).unwrap();
    let second = twin.try_edit(|register| register.set(2, stamp(5))).unwrap();
    reader.join(&first).unwrap();
    assert!(matches!(reader.join(&second), Err(JoinError::DotReused(_))));
    assert!(matches!(reader.join(&twin.diff(&CausalContext::new())), Err(JoinError::DotReused(_))));
    assert_eq!(reader.get(), Some(&1));
    assert!(one.try_edit(|register| register.set(3, stamp(5))).is_err(), "not newer");
}

/// A counter's size is bounded by its writers, however often it is counted up and reset.
#[test]
fn a_counter_that_is_counted_up_and_reset_stays_small() {
    let mut here = Replica::<ResettableCounter>::create(ReplicaId::from_u128(1));
    for _ in 0..1_000 {
        let _ = here.edit(|counter| counter.increment(1).unwrap());
        let _ = here.edit(|counter| counter.reset());
    }
    assert_eq!(here.entries().iter().flat_map(|(_, entry)| entry.live()).count(), 1);
}

/// A transaction's reset is not lost under its later increments (it was, while a transaction made one event for each
/// path).
#[test]
fn a_transaction_that_resets_and_then_counts_has_reset() {
    let (a, b) = (ReplicaId::from_u128(1), ReplicaId::from_u128(2));
    let mut here = Replica::<ResettableCounter>::create(a);
    let mut there = Replica::<ResettableCounter>::create(b);
    let _ = here.edit(|counter| counter.increment(1).unwrap());
    let _ = here.edit(|counter| {
        counter.reset();
        counter.increment(2).unwrap();
    });
    there.join(&here.diff(there.clock())).unwrap();
    assert_eq!((here.value(), there.value()), (2, 2));
}

/// A reset kills the running totals that it covers, also behind an increment of the same transaction: what is left alive
/// under a baseline changes no value and costs memory.
#[test]
fn a_reset_behind_an_increment_leaves_one_dot() {
    let mut here = Replica::<ResettableCounter>::create(ReplicaId::from_u128(1));
    let mut there = Replica::<ResettableCounter>::create(ReplicaId::from_u128(2));
    here.join(&there.edit(|counter| counter.increment(1).unwrap())).unwrap();
    let _ = here.edit(|counter| {
        counter.increment(1).unwrap();
        counter.reset();
    });
    assert_eq!((here.value(), here.entries().iter().flat_map(|(_, entry)| entry.live()).count()), (0, 1));
}

/// Joined as two entries, each of which has the other's dot dead, they would give another value each time.
#[test]
fn a_repair_names_each_path_once() {
    let (mut a, mut b, _) = replicas();
    let _ = a.edit(|set| set.insert("x"));
    let _ = a.edit(|set| set.insert("y"));
    let part = |sequence| {
        let dot = Dot::new(a.id(), sequence).unwrap();
        ("x", Repair { events: [dot].into_iter().collect(), entry: Entry::of_event(dot, Some(()), DotSet::new()) })
    };
    let repair = Entries { since: CausalContext::new(), clock: a.clock().clone(), paths: vec![part(1), part(2)] };
    assert!(matches!(b.join(&repair), Err(JoinError::Malformed(_))));
    assert!(b.clock().is_empty() && b.is_empty());
}
