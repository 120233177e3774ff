//! Bytes from outside: damaged, cut, forged or too many, they give a typed error or a value that joins, never a panic.

use std::fmt::Debug;

use crate::samples::{self, Samples, each_store};
use serde::{Serialize, de::DeserializeOwned};
use syncline_clocks::{self as clocks, LimitExceeded, ReplicaId};
use syncline_crdt::{
    DecodeError, Delta, Encoded, Entries, Kind, LimitReached, Limits, OrSet, Replica, Saved, Settings, State, Store,
    StoredEnd, Update,
};

const LIMITS: Limits = Limits { bytes: 1 << 20, ..Limits::NONE };

fn decode<T: Encoded>(bytes: &[u8]) -> Result<T, DecodeError> {
    T::decode(bytes, &LIMITS)
}

/// The bytes under the checksum that they should have: what an attacker sends, and damage does not.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..end]).to_le_bytes();
    bytes[end..].copy_from_slice(&checksum);
    bytes
}

/// The value's bytes, changed, in an envelope of this kind.
fn envelope(kind: Kind, value: &[u8]) -> Vec<u8> {
    sealed([&[b'S', b'L', 1, kind as u8], value, &[0; 4]].concat())
}

fn damaged<T: Encoded + PartialEq + Debug>(value: &T) {
    let bytes = value.encode().unwrap();
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value));
    for length in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..length]).is_err());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(decode::<T>(&longer), Err(DecodeError::Checksum));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let error = decode::<T>(&bytes).unwrap_err();
            match at {
                0 | 1 => assert_eq!(error, DecodeError::NotAnEnvelope),
                2 => assert_eq!(error, DecodeError::Version(bytes[2])),
                _ => assert_eq!(error, DecodeError::Checksum),
            }
        }
    }
}

/// Every bit of the value turned, every byte taken out, every end cut off, under a checksum that fits: what is read after
/// all has one form, and `join` takes or refuses it.
fn forged<T: Encoded + PartialEq + Debug>(value: &T, mut join: impl FnMut(T)) {
    let bytes = value.encode().unwrap();
    let end = bytes.len() - 4;
    let mut read = 0;
    let mut tried = |bytes: Vec<u8>| {
        if let Ok(value) = decode::<T>(&sealed(bytes)) {
            let again = value.encode().unwrap();
            assert_eq!(decode::<T>(&again).as_ref(), Ok(&value));
            join(value);
            read += 1;
        }
    };
    for at in 4..end {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            tried(bytes);
        }
        tried([&bytes[..at], &bytes[at + 1..]].concat());
        tried([&bytes[..at], &bytes[end..]].concat());
    }
    assert!(read > 0, "no forgery is a value");
    let trailing = sealed([&bytes[..end], &[0; 5]].concat());
    assert!(matches!(decode::<T>(&trailing), Err(DecodeError::Malformed(_))));
}

fn attack<S>(_: &str, samples: Samples<S>)
where
    S: Store + Serialize + DeserializeOwned + PartialEq + Debug,
    S::Path: Serialize + DeserializeOwned + Debug,
    S::Payload: Serialize + DeserializeOwned + Debug,
{
    let Samples { delta, entries, state, state_since, saved, .. } = samples;
    damaged(&delta);
    damaged(&entries);
    damaged(&state);
    damaged(&saved);
    // Joined into a replica that knows nothing, and into one that knows the honest update.
    let joins = |update: Update<S::Path, S::Payload>| {
        let mut knows_all = Replica::<S>::create(ReplicaId::from_u128(1_000));
        knows_all.join(&state).unwrap();
        for mut replica in [Replica::<S>::create(ReplicaId::from_u128(1_001)), knows_all] {
            let before = replica.causal().clone();
            if replica.join(&update).is_err() {
                assert_eq!(*replica.causal(), before);
            }
            let bytes = replica.causal().state().encode().unwrap();
            assert!(decode::<State<S::Path, S::Payload>>(&bytes).unwrap() == replica.causal().state());
        }
    };
    forged(&delta, |delta: Delta<_, _>| joins(delta.into()));
    forged(&entries, |entries: Entries<_, _>| joins(entries.into()));
    forged(&state, |state: State<_, _>| joins(state.into()));
    if let Some(state) = state_since {
        damaged(&state);
        forged(&state, |state: State<_, _>| joins(state.into()));
    }
    forged(&saved, |saved: Saved<S>| {
        let replica = Replica::resume(saved, StoredEnd::Certain, Settings::default());
        joins(replica.diff(&clocks::CausalContext::new()));
    });
}

#[test]
fn damage_and_forgery() {
    each_store!(attack);
}

#[test]
fn another_kind_or_version() {
    let Samples { delta, entries, state, saved, .. } = samples::or_set();
    let [delta, entries, state, saved] =
        [delta.encode(), entries.encode(), state.encode(), saved.encode()].map(Result::unwrap);
    type OfStrings<T> = Result<T, DecodeError>;
    let kinds = [(&delta, Kind::Delta), (&entries, Kind::Entries), (&state, Kind::State), (&saved, Kind::Saved)];
    for (bytes, kind) in kinds {
        let other = DecodeError::Kind(Some(kind));
        let as_delta: OfStrings<Delta<String, ()>> = decode(bytes);
        let as_entries: OfStrings<Entries<String, ()>> = decode(bytes);
        let as_state: OfStrings<State<String, ()>> = decode(bytes);
        let as_saved: OfStrings<Saved<OrSet<String>>> = decode(bytes);
        let as_update: OfStrings<Update<String, ()>> = decode(bytes);
        assert_eq!(as_delta.err(), (kind != Kind::Delta).then(|| other.clone()));
        assert_eq!(as_entries.err(), (kind != Kind::Entries).then(|| other.clone()));
        assert_eq!(as_state.err(), (kind != Kind::State).then(|| other.clone()));
        assert_eq!(as_saved.err(), (kind != Kind::Saved).then(|| other.clone()));
        match as_update {
            Ok(update) => assert_eq!(update.kind(), kind),
            Err(error) => assert_eq!((kind, error), (Kind::Saved, other)),
        }
    }
    let unknown = sealed([&delta[..3], &[9], &delta[4..]].concat());
    assert_eq!(decode::<Update<String, ()>>(&unknown), Err(DecodeError::Kind(None)));
    assert_eq!(decode::<Saved<OrSet<String>>>(&unknown), Err(DecodeError::Kind(None)));
    // A later version is told as such, whatever its checksum is.
    for version in [0, 2, 255] {
        let later = [&delta[..2], &[version], &delta[3..]].concat();
        assert_eq!(decode::<Update<String, ()>>(&later), Err(DecodeError::Version(version)));
    }
    for bytes in [&b""[..], b"SL", b"SL\x01\x01", b"HTTP/1.1 200 OK"] {
        assert_eq!(decode::<Update<String, ()>>(bytes), Err(DecodeError::NotAnEnvelope));
    }
}

/// Bytes of other types: an error, or what these bytes are there. Never a panic.
#[test]
fn other_types() {
    let bytes = samples::or_set().state.encode().unwrap();
    assert!(matches!(decode::<State<u8, ()>>(&bytes), Err(DecodeError::Malformed(_))));
    let bytes = samples::lww_register().saved.encode().unwrap();
    assert!(matches!(decode::<Saved<OrSet<String>>>(&bytes), Err(DecodeError::Malformed(_))));
}

#[test]
fn more_than_the_limits_allow() {
    let Samples { delta, entries, state, saved, .. } = samples::or_set();
    let limit = |bytes: &[u8], limits: Limits| match Update::<String, ()>::decode(bytes, &limits) {
        Err(DecodeError::Limit(reached)) => Some(reached),
        result => {
            result.unwrap();
            None
        }
    };
    // Dots and kills, replicas and intervals of each.
    let updates =
        [(delta.encode().unwrap(), 5, 2, 2), (entries.encode().unwrap(), 4, 2, 2), (state.encode().unwrap(), 3, 2, 2)];
    for (bytes, dots, replicas, intervals) in updates {
        let length = bytes.len();
        let reached = limit(&bytes, Limits { bytes: length - 1, ..Limits::NONE });
        assert_eq!(reached, Some(LimitReached::Bytes { length, limit: length - 1 }));
        let reached = limit(&bytes, Limits { dots: dots - 1, ..Limits::NONE });
        assert_eq!(reached, Some(LimitReached::Dots { would_be: dots, limit: dots - 1 }));
        let clock = clocks::Limits { replicas: replicas - 1, intervals: usize::MAX };
        let reached = limit(&bytes, Limits { clock, ..Limits::NONE });
        let exceeded = LimitExceeded::Replicas { would_be: replicas, limit: replicas - 1 };
        assert_eq!(reached, Some(LimitReached::Clock(exceeded)));
        let clock = clocks::Limits { replicas: usize::MAX, intervals: intervals - 1 };
        let reached = limit(&bytes, Limits { clock, ..Limits::NONE });
        assert!(matches!(reached, Some(LimitReached::Clock(LimitExceeded::Intervals { .. }))), "{reached:?}");
        assert_eq!(limit(&bytes, Limits { bytes: length, dots, clock: clocks::Limits { replicas, intervals } }), None);
    }
    let bytes = saved.encode().unwrap();
    let refused = Saved::<OrSet<String>>::decode(&bytes, &Limits { bytes: 9, ..Limits::NONE });
    assert!(matches!(refused, Err(DecodeError::Limit(LimitReached::Bytes { .. }))));
}

/// What no replica writes, under a checksum that fits.
#[test]
fn forms_that_nobody_writes() {
    let malformed = |kind, value: Vec<u8>| {
        let result = decode::<Update<u8, ()>>(&envelope(kind, &value));
        assert!(matches!(result, Err(DecodeError::Malformed(_))), "{result:?}");
    };
    let id = [1; 16];
    let of = |parts: &[&[u8]]| parts.concat();
    // A clock of 1 replica with 5 events at the front, and no runs behind gaps; then the entries.
    let clock = postcard::to_allocvec(&{
        let mut clock = clocks::CausalContext::new();
        clock.insert_interval(clocks::Interval {
            replica: ReplicaId::from_u128(u128::from_be_bytes(id)),
            first: 1,
            last: 5,
        });
        clock
    })
    .unwrap();
    // 1 replica, 1 entry ahead by 0 with path 9; no others.
    let clock = of(&[&clock, &[0]]); // it stands on no clock of a receiver
    let honest = of(&[&clock, &[1], &id, &[1, 0, 9], &[0]]);
    assert!(decode::<Update<u8, ()>>(&envelope(Kind::State, &honest)).is_ok());
    malformed(Kind::State, of(&[&clock, &[1], &id, &[0], &[0]])); // a replica without entries
    malformed(Kind::State, of(&[&clock, &[2], &id, &[1, 0, 9], &id, &[1, 0, 8], &[0]])); // one replica twice
    malformed(Kind::State, of(&[&clock, &[1], &id, &[2, 0, 9, 0, 9], &[0]])); // one path twice
    malformed(Kind::State, of(&[&clock, &[1], &id, &[1, 5, 9], &[0]])); // a live dot outside the clock
    let last = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    malformed(Kind::State, of(&[&clock, &[1], &id, &[1], &last, &[9], &[0]])); // a number beyond 2^64
    malformed(Kind::State, of(&[&clock, &[0], &[1, 9, 1], &id, &[1], &[0]])); // a single dot among the others
    malformed(Kind::State, of(&[&clock, &[0], &[1, 9, 0, 0]])); // an empty entry
    // One dot alone at a path and with another at a second path: it would belong to both.
    malformed(Kind::State, of(&[&clock, &[1], &id, &[1, 0, 9], &[1, 8, 2], &id, &[1], &id, &[2], &[0]]));
}
