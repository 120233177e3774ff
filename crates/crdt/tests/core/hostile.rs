//! What an attack on the core found.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use syncline_clocks::{self as clocks, CausalContext, Dot, Interval, ReplicaId};
use syncline_crdt::{
    Delta, DotSet, Encoded, Entry, EntryMap, Event, GCounter, JoinError, Limits, OrSet, Replica, ResettableCounter,
    Settings, State, Store,
};

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

/// A number whose comparisons are counted.
#[derive(Clone, Debug, Eq, serde::Serialize, serde::Deserialize)]
struct Counted(u128);

thread_local! {
    static COMPARED: Cell<u64> = const { Cell::new(0) };
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        COMPARED.set(COMPARED.get() + 1);
        self.0 == other.0
    }
}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }
}

/// How many comparisons this takes.
fn compared<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = COMPARED.get();
    let done = work();
    (done, COMPARED.get() - before)
}

/// Paths that collide under the seed that is known, and not under one that depends on them all.
#[test]
fn crafted_paths_do_not_slow_decoding_down() {
    const MANY: u64 = 2_000;
    let crafted = |number: u64| Counted(u128::from(number) << 64 | 0x082e_fa98_ec4e_6c89);
    let entry = |number| Entry::of_event(dot(5, number), Some(()), DotSet::new());
    let (entries, inserted) =
        compared(|| (1..=MANY).map(|number| (crafted(number), entry(number))).collect::<EntryMap<Counted, ()>>());
    assert!(inserted > MANY * MANY / 4, "they do not collide: {inserted} comparisons of {MANY} paths");
    let clock = (1..=MANY).map(|number| dot(5, number)).collect();
    let bytes = State::new(clock, entries).unwrap().encode().unwrap();
    let (decoded, while_decoding) = compared(|| State::<Counted, ()>::decode(&bytes, &Limits::default()).unwrap());
    assert!(while_decoding < 4 * MANY, "{while_decoding} comparisons of {MANY} paths");
    let settings = Settings { hash_seed: 0x1234_5678_9abc_def0, ..Settings::default() };
    let mut here: Replica<OrSet<Counted>> = Replica::with_settings(id(1), settings);
    let (_, while_joining) = compared(|| here.join(&decoded).unwrap());
    assert!(while_joining < 4 * MANY, "{while_joining} comparisons of {MANY} paths");
}

/// A map of which a key stands there twice would lose one of its values in silence.
#[test]
fn a_key_stands_there_once() {
    let [one, other] = [1, 2].map(id);
    let twice = [(one, 3u64), (one, 5)];
    let lengths = postcard::to_allocvec(&twice.to_vec()).unwrap();
    assert!(postcard::from_bytes::<GCounter>(&lengths).is_err());
    let unsorted = postcard::to_allocvec(&vec![(other, 3u64), (one, 5)]).unwrap();
    assert_eq!(postcard::from_bytes::<GCounter>(&unsorted).unwrap().value(), 8);
    assert!(serde_json::from_str::<GCounter>(&format!(r#"{{"{one}": 3, "{one}": 5}}"#)).is_err());
    let live = format!(r#"{{"live": {{"{0}": 1, "{0}": 2}}, "kept_kills": []}}"#, dot(1, 1));
    assert!(serde_json::from_str::<Entry<u8>>(&live).is_err());
    let totals = r#"{"added": 1, "taken": 0}"#;
    let baseline = format!(
        r#"[[null, {{"live": {{"{}": {{"Baseline": {{"{one}": {totals}, "{one}": {totals}}}}}}}, "kept_kills": []}}]]"#,
        dot(1, 1)
    );
    let error = serde_json::from_str::<ResettableCounter>(&baseline).unwrap_err();
    assert!(error.to_string().contains("each key once"), "{error}");
}

/// A type of three lines, to make transactions of any changes.
#[derive(Clone, Debug, Default, PartialEq)]
struct Board(EntryMap<u8, u32>);

impl Store for Board {
    type Path = u8;
    type Payload = u32;

    fn entries(&self) -> &EntryMap<u8, u32> {
        &self.0
    }

    fn entries_mut(&mut self) -> &mut EntryMap<u8, u32> {
        &mut self.0
    }

    fn value_eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// An event of the transaction that a later one of it has killed is dead to the others: it must not be given a payload.
#[test]
fn an_event_that_another_one_killed_is_not_rewritten() {
    let (mut here, mut there) = (Replica::<Board>::create(id(1)), Replica::<Board>::create(id(2)));
    let delta = here.edit(|edit| {
        edit.change(1, Some(1), DotSet::new());
        edit.change(1, Some(2), DotSet::new());
        edit.change(1, Some(3), [dot(1, 1), dot(1, 2)].into_iter().collect());
        edit.change(1, Some(4), dot(1, 1).into());
    });
    there.join(&delta).unwrap();
    assert_eq!(here.causal(), there.causal());
}

#[test]
fn a_dot_of_the_transaction_is_killed_at_its_own_path() {
    for kills in [vec![dot(1, 1)], vec![dot(1, 1), dot(1, 2)], vec![dot(1, 9)]] {
        let mut here = Replica::<Board>::create(id(1));
        let edited = catch_unwind(AssertUnwindSafe(|| {
            here.edit(|edit| {
                edit.change(1, Some(1), DotSet::new());
                edit.change(2, Some(2), DotSet::new());
                edit.change(2, None, kills.iter().copied().collect());
            })
        }));
        assert!(edited.is_err(), "{kills:?}");
        // What was done before stays, and others get it.
        let mut there = Replica::<Board>::create(id(2));
        there.join(&here.diff(there.clock())).unwrap();
        assert_eq!(here.causal(), there.causal());
    }
}
