//! How often a sweep came into the situations that it is there for: success on traces that meet none of them is worth
//! nothing.

use std::fmt;
use std::vec::Vec;

/// A situation in which types that merge go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Situation {
    /// An edit at a replica that had not seen all earlier ones.
    Concurrent,
    /// A replica that has seen an operation, but not all that the operation's writer had seen.
    Hole,
    /// An update whose content was known.
    Duplicate,
    /// A transaction of several operations.
    Transaction,
    /// A kill whose victim has not arrived.
    KeptKill,
    /// A repair by events.
    DeltaRepair,
    /// A repair by whole entries of some paths.
    EntriesRepair,
    /// A repair by everything.
    StateRepair,
    /// A repair of which a part was left out.
    CutShort,
    /// A repair that arrived after others that were made later, or again.
    LateRepair,
    /// A replica that ended and came back with all that it had done.
    Restart,
    /// A replica that came back from a backup which lacked something it had had.
    Restore,
}

impl Situation {
    /// What the traces bring about for any type.
    pub const OF_ANY_TYPE: &'static [Self] =
        &[Self::Concurrent, Self::Hole, Self::Duplicate, Self::Transaction, Self::LateRepair, Self::Restore];

    const ALL: [Self; 12] = [
        Self::Concurrent,
        Self::Hole,
        Self::Duplicate,
        Self::Transaction,
        Self::KeptKill,
        Self::DeltaRepair,
        Self::EntriesRepair,
        Self::StateRepair,
        Self::CutShort,
        Self::LateRepair,
        Self::Restart,
        Self::Restore,
    ];

    /// All of them: for a type with dots.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &Self::ALL
    }
}

/// How often each situation was reached.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached([u64; Situation::ALL.len()]);

impl Reached {
    /// How often this one.
    #[must_use]
    pub fn times(&self, situation: Situation) -> u64 {
        self.0[situation as usize]
    }

    /// Counts one.
    pub fn count(&mut self, situation: Situation) {
        self.0[situation as usize] += 1;
    }

    /// Counts one if it is so.
    pub fn count_if(&mut self, situation: Situation, is_so: bool) {
        self.0[situation as usize] += u64::from(is_so);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, more)| *mine += more);
    }

    /// So many traces must have come into each of these situations once in twenty traces; fewer than a hundred traces
    /// need not.
    ///
    /// # Panics
    /// If they did not: that they passed means little.
    pub fn assert_all(&self, situations: &[Situation], traces: u64) {
        let missed: Vec<_> = situations.iter().filter(|situation| self.times(**situation) < traces / 20).collect();
        assert!(traces < 100 || missed.is_empty(), "{missed:?} hardly came up in {traces} traces: {self:?}");
    }
}

impl fmt::Debug for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Situation::ALL.iter().zip(self.0)).finish()
    }
}
