//! A set in which a concurrent add and remove of one element leave it in: the observed-remove, add-wins set.

use core::borrow::Borrow;

use crate::{Edit, Entry, EntryMap, Store};

/// An observed-remove set (Shapiro et al. 2011, specification 15; without tombstones, Bieniusa et al. 2012).
///
/// | both sides at once | result |
/// |---|---|
/// | add x, add x | x is in, once |
/// | add x, remove x | x is in: a remove takes out the additions that its writer had seen |
/// | remove x, remove x | x is out |
///
/// A path is an element; adding kills the element's earlier dots, so an element holds one dot for each concurrent
/// writer and a removed one holds nothing. Add and remove cost logarithmic time in the set.
///
/// It does not guarantee that a removed element stays out: an addition that the remover had not seen brings it back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct OrSet<E: Ord> {
    elements: EntryMap<E, ()>,
}

impl<E: Ord> Default for OrSet<E> {
    fn default() -> Self {
        Self { elements: EntryMap::default() }
    }
}

impl<E: Ord> OrSet<E> {
    /// Whether the element is in.
    pub fn contains<Q>(&self, element: &Q) -> bool
    where
        E: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.elements.get(element).is_some_and(Entry::is_live)
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.elements.iter().filter(|(_, entry)| entry.is_live()).map(|(element, _)| element)
    }
}

impl<E: Ord + Clone> Store for OrSet<E> {
    type Path = E;
    type Payload = ();

    fn entries(&self) -> &EntryMap<E, ()> {
        &self.elements
    }

    fn entries_mut(&mut self) -> &mut EntryMap<E, ()> {
        &mut self.elements
    }
}

impl<E: Ord + Clone> Edit<'_, OrSet<E>> {
    /// Puts the element in. An element that is in gets a new dot, so that a concurrent removal does not take it out.
    pub fn insert(&mut self, element: E) {
        let seen = self.elements.get(&element).map(Entry::live_dots).unwrap_or_default();
        self.change(element, Some(()), seen);
    }

    /// Takes the element out; an element that is not in costs no event.
    pub fn remove<Q>(&mut self, element: &Q)
    where
        E: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let held = self.elements.get_key_value(element).map(|(held, entry)| (held.clone(), entry.live_dots()));
        if let Some((held, seen)) = held.filter(|(_, seen)| !seen.is_empty()) {
            self.change(held, None, seen);
        }
    }
}
