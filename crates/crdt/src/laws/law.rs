//! The laws by name, and what a broken one looks like.

use std::fmt;
use std::string::String;

/// What must hold for every type on every trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Law {
    /// The value is what the specification says of the operations that the replica has seen.
    Specification,
    /// The clock holds the events that were delivered and nothing else.
    Clock,
    /// The subject's own invariant.
    Invariant,
    /// An update whose content is known changes nothing.
    Duplicates,
    /// Replicas that have seen the same operations hold the same bytes.
    Convergence,
    /// (a + b) + c = a + (b + c).
    Associativity,
    /// a + b = b + a.
    Commutativity,
    /// a + a = a.
    Idempotence,
    /// The deltas of what a replica has seen, in any order, make its state.
    Deltas,
    /// The state that a replica gives away is the state that it has.
    State,
    /// What `diff` returns does as much as the whole state.
    Diff,
    /// An honest update is accepted; one that is refused changes nothing.
    Acceptance,
    /// What a join says that it changed is what it changed.
    Changes,
    /// Nothing panics.
    NoPanic,
}

/// A law that a trace broke, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law.
    pub law: Law,
    /// Who holds what, and what was to be expected.
    pub detail: String,
}

impl Violation {
    /// An update was not joined, and the state is as it was.
    #[must_use]
    pub fn refused(why: String) -> Self {
        Self { law: Law::Acceptance, detail: why }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} does not hold: {}", self.law, self.detail)
    }
}
