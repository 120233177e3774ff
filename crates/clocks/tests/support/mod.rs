//! Laws, written once, and the plain definition of what happened before what: a causal history is the set of its events.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::{Serialize, de::DeserializeOwned};
use syncline_clocks::{Causality, Dot, ReplicaId};

pub type History = BTreeSet<Dot>;

/// How two histories relate, by the definition.
pub fn relation<T: Ord>(left: &BTreeSet<T>, right: &BTreeSet<T>) -> Causality {
    match (left.is_subset(right), right.is_subset(left)) {
        (true, true) => Causality::Equal,
        (true, false) => Causality::Before,
        (false, true) => Causality::After,
        (false, false) => Causality::Concurrent,
    }
}

pub fn id(number: u8) -> ReplicaId {
    ReplicaId::from_u128(number.into())
}

pub fn dot(replica: u8, sequence: u64) -> Dot {
    Dot::new(id(replica), sequence).unwrap()
}

/// A join is commutative, associative and idempotent, and changes nothing that was in.
pub fn join_laws<T: Clone + PartialEq>(join: impl Fn(&mut T, &T), [a, b, c]: [T; 3]) -> bool {
    let joined = |left: &T, right: &T| {
        let mut left = left.clone();
        join(&mut left, right);
        left
    };
    joined(&a, &b) == joined(&b, &a)
        && joined(&joined(&a, &b), &c) == joined(&a, &joined(&b, &c))
        && joined(&a, &a) == a
        && joined(&joined(&a, &b), &a) == joined(&a, &b)
}

/// A partial order: reflexive, antisymmetric, transitive, and its own converse when turned round.
pub fn order_laws<T: PartialEq + PartialOrd>([a, b, c]: [T; 3]) -> bool {
    a.partial_cmp(&a).is_some_and(|order| order.is_eq())
        && (!(a <= b && b <= a) || a == b)
        && (!(a <= b && b <= c) || a <= c)
        && a.partial_cmp(&b).map(|order| order.reverse()) == b.partial_cmp(&a)
}

/// Postcard and JSON give the value back, and take the same bytes again.
pub fn encodings_round_trip<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> bool {
    let bytes = postcard::to_allocvec(value).unwrap();
    let json = serde_json::to_string(value).unwrap();
    let (from_bytes, from_json): (T, T) = (postcard::from_bytes(&bytes).unwrap(), serde_json::from_str(&json).unwrap());
    from_bytes == *value
        && from_json == *value
        && serde_json::from_value::<T>(serde_json::to_value(value).unwrap()).unwrap() == *value
        && postcard::to_allocvec(&from_bytes).unwrap() == bytes
}

/// The text parses, to the value, and JSON holds that very text.
pub fn text_round_trips<T>(value: &T) -> bool
where
    T: Display + FromStr<Err: Debug> + PartialEq + Serialize,
{
    let text = value.to_string();
    text.parse::<T>().unwrap() == *value && serde_json::to_value(value).unwrap() == text.as_str()
}
