//! What `diff` answers, and what a replica remembers for it.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use syncline_clocks::{CausalContext, ReplicaId};
use syncline_crdt::{Entries, OrSet, Replica, Settings, StoredEnd, Update};

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);

type Set = Replica<OrSet<u32>>;

fn remembering(events: usize, paths: usize) -> Set {
    Set::with_settings(A, Settings { events, paths, ..Settings::default() })
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
    let mut here = remembering(3, 64);
    let mut there = Set::create(B);
    for element in 0..3 {
        let _ = here.edit(|set| set.insert(element));
    }
    assert_eq!(kind(&here.diff(&nothing())), "delta");
    there.join(&here.diff(&nothing())).unwrap();
    let _ = here.edit(|set| set.remove(&0));
    // The oldest is forgotten; who has it does not need it.
    assert_eq!(kind(&here.diff(&nothing())), "entries");
    let Update::Delta(delta) = here.diff(there.clock()) else { panic!("an event that is remembered") };
    assert_eq!(delta.len(), 1);
    repairs(&here, there);
}

/// Entries of just the paths of the missing events, with just these events, a removed path among them.
#[test]
fn entries_while_the_paths_are_known() {
    let mut here = remembering(1, 64);
    let mut there = Set::create(B);
    for element in 0..10 {
        there.join(&here.edit(|set| set.insert(element))).unwrap();
    }
    let since = there.clock().clone();
    let _ = here.edit(|set| set.insert(3));
    let _ = here.edit(|set| set.remove(&5));
    let _ = here.edit(|set| set.remove(&3));
    let Update::Entries(Entries { since: computed_against, clock, paths }) = here.diff(&since) else {
        panic!("paths that are remembered")
    };
    assert_eq!((computed_against, &clock), (since.clone(), here.clock()));
    let told: Vec<_> =
        paths.iter().map(|(path, repair)| (*path, repair.events.len(), repair.entry.is_empty())).collect();
    assert_eq!(told, [(3, 2, true), (5, 1, true)]);
    repairs(&here, there);
}

/// Where nothing is remembered, what lives still tells its own paths; a removal that nothing tells of takes a state.
#[test]
fn without_memory_additions_are_entries_and_removals_a_state() {
    let mut here = remembering(0, 0);
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
    let (here, mut there) = (remembering(8, 8), Set::create(B));
    let _ = there.edit(|set| set.insert(1));
    assert!(matches!(here.diff(there.clock()), Update::Delta(delta) if delta.is_empty()));
}

/// What was joined is remembered as what was made: a replica repairs third ones with events of others.
#[test]
fn joined_events_are_remembered_too() {
    let mut here = remembering(8, 8);
    let mut there = Set::create(B);
    let added = there.edit(|set| set.insert(1));
    let removed = there.edit(|set| set.remove(&1));
    here.join(&removed).unwrap();
    here.join(&added).unwrap();
    let Update::Delta(delta) = here.diff(&nothing()) else { panic!("events that are remembered") };
    assert_eq!(delta.events(), [added.events(), removed.events()].concat(), "in the order of their dots");
    // Of a repair by entries the paths are remembered.
    let mut third =
        Set::with_settings(ReplicaId::from_u128(3), Settings { events: 8, paths: 8, ..Settings::default() });
    let mut forgetful = remembering(0, 8);
    let _ = forgetful.edit(|set| set.insert(7));
    let _ = forgetful.edit(|set| set.remove(&7));
    let repair = forgetful.diff(&nothing());
    assert_eq!(kind(&repair), "entries");
    third.join(&repair).unwrap();
    assert_eq!(kind(&third.diff(&nothing())), "entries");
}

/// A small value is cheaper to send than many events of it: no more events are remembered than there are entries, or a few.
#[test]
fn a_small_value_is_not_sent_as_a_long_history() {
    let mut here = remembering(10_000, 10_000);
    for _ in 0..1_000 {
        let _ = here.edit(|set| set.insert(1));
        let _ = here.edit(|set| set.remove(&1));
    }
    assert_eq!(kind(&here.diff(&nothing())), "state");
    let mut large = remembering(10_000, 10_000);
    for element in 0..1_000 {
        let _ = large.edit(|set| set.insert(element));
    }
    assert_eq!(kind(&large.diff(&nothing())), "delta");
}

/// Memory is not stored: a replica that resumed answers with what it holds.
#[test]
fn a_resumed_replica_answers_without_its_memory() {
    let mut here = remembering(64, 64);
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
