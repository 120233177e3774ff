//! Golden vectors: every encoding of every type is read from a file and written as the file has it.
//!
//! A file holds a line for each encoding: what it is, and its text or its bytes in hexadecimal. When an encoding is meant to
//! change, `SYNCLINE_GOLDEN=write cargo test -p syncline-crdt --all-features --test core golden` writes the files anew.

use std::fmt::{Debug, Write};
use std::path::Path;
use std::{env, fs};

use crate::samples::{self, Samples, each_store};
use serde::{Serialize, de::DeserializeOwned};
use syncline_clocks::ReplicaId;
use syncline_crdt::{
    Delta, Encoded, Entries, GCounter, GSet, Lattice, Limits, MaxRegister, MinRegister, PnCounter, Saved, State, Store,
    Update,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The lines of a golden file, which are those that are written now.
fn golden(name: &str, written: &[(&str, String)]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("txt");
    let text: String = written.iter().map(|(kind, text)| format!("{kind} {text}\n")).collect();
    if env::var("SYNCLINE_GOLDEN").is_ok_and(|wish| wish == "write") {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert_eq!(text, golden, "{name}: what is written has changed");
    golden.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

fn encoded(value: &impl Encoded) -> String {
    hex(&value.encode().unwrap())
}

/// The value comes back from its JSON.
fn reads_json<T: DeserializeOwned + PartialEq + Debug>(line: &str, value: &T) {
    assert_eq!(serde_json::from_str::<T>(line).unwrap(), *value, "what is read has changed");
}

fn reads<T: Encoded + PartialEq + Debug>(line: &str, value: &T) {
    assert_eq!(T::decode(&unhex(line), &Limits::default()).unwrap(), *value, "what is read has changed");
}

fn check<S>(name: &str, samples: Samples<S>)
where
    S: Store + Serialize + DeserializeOwned + PartialEq + Debug,
    S::Path: Serialize + DeserializeOwned + Debug,
    S::Payload: Serialize + DeserializeOwned + Debug,
{
    let Samples { value, delta, entries, state, state_since, saved } = samples;
    let mut written = vec![
        ("value.json", json(&value)),
        ("delta.json", json(&delta)),
        ("entries.json", json(&entries)),
        ("state.json", json(&state)),
        ("saved.json", json(&saved)),
        ("delta", encoded(&delta)),
        ("entries", encoded(&entries)),
        ("state", encoded(&state)),
        ("saved", encoded(&saved)),
    ];
    if let Some(state) = &state_since {
        written.extend([("state_since.json", json(state)), ("state_since", encoded(state))]);
    }
    let lines = golden(name, &written);
    reads_json(&lines[0], &value);
    reads_json(&lines[1], &delta);
    reads_json(&lines[2], &entries);
    reads_json(&lines[3], &state);
    reads_json(&lines[4], &saved);
    reads::<Delta<S::Path, S::Payload>>(&lines[5], &delta);
    reads::<Entries<S::Path, S::Payload>>(&lines[6], &entries);
    reads::<State<S::Path, S::Payload>>(&lines[7], &state);
    reads::<Saved<S>>(&lines[8], &saved);
    if let Some(state) = &state_since {
        reads_json(&lines[9], state);
        reads::<State<S::Path, S::Payload>>(&lines[10], state);
    }
    // Any update is read as what it is.
    let updates = [Update::Delta(delta), Update::Entries(entries), Update::State(state)];
    for (line, update) in lines[5..8].iter().zip(updates) {
        assert_eq!(encoded(&update), *line);
        reads(line, &update);
    }
}

#[test]
fn stores() {
    each_store!(check);
}

/// JSON and `postcard`, without an envelope: these types stand inside others.
fn check_lattice<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, values: &[T]) {
    let written: Vec<(&str, String)> = values
        .iter()
        .flat_map(|value| [("json", json(value)), ("postcard", hex(&postcard::to_allocvec(value).unwrap()))])
        .collect();
    for (lines, value) in golden(name, &written).chunks(2).zip(values) {
        reads_json(&lines[0], value);
        assert_eq!(postcard::from_bytes::<T>(&unhex(&lines[1])).unwrap(), *value, "what is read has changed");
    }
}

#[test]
fn lattices() {
    let [a, b] = [7, 0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8].map(ReplicaId::from_u128);
    let mut counter = GCounter::default();
    counter.increment(b, u64::MAX).unwrap();
    counter.increment(a, 300).unwrap();
    check_lattice("g_counter", &[GCounter::default(), counter]);
    let mut counter = PnCounter::default();
    counter.increment(b, i64::MIN).unwrap();
    counter.join(&PnCounter::default().increment(a, 300).unwrap());
    check_lattice("pn_counter", &[PnCounter::default(), counter]);
    let mut set = GSet::default();
    let _ = (set.insert("tea".to_owned()), set.insert("milk".to_owned()));
    check_lattice("g_set", &[GSet::default(), set]);
    let (mut greatest, mut least) = (MaxRegister::default(), MinRegister::default());
    let _ = (greatest.set(-300), least.set(-300));
    check_lattice("max_register", &[MaxRegister::default(), greatest]);
    check_lattice("min_register", &[MinRegister::default(), least]);
}

/// What is not the one form of a value is refused, so that equal values have equal bytes whoever wrote them.
#[test]
fn other_forms_are_refused() {
    let refused = |json: &str| assert!(serde_json::from_str::<GCounter>(json).is_err(), "{json}");
    refused(r#"{"00000000-0000-0000-0000-000000000007":0}"#);
    let lines = golden_lines("or_set");
    let state: serde_json::Value = serde_json::from_str(&lines[3]).unwrap();
    let read = |spoil: fn(&mut Vec<serde_json::Value>)| {
        let mut state = state.clone();
        spoil(state["entries"].as_array_mut().unwrap());
        serde_json::from_value::<State<String, ()>>(state)
    };
    assert!(read(|_| ()).is_ok());
    assert!(read(|entries| entries.reverse()).is_err(), "out of order");
    assert!(read(|entries| entries.push(entries.last().unwrap().clone())).is_err(), "one path twice");
    assert!(
        read(|entries| entries[0][1] = serde_json::json!({"live": {}, "kept_kills": []})).is_err(),
        "an empty entry"
    );
    let twice = |entries: &mut Vec<serde_json::Value>| {
        let mut again = entries[0].clone();
        again[0] = "another".into();
        entries.insert(0, again);
    };
    assert!(read(twice).is_err(), "one dot at two paths");
}

fn golden_lines(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("txt");
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}
