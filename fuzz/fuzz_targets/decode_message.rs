//! Bytes from a peer: they decode or they do not, they never panic, and they take memory in proportion to their length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_fuzz::Watch;
use syncline_replicas::{decode, encode};

/// Decoding may take this many times the input's length. The worst honest ratio is that of a set of empty byte
/// strings: one byte on the wire, 24 in memory, in a vector that doubled.
const RATIO: usize = 64;
/// serde reserves at most one mebibyte ahead for each sequence that is being read, and sequences nest five deep.
const AHEAD: usize = 5 << 20;

fuzz_target!(|bytes: &[u8]| {
    let watch = Watch::begin();
    let decoded = decode(bytes);
    let peak = watch.peak();
    assert!(peak <= RATIO * bytes.len() + AHEAD, "{} bytes took {peak} to decode", bytes.len());
    if let Ok(envelope) = decoded {
        let encoded = encode(&envelope);
        assert!(encoded.len() <= bytes.len(), "the canonical form of {} bytes has {}", bytes.len(), encoded.len());
        assert_eq!(decode(&encoded).as_ref(), Ok(&envelope), "a message does not survive its own encoding");
    }
});
