//! Bytes and texts for every decoder of the clocks: they decode or they do not, they never panic, they take memory in
//! proportion to their length, and what decodes has a canonical form that is no longer.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use syncline_clocks::{
    CausalContext, Dot, DottedVersionVector, DottedVersionVectorSet, Freeze, HighWaterMark, HybridTimestamp,
    IntervalTreeClock, LamportTimestamp, ReplicaId, Retirement, Retirements, RetiringVersionVector,
    TruncatingVersionVector, VectorClock, VersionVector, WallTime,
};
use syncline_fuzz::Watch;

/// Decoding may take this many times the input's length: a level of an interval tree takes two bits as bytes and 32 bytes
/// in memory, and the bytes are encoded again to see whether they are canonical.
const RATIO: usize = 160;
/// serde reserves at most one mebibyte ahead for each sequence that is being read, and sequences nest two deep.
const AHEAD: usize = 2 << 20;

/// Decodes under watch.
fn watched<'a, T>(bytes: &'a [u8], decode: impl FnOnce(&'a [u8]) -> Option<T>) -> Option<T> {
    let watch = Watch::begin();
    let decoded = decode(bytes);
    let peak = watch.peak();
    assert!(peak <= RATIO * bytes.len() + AHEAD, "{} bytes took {peak} to decode", bytes.len());
    decoded
}

/// The binary and the human-readable encoding of a type.
fn both<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: bool, bytes: &[u8]) {
    if json {
        // JSON has room for spaces and escapes, so only what is written has one form.
        if let Some(value) = watched(bytes, |bytes| serde_json::from_slice::<T>(bytes).ok()) {
            let text = serde_json::to_vec(&value).expect("a clock is written");
            assert_eq!(serde_json::from_slice::<T>(&text).expect("what was written is read"), value);
        }
    } else if let Some((value, rest)) = watched(bytes, |bytes| postcard::take_from_bytes::<T>(bytes).ok()) {
        let read = bytes.len() - rest.len();
        let written = postcard::to_allocvec(&value).expect("a clock is written");
        // A number can be spelled longer than it is written.
        assert!(written.len() <= read, "the canonical form of {read} bytes has {}", written.len());
        assert_eq!(postcard::from_bytes::<T>(&written).as_ref(), Ok(&value), "a value does not survive its encoding");
    }
}

/// The text form of a type: what is read is written alike, and is read again.
fn text<T: FromStr + Display + PartialEq + Debug>(bytes: &[u8], canonical: bool) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Some(value) = watched(bytes, |_| text.parse::<T>().ok()) {
        let written = value.to_string();
        assert!(!canonical || written == text, "{text:?} is read, and written as {written:?}");
        assert_eq!(written.parse::<T>().ok(), Some(value));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&selector, bytes)) = bytes.split_first() else { return };
    let json = selector >= 128;
    match selector % 128 {
        0 => both::<ReplicaId>(json, bytes),
        1 => both::<Dot>(json, bytes),
        2 => both::<VersionVector>(json, bytes),
        3 => both::<CausalContext>(json, bytes),
        4 => both::<HybridTimestamp>(json, bytes),
        5 => both::<WallTime>(json, bytes),
        6 => both::<LamportTimestamp>(json, bytes),
        7 => both::<VectorClock>(json, bytes),
        8 => both::<DottedVersionVector>(json, bytes),
        9 => both::<DottedVersionVectorSet<u8>>(json, bytes),
        10 => both::<DottedVersionVectorSet<String>>(json, bytes),
        11 => both::<IntervalTreeClock>(json, bytes),
        12 => both::<TruncatingVersionVector>(json, bytes),
        13 => both::<Freeze>(json, bytes),
        14 => both::<Retirement>(json, bytes),
        15 => both::<Retirements>(json, bytes),
        16 => both::<RetiringVersionVector>(json, bytes),
        23 => both::<HighWaterMark>(json, bytes),
        24 => text::<Dot>(bytes, false),
        25 => text::<HybridTimestamp>(bytes, false),
        // A UUID has several spellings.
        17 => text::<ReplicaId>(bytes, false),
        // A Lamport timestamp has one counter, and a UUID.
        18 => text::<LamportTimestamp>(bytes, false),
        19 => text::<IntervalTreeClock>(bytes, true),
        20 => {
            if let Some(stamp) = watched(bytes, |bytes| IntervalTreeClock::from_bytes(bytes).ok()) {
                assert_eq!(stamp.to_bytes(), bytes, "a stamp has one encoding");
            }
        }
        21 => {
            if let Ok(bytes) = bytes.try_into() {
                assert_eq!(LamportTimestamp::from_bytes(bytes).to_bytes(), bytes);
            }
        }
        22 => {
            if let Ok(bytes) = bytes.try_into() {
                assert_eq!(HybridTimestamp::from_bytes(bytes).to_bytes(), bytes);
            }
        }
        _ => {}
    }
});
