//! What a transaction leaves behind: when it ends well, when its verbs fail, when it panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use syncline_clocks::{CausalContext, Dot, ReplicaId};
use syncline_crdt::{Delta, DotSet, OrSet, Overflow, Replica, ResettableCounter, Settings, Store, Update};

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);

type Set = Replica<OrSet<&'static str>>;

fn dot(replica: ReplicaId, sequence: u64) -> Dot {
    Dot::new(replica, sequence).unwrap()
}

/// Of a transaction that fails nothing is left: not in the value, not in the clock, not in what `diff` sends; and the
/// numbers of its events are minted for the next one.
#[test]
fn a_failed_transaction_leaves_nothing() {
    let (mut here, mut there) = (Set::create(A), Set::create(B));
    here.join(&there.edit(|set| ["x", "y"].into_iter().for_each(|element| set.insert(element)))).unwrap();
    let _ = here.edit(|set| set.insert("z"));
    let before = here.causal().clone();
    let failed = here.try_edit(|set| {
        set.insert("x");
        set.remove("y");
        set.insert("new");
        set.remove("new");
        set.insert("new");
        set.clear();
        assert!(set.is_empty());
        set.insert("last");
        Err("no")
    });
    assert_eq!(failed, Err("no"));
    assert_eq!(*here.causal(), before);
    assert_eq!(here.entries().dots(), 3);
    assert_eq!(format!("{:?}", here.entries()), format!("{:?}", before.value().entries()));
    let delta = here.try_edit(|set| {
        set.insert("w");
        Ok::<(), ()>(())
    });
    let delta = delta.unwrap();
    assert_eq!(delta.events().iter().map(|event| event.dot).collect::<Vec<_>>(), [dot(A, 2)]);
    there.join(&here.diff(there.clock())).unwrap();
    assert_eq!(there.causal(), here.causal());
}

/// The verbs' own errors come out, too, and a change before them is undone.
#[test]
fn a_failed_verb_undoes_the_verbs_before_it() {
    let mut counter = Replica::<ResettableCounter>::create(A);
    for _ in 0..2 {
        let _ = counter.try_edit(|counter| counter.increment(i64::MAX)).unwrap();
    }
    let before = counter.causal().clone();
    let failed = counter.try_edit(|counter| {
        counter.increment(1)?;
        counter.increment(1)
    });
    assert_eq!(failed, Err(Overflow));
    assert_eq!(*counter.causal(), before);
}

/// What a transaction did before it panicked is done, under numbers that are never minted again, and `diff` repairs
/// others with it.
#[test]
fn a_panic_leaves_a_replica_that_repairs_others() {
    for settings in [Settings::default(), Settings { history: 0, ..Settings::default() }] {
        for transaction_can_fail in [false, true] {
            let mut here = Set::with_settings(A, settings);
            let mut there = Set::create(B);
            there.join(&here.edit(|set| ["x", "y"].into_iter().for_each(|element| set.insert(element)))).unwrap();
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                if transaction_can_fail {
                    let _ = here.try_edit(|set| -> Result<(), ()> {
                        set.insert("z");
                        set.remove("x");
                        panic!("a fault of the caller's");
                    });
                } else {
                    let _ = here.edit(|set| -> () {
                        set.insert("z");
                        set.remove("x");
                        panic!("a fault of the caller's");
                    });
                }
            }));
            assert!(panicked.is_err());
            assert!(here.contains("z") && !here.contains("x"));
            assert_eq!(here.clock().highest(A), 4);
            let next = here.edit(|set| set.insert("w"));
            assert_eq!(next.events()[0].dot, dot(A, 5), "a number that was used is not minted again");
            there.join(&here.diff(there.clock())).unwrap();
            assert_eq!(there.causal(), here.causal());
            assert!(there.contains("z") && there.contains("w") && !there.contains("x"));
            // What it hears of itself it knows.
            here.join(&there.diff(&CausalContext::new())).unwrap();
            assert_eq!(there.causal(), here.causal());
        }
    }
}

#[test]
fn a_panic_before_the_first_change_leaves_nothing() {
    let mut here = Set::create(A);
    let panicked = catch_unwind(AssertUnwindSafe(|| here.edit(|_| -> () { panic!("a fault of the caller's") })));
    assert!(panicked.is_err() && here.clock().is_empty());
    assert_eq!(here.edit(|set| set.insert("x")).events()[0].dot, Dot::first(A));
}

#[test]
fn a_thousand_increments_in_one_transaction_are_one_event() {
    let (mut here, mut there) = (Replica::<ResettableCounter>::create(A), Replica::<ResettableCounter>::create(B));
    let first = here.edit(|counter| counter.increment(5).unwrap());
    there.join(&first).unwrap();
    let delta = here.edit(|counter| (0..1_000).for_each(|amount| counter.increment(amount).unwrap()));
    assert_eq!((delta.len(), here.clock().len(), here.entries().dots()), (1, 2, 1));
    assert_eq!(delta.events()[0].kills, DotSet::from(dot(A, 1)), "it replaces what stood before the transaction");
    there.join(&delta).unwrap();
    assert_eq!(there.value(), 5 + 499_500);
    assert_eq!(there.causal(), here.causal());
}

/// A change replaces what the same transaction did to the path. A removal of what it added itself leaves no trace but a
/// number; a new addition is a second event, because the first is a removal by then.
#[test]
fn an_element_in_and_out_and_in_within_one_transaction() {
    let (mut here, mut there) = (Set::create(A), Set::create(B));
    let added_there = there.edit(|set| set.insert("x"));
    here.join(&added_there).unwrap();
    let concurrently = there.edit(|set| set.insert("x"));
    let delta = here.edit(|set| {
        set.insert("x");
        set.insert("x");
        set.remove("x");
        assert!(!set.contains("x"));
        set.insert("x");
        assert!(set.contains("x"));
    });
    let [removal, addition] = delta.events() else { panic!("{delta:?}") };
    assert_eq!((removal.payload, &removal.kills), (None, &DotSet::from(Dot::first(B))));
    assert_eq!((addition.payload, addition.kills.len()), (Some(()), 0));
    assert_eq!(here.entries().get("x").unwrap().live_dots(), DotSet::from(dot(A, 2)));
    // In the other order, and twice, it comes to the same.
    let backwards: Vec<_> = delta.clone().into_iter().rev().collect();
    there.join(&Delta::from(backwards)).unwrap();
    there.join(&delta).unwrap();
    here.join(&concurrently).unwrap();
    assert_eq!(there.causal(), here.causal());
    assert_eq!(here.entries().get("x").unwrap().live().len(), 2);
}

/// A transaction that does nothing costs nothing.
#[test]
fn an_empty_transaction_is_no_event() {
    let mut here = Set::create(A);
    let delta = here.edit(|set| {
        set.remove("x");
        set.clear();
    });
    assert!(delta.is_empty() && here.clock().is_empty());
    assert!(matches!(here.diff(&CausalContext::new()), Update::Delta(delta) if delta.is_empty()));
}
