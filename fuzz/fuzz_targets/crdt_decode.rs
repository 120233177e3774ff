//! Bytes in envelopes of `syncline-crdt`, whose checksum fits: what decodes is no longer when it is encoded, and joins into
//! replicas without a panic; a refusal changes nothing, and memory follows the bytes.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use syncline_clocks::{CausalContext, HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{
    Edit, Encoded, Limits, LwwRegister, MvRegister, OrSet, Replica, ResettableCounter, Saved, Settings, State, Store,
    StoredEnd, Update,
};
use syncline_fuzz::{Choices, Watch};

/// Decoding and joining may take this many times the input's length: an element of a byte gets a slot, a place in a list and
/// an index.
const RATIO: usize = 400;
/// serde reserves at most one mebibyte ahead for each list that is being read, and lists nest three deep.
const AHEAD: usize = 4 << 20;

/// A type and its edits.
trait Value: Store<Path: Codable, Payload: Codable> + Codable {
    fn change(edit: &mut Edit<'_, Self>, choice: u8);
}

trait Codable: Serialize + DeserializeOwned + Debug + PartialEq {}
impl<T: Serialize + DeserializeOwned + Debug + PartialEq> Codable for T {}

impl Value for OrSet<u8> {
    fn change(edit: &mut Edit<'_, Self>, choice: u8) {
        if choice.is_multiple_of(3) { edit.remove(&(choice % 8)) } else { edit.insert(choice % 8) }
    }
}

impl Value for MvRegister<Option<u8>> {
    fn change(edit: &mut Edit<'_, Self>, choice: u8) {
        edit.set(choice.checked_sub(9));
    }
}

impl Value for LwwRegister<u8> {
    fn change(edit: &mut Edit<'_, Self>, choice: u8) {
        let time =
            WallTime::from_nanos(edit.versions().map(|(_, held, _)| held.time.as_nanos()).max().unwrap_or(0) + 1);
        let stamp = HybridTimestamp { epoch: 0, time, counter: 0, replica: edit.writer() };
        edit.set(choice, stamp).expect("it is later");
    }
}

impl Value for ResettableCounter {
    fn change(edit: &mut Edit<'_, Self>, choice: u8) {
        if choice.is_multiple_of(4) { edit.reset() } else { edit.increment(i64::from(choice) - 100).expect("small") }
    }
}

/// Three replicas that know of one another in part.
fn world<S: Value>(choices: &mut Choices) -> [Replica<S>; 3] {
    let settings = Settings { history: choices.below(4), ..Settings::default() };
    let mut replicas: [Replica<S>; 3] = [1, 2, 3].map(|id| Replica::with_settings(ReplicaId::from_u128(id), settings));
    for _ in 0..choices.below(12) {
        let (at, to, choice) = (choices.below(3), choices.below(3), choices.below(256) as u8);
        let delta = replicas[at].edit(|edit| S::change(edit, choice));
        if choices.once_in(2) {
            replicas[to].join(&delta).expect("an honest delta");
        }
    }
    replicas
}

fn sealed(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = [b"SL\x01", &[kind][..], value].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn hold<S: Value>(choices: &mut Choices) {
    let [mut here, there, third] = world::<S>(choices);
    // Bytes of the fuzzer's own, or honest ones with some of them changed.
    let honest = match choices.below(4) {
        0 => Vec::new(),
        1 => there.diff(here.clock()).encode().expect("honest values are written"),
        2 => there.causal().state().encode().expect("honest values are written"),
        _ => third.diff(there.clock()).encode().expect("honest values are written"),
    };
    let (kind, mut value) = match honest.split_last_chunk::<4>().and_then(|(sealed, _)| sealed.split_first_chunk::<4>())
    {
        Some((head, value)) => (head[3], value.to_vec()),
        None => (choices.below(5) as u8, choices.bytes(512)),
    };
    for _ in 0..choices.below(4) {
        let at = choices.below(value.len() + 1);
        let with = choices.bytes(4);
        let until = (at + choices.below(3)).min(value.len());
        value.splice(at..until, with);
    }
    let bytes = sealed(kind, &value);
    let watch = Watch::begin();
    let update = Update::<S::Path, S::Payload>::decode(&bytes, &Limits::default());
    if let Ok(update) = &update {
        for replica in [&mut here, &mut Replica::create(ReplicaId::from_u128(9))] {
            let before = replica.causal().clone();
            match replica.join(update) {
                Err(_) => assert_eq!(*replica.causal(), before, "a refusal changed something"),
                Ok(_) => {
                    let after = replica.causal().clone();
                    let again = replica.join(update);
                    assert!(
                        again.as_ref().is_ok_and(|changes| changes.is_empty()),
                        "{update:?} joined twice into {before:?}: {again:?}, {after:?}"
                    );
                }
            }
        }
    }
    let saved = Saved::<S>::decode(&bytes, &Limits::default());
    let peak = watch.peak();
    assert!(peak <= RATIO * bytes.len() + AHEAD, "{} bytes took {peak}", bytes.len());
    if let Ok(update) = update {
        let written = update.encode().expect("what was read is written");
        assert!(written.len() <= bytes.len(), "{} bytes are written as {}", bytes.len(), written.len());
        assert_eq!(Update::decode(&written, &Limits::default()), Ok(update));
    }
    if let Ok(saved) = saved {
        let mut replica = Replica::resume(saved, StoredEnd::Certain, Settings::default());
        let _ = replica.diff(&CausalContext::new());
        if replica.clock().highest(replica.id()) < u64::MAX - 8 {
            let _ = replica.edit(|edit| S::change(edit, 1));
        }
    }
    if let Ok(bytes) = here.causal().state().encode() {
        assert_eq!(State::decode(&bytes, &Limits::NONE), Ok(here.causal().state()));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let choices = &mut Choices::new(bytes);
    match choices.below(4) {
        0 => hold::<OrSet<u8>>(choices),
        1 => hold::<MvRegister<Option<u8>>>(choices),
        2 => hold::<LwwRegister<u8>>(choices),
        _ => hold::<ResettableCounter>(choices),
    }
});
