//! Sets as subjects.

use std::boxed::Box;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;

use quickcheck::{Arbitrary, Gen};
use serde::Serialize;
use serde::de::DeserializeOwned;
use syncline_clocks::ReplicaId;

use super::one_of_few;
use crate::laws::{Context, Editable, Growing, Specified, specification};
use crate::{Edit, GSet, OrSet};

/// What users do to a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetOperation<E> {
    /// Puts the element in.
    Insert(E),
    /// Takes the element out.
    Remove(E),
}

impl<E> SetOperation<E> {
    /// The element.
    pub fn element(&self) -> &E {
        match self {
            Self::Insert(element) | Self::Remove(element) => element,
        }
    }
}

impl<E: Arbitrary> Arbitrary for SetOperation<E> {
    fn arbitrary(g: &mut Gen) -> Self {
        let element = one_of_few(g);
        if u8::arbitrary(g) % 8 < 5 { Self::Insert(element) } else { Self::Remove(element) }
    }
}

impl<E> Editable for OrSet<E>
where
    E: Hash + Ord + Arbitrary + Debug + Serialize + DeserializeOwned,
{
    type Operation = SetOperation<E>;

    fn perform(edit: &mut Edit<'_, Self>, operation: &SetOperation<E>) {
        match operation {
            SetOperation::Insert(element) => edit.insert(element.clone()),
            SetOperation::Remove(element) => edit.remove(element),
        }
    }
}

impl<E: Hash + Ord + Clone + Debug> Specified for OrSet<E> {
    type Operation = SetOperation<E>;
    type Value = BTreeSet<E>;

    fn value(&self) -> BTreeSet<E> {
        self.iter().cloned().collect()
    }

    fn replaces(later: &SetOperation<E>, earlier: &SetOperation<E>) -> bool {
        later.element() == earlier.element()
    }

    fn expected(context: &Context<'_, SetOperation<E>>) -> BTreeSet<E> {
        specification::or_set(context)
    }
}

/// What users put into a set: one of few elements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element<E>(pub E);

impl<E: Arbitrary> Arbitrary for Element<E> {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(one_of_few(g))
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

impl<E> Growing for GSet<E>
where
    E: Ord + Arbitrary + Debug + Serialize,
{
    type Operation = Element<E>;

    fn perform(&mut self, _writer: ReplicaId, Element(element): &Element<E>) -> Option<Self> {
        self.insert(element.clone())
    }
}

impl<E: Ord + Clone + Debug> Specified for GSet<E> {
    type Operation = Element<E>;
    type Value = BTreeSet<E>;

    fn value(&self) -> BTreeSet<E> {
        self.iter().cloned().collect()
    }

    fn expected(context: &Context<'_, Element<E>>) -> BTreeSet<E> {
        specification::g_set(context).into_iter().map(|Element(element)| element).collect()
    }
}
