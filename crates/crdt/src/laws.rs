//! The laws of a type that merges, for users to hold their own types against.
//!
//! A [`Trace`] is a random schedule with a shared history: edits at two to five replicas, updates that arrive late,
//! twice, out of order or never, repairs that are cut short or lost, restarts and restores from a backup. [`Laws`] plays it on a
//! [`Subject`] and holds every step against each [`Law`]; a subject that is [`Specified`] is also held against an
//! executable specification over the partial order of operations (Burckhardt, Gotsman, Yang, Zawirski, POPL 2014). A
//! trace that breaks a law is shrunk to a small one and reported as a [`Counterexample`].
//!
//! Quickcheck ([`Trace`] is `Arbitrary`), a fuzzer ([`Trace::from_bytes`]) and a sweep over seeds ([`Laws::assert`])
//! all use the one generator. For a type whose state is entries of dots, [`Editable`] says how an operation edits it;
//! for a lattice without dots, [`Growing`] does. Then a test is one line:
//!
//! ```
//! use syncline_crdt::laws::Laws;
//! use syncline_crdt::{OrSet, Replica};
//! Laws::<Replica<OrSet<u8>>>::specified().assert(0..100);
//! ```
//!
//! What is not checked: cost, limits on hostile input, and any update that no honest replica builds.

mod checker;
mod editable;
mod execution;
mod growing;
mod law;
mod reached;
pub mod specification;
mod subjects;
mod trace;
mod world;

use std::boxed::Box;
use std::fmt::Debug;
use std::string::String;
use std::vec::Vec;

use quickcheck::Arbitrary;
use syncline_clocks::ReplicaId;

pub use checker::{Counterexample, Laws};
pub use editable::Editable;
pub use execution::{Context, Execution, Performed, Visible};
pub use growing::{Growing, Grown};
pub use law::{Law, Violation};
pub use reached::{Reached, Situation};
pub use subjects::{CounterOperation, Element, SetOperation, Write, one_of_few};
pub use trace::{Step, Trace};

/// One replica of a type under test.
///
/// Required is what every type that merges has; what only some have (repairs that can be cut short, a clock, an
/// invariant) has a default. All of it must be deterministic.
pub trait Subject: Sized + 'static {
    /// What a user does to it. Draw elements from few, so that replicas change the same thing.
    type Operation: Arbitrary + Debug;
    /// What replicas tell one another.
    type Update: Clone + 'static;

    /// A replica that knows nothing, under an id that was never used.
    fn create(replica: ReplicaId) -> Self;

    /// Performs an operation and returns what it changed, for the others to join.
    fn edit(&mut self, operation: &Self::Operation) -> Self::Update;

    /// Joins what another replica sent.
    ///
    /// # Errors
    /// [`Violation::refused`], with the state unchanged: only a repair that was made for an earlier incarnation may be. Or
    /// a law of its own that the join broke.
    fn join(&mut self, update: &Self::Update) -> Result<(), Violation>;

    /// Everything it holds.
    fn state(&self) -> Self::Update;

    /// The state in canonical bytes, without the replica's own identity: equal knowledge must give equal bytes.
    fn bytes(&self) -> Vec<u8>;

    /// Several operations as one transaction: the updates, each with the indices of the operations that it conveys.
    fn transact(&mut self, operations: &[Self::Operation]) -> Vec<(Self::Update, Vec<usize>)> {
        let each = operations.iter().enumerate();
        each.map(|(index, operation)| (self.edit(operation), Vec::from([index]))).collect()
    }

    /// What the receiver lacks, cut short after `keep` parts where it can be. Only a subject with a clock
    /// ([`covers`](Self::covers)) may cut: nobody else could tell what arrived.
    fn diff(&self, _receiver: &Self, _keep: Option<usize>) -> Diff<Self::Update> {
        Diff { update: self.state(), kind: Situation::StateRepair, cut_short: false }
    }

    /// Whether its clock holds what the update conveys; `None` for a type without a clock.
    fn covers(&self, _update: &Self::Update) -> Option<bool> {
        None
    }

    /// A backup, as what it comes back by. It is old, and others hold later events of the one that it was taken from: so
    /// the replica that goes on from it gets a new id.
    fn back_up(&self) -> Backup<Self> {
        let state = self.state();
        Box::new(move |new_id| {
            let mut restored = Self::create(new_id);
            restored.join(&state)?;
            Ok(restored)
        })
    }

    /// It ends, all that it did is stored, and it comes back under its id. What it kept only in memory is gone.
    fn restart(&mut self) {}

    /// An invariant of its inner state, given the updates of all edits that were ever made anywhere.
    ///
    /// # Errors
    /// What does not hold.
    fn invariant(&self, _made: &[&Self::Update], _reached: &mut Reached) -> Result<(), String> {
        Ok(())
    }

    /// The situations that a sweep must have come into before its success means anything.
    fn situations() -> &'static [Situation] {
        Situation::OF_ANY_TYPE
    }
}

/// A type whose value is specified by the operations that a replica has seen. [`Editable`] and [`Growing`] types
/// implement it themselves; their replicas follow.
pub trait Specified {
    /// What a user does; the same as the subject's.
    type Operation;
    /// What a user reads.
    type Value: PartialEq + Debug;

    /// What a user reads here.
    fn value(&self) -> Self::Value;

    /// Whether an operation takes the place of an earlier one that its writer had seen.
    fn replaces(_later: &Self::Operation, _earlier: &Self::Operation) -> bool {
        false
    }

    /// What a user must read where these operations are visible.
    fn expected(context: &Context<'_, Self::Operation>) -> Self::Value;
}

/// What one replica sends to repair another.
#[derive(Clone, Debug)]
pub struct Diff<U> {
    /// To be joined by the receiver.
    pub update: U,
    /// Which kind of repair it is, for [`Reached`].
    pub kind: Situation,
    /// Whether something the receiver lacks was left out.
    pub cut_short: bool,
}

/// Gives the replica that goes on from a backup under a new id.
pub type Backup<T> = Box<dyn Fn(ReplicaId) -> Result<T, Violation>>;
