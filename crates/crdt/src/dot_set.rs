//! A few dots, as events and entries carry them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{fmt, iter, slice};

use syncline_clocks::Dot;

/// A set of a few dots, in order: what an event kills, what a join changed. One dot needs no heap; look-ups cost the
/// logarithm of the set.
///
/// ```
/// use syncline_clocks::{Dot, ReplicaId};
/// use syncline_crdt::DotSet;
/// let first = Dot::first(ReplicaId::from_u128(1));
/// let mut dots = DotSet::from(first);
/// assert!(dots.insert(first.next().unwrap()) && !dots.insert(first));
/// assert_eq!(dots.iter().map(Dot::sequence).collect::<Vec<_>>(), [1, 2]);
/// ```
#[derive(PartialEq, Eq, Hash)]
pub struct DotSet(Dots);

/// 24 bytes, as a dot.
#[derive(PartialEq, Eq, Hash)]
enum Dots {
    One(Dot),
    /// None, which needs no heap, or at least two, ascending.
    Others(Box<[Dot]>),
}

impl DotSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self(Dots::Others(Box::default()))
    }

    /// Of dots that ascend.
    fn of(ascending: Vec<Dot>) -> Self {
        match ascending[..] {
            [one] => Self::from(one),
            _ => Self(Dots::Others(ascending.into_boxed_slice())),
        }
    }

    /// The dots, in order.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[Dot] {
        match &self.0 {
            Dots::One(dot) => slice::from_ref(dot),
            Dots::Others(dots) => dots,
        }
    }

    /// How many dots these are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Whether the dot is in.
    #[must_use]
    #[inline]
    pub fn contains(&self, dot: Dot) -> bool {
        match self.as_slice() {
            [] => false,
            dots => dots.binary_search(&dot).is_ok(),
        }
    }

    /// The least dot.
    #[must_use]
    pub fn first(&self) -> Option<Dot> {
        self.as_slice().first().copied()
    }

    /// The dots, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Dot> + ExactSizeIterator + '_ {
        self.as_slice().iter().copied()
    }

    /// Puts a dot in; false when it was in. Linear.
    pub fn insert(&mut self, dot: Dot) -> bool {
        if self.is_empty() {
            *self = Self::from(dot);
            return true;
        }
        let place = self.as_slice().binary_search(&dot);
        if let Err(place) = place {
            let mut dots = self.as_slice().to_vec();
            dots.insert(place, dot);
            *self = Self::of(dots);
        }
        place.is_err()
    }

    /// Takes a dot out; false when it was not in. Linear.
    pub fn remove(&mut self, dot: Dot) -> bool {
        let was_in = self.contains(dot);
        self.retain(|held| held != dot);
        was_in
    }

    /// Keeps the dots for which this holds.
    pub fn retain(&mut self, holds: impl Fn(Dot) -> bool) {
        if !self.iter().all(&holds) {
            *self = Self::of(self.iter().filter(|dot| holds(*dot)).collect());
        }
    }
}

impl Default for DotSet {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for DotSet {
    #[inline]
    fn clone(&self) -> Self {
        match &self.0 {
            Dots::One(dot) => Self::from(*dot),
            Dots::Others(dots) if dots.is_empty() => Self::new(),
            Dots::Others(dots) => Self(Dots::Others(dots.clone())),
        }
    }
}

impl From<Dot> for DotSet {
    #[inline]
    fn from(dot: Dot) -> Self {
        Self(Dots::One(dot))
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
    /// Costs a sort, if the dots are not in order.
    fn extend<I: IntoIterator<Item = Dot>>(&mut self, dots: I) {
        let mut dots = dots.into_iter();
        let Some(first) = dots.next() else { return };
        let Some(second) = dots.next() else {
            self.insert(first);
            return;
        };
        let mut all = self.as_slice().to_vec();
        all.extend([first, second]);
        all.extend(dots);
        if !all.is_sorted_by(|left, right| left < right) {
            all.sort_unstable();
            all.dedup();
        }
        *self = Self::of(all);
    }
}

impl<'a> IntoIterator for &'a DotSet {
    type Item = Dot;
    type IntoIter = iter::Copied<slice::Iter<'a, Dot>>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter().copied()
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
        let dots = Vec::<Dot>::deserialize(deserializer)?;
        if !dots.is_sorted_by(|left, right| left < right) {
            return Err(serde::de::Error::custom("a set of dots stands in order, each dot once"));
        }
        Ok(Self::of(dots))
    }
}

#[cfg(test)]
mod tests {
    use syncline_clocks::Dot;

    use super::DotSet;

    #[test]
    fn a_set_is_no_larger_than_a_dot() {
        assert_eq!(size_of::<DotSet>(), size_of::<Dot>());
    }
}
