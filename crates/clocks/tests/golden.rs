//! Golden vectors: every encoding of every type is read from a file and written as the file has it.
//!
//! A file holds a line for each value: what it is, and its bytes in hexadecimal or its text. When an encoding is meant to
//! change, `SYNCLINE_GOLDEN=write cargo test -p syncline-clocks --all-features --test golden` writes the files anew.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(feature = "serde")]

mod support;

use std::fmt::{Debug, Display, Write};
use std::path::Path;
use std::str::FromStr;
use std::{env, fs};

use serde::{Serialize, de::DeserializeOwned};
use support::dot;
use syncline_clocks::{
    CausalContext, Dot, HighWaterMark, HybridTimestamp, Interval, ReplicaId, VersionVector, WallTime,
};

const RANDOM: ReplicaId = ReplicaId::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);

fn ids() -> Vec<ReplicaId> {
    vec![ReplicaId::from_u128(0), ReplicaId::from_u128(7), RANDOM, ReplicaId::from_u128(u128::MAX)]
}

fn dots() -> Vec<Dot> {
    vec![dot(0, 1), dot(7, 300), Dot::new(RANDOM, u64::MAX).unwrap()]
}

fn vectors() -> Vec<VersionVector> {
    let filled = [(ReplicaId::from_u128(7), 1), (RANDOM, 300), (ReplicaId::from_u128(0), u64::MAX)];
    vec![VersionVector::new(), filled.into_iter().collect()]
}

fn contexts() -> Vec<CausalContext> {
    let mut all: CausalContext = [dot(7, 2), dot(7, 3), dot(7, 300), Dot::first(RANDOM)].into_iter().collect();
    all.insert_interval(Interval { replica: ReplicaId::from_u128(0), first: 1, last: u64::MAX });
    vec![CausalContext::new(), dots().into_iter().collect(), all]
}

fn stamps() -> Vec<HybridTimestamp> {
    let stamp =
        |epoch, nanos, counter, replica| HybridTimestamp { epoch, time: WallTime::from_nanos(nanos), counter, replica };
    vec![
        stamp(0, 0, 0, ReplicaId::from_u128(0)),
        stamp(1, 1_700_000_000_000_000_000, 9, RANDOM),
        stamp(u32::MAX, u64::MAX, u32::MAX, ReplicaId::from_u128(u128::MAX)),
    ]
}

fn marks() -> Vec<HighWaterMark> {
    stamps().into_iter().map(|stamp| HighWaterMark { epoch: stamp.epoch, time: stamp.time }).collect()
}

/// Reads every line into its value and writes every value into its line.
fn check<T: PartialEq + Debug>(file: &str, values: &[T], write: impl Fn(&T) -> String, read: impl Fn(&str) -> T) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let written = values.iter().fold(String::new(), |text, value| text + &write(value) + "\n");
    if env::var("SYNCLINE_GOLDEN").is_ok_and(|wish| wish == "write") {
        fs::write(&path, &written).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert_eq!(written, golden, "{file}: what is written has changed");
    let read: Vec<T> = golden.lines().map(read).collect();
    assert_eq!(read, values, "{file}: what is read has changed");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Postcard and JSON.
fn check_serde<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, values: &[T]) {
    let postcard = |value: &T| hex(&postcard::to_allocvec(value).unwrap());
    check(&format!("{name}.postcard"), values, postcard, |line| postcard::from_bytes(&unhex(line)).unwrap());
    let json = |value: &T| serde_json::to_string(value).unwrap();
    check(&format!("{name}.json"), values, json, |line| serde_json::from_str(line).unwrap());
}

fn check_text<T: Display + FromStr<Err: Debug> + PartialEq + Debug>(name: &str, values: &[T]) {
    check(&format!("{name}.txt"), values, T::to_string, |line| line.parse().unwrap());
}

#[test]
fn replica_ids() {
    check_serde("replica_id", &ids());
    check_text("replica_id", &ids());
}

#[test]
fn dots_of_replicas() {
    check_serde("dot", &dots());
    check_text("dot", &dots());
}

#[test]
fn version_vectors() {
    check_serde("version_vector", &vectors());
}

#[test]
fn causal_contexts() {
    check_serde("causal_context", &contexts());
}

#[test]
fn hybrid_timestamps() {
    check_serde("hybrid_timestamp", &stamps());
    check_text("hybrid_timestamp", &stamps());
    let bytes = |line: &str| HybridTimestamp::from_bytes(unhex(line).try_into().unwrap());
    check("hybrid_timestamp.32_bytes", &stamps(), |stamp| hex(&stamp.to_bytes()), bytes);
}

#[test]
fn high_water_marks() {
    check_serde("high_water_mark", &marks());
    check_serde("wall_time", &marks().iter().map(|mark| mark.time).collect::<Vec<_>>());
}
