//! What is decoded takes memory in proportion to its bytes, whatever lengths they claim.
//!
//! One test, because the allocator counts for the whole process.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(feature = "encoding")]

use peak_alloc::PeakAlloc;
use syncline_clocks::ReplicaId;
use syncline_crdt::{DecodeError, Encoded, Entries, Kind, Limits, MvRegister, OrSet, Repair, Replica, Saved, Update};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The result, and the most bytes that were in use at once while it was decoded, beyond those before.
fn decode<T: Encoded>(bytes: &[u8]) -> (Result<T, DecodeError>, usize) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let value = T::decode(bytes, &Limits::NONE);
    (value, HEAP.peak_usage() - before)
}

fn envelope(kind: Kind, value: &[u8]) -> Vec<u8> {
    let bytes = [&[b'S', b'L', 1, kind as u8], value].concat();
    let checksum = crc32fast::hash(&bytes).to_le_bytes();
    [&bytes[..], &checksum].concat()
}

#[test]
fn memory_follows_the_bytes() {
    let claim = postcard::to_allocvec(&(1u64 << 60)).unwrap();
    // Wherever a length stands, it claims 2^60: the same bytes with the claim at each place of an honest value.
    let mut list = Replica::<OrSet<String>>::create(ReplicaId::from_u128(1));
    let delta = list.edit(|list| ["milk", "tea"].into_iter().for_each(|element| list.insert(element.to_owned())));
    let values = [
        (Kind::Delta, delta.encode().unwrap()),
        (
            Kind::Entries,
            Update::<String, ()>::from(Entries {
                since: Default::default(),
                clock: list.clock().clone(),
                paths: vec![("milk".to_owned(), Repair { events: list.clock().clone(), entry: Default::default() })],
            })
            .encode()
            .unwrap(),
        ),
        (Kind::State, list.causal().state().encode().unwrap()),
        (Kind::Saved, list.save().encode().unwrap()),
    ];
    let mut refused = 0;
    for (kind, bytes) in values {
        let value = &bytes[4..bytes.len() - 4];
        for at in 0..value.len() {
            for rest in [&value[at + 1..], &[]] {
                let forged = envelope(kind, &[&value[..at], &claim, rest].concat());
                let (error, used) = if kind == Kind::Saved {
                    let (result, used) = decode::<Saved<OrSet<String>>>(&forged);
                    (result.err(), used)
                } else {
                    let (result, used) = decode::<Update<String, ()>>(&forged);
                    (result.err(), used)
                };
                refused += usize::from(error.is_some());
                // Serde itself reserves at most a mebibyte for a claimed length.
                assert!(used < 5 << 18, "{used} for {} bytes with a claim at {at}", forged.len());
            }
        }
    }
    assert!(refused > 100);

    // The most entries for the fewest bytes: a set of numbers, each with one dot.
    let mut set = Replica::<OrSet<u32>>::create(ReplicaId::from_u128(1));
    let delta = set.edit(|set| (0..100_000).for_each(|element| set.insert(element)));
    let state = set.causal().state().encode().unwrap();
    let (decoded, used) = decode::<Update<u32, ()>>(&state);
    assert!(decoded.unwrap() == Update::State(set.causal().state()));
    assert!(used <= 24 * state.len(), "{used} for {}", state.len());
    let bytes = delta.encode().unwrap();
    let (decoded, used) = decode::<Update<u32, ()>>(&bytes);
    assert!(decoded.unwrap() == Update::Delta(delta));
    assert!(used <= 8 * bytes.len(), "{used} for {}", bytes.len());

    // A register of a thousand concurrent values.
    let mut register = Replica::<MvRegister<u8>>::create(ReplicaId::from_u128(1));
    for id in 0..1_000 {
        let mut writer = Replica::<MvRegister<u8>>::create(ReplicaId::from_u128(1_000 + id));
        register.join(&writer.edit(|register| register.set(1))).unwrap();
    }
    let bytes = register.causal().state().encode().unwrap();
    let (decoded, used) = decode::<Update<(), u8>>(&bytes);
    assert!(decoded.unwrap() == Update::State(register.causal().state()));
    assert!(used <= 16 * bytes.len(), "{used} for {}", bytes.len());
}
