//! Names of replicas and events: their texts and their place as keys of maps.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]

mod support;

use std::collections::{BTreeMap, HashMap};

use quickcheck::quickcheck;
use support::{dot, encodings_round_trip, id, order_laws, text_round_trips};
use syncline_clocks::{Dot, ReplicaId};

quickcheck! {
    fn ids_keep_their_laws(a: ReplicaId, b: ReplicaId, c: ReplicaId) -> bool {
        order_laws([a, b, c]) && text_round_trips(&a) && encodings_round_trip(&a)
    }

    fn dots_keep_their_laws(a: Dot, b: Dot, c: Dot) -> bool {
        order_laws([a, b, c]) && text_round_trips(&a) && encodings_round_trip(&a)
    }

    fn ids_are_ordered_as_their_bytes_and_their_texts(a: ReplicaId, b: ReplicaId) -> bool {
        a.cmp(&b) == a.to_bytes().cmp(&b.to_bytes()) && a.cmp(&b) == a.to_string().cmp(&b.to_string())
    }

    fn maps_keyed_by_names_round_trip(by_dot: BTreeMap<Dot, u8>, by_id: BTreeMap<ReplicaId, u8>) -> bool {
        let hashed: (HashMap<_, _>, HashMap<_, _>) =
            (by_dot.clone().into_iter().collect(), by_id.clone().into_iter().collect());
        let again = |bytes: &str| serde_json::from_str::<(HashMap<Dot, u8>, HashMap<ReplicaId, u8>)>(bytes).unwrap();
        encodings_round_trip(&by_dot)
            && encodings_round_trip(&by_id)
            && again(&serde_json::to_string(&hashed).unwrap()) == hashed
            && postcard::from_bytes::<HashMap<Dot, u8>>(&postcard::to_allocvec(&hashed.0).unwrap()).unwrap() == hashed.0
            && postcard::from_bytes::<HashMap<ReplicaId, u8>>(&postcard::to_allocvec(&hashed.1).unwrap()).unwrap()
                == hashed.1
    }
}

#[test]
fn an_id_takes_16_bytes_in_binary_formats() {
    assert_eq!(postcard::to_allocvec(&id(7)).unwrap(), id(7).to_bytes());
    assert_eq!(postcard::to_allocvec(&dot(7, 1)).unwrap().len(), 17);
}

#[test]
fn a_dot_has_one_text() {
    assert_eq!("00000000-0000-0000-0000-000000000003:12".parse(), Ok(dot(3, 12)));
    for wrong in ["", ":", "3:1", "00000000-0000-0000-0000-000000000003", "00000000-0000-0000-0000-000000000003:"] {
        assert!(wrong.parse::<Dot>().is_err(), "{wrong}");
    }
    for number in ["0", "01", "+1", "-1", " 1", "1 ", "18446744073709551616"] {
        assert!(format!("00000000-0000-0000-0000-000000000003:{number}").parse::<Dot>().is_err(), "{number}");
    }
}

#[test]
fn random_ids_are_uuids_of_version_4_and_keep_the_entropy() {
    let random = |byte| ReplicaId::from_random_bytes([byte; 16]);
    assert_eq!(random(0).to_string(), "00000000-0000-4000-8000-000000000000");
    assert_ne!(random(1), random(2));
    assert_eq!(ReplicaId::from_bytes([7; 16]).to_bytes(), [7; 16]);
    assert_eq!(ReplicaId::from_u128(7).as_u128(), 7);
}

#[cfg(feature = "names")]
#[test]
fn a_name_is_one_id_in_each_namespace() {
    let of = ReplicaId::from_name;
    assert_eq!(of(id(1), "node-1"), of(id(1), "node-1"));
    assert_ne!(of(id(1), "node-1"), of(id(1), "node-2"));
    assert_ne!(of(id(1), "node-1"), of(id(2), "node-1"));
}
