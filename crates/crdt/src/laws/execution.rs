//! An abstract execution: the operations of a trace and which of them each one saw.
//!
//! This is Burckhardt et al.'s (2014, section 3) with one refinement. They assume causal visibility: who sees an
//! operation sees all that its writer saw. Here updates arrive in any order, so a replica's view can have holes, and
//! an operation that replaces others names those that *stood* where it was made, no others. So [`Context::standing`] is
//! defined by what each operation replaced; where a view has no hole it is theirs, the maximal operations, and each
//! evaluation asserts that.

use std::vec::Vec;

use syncline_clocks::ReplicaId;

/// Which operations of an execution are visible, by index; at most [`Visible::CAPACITY`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Visible(u128);

impl Visible {
    /// How many operations an execution can have.
    pub const CAPACITY: usize = 128;

    /// Whether the operation is visible.
    #[must_use]
    pub fn contains(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    /// Whether all that the other sees is visible.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Makes an operation visible.
    pub fn insert(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// What either sees.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both see.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What only this one sees.
    #[must_use]
    pub fn subtract(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is visible.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The indices, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let next = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(next)
        })
    }
}

/// An operation as it was performed.
#[derive(Clone, Debug)]
pub struct Performed<O> {
    /// What was done.
    pub operation: O,
    /// By whom. A replica that was restored is another writer.
    pub writer: ReplicaId,
    /// What the writer had seen.
    pub seen: Visible,
    /// Of what it had seen, what this operation takes the place of.
    pub overwrites: Visible,
    /// Of that, what still stood there.
    pub replaces: Visible,
    /// This operation and the earlier ones of its writer.
    pub of_writer: Visible,
}

/// The operations of a trace, in the order in which they were performed.
#[derive(Clone, Debug)]
pub struct Execution<O> {
    performed: Vec<Performed<O>>,
}

impl<O> Default for Execution<O> {
    fn default() -> Self {
        Self { performed: Vec::new() }
    }
}

impl<O> Execution<O> {
    /// The operations, in the order in which they were performed.
    #[must_use]
    pub fn performed(&self) -> &[Performed<O>] {
        &self.performed
    }

    /// Notes an operation and returns its index.
    ///
    /// # Panics
    /// If the execution is full.
    pub fn perform(
        &mut self,
        operation: O,
        writer: ReplicaId,
        seen: Visible,
        replaces: impl Fn(&O, &O) -> bool,
    ) -> usize {
        let index = self.performed.len();
        assert!(index < Visible::CAPACITY, "an execution has at most {} operations", Visible::CAPACITY);
        let (mut overwrites, mut of_writer) = (Visible::default(), Visible::default());
        for earlier in seen.iter().filter(|earlier| replaces(&operation, &self.performed[*earlier].operation)) {
            overwrites.insert(earlier);
        }
        for (earlier, _) in self.performed.iter().enumerate().filter(|(_, earlier)| earlier.writer == writer) {
            of_writer.insert(earlier);
        }
        of_writer.insert(index);
        let replaces = overwrites.intersect(self.context(seen).standing_operations());
        self.performed.push(Performed { operation, writer, seen, overwrites, replaces, of_writer });
        index
    }

    /// Lets nobody have seen these operations: what replaced one of them has replaced what that one had replaced.
    pub(super) fn forget(&mut self, operations: Visible) {
        for index in 0..self.performed.len() {
            let forgotten = self.performed[index].replaces.intersect(operations).iter();
            let inherited = forgotten.fold(Visible::default(), |all, gone| all.union(self.performed[gone].replaces));
            let performed = &mut self.performed[index];
            performed.replaces = performed.replaces.union(inherited).subtract(operations);
            performed.seen = performed.seen.subtract(operations);
            performed.overwrites = performed.overwrites.subtract(operations);
            performed.of_writer = performed.of_writer.subtract(operations);
        }
    }

    /// The execution as a replica sees it that has seen these operations.
    #[must_use]
    pub fn context(&self, visible: Visible) -> Context<'_, O> {
        Context { execution: self, visible }
    }
}

/// What a replica sees of an execution: what the value of its object depends on, and nothing else does.
#[derive(Debug)]
pub struct Context<'a, O> {
    execution: &'a Execution<O>,
    visible: Visible,
}

impl<'a, O> Context<'a, O> {
    /// The visible operations, in some order that extends the order of sight.
    pub fn operations(&self) -> impl Iterator<Item = &'a Performed<O>> {
        self.choose(self.visible)
    }

    /// The visible operations that no visible one replaced.
    ///
    /// # Panics
    /// If they are not the maximal ones of a view without holes: the execution was not built by [`Execution::perform`].
    pub fn standing(&self) -> impl Iterator<Item = &'a Performed<O>> {
        self.choose(self.standing_operations())
    }

    /// What is visible.
    #[must_use]
    pub fn visible(&self) -> Visible {
        self.visible
    }

    /// The whole execution.
    #[must_use]
    pub fn execution(&self) -> &'a Execution<O> {
        self.execution
    }

    /// These operations and with each the earlier ones of its writer.
    #[must_use]
    pub fn close_writers(&self, some: Visible) -> Visible {
        self.choose(some).fold(some, |closed, performed| closed.union(performed.of_writer))
    }

    /// Whether all that the visible operations saw is visible.
    #[must_use]
    pub fn is_causal(&self) -> bool {
        self.operations().all(|performed| self.visible.includes(performed.seen))
    }

    pub(super) fn standing_operations(&self) -> Visible {
        let (mut replaced, mut overwritten, mut seen) = (Visible::default(), Visible::default(), Visible::default());
        for performed in self.operations() {
            replaced = replaced.union(performed.replaces);
            overwritten = overwritten.union(performed.overwrites);
            seen = seen.union(performed.seen);
        }
        let standing = self.visible.subtract(replaced);
        if self.visible.includes(seen) {
            assert_eq!(standing, self.visible.subtract(overwritten), "without holes, the maximal operations stand");
        }
        standing
    }

    fn choose(&self, some: Visible) -> impl Iterator<Item = &'a Performed<O>> + use<'a, O> {
        let performed = &self.execution.performed;
        some.iter().map(move |index| &performed[index])
    }
}
