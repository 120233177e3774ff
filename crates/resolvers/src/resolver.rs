//! The question (concurrent versions), the answer (what stands, what was passed over) and the trait between them.

use alloc::vec::Vec;

use syncline_clocks::{Dot, HybridTimestamp};

/// One version of a value: who wrote it, when, and what; or its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<V> {
    /// The event that wrote it.
    pub dot: Dot,
    /// When, as hybrid clocks tell it.
    pub timestamp: HybridTimestamp,
    /// The value; `None` is a deletion.
    pub value: Option<V>,
}

/// The concurrent versions of one value: at least one, in the order of their dots, so that a resolver can not see in
/// which order they arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Siblings<V> {
    versions: Vec<Version<V>>,
}

impl<V> Siblings<V> {
    /// Brings versions into canonical order, one for each dot; `None` when there is none.
    #[must_use]
    pub fn new(mut versions: Vec<Version<V>>) -> Option<Self> {
        versions.sort_by_key(|version| version.dot);
        versions.dedup_by_key(|version| version.dot);
        (!versions.is_empty()).then_some(Self { versions })
    }

    /// The versions, in the order of their dots.
    #[must_use]
    pub fn versions(&self) -> &[Version<V>] {
        &self.versions
    }
}

/// What a resolver is asked.
#[derive(Clone, Copy, Debug)]
pub struct Conflict<'a, V> {
    /// The concurrent versions.
    pub siblings: &'a Siblings<V>,
    /// Their common ancestor, where one is known.
    pub base: Option<&'a V>,
}

/// Why a version was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Reason {
    /// The winner's timestamp is later (of equal ones, the greater dot wins).
    EarlierTimestamp,
}

/// A version that does not stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PassedOver {
    /// The version that does not stand.
    pub loser: Dot,
    /// The version that stands in its place.
    pub winner: Dot,
    /// Why.
    pub reason: Reason,
}

/// What stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<'a, V> {
    /// These versions, at least one.
    Kept(Vec<&'a Version<V>>),
}

/// A resolver's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution<'a, V> {
    /// What stands.
    pub outcome: Outcome<'a, V>,
    /// Every version that does not, each with the reason: nothing is discarded unseen.
    pub passed_over: Vec<PassedOver>,
}

/// Decides what concurrent versions of a value mean.
///
/// An implementation must be a function of its arguments alone, so that replicas with the same siblings agree.
pub trait Resolver<V> {
    /// Its name in reports and policies.
    fn name(&self) -> &'static str;

    /// What stands of these versions.
    fn resolve<'a>(&self, conflict: &Conflict<'a, V>) -> Resolution<'a, V>;
}
