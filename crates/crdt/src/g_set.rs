//! A set that only grows.

use alloc::collections::BTreeSet;
use core::borrow::Borrow;
use core::fmt;

use crate::Lattice;

/// A set that only grows (Shapiro et al. 2011, specification 11): the join is the union.
///
#[doc = include_str!("../docs/both_sides/g_set.md")]
///
/// Nothing can be taken out: use [`OrSet`](crate::OrSet). Add and look-up cost the logarithm of the set, a join costs by
/// the smaller side times the logarithm of the other; an element costs its own size and about a third.
///
/// ```
/// use syncline_crdt::{GSet, Lattice};
/// let (mut here, mut there) = (GSet::default(), GSet::default());
/// let delta = here.insert("milk").expect("it is new");
/// there.insert("tea");
/// there.join(&delta);
/// assert_eq!(there.iter().collect::<Vec<_>>(), [&"milk", &"tea"]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(
    feature = "serde",
    serde(bound(serialize = "E: serde::Serialize", deserialize = "E: Ord + serde::Deserialize<'de>"))
)]
pub struct GSet<E> {
    elements: BTreeSet<E>,
}

impl<E> Default for GSet<E> {
    fn default() -> Self {
        Self { elements: BTreeSet::new() }
    }
}

impl<E> GSet<E> {
    /// The elements, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &E> + ExactSizeIterator {
        self.elements.iter()
    }

    /// How many elements are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether no element is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }
}

impl<E: Ord> GSet<E> {
    /// Whether the element is in.
    pub fn contains<Q>(&self, element: &Q) -> bool
    where
        E: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.elements.contains(element)
    }
}

impl<E: Ord + Clone> GSet<E> {
    /// Puts the element in and returns the part that changed; `None` if it was in.
    pub fn insert(&mut self, element: E) -> Option<Self> {
        self.elements.insert(element.clone()).then(|| Self { elements: BTreeSet::from([element]) })
    }
}

impl<E: Ord + Clone> Lattice for GSet<E> {
    fn join(&mut self, other: &Self) -> bool {
        let before = self.len();
        for element in &other.elements {
            if !self.elements.contains(element) {
                self.elements.insert(element.clone());
            }
        }
        self.len() > before
    }
}

impl<E: fmt::Debug> fmt::Debug for GSet<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements.fmt(f)
    }
}
