//! Maps from bytes, in whatever order their keys stand: tools that pass JSON on may order it anew. A key that stands there
//! twice is an error, where the maps of `std` keep the last in silence.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// What is reserved before anything was read, whatever length the bytes claim.
const RESERVED: usize = 64;

/// The pairs, in the order of their keys.
pub(crate) fn deserialize<'de, K, V, M, D>(deserializer: D) -> Result<M, D::Error>
where
    K: Ord + Deserialize<'de>,
    V: Deserialize<'de>,
    M: FromIterator<(K, V)>,
    D: Deserializer<'de>,
{
    struct Unique<K, V>(PhantomData<(K, V)>);

    impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Unique<K, V> {
        type Value = Vec<(K, V)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs: Self::Value = Vec::with_capacity(map.size_hint().unwrap_or(0).min(RESERVED));
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            pairs.sort_by(|left, right| left.0.cmp(&right.0));
            if pairs.is_sorted_by(|left, right| left.0 < right.0) {
                Ok(pairs)
            } else {
                Err(A::Error::custom("a map holds each key once"))
            }
        }
    }

    deserializer.deserialize_map(Unique(PhantomData)).map(M::from_iter)
}
