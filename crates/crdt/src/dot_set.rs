//! A few dots, as events and entries carry them.

use core::fmt;

use smallvec::SmallVec;
use syncline_clocks::Dot;

/// A set of a few dots, in order: what an event kills, what a join changed. One dot needs no heap; look-ups cost the
/// logarithm of the set, insertions anywhere but at its end move what stands behind.
///
/// ```
/// use syncline_clocks::{Dot, ReplicaId};
/// use syncline_crdt::DotSet;
/// let first = Dot::first(ReplicaId::from_u128(1));
/// let mut dots = DotSet::from(first);
/// assert!(dots.insert(first.next().unwrap()) && !dots.insert(first));
/// assert_eq!(dots.iter().map(Dot::sequence).collect::<Vec<_>>(), [1, 2]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DotSet {
    // Ascending, each once.
    dots: SmallVec<[Dot; 1]>,
}

impl DotSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { dots: SmallVec::new_const() }
    }

    /// How many dots these are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dots.is_empty()
    }

    /// Whether the dot is in.
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        self.dots.binary_search(&dot).is_ok()
    }

    /// The least dot.
    #[must_use]
    pub fn first(&self) -> Option<Dot> {
        self.dots.first().copied()
    }

    /// The dots, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Dot> + ExactSizeIterator + '_ {
        self.dots.iter().copied()
    }

    /// Puts a dot in; false when it was in.
    pub fn insert(&mut self, dot: Dot) -> bool {
        // Mostly dots come in order.
        if self.dots.last().is_none_or(|last| *last < dot) {
            self.dots.push(dot);
            return true;
        }
        let place = self.dots.binary_search(&dot);
        if let Err(place) = place {
            self.dots.insert(place, dot);
        }
        place.is_err()
    }

    /// Takes a dot out; false when it was not in.
    pub fn remove(&mut self, dot: Dot) -> bool {
        let place = self.dots.binary_search(&dot);
        if let Ok(place) = place {
            self.dots.remove(place);
        }
        place.is_ok()
    }

    /// Keeps the dots for which this holds.
    pub fn retain(&mut self, holds: impl Fn(Dot) -> bool) {
        self.dots.retain(|dot| holds(*dot));
    }
}

impl From<Dot> for DotSet {
    fn from(dot: Dot) -> Self {
        Self { dots: SmallVec::from_buf([dot]) }
    }
}

impl FromIterator<Dot> for DotSet {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut set = Self::new();
        set.extend(dots);
        set
    }
}

impl Extend<Dot> for DotSet {
    /// Costs a sort, whatever the order of the dots.
    fn extend<I: IntoIterator<Item = Dot>>(&mut self, dots: I) {
        self.dots.extend(dots);
        if !self.dots.is_sorted_by(|left, right| left < right) {
            self.dots.sort_unstable();
            self.dots.dedup();
        }
    }
}

impl<'a> IntoIterator for &'a DotSet {
    type Item = Dot;
    type IntoIter = core::iter::Copied<core::slice::Iter<'a, Dot>>;

    fn into_iter(self) -> Self::IntoIter {
        self.dots.iter().copied()
    }
}

impl fmt::Debug for DotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for DotSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DotSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dots = alloc::vec::Vec::<Dot>::deserialize(deserializer)?;
        if !dots.is_sorted_by(|left, right| left < right) {
            return Err(serde::de::Error::custom("a set of dots stands in order, each dot once"));
        }
        Ok(Self { dots: SmallVec::from_vec(dots) })
    }
}
