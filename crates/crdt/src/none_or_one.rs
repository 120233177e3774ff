//! An `Option` as a list of none or one: JSON and MessagePack write an `Option` of `()`, or of another `Option`, in the same
//! way whether it is there or not, and an addition would be read as a removal.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

pub(crate) fn serialize<V: Serialize, S: Serializer>(value: &Option<V>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(value)
}

pub(crate) fn deserialize<'de, V: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<V>, D::Error> {
    struct NoneOrOne<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for NoneOrOne<V> {
        type Value = Option<V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of one payload or none")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<V>, A::Error> {
            let few = |hint: usize| hint <= 1;
            if !list.size_hint().is_none_or(few) {
                return Err(A::Error::custom("an event has one payload at the most"));
            }
            let payload = list.next_element()?;
            match payload.is_some() && list.next_element::<serde::de::IgnoredAny>()?.is_some() {
                true => Err(A::Error::custom("an event has one payload at the most")),
                false => Ok(payload),
            }
        }
    }

    deserializer.deserialize_seq(NoneOrOne(PhantomData))
}
