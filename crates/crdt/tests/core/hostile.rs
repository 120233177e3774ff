//! What an attack on the core found.

use std::collections::BTreeMap;

use syncline_clocks::{self as clocks, CausalContext, Dot, Interval, ReplicaId};
use syncline_crdt::{Delta, DotSet, Entry, EntryMap, Event, JoinError, Limits, OrSet, Replica, Settings, State, Store};

fn id(number: u128) -> ReplicaId {
    ReplicaId::from_u128(number)
}

fn dot(replica: u128, sequence: u64) -> Dot {
    Dot::new(id(replica), sequence).unwrap()
}

fn addition(dot: Dot, path: u32) -> Event<u32, ()> {
    Event { dot, path, payload: Some(()), kills: DotSet::new() }
}

/// A replica's own first edit adds it to the clock: limits leave room for that.
#[test]
fn limits_count_the_receiver() {
    let limits = Limits { clock: clocks::Limits { replicas: 3, intervals: 3 }, ..Limits::NONE };
    let mut here: Replica<OrSet<u32>> = Replica::with_settings(id(1), Settings { limits, ..Settings::default() });
    let _ = here.edit(|set| set.insert(0));
    for replica in 2..4 {
        here.join(&Delta::from(addition(dot(replica, 1), 1))).unwrap();
    }
    assert!(matches!(here.join(&Delta::from(addition(dot(4, 1), 1))), Err(JoinError::Limit(_))));
    assert_eq!(here.clock().replicas().count(), 3);
}

/// A state that names a dot as unchanged and holds it too would hide that another one died.
#[test]
fn a_state_does_not_hold_what_it_leaves_out() {
    let clock = CausalContext::from_iter([dot(5, 1), dot(5, 2)]);
    let entries = EntryMap::from_iter([(1u8, Entry::of_event(dot(5, 1), Some(()), DotSet::new()))]);
    let unchanged = CausalContext::from_iter([dot(5, 1)]);
    let base = serde_json::json!({"since": clock, "unchanged": unchanged});
    let forged = serde_json::json!({"clock": clock, "base": base, "entries": entries});
    assert!(serde_json::from_value::<State<u8, ()>>(forged).is_err());
    let honest = serde_json::json!({"clock": clock, "base": null, "entries": entries});
    assert!(serde_json::from_value::<State<u8, ()>>(honest).is_ok());
}

/// Very many dots of one path, all at once and one by one: each is there once, in order, and all of them die together. (It
/// took minutes while a join shifted all for each.)
#[test]
fn an_entry_of_very_many_dots() {
    const MANY: u64 = 20_000;
    let live: BTreeMap<Dot, ()> = (1..=MANY).map(|sequence| (dot(5, sequence), ())).collect();
    let entry: Entry<()> = serde_json::from_value(serde_json::json!({"live": live, "kept_kills": []})).unwrap();
    let mut clock = CausalContext::new();
    clock.insert_interval(Interval { replica: id(5), first: 1, last: MANY });
    let state = State::new(clock.clone(), EntryMap::from_iter([(7u32, entry)])).unwrap();
    let (mut whole, mut single) = (Replica::<OrSet<u32>>::create(id(1)), Replica::<OrSet<u32>>::create(id(2)));
    whole.join(&state).unwrap();
    single.join(&(1..=MANY).map(|sequence| addition(dot(5, sequence), 7)).collect::<Delta<_, _>>()).unwrap();
    assert!(whole.causal() == single.causal() && whole.entries().dots() == MANY as usize);
    // A state that holds nothing under that clock has seen them all die.
    let changes = whole.join(&State::new(clock, EntryMap::default()).unwrap()).unwrap();
    assert_eq!(changes.iter().map(|change| change.dots.died.len()).sum::<usize>(), MANY as usize);
    let removal = single.edit(|set| set.remove(&7));
    assert_eq!(removal.events()[0].kills.len(), MANY as usize);
    assert!(whole.is_empty() && single.is_empty());
}
