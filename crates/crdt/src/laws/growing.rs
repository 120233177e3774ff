//! Lattices without dots as subjects: states that only grow, whose deltas are parts of themselves.

use std::fmt::Debug;
use std::vec::Vec;

use quickcheck::Arbitrary;
use serde::Serialize;
use syncline_clocks::ReplicaId;

use super::{Context, Refused, Specified, Subject};

/// A join-semilattice, and how an operation makes it grow.
pub trait Growing: Clone + Default + Serialize {
    /// What a user does to it.
    type Operation: Arbitrary + Debug;

    /// Performs the operation for `writer` and returns the part that changed.
    fn perform(&mut self, writer: ReplicaId, operation: &Self::Operation) -> Self;

    /// The least upper bound.
    fn grow(&mut self, other: &Self);
}

/// One replica of a lattice: the state and who writes to it.
#[derive(Clone, Debug)]
pub struct Grown<L> {
    writer: ReplicaId,
    state: L,
}

impl<L: Growing> Subject for Grown<L> {
    type Operation = L::Operation;
    type Update = L;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, state: L::default() }
    }

    fn edit(&mut self, operation: &L::Operation) -> L {
        self.state.perform(self.writer, operation)
    }

    fn join(&mut self, update: &L) -> Result<(), Refused> {
        self.state.grow(update);
        Ok(())
    }

    fn state(&self) -> L {
        self.state.clone()
    }

    fn bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(&self.state).expect("a state in memory has bytes")
    }
}

impl<L: Specified> Specified for Grown<L> {
    type Operation = L::Operation;
    type Value = L::Value;

    fn value(&self) -> L::Value {
        self.state.value()
    }

    fn replaces(later: &L::Operation, earlier: &L::Operation) -> bool {
        L::replaces(later, earlier)
    }

    fn expected(context: &Context<'_, L::Operation>) -> L::Value {
        L::expected(context)
    }
}
