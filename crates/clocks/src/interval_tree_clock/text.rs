//! A stamp to read: `id;event` in the paper's notation, as in `(1,0);(1,2,(0,1,0))`.

use alloc::string::ToString;
use core::fmt;
use core::str::FromStr;

use super::{Event, Id, IntervalTreeClock, IntervalTreeDecodeError};

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => write!(f, "0"),
            Self::One => write!(f, "1"),
            Self::Node(halves) => write!(f, "({},{})", halves.0, halves.1),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.halves {
            None => write!(f, "{}", self.base),
            Some(halves) => write!(f, "({},{},{})", self.base, halves.0, halves.1),
        }
    }
}

impl fmt::Display for IntervalTreeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.id, self.event)
    }
}

impl fmt::Debug for IntervalTreeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Accepts exactly what `Display` prints.
impl FromStr for IntervalTreeClock {
    type Err = IntervalTreeDecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = Text(text);
        let id = rest.id(Self::MAX_DEPTH)?;
        rest.expect(";")?;
        let event = rest.event(Self::MAX_DEPTH, 0)?;
        let stamp = Self { id, event };
        if stamp.to_string() == text { Ok(stamp) } else { Err(IntervalTreeDecodeError::NotCanonical) }
    }
}

/// What is left to read.
struct Text<'a>(&'a str);

impl Text<'_> {
    fn accept(&mut self, token: &str) -> bool {
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), IntervalTreeDecodeError> {
        if self.accept(token) { Ok(()) } else { Err(IntervalTreeDecodeError::Malformed) }
    }

    fn id(&mut self, levels: usize) -> Result<Id, IntervalTreeDecodeError> {
        if self.accept("0") {
            return Ok(Id::Zero);
        }
        if self.accept("1") {
            return Ok(Id::One);
        }
        self.expect("(")?;
        let below = levels.checked_sub(1).ok_or(IntervalTreeDecodeError::TooDeep)?;
        let left = self.id(below)?;
        self.expect(",")?;
        let right = self.id(below)?;
        self.expect(")")?;
        Id::decoded(left, right)
    }

    /// The event tree that follows, under nodes that add up to `above`.
    fn event(&mut self, levels: usize, above: u64) -> Result<Event, IntervalTreeDecodeError> {
        let inner = self.accept("(");
        let base = self.count()?;
        let above = above.checked_add(base).ok_or(IntervalTreeDecodeError::TooHigh)?;
        if !inner {
            return Ok(Event::leaf(base));
        }
        let below = levels.checked_sub(1).ok_or(IntervalTreeDecodeError::TooDeep)?;
        self.expect(",")?;
        let left = self.event(below, above)?;
        self.expect(",")?;
        let right = self.event(below, above)?;
        self.expect(")")?;
        Event::decoded(base, left, right)
    }

    fn count(&mut self) -> Result<u64, IntervalTreeDecodeError> {
        let end = self.0.find(|next: char| !next.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        if digits.is_empty() {
            return Err(IntervalTreeDecodeError::Malformed);
        }
        self.0 = rest;
        digits.parse().map_err(|_| IntervalTreeDecodeError::TooHigh)
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use core::fmt;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use crate::{IntervalTreeClock, text};

    /// Text in human-readable formats, the paper's bits in binary ones.
    impl Serialize for IntervalTreeClock {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.collect_str(self)
            } else {
                serializer.serialize_bytes(&self.to_bytes())
            }
        }
    }

    struct Bytes;

    impl de::Visitor<'_> for Bytes {
        type Value = IntervalTreeClock;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "the bytes of a stamp of an interval tree clock")
        }

        fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            IntervalTreeClock::from_bytes(bytes).map_err(E::custom)
        }
    }

    impl<'de> Deserialize<'de> for IntervalTreeClock {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                text::parse(deserializer, "a stamp of an interval tree clock: <id>;<event>")
            } else {
                deserializer.deserialize_bytes(Bytes)
            }
        }
    }
}
