//! Lattices without dots as subjects: states that only grow, whose deltas are parts of themselves.

use std::fmt::Debug;
use std::vec::Vec;

use quickcheck::Arbitrary;
use serde::Serialize;
use syncline_clocks::ReplicaId;

use super::{Context, Specified, Subject, Violation};
use crate::Lattice;

/// A join-semilattice, and how an operation makes it grow.
///
/// ```
/// use serde::Serialize;
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::Lattice;
/// use syncline_crdt::laws::{Grown, Growing, Laws};
///
/// /// Who has read up to which page.
/// #[derive(Clone, Default, Serialize)]
/// struct Bookmark(u8);
///
/// impl Lattice for Bookmark {
///     fn join(&mut self, other: &Self) -> bool {
///         let before = self.0;
///         self.0 = self.0.max(other.0);
///         self.0 > before
///     }
/// }
///
/// impl Growing for Bookmark {
///     type Operation = u8;
///
///     fn perform(&mut self, _writer: ReplicaId, page: &u8) -> Option<Self> {
///         let read = Bookmark(*page);
///         self.join(&read).then_some(read)
///     }
/// }
///
/// Laws::<Grown<Bookmark>>::new().assert(0..100);
/// ```
pub trait Growing: Lattice + Clone + Default + Serialize + 'static {
    /// What a user does to it.
    type Operation: Arbitrary + Debug;

    /// Performs the operation for `writer` and returns the part that changed, if one did.
    fn perform(&mut self, writer: ReplicaId, operation: &Self::Operation) -> Option<Self>;
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
        self.state.perform(self.writer, operation).unwrap_or_default()
    }

    /// An operation that changed nothing has nothing to tell.
    fn transact(&mut self, operations: &[L::Operation]) -> Vec<(L, Vec<usize>)> {
        let each = operations.iter().enumerate();
        let parts = each.map(|(index, operation)| (self.state.perform(self.writer, operation), Vec::from([index])));
        parts.filter_map(|(part, index)| Some((part?, index))).collect()
    }

    fn join(&mut self, update: &L) -> Result<(), Violation> {
        self.state.join(update);
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
