//! A stamp as bytes: the paper's encoding, bit for bit as the authors' Erlang program has it, filled up with zeros to
//! a whole byte.
//!
//! Small trees and small counts take few bits: the seed takes one byte, a leaf of the event tree 4 bits up to a count
//! of 3. Decoding accepts exactly the bytes that encoding gives, so equal stamps have equal bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{Event, Id, IntervalTreeClock};

impl IntervalTreeClock {
    /// The stamp as bytes: the same ones for equal stamps. Linear in the trees.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bits = Writer::default();
        bits.id(&self.id);
        bits.event(&self.event);
        bits.bytes
    }

    /// The stamp with these bytes. Takes time in proportion to the bytes, and memory up to 150 times their length.
    ///
    /// # Errors
    /// Bytes that no stamp has: too short or too long, trees too deep, not in normal form or counted beyond 64 bits,
    /// or a longer spelling of a tree than the shortest.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IntervalTreeDecodeError> {
        let mut bits = Reader { bytes, at: 0 };
        let id = bits.id(Self::MAX_DEPTH)?;
        let event = bits.event(Self::MAX_DEPTH, 0)?;
        let stamp = Self { id, event };
        if stamp.to_bytes() == bytes { Ok(stamp) } else { Err(IntervalTreeDecodeError::NotCanonical) }
    }
}

/// Why bytes or a text are no stamp.
///
/// ```
/// use syncline_clocks::{IntervalTreeClock, IntervalTreeDecodeError};
/// assert_eq!("(1,1);0".parse::<IntervalTreeClock>(), Err(IntervalTreeDecodeError::NotCanonical));
/// assert_eq!(IntervalTreeClock::from_bytes(&[]), Err(IntervalTreeDecodeError::Malformed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntervalTreeDecodeError {
    /// It ends before the stamp does, or is no stamp at all.
    Malformed,
    /// A tree is deeper than [`IntervalTreeClock::MAX_DEPTH`].
    TooDeep,
    /// A count does not fit in 64 bits.
    TooHigh,
    /// The trees are not in normal form, or not spelled in the one way that encoding would spell them.
    NotCanonical,
}

impl fmt::Display for IntervalTreeDecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => write!(f, "this is no stamp of an interval tree clock"),
            Self::TooDeep => write!(f, "a stamp is at most {} levels deep", IntervalTreeClock::MAX_DEPTH),
            Self::TooHigh => write!(f, "a count of the stamp does not fit in 64 bits"),
            Self::NotCanonical => write!(f, "the stamp is not in normal form"),
        }
    }
}

impl core::error::Error for IntervalTreeDecodeError {}

impl Id {
    /// The node of two decoded halves, which have to be in normal form.
    pub(super) fn decoded(left: Self, right: Self) -> Result<Self, IntervalTreeDecodeError> {
        match Self::node(left, right) {
            node @ Self::Node(_) => Ok(node),
            Self::Zero | Self::One => Err(IntervalTreeDecodeError::NotCanonical),
        }
    }
}

impl Event {
    /// The node of two decoded halves, which have to be in normal form.
    pub(super) fn decoded(base: u64, left: Self, right: Self) -> Result<Self, IntervalTreeDecodeError> {
        let level = left.halves.is_none() && right.halves.is_none() && left.base == right.base;
        if level || left.base.min(right.base) > 0 {
            return Err(IntervalTreeDecodeError::NotCanonical);
        }
        Ok(Self { base, halves: Some(Box::new((left, right))) })
    }

    fn is_zero(&self) -> bool {
        self.base == 0 && self.halves.is_none()
    }
}

/// Bits, the highest of each byte first.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    free: u32,
}

impl Writer {
    fn bits(&mut self, value: u64, count: u32) {
        for at in (0..count).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> at & 1) as u8) << self.free;
            }
        }
    }

    fn id(&mut self, id: &Id) {
        match id {
            Id::Zero => self.bits(0b000, 3),
            Id::One => self.bits(0b001, 3),
            Id::Node(halves) => match &**halves {
                (Id::Zero, right) => {
                    self.bits(1, 2);
                    self.id(right);
                }
                (left, Id::Zero) => {
                    self.bits(2, 2);
                    self.id(left);
                }
                (left, right) => {
                    self.bits(3, 2);
                    self.id(left);
                    self.id(right);
                }
            },
        }
    }

    fn event(&mut self, event: &Event) {
        let Some(halves) = &event.halves else { return self.count(event.base) };
        let (left, right) = &**halves;
        // The tag says which halves follow: a half that is a leaf at 0 does not.
        let (short, long) = match (left.is_zero(), right.is_zero()) {
            (true, _) => ((0b000, 3), (0b01100, 5)),
            (_, true) => ((0b001, 3), (0b01101, 5)),
            _ => ((0b010, 3), (0b0111, 4)),
        };
        if event.base == 0 {
            self.bits(short.0, short.1);
        } else {
            self.bits(long.0, long.1);
            self.count(event.base);
        }
        for half in [left, right] {
            if !half.is_zero() {
                self.event(half);
            }
        }
    }

    /// A count: `k` ones, a zero and `k + 1` bits, where each `k` takes up where the one before ends.
    fn count(&mut self, count: u64) {
        let mut rest = u128::from(count);
        let mut width = 2;
        while rest >= 1 << width {
            rest -= 1 << width;
            self.bits(1, 1);
            width += 1;
        }
        self.bits(0b10, 2);
        self.bits(rest as u64, width);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bit(&mut self) -> Result<bool, IntervalTreeDecodeError> {
        let byte = self.bytes.get(self.at / 8).ok_or(IntervalTreeDecodeError::Malformed)?;
        let bit = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Ok(bit)
    }

    fn bits(&mut self, count: u32) -> Result<u64, IntervalTreeDecodeError> {
        (0..count).try_fold(0, |value, _| Ok(value << 1 | u64::from(self.bit()?)))
    }

    fn id(&mut self, levels: usize) -> Result<Id, IntervalTreeDecodeError> {
        let tag = self.bits(2)?;
        if tag == 0 {
            return Ok(if self.bit()? { Id::One } else { Id::Zero });
        }
        let below = levels.checked_sub(1).ok_or(IntervalTreeDecodeError::TooDeep)?;
        let left = if tag == 1 { Id::Zero } else { self.id(below)? };
        let right = if tag == 2 { Id::Zero } else { self.id(below)? };
        Id::decoded(left, right)
    }

    /// The event tree that follows, under nodes that add up to `above`.
    fn event(&mut self, levels: usize, above: u64) -> Result<Event, IntervalTreeDecodeError> {
        if self.bit()? {
            let base = self.count()?;
            return above.checked_add(base).map(|_| Event::leaf(base)).ok_or(IntervalTreeDecodeError::TooHigh);
        }
        let below = levels.checked_sub(1).ok_or(IntervalTreeDecodeError::TooDeep)?;
        let tag = self.bits(2)?;
        let (counted, follow) = match tag {
            0..3 => (false, tag),
            _ if self.bit()? => (true, 2),
            _ => (true, self.bits(1)?),
        };
        let base = if counted { self.tagged_count()? } else { 0 };
        let above = above.checked_add(base).ok_or(IntervalTreeDecodeError::TooHigh)?;
        let left = if follow == 0 { Event::leaf(0) } else { self.event(below, above)? };
        let right = if follow == 1 { Event::leaf(0) } else { self.event(below, above)? };
        Event::decoded(base, left, right)
    }

    fn tagged_count(&mut self) -> Result<u64, IntervalTreeDecodeError> {
        if self.bit()? { self.count() } else { Err(IntervalTreeDecodeError::Malformed) }
    }

    /// A count whose leading one has been read.
    fn count(&mut self) -> Result<u64, IntervalTreeDecodeError> {
        let mut width = 2;
        let mut count = 0u128;
        while self.bit()? {
            count += 1 << width;
            width += 1;
            if width > 64 {
                return Err(IntervalTreeDecodeError::TooHigh);
            }
        }
        count += u128::from(self.bits(width)?);
        u64::try_from(count).map_err(|_| IntervalTreeDecodeError::TooHigh)
    }
}
