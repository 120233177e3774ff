//! What `diff` answers, and what a replica remembers for it.

use std::collections::BTreeSet;

use syncline_clocks::{CausalContext, ReplicaId};
use syncline_crdt::{Entries, JoinError, OrSet, Replica, Settings, StoredEnd, Update};

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);

type Set = Replica<OrSet<u32>>;

fn remembering(history: usize) -> Set {
    Set::with_settings(A, Settings { history, ..Settings::default() })
}

fn nothing() -> CausalContext {
    CausalContext::new()
}

fn kind(update: &Update<u32, ()>) -> &'static str {
    match update {
        Update::Delta(_) => "delta",
        Update::Entries(_) => "entries",
        Update::State(_) => "state",
    }
}

/// The peer joins the answer and is equal then.
fn repairs(here: &Set, mut there: Set) {
    there.join(&here.diff(there.clock())).unwrap();
    assert_eq!(there.causal(), here.causal());
}

#[test]
fn events_while_they_are_remembered() {
    let mut here = remembering(3);
    let mut there = Set::create(B);
    for element in 0..3 {
        let _ = here.edit(|set| set.insert(element));
    }
    assert_eq!(kind(&here.diff(&nothing())), "delta");
    there.join(&here.diff(&nothing())).unwrap();
    let _ = here.edit(|set| set.remove(&0));
    // The oldest is forgotten, and dead; who has it does not need it.
    assert_eq!(kind(&here.diff(&nothing())), "state");
    let Update::Delta(delta) = here.diff(there.clock()) else { panic!("an event that is remembered") };
    assert_eq!(delta.len(), 1);
    repairs(&here, there);
}

/// Entries of just the paths of the missing events, with just these events, a removed path among them.
#[test]
fn entries_while_the_paths_are_known() {
    let mut here = remembering(1);
    let mut there = Set::create(B);
    for element in 0..10 {
        there.join(&here.edit(|set| set.insert(element))).unwrap();
    }
    let since = there.clock().clone();
    let _ = here.edit(|set| set.insert(3));
    let _ = here.edit(|set| set.remove(&5));
    let Update::Entries(Entries { since: computed_against, clock, paths }) = here.diff(&since) else {
        panic!("a path that lives and one that is remembered")
    };
    assert_eq!((computed_against, &clock), (since.clone(), here.clock()));
    let told: Vec<_> =
        paths.iter().map(|(path, repair)| (*path, repair.events.len(), repair.entry.is_empty())).collect();
    assert_eq!(told, [(3, 1, false), (5, 1, true)]);
    repairs(&here, there);
}

/// Where nothing is remembered, what lives still tells its own paths; a removal that nothing tells of takes a state.
#[test]
fn without_memory_additions_are_entries_and_removals_a_state() {
    let mut here = remembering(0);
    let there = Set::create(B);
    for element in 0..4 {
        let _ = here.edit(|set| set.insert(element));
    }
    assert_eq!(kind(&here.diff(&nothing())), "entries");
    let _ = here.edit(|set| set.remove(&2));
    let since = here.clock().clone();
    assert_eq!(kind(&here.diff(&nothing())), "state");
    let _ = here.edit(|set| set.insert(9));
    assert_eq!(kind(&here.diff(&since)), "entries");
    assert!(matches!(here.diff(here.clock()), Update::Delta(delta) if delta.is_empty()), "nothing is missing");
    repairs(&here, there);
}

/// Of a peer that knows more there is nothing to send.
#[test]
fn a_peer_ahead_gets_an_empty_delta() {
    let (here, mut there) = (remembering(8), Set::create(B));
    let _ = there.edit(|set| set.insert(1));
    assert!(matches!(here.diff(there.clock()), Update::Delta(delta) if delta.is_empty()));
}

/// What was joined is remembered as what was made: a replica repairs third ones with events of others.
#[test]
fn joined_events_are_remembered_too() {
    let mut here = remembering(8);
    let mut there = Set::create(B);
    let added = there.edit(|set| set.insert(1));
    let removed = there.edit(|set| set.remove(&1));
    here.join(&removed).unwrap();
    here.join(&added).unwrap();
    let Update::Delta(delta) = here.diff(&nothing()) else { panic!("events that are remembered") };
    assert_eq!(delta.events(), [added.events(), removed.events()].concat(), "in the order of their dots");
}

/// A small value is cheaper to send than many events of it: no more events are remembered than there are entries, or a few.
#[test]
fn a_small_value_is_not_sent_as_a_long_history() {
    let mut here = remembering(10_000);
    for _ in 0..1_000 {
        let _ = here.edit(|set| set.insert(1));
        let _ = here.edit(|set| set.remove(&1));
    }
    assert_eq!(kind(&here.diff(&nothing())), "state");
    let mut large = remembering(10_000);
    for element in 0..1_000 {
        let _ = large.edit(|set| set.insert(element));
    }
    assert_eq!(kind(&large.diff(&nothing())), "delta");
}

/// Memory is not stored: a replica that resumed answers with what it holds.
#[test]
fn a_resumed_replica_answers_without_its_memory() {
    let mut here = remembering(64);
    let _ = here.edit(|set| set.insert(1));
    let _ = here.edit(|set| set.insert(2));
    let here = Replica::resume(here.save(), StoredEnd::Certain, Settings::default());
    assert_eq!(kind(&here.diff(&nothing())), "entries");
    repairs(&here, Set::create(B));
    let mut here = here;
    let _ = here.edit(|set| set.remove(&1));
    let here = Replica::resume(here.save(), StoredEnd::Certain, Settings::default());
    assert_eq!(kind(&here.diff(&nothing())), "state");
    repairs(&here, Set::create(B));
}

/// A state for a replica whose clock is known names what did not change by its dots alone; what it leaves out otherwise is
/// dead, also where the receiver has gone on meanwhile.
#[test]
fn a_state_leaves_out_what_did_not_change() {
    let settings = Settings { history: 0, ..Settings::default() };
    let mut a: Replica<OrSet<u32>> = Replica::with_settings(ReplicaId::from_u128(1), settings);
    let mut b: Replica<OrSet<u32>> = Replica::with_settings(ReplicaId::from_u128(2), settings);
    let _ = a.edit(|set| (0..1_000).for_each(|element| set.insert(element)));
    b.join(&a.diff(b.clock())).unwrap();
    let reported = b.clock().clone();
    let _ = a.edit(|set| (0..200).for_each(|element| set.remove(&element)));
    let _ = a.edit(|set| (195..205).for_each(|element| set.insert(element)));
    let Update::State(state) = a.diff(&reported) else { panic!("dead events whose paths nobody remembers") };
    assert_eq!((state.entries().len(), state.unchanged().len()), (10, 795));
    let _ = b.edit(|set| (190..300).for_each(|element| set.insert(element)));
    let _ = b.edit(|set| (300..310).for_each(|element| set.remove(&element)));
    b.join(&state).unwrap();
    a.join(&b.diff(a.clock())).unwrap();
    assert_eq!(a.causal(), b.causal());
    let elements: BTreeSet<u32> = a.iter().copied().collect();
    assert_eq!(elements, (190..300).chain(310..1_000).collect());
    let mut other: Replica<OrSet<u32>> = Replica::create(ReplicaId::from_u128(3));
    assert_eq!(other.join(&state), Err(JoinError::NotBasedHere));
}
