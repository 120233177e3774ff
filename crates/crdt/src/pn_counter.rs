//! A counter that goes up and down: what was ever added, and what was ever taken away.

use core::fmt;

use syncline_clocks::ReplicaId;

use crate::{GCounter, Lattice, Overflow};

/// A counter that goes up and down (Shapiro et al. 2011, specification 7): two [`GCounter`]s.
///
#[doc = include_str!("../docs/both_sides/pn_counter.md")]
///
/// It costs what they cost, and has their limits: no reset, a writer's id at one place alone. It knows no bound: two sides
/// that each leave a stock at 0 can leave it below 0 together.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{Lattice, PnCounter};
/// let [a, b] = [1, 2].map(ReplicaId::from_u128);
/// let (mut here, mut there) = (PnCounter::default(), PnCounter::default());
/// let delta = here.increment(a, -5)?;
/// there.increment(b, 3)?;
/// there.join(&delta);
/// assert_eq!(there.value(), -2);
/// # Ok::<(), syncline_crdt::Overflow>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PnCounter {
    added: GCounter,
    taken: GCounter,
}

impl PnCounter {
    /// Adds `amount`, which may be negative, and returns the part that changed.
    ///
    /// # Errors
    /// [`Overflow`], and no change, if what the writer ever added, or took away, would pass 2^64 - 1.
    pub fn increment(&mut self, writer: ReplicaId, amount: i64) -> Result<Self, Overflow> {
        if amount < 0 {
            Ok(Self { taken: self.taken.increment(writer, amount.unsigned_abs())?, ..Self::default() })
        } else {
            Ok(Self { added: self.added.increment(writer, amount.unsigned_abs())?, ..Self::default() })
        }
    }

    /// The increments less the decrements.
    #[must_use]
    pub fn value(&self) -> i128 {
        self.added.value().cast_signed() - self.taken.value().cast_signed()
    }
}

impl Lattice for PnCounter {
    fn join(&mut self, other: &Self) -> bool {
        // Both, whatever the first says.
        self.added.join(&other.added) | self.taken.join(&other.taken)
    }
}

impl fmt::Debug for PnCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PnCounter").field("added", &self.added).field("taken", &self.taken).finish()
    }
}
