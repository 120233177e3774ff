//! What other libraries of CRDTs get wrong, and that this one does not. Where the crate `crdts` (7.3) shows the fault, it
//! does so beside ours, as the proof that the schedule is the one that breaks.

use std::collections::BTreeSet;

use crdts::{CmRDT, CvRDT, LWWReg, Orswot, orswot};
use syncline_clocks::{Dot, HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{
    Delta, DotSet, EnableWinsFlag, Entries, Event, LwwRegister, MvRegister, OrSet, Replica, ResettableCounter,
    Settings, Store, Update,
};

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);
const C: ReplicaId = ReplicaId::from_u128(3);

type Theirs = Orswot<&'static str, u8>;
type Ours = Replica<OrSet<&'static str>>;

fn their_add(set: &Theirs, element: &'static str, actor: u8) -> orswot::Op<&'static str, u8> {
    set.add(element, set.read_ctx().derive_add_ctx(actor))
}

fn read(set: &Theirs) -> BTreeSet<&'static str> {
    set.read().val.into_iter().collect()
}

fn elements(set: &Ours) -> BTreeSet<&'static str> {
    set.iter().copied().collect()
}

fn exchange<S: Store>(one: &mut Replica<S>, other: &mut Replica<S>) {
    one.join(&other.diff(one.clock())).unwrap();
    other.join(&one.diff(other.clock())).unwrap();
}

/// `crdts`: a version vector takes the second event for "everything up to the second", so the first is dropped when it
/// arrives; and a merge with the peer that had it loses it there, too.
#[test]
fn two_adds_of_one_replica_out_of_order_lose_the_first() {
    let (mut writer, mut reader) = (Theirs::new(), Theirs::new());
    let first = their_add(&writer, "first", 1);
    writer.apply(first.clone());
    let second = their_add(&writer, "second", 1);
    writer.apply(second.clone());
    reader.apply(second);
    reader.apply(first);
    assert_eq!(read(&reader), BTreeSet::from(["second"]));
    writer.merge(reader);
    assert_eq!(read(&writer), BTreeSet::from(["second"]), "even at the healthy peer");

    let (mut writer, mut reader) = (Ours::create(A), Ours::create(B));
    let first = writer.edit(|set| set.insert("first"));
    let second = writer.edit(|set| set.insert("second"));
    reader.join(&second).unwrap();
    assert!(!reader.clock().contains(Dot::first(A)), "what was not joined is not known");
    // A repair in between does not lose it either, in either direction.
    let mut healthy = Ours::create(C);
    healthy.join(&writer.causal().state()).unwrap();
    healthy.join(&reader.causal().state()).unwrap();
    assert_eq!(elements(&healthy), BTreeSet::from(["first", "second"]));
    reader.join(&first).unwrap();
    exchange(&mut writer, &mut reader);
    assert_eq!(elements(&writer), BTreeSet::from(["first", "second"]));
    assert_eq!(writer.causal(), reader.causal());
}

/// `crdts`: a dot is derived from a context that was read, so two additions from one context have the same dot, and the
/// second passes for seen. Here nobody hands in a context: a replica mints its own numbers, and reads inside a transaction see
/// the transaction.
#[test]
fn two_adds_from_stale_contexts_lose_one() {
    let mut theirs = Theirs::new();
    let stale = [their_add(&theirs, "x", 1), their_add(&theirs, "y", 1)];
    stale.into_iter().for_each(|op| theirs.apply(op));
    assert_eq!(read(&theirs), BTreeSet::from(["x"]));

    let (mut here, mut there) = (Ours::create(A), Ours::create(B));
    // The nearest to it: two transactions that were both decided on what an earlier read gave.
    let was_there = ["x", "y"].map(|element| here.contains(element));
    let deltas = ["x", "y"].map(|element| here.edit(|set| set.insert(element)));
    assert_eq!(was_there, [false, false]);
    deltas.iter().for_each(|delta| {
        there.join(delta).unwrap();
    });
    assert_eq!(elements(&there), BTreeSet::from(["x", "y"]));
    // Two writers under one id, where it can be seen, are an error and no loss in silence.
    let mut twins = [5, 6].map(|value| {
        let mut twin = Replica::<MvRegister<u8>>::create(C);
        (twin.edit(|register| register.set(value)), twin)
    });
    let mut reader = Replica::<MvRegister<u8>>::create(B);
    reader.join(&twins[0].0).unwrap();
    assert!(reader.join(&twins[1].0).is_err());
    let lent = twins[1].0.clone();
    assert!(twins[0].1.join(&lent).is_err());
}

/// `crdts`: of two values under equal markers each side keeps its own. Here the dot decides what the timestamp does not.
#[test]
fn lww_ties_diverge() {
    let (mut one, mut other) = (LWWReg { val: "one", marker: 7 }, LWWReg { val: "other", marker: 7 });
    one.merge(other.clone());
    other.merge(one.clone());
    assert_ne!(one, other);

    // Even under one and the same timestamp, which a `HybridClock` never gives twice.
    let tie = HybridTimestamp { epoch: 0, time: WallTime::from_nanos(7), counter: 0, replica: A };
    let mut registers = [A, B].map(Replica::<LwwRegister<&str>>::create);
    let [one, other] = &mut registers;
    one.try_edit(|register| register.set("one", tie)).unwrap();
    other.try_edit(|register| register.set("other", tie)).unwrap();
    exchange(one, other);
    assert_eq!((one.get(), other.get()), (Some(&"other"), Some(&"other")), "the later dot, at both");
    assert_eq!(one.causal(), other.causal());
    assert_eq!(one.versions().count(), 2, "and nothing is thrown away");
}

/// rust-crdt #160: a removal makes no event, so peers that compare clocks to find out whether they have something to tell
/// each other find nothing, and the removal never arrives.
#[test]
fn gossip_by_clock_drops_removals() {
    let (mut one, mut other) = (Theirs::new(), Theirs::new());
    one.apply(their_add(&one, "x", 1));
    other.merge(one.clone());
    one.apply(one.rm("x", one.contains(&"x").derive_rm_ctx()));
    assert_eq!(one.clock(), other.clock(), "gossip stops here");
    assert_ne!(read(&one), read(&other));

    let (mut one, mut other) = (Ours::create(A), Ours::create(B));
    exchange_by_clock(&mut one, &mut other);
    let _ = one.edit(|set| set.insert("x"));
    exchange_by_clock(&mut one, &mut other);
    let _lost = one.edit(|set| set.remove("x"));
    assert_ne!(one.clock(), other.clock());
    exchange_by_clock(&mut one, &mut other);
    assert_eq!((elements(&one), elements(&other)), (BTreeSet::new(), BTreeSet::new()));

    // Everything that takes something out has an event: a cleared register, a disabled flag, a counter that was reset.
    let (mut register, mut flag, mut counter) = (
        Replica::<MvRegister<u8>>::create(A),
        Replica::<EnableWinsFlag>::create(A),
        Replica::<ResettableCounter>::create(A),
    );
    let _ = (register.edit(|register| register.set(1)), flag.edit(|flag| flag.enable()));
    let _ = counter.edit(|counter| counter.increment(1).unwrap());
    assert_eq!(register.edit(|register| register.clear()).len(), 1);
    assert_eq!(flag.edit(|flag| flag.disable()).len(), 1);
    assert_eq!(counter.edit(|counter| counter.reset()).len(), 1);
}

/// Asks for data only where the clocks differ.
fn exchange_by_clock(one: &mut Ours, other: &mut Ours) {
    if one.clock() != other.clock() {
        exchange(one, other);
    }
}

/// delta_crdt_ex #65: a message with some of the keys under the whole clock reads as "the other keys were deleted". Here
/// what may be cut is no state: a delta stands for its own events, entries for the paths that they list.
#[test]
fn a_partial_state_deletes_what_it_left_out() {
    // The fault, as the join of a causal δ-CRDT has it: what the receiver holds, the sender's clock covers and the
    // message does not hold, dies. `crdts` merges nothing but whole states; one with less under the same clock is this.
    let mut whole = Theirs::new();
    ["x", "y"].into_iter().for_each(|element| whole.apply(their_add(&whole, element, 1)));
    let mut receiver = whole.clone();
    let mut partial = Theirs::new();
    partial.apply(orswot::Op::Add { dot: crdts::Dot::new(1, 1), members: vec!["x"] });
    partial.apply(orswot::Op::Add { dot: crdts::Dot::new(1, 2), members: vec![] });
    receiver.merge(partial);
    assert_eq!(read(&receiver), BTreeSet::from(["x"]));

    // Every part of every repair that may be cut, joined alone into a replica that holds an old part or nothing.
    let mut kinds = BTreeSet::new();
    for history in [64, 1] {
        let settings = Settings { history, ..Settings::default() };
        let mut sender = Ours::with_settings(A, settings);
        let names = ["a", "b", "c", "d", "e"];
        names.into_iter().for_each(|name| drop(sender.edit(|set| set.insert(name))));
        let old = sender.causal().state();
        let _ = sender.edit(|set| set.insert("b"));
        let _ = sender.edit(|set| set.remove("d"));
        for knows_old in [false, true] {
            for left in 0..7 {
                let mut receiver = Ours::create(B);
                if knows_old {
                    receiver.join(&old).unwrap();
                }
                let before = elements(&receiver);
                let mut part = sender.diff(receiver.clock());
                let (kept, cut): (Vec<_>, bool) = match &mut part {
                    Update::Delta(delta) => {
                        let cut = left < delta.len();
                        delta.truncate(left);
                        (delta.events().iter().map(|event| event.path).collect(), cut)
                    }
                    Update::Entries(Entries { paths, .. }) => {
                        let cut = left < paths.len();
                        paths.truncate(left);
                        (paths.iter().map(|(path, _)| *path).collect(), cut)
                    }
                    // A state can not be cut: its parts are not to be had.
                    Update::State(_) => (names.to_vec(), false),
                };
                kinds.insert(part.kind() as u8);
                receiver.join(&part).unwrap();
                let untouched: BTreeSet<_> = before.iter().filter(|name| !kept.contains(name)).copied().collect();
                assert!(elements(&receiver).is_superset(&untouched), "nothing dies that was not told of");
                assert_eq!(receiver.clock() == sender.clock(), !cut, "and what was left out is still asked for");
                receiver.join(&sender.diff(receiver.clock())).unwrap();
                assert_eq!(receiver.causal(), sender.causal());
            }
        }
    }
    assert_eq!(kinds.len(), 3, "each kind of repair");
}

/// `crdts`: the order of a hash map of a random seed goes into the bytes. Here it is to be seen nowhere.
#[test]
fn equal_sets_have_unequal_bytes() {
    const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let forms: BTreeSet<Vec<u8>> = (0..64)
        .map(|_| {
            let mut set = Theirs::new();
            NAMES.into_iter().for_each(|name| set.apply(their_add(&set, name, 1)));
            postcard::to_allocvec(&set).unwrap()
        })
        .collect();
    assert!(forms.len() > 1, "64 tables of 12 elements, each with a seed of its own, stood in one order");

    let forms: BTreeSet<Vec<u8>> = (0..64)
        .map(|hash_seed| {
            let mut set = Ours::with_settings(A, Settings { hash_seed, ..Settings::default() });
            NAMES.into_iter().for_each(|name| drop(set.edit(|set| set.insert(name))));
            postcard::to_allocvec(&set.causal().state()).unwrap()
        })
        .collect();
    assert_eq!(forms.len(), 1);
}

/// `crdts`: maps keyed by elements and by clocks, which JSON has no keys for.
#[test]
fn json_fails_on_keys_that_are_not_strings() {
    let mut theirs: Orswot<(u8, u8), u8> = Orswot::new();
    theirs.apply(theirs.add((1, 2), theirs.read_ctx().derive_add_ctx(1)));
    assert!(serde_json::to_string(&theirs).is_err());
    // Of elements that are strings it works, until a removal waits for what it removes.
    let mut theirs = Theirs::new();
    theirs.apply(their_add(&theirs, "x", 1));
    assert!(serde_json::to_string(&theirs).is_ok());
    theirs.apply(orswot::Op::Rm { clock: [crdts::Dot::new(2, 9)].into_iter().collect(), members: vec!["y"] });
    assert!(serde_json::to_string(&theirs).is_err());

    let mut ours = Replica::<OrSet<(u8, Option<u8>)>>::create(A);
    let _ = ours.edit(|set| [(1, Some(2)), (1, None)].into_iter().for_each(|element| set.insert(element)));
    let waits = Event { dot: Dot::first(B), path: (9, None), payload: None, kills: Dot::first(C).into() };
    ours.join(&Delta::from(waits)).unwrap();
    let json = serde_json::to_string(&ours.save()).unwrap();
    assert_eq!(serde_json::from_str::<syncline_crdt::Saved<OrSet<(u8, Option<u8>)>>>(&json).unwrap(), ours.save());
}

/// How often keys were compared or copied, which is what an operation did.
mod counted {
    use std::cell::Cell;
    use std::hash::{Hash, Hasher};

    thread_local! {
        static TOUCHED: Cell<u64> = const { Cell::new(0) };
    }

    #[derive(Debug)]
    pub struct Element(pub u32);

    fn touch() {
        TOUCHED.with(|touched| touched.set(touched.get() + 1));
    }

    /// How many elements `work` hashed, compared or copied.
    pub fn touched(work: impl FnOnce()) -> u64 {
        let before = TOUCHED.get();
        work();
        TOUCHED.get() - before
    }

    impl Clone for Element {
        fn clone(&self) -> Self {
            touch();
            Self(self.0)
        }
    }

    impl PartialEq for Element {
        fn eq(&self, other: &Self) -> bool {
            touch();
            self.0 == other.0
        }
    }

    impl Eq for Element {}

    impl Hash for Element {
        fn hash<H: Hasher>(&self, state: &mut H) {
            touch();
            self.0.hash(state);
        }
    }
}

/// `crdts`: every operation tries every waiting removal again, and stores it again. Here a kill waits at its own path,
/// and an operation elsewhere does not meet it: what is counted is how many elements it hashes, compares and copies.
#[test]
fn ten_thousand_deferred_removes_make_each_add_slow() {
    use counted::{Element, touched};
    const WAITING: u32 = 10_000;

    let mut theirs: Orswot<Element, u32> = Orswot::new();
    let add = |set: &Orswot<Element, u32>, element| set.add(Element(element), set.read_ctx().derive_add_ctx(0));
    let before = touched(|| theirs.apply(add(&theirs, 1)));
    for waiting in 1..=WAITING {
        let clock = [crdts::Dot::new(waiting, 1)].into_iter().collect();
        // A removal by itself does not try the others again; the next addition does.
        theirs.apply(orswot::Op::Rm { clock, members: vec![Element(100 + waiting)] });
    }
    let after = touched(|| theirs.apply(add(&theirs, 2)));
    assert!(before < 10 && after > u64::from(WAITING), "{before}, {after}");

    let settings = Settings { history: 16, ..Settings::default() };
    let (mut ours, mut peer) =
        (Replica::<OrSet<Element>>::with_settings(A, settings), Replica::<OrSet<Element>>::with_settings(B, settings));
    let join = |peer: &mut Replica<OrSet<Element>>, ours: &mut Replica<OrSet<Element>>, element| {
        let delta = peer.edit(|set| set.insert(Element(element)));
        touched(|| drop(ours.join(&delta).unwrap()))
    };
    let warm_up = 40;
    (0..warm_up).for_each(|element| {
        join(&mut peer, &mut ours, element);
    });
    // An element that is in, so that the table does not grow, which hashes every element from time to time.
    let edit = |ours: &mut Replica<OrSet<Element>>| touched(|| drop(ours.edit(|set| set.insert(Element(1)))));
    let before = (edit(&mut ours), join(&mut peer, &mut ours, 2));
    for waiting in 0..WAITING {
        let victim = Dot::new(C, u64::from(waiting) + 1).unwrap();
        let event = Event {
            dot: Dot::new(ReplicaId::from_u128(4), u64::from(waiting) + 1).unwrap(),
            path: Element(100 + waiting),
            payload: None,
            kills: DotSet::from(victim),
        };
        ours.join(&Delta::from(event)).unwrap();
    }
    assert_eq!(ours.entries().len(), (warm_up + WAITING) as usize);
    let after = (edit(&mut ours), join(&mut peer, &mut ours, 2));
    assert!(after.0 <= before.0 + 4 && after.1 <= before.1 + 4, "{before:?}, {after:?}");
    // The first look-up of a path is not dearer either, but for a chance collision of hashes.
    let dots = ours.entries().dots();
    let fresh = join(&mut peer, &mut ours, 50);
    assert!(fresh < 30, "{fresh}");
    assert_eq!(ours.entries().dots(), dots + 1);
    // And the kills do their work when what they kill arrives.
    let late = Event { dot: Dot::first(C), path: Element(100), payload: Some(()), kills: DotSet::new() };
    assert!(ours.join(&Delta::from(late)).unwrap().is_empty());
    assert!(!ours.contains(&Element(100)));
    assert_eq!(ours.entries().dots(), dots, "a kill that is done is not kept");
}
