//! Maps from a replica to a value as bytes: what version vectors and causal contexts share in reading.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::ReplicaId;

/// What is reserved before anything was read, whatever length the bytes claim. Beyond it, memory grows as entries come.
const RESERVED: usize = 64;

/// Reads a map into a list in the order of the ids. The order in the bytes does not matter; an id that stands there
/// twice is an error.
pub(crate) fn deserialize<'de, D, V>(deserializer: D) -> Result<Vec<(ReplicaId, V)>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    deserializer.deserialize_map(ByReplica(PhantomData))
}

struct ByReplica<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for ByReplica<V> {
    type Value = Vec<(ReplicaId, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with replica ids as its keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Self::Value = Vec::with_capacity(map.size_hint().unwrap_or(0).min(RESERVED));
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        if !entries.is_sorted_by_key(|(replica, _)| *replica) {
            entries.sort_by_key(|(replica, _)| *replica);
        }
        if entries.array_windows().any(|[(left, _), (right, _)]| left == right) {
            return Err(A::Error::custom("a replica stands twice in a map of replicas"));
        }
        Ok(entries)
    }
}
