//! A set in which a concurrent add and remove of one element leave it in: the observed-remove, add-wins set.

use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;

use crate::{Edit, EntryMap, EntryRef, Store};

/// An observed-remove set (Shapiro et al. 2011, specification 15; without tombstones, Bieniusa et al. 2012).
///
#[doc = include_str!("../docs/both_sides/or_set.md")]
///
/// A remove takes out the additions that its writer had seen; so does a clear.
///
/// A path is an element; adding kills the element's earlier dots, so an element holds one dot for each concurrent
/// writer and a removed one holds nothing. Add, remove and look-up cost constant time.
///
/// It does not guarantee that a removed element stays out: an addition that the remover had not seen brings it back.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{OrSet, Replica};
/// let mut here: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(2));
/// there.join(&here.edit(|set| set.insert("tea")))?;
/// let removed = there.edit(|set| set.remove("tea"));
/// here.edit(|set| set.insert("tea"));                 // at the same time
/// here.join(&removed)?;
/// assert!(here.contains("tea"));
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(
    feature = "serde",
    serde(bound(
        serialize = "E: Hash + Eq + serde::Serialize",
        deserialize = "E: Hash + Eq + serde::Deserialize<'de>"
    ))
)]
pub struct OrSet<E: Hash + Eq> {
    elements: EntryMap<E, ()>,
}

impl<E: Hash + Eq> Default for OrSet<E> {
    fn default() -> Self {
        Self { elements: EntryMap::default() }
    }
}

impl<E: Hash + Eq> OrSet<E> {
    /// Whether the element is in.
    pub fn contains<Q>(&self, element: &Q) -> bool
    where
        E: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.elements.get(element).is_some_and(EntryRef::is_live)
    }

    /// The elements in the order of the least dot of each: by the ids of the replicas that added them, and for each replica in
    /// the order in which it did. The same wherever the set is the same. Sorts them first.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.elements.iter().filter(|(_, entry)| entry.is_live()).map(|(element, _)| element)
    }

    /// How many elements are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.elements.live()
    }

    /// Whether no element is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<E: Hash + Eq + Clone> Store for OrSet<E> {
    type Path = E;
    type Payload = ();

    fn entries(&self) -> &EntryMap<E, ()> {
        &self.elements
    }

    fn entries_mut(&mut self) -> &mut EntryMap<E, ()> {
        &mut self.elements
    }

    fn value_eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|element| other.contains(element))
    }
}

impl<E: Hash + Eq + Clone> Edit<'_, OrSet<E>> {
    /// Puts the element in. An element that is in gets a new dot, so that a concurrent removal does not take it out.
    pub fn insert(&mut self, element: E) {
        self.replace(element, ());
    }

    /// Takes the element out; an element that is not in costs no event.
    pub fn remove<Q>(&mut self, element: &Q)
    where
        E: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.erase(element);
    }

    /// Takes out every element that this replica has seen.
    pub fn clear(&mut self) {
        let held: alloc::vec::Vec<E> = self.iter().cloned().collect();
        held.iter().for_each(|element| self.remove(element));
    }
}

impl<E: Hash + Eq + fmt::Debug> fmt::Debug for OrSet<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
