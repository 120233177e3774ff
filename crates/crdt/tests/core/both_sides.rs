//! The tables "what happens if both sides…" of the types' documentation, each row executed: two replicas that share a
//! beginning change their copies at the same time, meet, and read the same, whichever order the changes arrive in, and
//! whichever side made which.
//!
//! When a table is meant to change, `SYNCLINE_GOLDEN=write cargo test -p syncline-crdt --all-features --test core both_sides` writes the
//! fragments under `docs/both_sides/` anew; the documentation includes them.

use std::fmt::Debug;
use std::path::Path;
use std::{env, fs};

use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{
    Edit, EnableWinsFlag, GCounter, GSet, Lattice, LwwRegister, MaxRegister, MinRegister, MvRegister, OrSet, PnCounter,
    Replica, ResettableCounter, Store,
};

const BOTH: ReplicaId = ReplicaId::from_u128(1);
const A: ReplicaId = ReplicaId::from_u128(2);
const B: ReplicaId = ReplicaId::from_u128(3);
const C: ReplicaId = ReplicaId::from_u128(4);

/// A change and what the table calls it.
type Named<F> = (&'static str, F);

/// The rows for each beginning and each pair of changes; `meet` gives nothing where one of the two does nothing.
fn table<F: Copy>(name: &str, before: &[Named<F>], changes: &[Named<F>], meet: impl Fn(F, F, F) -> Option<String>) {
    let mut written =
        "| before | one side | the other side, at the same time | both read |\n|---|---|---|---|\n".to_owned();
    for (beginning, before) in before {
        for (at, (one, here)) in changes.iter().enumerate() {
            for (other, there) in &changes[at..] {
                let Some(read) = meet(*before, *here, *there) else { continue };
                let mirrored = meet(*before, *there, *here);
                assert_eq!(mirrored.as_ref(), Some(&read), "{name}: {one} and {other}, on the other sides");
                written += &format!("| {beginning} | {one} | {other} | {read} |\n");
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/both_sides").join(name).with_extension("md");
    if env::var("SYNCLINE_GOLDEN").is_ok_and(|wish| wish == "write") {
        fs::write(&path, &written).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), written, "{name}: the table is not what happens");
    let source = if matches!(name, "max_register" | "min_register") { "extremum" } else { name };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(source).with_extension("rs");
    let included = format!("#[doc = include_str!(\"../docs/both_sides/{name}.md\")]");
    assert!(fs::read_to_string(source).unwrap().contains(&included), "{name}: its documentation has the table");
}

type Change<S> = fn(&mut Edit<'_, S>);

fn store<S: Store + Debug + PartialEq>(
    name: &str,
    before: &[Named<Change<S>>],
    changes: &[Named<Change<S>>],
    show: impl Fn(&S) -> String,
) {
    table(name, before, changes, |before, here, there| {
        let beginning = Replica::<S>::create(BOTH).edit(before);
        let [mut one, mut other] = [A, B].map(|id| {
            let mut replica = Replica::<S>::create(id);
            replica.join(&beginning).unwrap();
            replica
        });
        let (left, right) = (one.edit(here), other.edit(there));
        if left.is_empty() || right.is_empty() {
            return None;
        }
        one.join(&right).unwrap();
        other.join(&left).unwrap();
        assert_eq!(one.causal(), other.causal());
        for deltas in [[&beginning, &left, &right], [&beginning, &right, &left], [&right, &left, &beginning]] {
            let mut third = Replica::<S>::create(C);
            deltas.into_iter().for_each(|delta| drop(third.join(delta).unwrap()));
            assert_eq!(third.causal(), one.causal(), "in any order");
        }
        Some(show(&one))
    });
}

type Growth<L> = fn(&mut L, ReplicaId);

fn lattice<L: Lattice + Default + Clone + PartialEq + Debug>(
    name: &str,
    before: &[Named<Growth<L>>],
    changes: &[Named<Growth<L>>],
    show: impl Fn(&L) -> String,
) {
    table(name, before, changes, |before, here, there| {
        let mut beginning = L::default();
        before(&mut beginning, BOTH);
        let [mut one, mut other] = [beginning.clone(), beginning.clone()];
        here(&mut one, A);
        there(&mut other, B);
        let (left, right) = (one.clone(), other.clone());
        one.join(&right);
        other.join(&left);
        assert_eq!(one, other);
        assert!(!one.join(&left), "once is enough");
        Some(show(&one))
    });
}

fn listed(mut values: Vec<&str>) -> String {
    values.sort_unstable();
    if values.is_empty() { "nothing".to_owned() } else { values.join(", ") }
}

#[test]
fn or_set() {
    store::<OrSet<&str>>(
        "or_set",
        &[("nothing", |_| ()), ("x", |set| set.insert("x"))],
        &[
            ("add x", |set| set.insert("x")),
            ("add y", |set| set.insert("y")),
            ("remove x", |set| set.remove("x")),
            ("clear", |set| set.clear()),
        ],
        |set| listed(set.iter().copied().collect()),
    );
}

fn at(nanos: u64, replica: ReplicaId) -> HybridTimestamp {
    HybridTimestamp { epoch: 0, time: WallTime::from_nanos(nanos), counter: 0, replica }
}

#[test]
fn lww_register() {
    let value = |register: &LwwRegister<&str>| {
        let rest = register.versions().map(|(_, _, value)| *value).filter(|value| Some(value) != register.get());
        match (register.get(), rest.collect::<Vec<_>>()) {
            (None, _) => "nothing".to_owned(),
            (Some(read), rest) if rest.is_empty() => (*read).to_owned(),
            (Some(read), rest) => format!("{read}; {} is kept beside it", listed(rest)),
        }
    };
    store::<LwwRegister<&str>>(
        "lww_register",
        &[("nothing", |_| ()), ("w, set at 1", |register| register.set("w", at(1, BOTH)).unwrap())],
        &[
            ("set x at 5", |register| register.set("x", at(5, register.writer())).unwrap()),
            ("set y at 7", |register| register.set("y", at(7, register.writer())).unwrap()),
        ],
        value,
    );
}

#[test]
fn mv_register() {
    store::<MvRegister<&str>>(
        "mv_register",
        &[("nothing", |_| ()), ("w", |register| register.set("w"))],
        &[
            ("set x", |register| register.set("x")),
            ("set y", |register| register.set("y")),
            ("clear", |register| register.clear()),
        ],
        |register| listed(register.values().copied().collect()),
    );
}

#[test]
fn enable_wins_flag() {
    store::<EnableWinsFlag>(
        "enable_wins_flag",
        &[("disabled", |_| ()), ("enabled", |flag| flag.enable())],
        &[("enable", |flag| flag.enable()), ("disable", |flag| flag.disable())],
        |flag| format!("{flag:?}"),
    );
}

#[test]
fn resettable_counter() {
    store::<ResettableCounter>(
        "resettable_counter",
        &[("0", |_| ()), ("10", |counter| counter.increment(10).unwrap())],
        &[
            ("+2", |counter| counter.increment(2).unwrap()),
            ("-3", |counter| counter.increment(-3).unwrap()),
            ("reset", |counter| counter.reset()),
            ("+2, then reset", |counter| {
                counter.increment(2).unwrap();
                counter.reset();
            }),
            ("reset, then +2", |counter| {
                counter.reset();
                counter.increment(2).unwrap();
            }),
        ],
        |counter| counter.value().to_string(),
    );
}

#[test]
fn g_counter() {
    lattice::<GCounter>(
        "g_counter",
        &[
            ("0", |_, _| ()),
            ("10", |counter, id| {
                let _ = counter.increment(id, 10).unwrap();
            }),
        ],
        &[
            ("+2", |counter, id| {
                let _ = counter.increment(id, 2).unwrap();
            }),
            ("+3", |counter, id| {
                let _ = counter.increment(id, 3).unwrap();
            }),
        ],
        |counter| counter.value().to_string(),
    );
}

#[test]
fn pn_counter() {
    lattice::<PnCounter>(
        "pn_counter",
        &[
            ("0", |_, _| ()),
            ("3", |counter, id| {
                let _ = counter.increment(id, 3).unwrap();
            }),
        ],
        &[
            ("+2", |counter, id| {
                let _ = counter.increment(id, 2).unwrap();
            }),
            ("-3", |counter, id| {
                let _ = counter.increment(id, -3).unwrap();
            }),
        ],
        |counter| counter.value().to_string(),
    );
}

#[test]
fn g_set() {
    lattice::<GSet<&str>>(
        "g_set",
        &[
            ("nothing", |_, _| ()),
            ("x", |set, _| {
                let _ = set.insert("x");
            }),
        ],
        &[
            ("add x", |set, _| {
                let _ = set.insert("x");
            }),
            ("add y", |set, _| {
                let _ = set.insert("y");
            }),
        ],
        |set| listed(set.iter().copied().collect()),
    );
}

#[test]
fn max_register() {
    lattice::<MaxRegister<u8>>(
        "max_register",
        &[
            ("nothing", |_, _| ()),
            ("5", |register, _| {
                let _ = register.set(5);
            }),
        ],
        &[
            ("set 2", |register, _| {
                let _ = register.set(2);
            }),
            ("set 7", |register, _| {
                let _ = register.set(7);
            }),
        ],
        |register| register.get().map_or("nothing".to_owned(), u8::to_string),
    );
}

#[test]
fn min_register() {
    lattice::<MinRegister<u8>>(
        "min_register",
        &[
            ("nothing", |_, _| ()),
            ("5", |register, _| {
                let _ = register.set(5);
            }),
        ],
        &[
            ("set 2", |register, _| {
                let _ = register.set(2);
            }),
            ("set 7", |register, _| {
                let _ = register.set(7);
            }),
        ],
        |register| register.get().map_or("nothing".to_owned(), u8::to_string),
    );
}
