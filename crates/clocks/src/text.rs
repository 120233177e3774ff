//! Values that are text in human-readable formats, so that they can be keys of a JSON object, and something shorter in
//! binary ones.

use core::fmt::{self, Display};
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the text, or in binary formats these parts.
pub(crate) fn serialize<S: Serializer>(
    value: &impl Display,
    parts: impl Serialize,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() { serializer.collect_str(value) } else { parts.serialize(serializer) }
}

/// Reads what [`serialize`] wrote: the value's text, or the parts that it is put together from.
pub(crate) fn deserialize<'de, D, T, P>(
    deserializer: D,
    expecting: &'static str,
    from_parts: impl FnOnce(P) -> T,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
    P: Deserialize<'de>,
{
    if deserializer.is_human_readable() {
        parse(deserializer, expecting)
    } else {
        P::deserialize(deserializer).map(from_parts)
    }
}

/// Reads a text from where it stands, without a copy, and parses it. `expecting` names it in the error for anything that
/// is no text.
pub(crate) fn parse<'de, D, T>(deserializer: D, expecting: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    deserializer.deserialize_str(Text { expecting, value: PhantomData })
}

struct Text<T> {
    expecting: &'static str,
    value: PhantomData<T>,
}

impl<T: FromStr<Err: Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}
