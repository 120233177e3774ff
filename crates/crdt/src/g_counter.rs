//! A counter that only grows: a running total for each writer, joined by maximum.

use core::fmt;

use smallvec::SmallVec;
use syncline_clocks::ReplicaId;

use crate::{Lattice, Overflow};

/// A counter that only grows (Shapiro et al. 2011, specification 6).
///
#[doc = include_str!("../docs/both_sides/g_counter.md")]
///
/// [`increment`](Self::increment) returns a part of the counter, which joins like the whole: late, twice or out of order,
/// each increment counts once. 24 bytes for each writer that ever incremented, for ever, the first one inline; an increment
/// costs the logarithm of the writers, a join is linear.
///
/// It can not be reset: use [`ResettableCounter`](crate::ResettableCounter). A writer's id must not be used at two
/// places at once, nor by one that was restored from a backup: both would count on from the same total, and the join
/// keeps the higher one alone. Nothing here can see that.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{GCounter, Lattice};
/// let [a, b] = [1, 2].map(ReplicaId::from_u128);
/// let (mut here, mut there) = (GCounter::default(), GCounter::default());
/// let delta = here.increment(a, 2)?;
/// there.increment(b, 3)?;
/// assert!(there.join(&delta));
/// assert!(!there.join(&delta));
/// assert_eq!(there.value(), 5);
/// # Ok::<(), syncline_crdt::Overflow>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct GCounter {
    // In the order of the ids; no total is 0, so that equal counts are equal.
    totals: SmallVec<[(ReplicaId, u64); 1]>,
}

impl GCounter {
    /// Adds `amount` for `writer` and returns the part that changed.
    ///
    /// # Errors
    /// [`Overflow`], and no change, if the writer's total would pass 2^64 - 1.
    pub fn increment(&mut self, writer: ReplicaId, amount: u64) -> Result<Self, Overflow> {
        if amount == 0 {
            return Ok(Self::default());
        }
        let total = match self.place(writer) {
            Ok(place) => {
                let total = &mut self.totals[place].1;
                *total = total.checked_add(amount).ok_or(Overflow)?;
                *total
            }
            Err(place) => {
                self.totals.insert(place, (writer, amount));
                amount
            }
        };
        Ok(Self { totals: SmallVec::from_buf([(writer, total)]) })
    }

    /// The sum of all writers' totals.
    #[must_use]
    pub fn value(&self) -> u128 {
        self.totals.iter().map(|(_, total)| u128::from(*total)).sum()
    }

    /// The total of each writer, in the order of the ids.
    pub fn totals(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.totals.iter().copied()
    }

    fn place(&self, writer: ReplicaId) -> Result<usize, usize> {
        self.totals.binary_search_by_key(&writer, |(writer, _)| *writer)
    }
}

impl Lattice for GCounter {
    /// The higher total of each writer.
    fn join(&mut self, other: &Self) -> bool {
        let mut changed = false;
        // Writers ascend in both, so each is looked for behind the one before.
        let mut from = 0;
        let mut new = SmallVec::<[(ReplicaId, u64); 1]>::new();
        for (writer, theirs) in &other.totals {
            match self.totals[from..].binary_search_by_key(writer, |(writer, _)| *writer) {
                Ok(place) => {
                    let mine = &mut self.totals[from + place].1;
                    changed |= *mine < *theirs;
                    *mine = (*mine).max(*theirs);
                    from += place;
                }
                Err(place) => {
                    new.push((*writer, *theirs));
                    from += place;
                }
            }
        }
        if !new.is_empty() {
            self.totals.extend(new);
            self.totals.sort_by_key(|(writer, _)| *writer);
            changed = true;
        }
        changed
    }
}

impl fmt::Debug for GCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.totals()).finish()
    }
}

/// A map from the writer to its total.
#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use smallvec::SmallVec;
    use syncline_clocks::ReplicaId;

    use super::GCounter;
    use crate::unique_map;

    impl Serialize for GCounter {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.totals())
        }
    }

    impl<'de> Deserialize<'de> for GCounter {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let totals: SmallVec<[(ReplicaId, u64); 1]> = unique_map::deserialize(deserializer)?;
            if totals.iter().any(|(_, total)| *total == 0) {
                return Err(D::Error::custom("a total of 0 is not written down"));
            }
            Ok(Self { totals })
        }
    }
}
