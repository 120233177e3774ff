//! Counters for use alone: running totals for each writer, joined by maximum, without a causal context.

use alloc::collections::BTreeMap;

use syncline_clocks::ReplicaId;

/// A counter that only grows (Shapiro et al. 2011, specification 6). A part of it (what [`increment`](Self::increment)
/// returns) joins like the whole, as in delta-state CRDTs.
///
/// Concurrent increments all count; a delta joined late or twice counts once. 24 bytes for each writer that ever
/// incremented, for ever. It can not be reset: use [`ResettableCounter`](crate::ResettableCounter). A writer's id must
/// not be used at two places at once.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::GCounter;
/// let mut here = GCounter::default();
/// let mut there = GCounter::default();
/// let delta = here.increment(ReplicaId::from_u128(1), 2).expect("far from the limit");
/// there.increment(ReplicaId::from_u128(2), 3);
/// there.join(&delta);
/// there.join(&delta);
/// assert_eq!(there.value(), 5);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct GCounter {
    totals: BTreeMap<ReplicaId, u64>,
}

impl GCounter {
    /// Adds `amount` for `writer` and returns the part that changed; `None`, and no change, if the writer's total
    /// would pass 2^64 - 1.
    pub fn increment(&mut self, writer: ReplicaId, amount: u64) -> Option<Self> {
        // A total of 0 and none at all are the same state and must be equal.
        if amount == 0 {
            return Some(Self::default());
        }
        let total = self.totals.entry(writer).or_default();
        *total = total.checked_add(amount)?;
        Some(Self { totals: BTreeMap::from([(writer, *total)]) })
    }

    /// The sum of all writers' totals.
    #[must_use]
    pub fn value(&self) -> u128 {
        self.totals.values().map(|total| u128::from(*total)).sum()
    }

    /// The least upper bound: the higher total of each writer.
    pub fn join(&mut self, other: &Self) {
        for (writer, total) in &other.totals {
            let mine = self.totals.entry(*writer).or_default();
            *mine = (*mine).max(*total);
        }
    }
}

/// A counter that goes up and down (Shapiro et al. 2011, specification 7): two [`GCounter`]s.
///
/// Concurrent changes all count. 48 bytes for each writer. It can not be reset and knows no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PnCounter {
    added: GCounter,
    taken: GCounter,
}

impl PnCounter {
    /// Adds `amount`, which may be negative, and returns the part that changed; `None`, and no change, if the
    /// writer's total would pass 2^64 - 1.
    pub fn increment(&mut self, writer: ReplicaId, amount: i64) -> Option<Self> {
        if amount < 0 {
            Some(Self { taken: self.taken.increment(writer, amount.unsigned_abs())?, ..Self::default() })
        } else {
            Some(Self { added: self.added.increment(writer, amount.unsigned_abs())?, ..Self::default() })
        }
    }

    /// The increments less the decrements.
    #[must_use]
    pub fn value(&self) -> i128 {
        self.added.value().cast_signed() - self.taken.value().cast_signed()
    }

    /// The least upper bound.
    pub fn join(&mut self, other: &Self) {
        self.added.join(&other.added);
        self.taken.join(&other.taken);
    }
}
