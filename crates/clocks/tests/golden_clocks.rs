//! The encodings of the clocks, fixed: bytes and JSON that were written once have to decode for ever, and to be
//! written alike.
//!
//! Each file below `golden/` has a line for each value: its postcard bytes in hexadecimal, a space, its JSON.
#![cfg(feature = "serde")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use syncline_clocks::{
    Dot, DottedVersionVector, DottedVersionVectorSet, Freeze, IntervalTreeClock, LamportTimestamp, ReplicaId,
    Retirement, Retirements, RetiringVersionVector, TruncatingVersionVector, VectorClock, VersionVector, WallTime,
};

fn id(number: u128) -> ReplicaId {
    ReplicaId::from_u128(number << 96 | 0xabcd)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    (0..hexadecimal.len()).step_by(2).map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap()).collect()
}

/// Holds the values against the file's lines, both ways.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(golden: &str, values: &[T]) {
    let line = |value: &T| {
        let json = serde_json::to_string(value).unwrap();
        format!("{} {json}\n", hexadecimal(&postcard::to_allocvec(value).unwrap()))
    };
    let written: String = values.iter().map(line).collect();
    assert_eq!(written, golden, "the encoding has changed");
    for (line, value) in golden.lines().zip(values) {
        let (binary, json) = line.split_once(' ').unwrap();
        assert_eq!(postcard::from_bytes::<T>(&bytes(binary)).as_ref(), Ok(value));
        assert_eq!(serde_json::from_str::<T>(json).unwrap(), *value);
    }
}

#[test]
fn lamport_timestamp() {
    let stamp = |counter| LamportTimestamp { counter, replica: id(1) };
    check(include_str!("golden/lamport_timestamp.txt"), &[stamp(0), stamp(300), stamp(u64::MAX)]);
    assert_eq!(hexadecimal(&stamp(300).to_bytes()), "000000000000012c0000000100000000000000000000abcd");
}

#[test]
fn vector_clock() {
    let history = [(id(1), 3), (id(2), 300)].into_iter().collect();
    check(include_str!("golden/vector_clock.txt"), &[VectorClock::new(id(1)), VectorClock::resume(id(1), history)]);
}

#[test]
fn dotted_version_vector() {
    let past: VersionVector = [(id(1), 3), (id(2), 1)].into_iter().collect();
    let versions = [
        DottedVersionVector::new(Dot::first(id(1)), VersionVector::new()).unwrap(),
        DottedVersionVector::new(Dot::new(id(1), 5).unwrap(), past).unwrap(),
    ];
    check(include_str!("golden/dotted_version_vector.txt"), &versions);
}

#[test]
fn dotted_version_vector_set() {
    let mut set = DottedVersionVectorSet::new();
    let mut sets = vec![set.clone()];
    set.update(&VersionVector::new(), id(1), "one".to_owned()).unwrap();
    let read = set.context();
    set.update(&read, id(1), "two".to_owned()).unwrap();
    set.update(&read, id(1), "three".to_owned()).unwrap();
    sets.push(set.clone());
    set.update(&set.context(), id(2), "four".to_owned()).unwrap();
    sets.push(set);
    check(include_str!("golden/dotted_version_vector_set.txt"), &sets);
}

#[test]
fn interval_tree_clock() {
    let texts = ["1;0", "0;3", "(1,0);(0,1,0)", "((0,1),1);(1,0,1)", "(1,(0,1));(7,(0,300,0),(0,0,(4,0,1)))"];
    let mut stamps: Vec<IntervalTreeClock> = texts.iter().map(|text| text.parse().unwrap()).collect();
    stamps.push(format!("1;{}", u64::MAX).parse().unwrap());
    check(include_str!("golden/interval_tree_clock.txt"), &stamps);
    // Without serde the bytes are those after postcard's length.
    for stamp in stamps {
        assert_eq!(postcard::to_allocvec(&stamp).unwrap()[1..], stamp.to_bytes());
    }
}

#[test]
fn truncating_version_vector() {
    let mut vector = TruncatingVersionVector::new();
    let mut vectors = vec![vector.clone()];
    for number in 1..=3 {
        vector.advance(id(number), number as u64 * 100, WallTime::from_nanos(number as u64 * 1_000));
    }
    let dropped = vector.truncate(2);
    vectors.push(vector);
    check(include_str!("golden/truncating_version_vector.txt"), &vectors);
    check(include_str!("golden/truncated.txt"), &dropped);
}

#[test]
fn retirements() {
    let known = RetiringVersionVector::from_iter([(id(1), 9), (id(2), 300), (id(3), 1)]);
    let mut log = Retirements::new();
    let mut logs = vec![log.clone()];
    let freeze = log.freeze(id(1), id(2), &known).unwrap();
    let retirement = Retirement::agree(id(2), [id(1)], &[freeze]).unwrap();
    log.retire(retirement).unwrap();
    log.freeze(id(1), id(3), &known).unwrap();
    logs.push(log.clone());
    check(include_str!("golden/retirements.txt"), &logs);
    check::<Freeze>(include_str!("golden/freeze.txt"), &[freeze]);
    check::<Retirement>(include_str!("golden/retirement.txt"), &[retirement]);
    let mut reduced = known.clone();
    reduced.reduce(&log).unwrap();
    check(include_str!("golden/retiring_version_vector.txt"), &[RetiringVersionVector::new(), known, reduced]);
}
