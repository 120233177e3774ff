//! Pruning by age, as in Dynamo (DeCandia et al. 2007, *Dynamo: Amazon's Highly Available Key-value Store*, §4.4).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::{Causality, ReplicaId, VersionVector, WallTime};

/// One entry of a [`TruncatingVersionVector`], as it was when it was dropped.
///
/// ```
/// use syncline_clocks::{ReplicaId, Truncated, TruncatingVersionVector, WallTime};
/// let mut vector = TruncatingVersionVector::new();
/// let (replica, updated) = (ReplicaId::from_u128(1), WallTime::from_nanos(5));
/// vector.advance(replica, 3, updated);
/// assert_eq!(vector.truncate(0), [Truncated { updated, replica, length: 3 }]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Truncated {
    /// When the entry last grew.
    pub updated: WallTime,
    /// Whose events it counted.
    pub replica: ReplicaId,
    /// How many.
    pub length: u64,
}

/// A version vector whose entries remember when they last grew, so that the oldest can be dropped when there are too
/// many.
///
/// **It is unsafe, and that is what it costs.** Dropping an entry forgets events, so every answer that rests on them
/// may be wrong:
/// - *False concurrency*: a version that descends from another looks concurrent with it, because the ancestor still has
///   the entry. A user sees siblings that are none. Dynamo's authors name this one, and say that production had not
///   shown it.
/// - *False order*: a version that is concurrent with another looks like its ancestor, because what set it apart was in
///   the dropped entry. **The write is lost.** It takes a vector that is cut down to entries which the other has too.
///
/// [`dropped`](Self::dropped) counts how many entries this vector has lost, directly or through joins: at 0, on both
/// sides of a comparison, its answer is exact. Wrong answers are not detected, only their possibility. Where members
/// leave one by one and are known to, [`Retirements`](crate::Retirements) cost a little more and are never wrong.
///
/// 40 bytes a replica and the map's overhead.
///
/// ```
/// use syncline_clocks::{Causality, ReplicaId, TruncatingVersionVector, WallTime};
/// let replica = ReplicaId::from_u128;
/// let mut ancestor = TruncatingVersionVector::new();
/// for number in 1..=10 {
///     ancestor.advance(replica(number), 1, WallTime::from_nanos(number as u64));
/// }
/// let mut descendant = ancestor.clone();
/// descendant.advance(replica(11), 1, WallTime::from_nanos(11));
/// assert_eq!(ancestor.compare(&descendant), Causality::Before);
///
/// let dropped = descendant.truncate(10);      // Dynamo's threshold
/// assert_eq!(dropped[0].replica, replica(1)); // the oldest goes
/// assert_eq!(descendant.dropped(), 1);
/// assert_eq!(ancestor.compare(&descendant), Causality::Concurrent); // wrong!
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TruncatingVersionVector {
    // Never holds a length of 0.
    entries: BTreeMap<ReplicaId, (u64, WallTime)>,
    dropped: u64,
}

impl TruncatingVersionVector {
    /// The empty history.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: BTreeMap::new(), dropped: 0 }
    }

    /// How many events of `replica` are known; 0 also when its entry was dropped.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> u64 {
        self.entries.get(&replica).map_or(0, |entry| entry.0)
    }

    /// Makes `replica`'s first `length` events known, as of `now`; a shorter length than the present one changes
    /// nothing. A repetition of the present one is no update, and keeps its time.
    pub fn advance(&mut self, replica: ReplicaId, length: u64, now: WallTime) {
        if length > self.get(replica) {
            self.entries.insert(replica, (length, now));
        }
    }

    /// The events of both: of each replica's entries the longer, of equal ones the younger. What was dropped on one
    /// side comes back if the other still has it; `dropped` becomes the higher count.
    pub fn join(&mut self, other: &Self) {
        for (replica, theirs) in &other.entries {
            let mine = self.entries.entry(*replica).or_insert(*theirs);
            *mine = (*mine).max(*theirs);
        }
        self.dropped = self.dropped.max(other.dropped);
    }

    /// How the events that are left on both sides relate: see the type for how this is wrong after a truncation.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Causality {
        self.version_vector().compare(&other.version_vector())
    }

    /// Drops the entries that grew longest ago until `threshold` are left, and returns them from the oldest on:
    /// nothing is dropped unseen. Of equally old ones the lower id goes first, so replicas that drop from equal
    /// vectors drop alike.
    ///
    /// Dynamo does this at each update, with a threshold of 10.
    pub fn truncate(&mut self, threshold: usize) -> Vec<Truncated> {
        let excess = self.entries.len().saturating_sub(threshold);
        let entries = self.entries.iter();
        let aged = entries.map(|(replica, &(length, updated))| Truncated { updated, replica: *replica, length });
        let mut oldest: Vec<Truncated> = if excess > 0 { aged.collect() } else { Vec::new() };
        oldest.sort_unstable();
        oldest.truncate(excess);
        for entry in &oldest {
            self.entries.remove(&entry.replica);
        }
        self.dropped = self.dropped.saturating_add(excess as u64);
        oldest
    }

    /// How many entries this vector has lost, or another that it joined, whichever is more.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no event is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The lengths that are left, without their times.
    #[must_use]
    pub fn version_vector(&self) -> VersionVector {
        self.entries.iter().map(|(replica, entry)| (*replica, entry.0)).collect()
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for TruncatingVersionVector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename = "TruncatingVersionVector")]
        struct Fields {
            #[serde(deserialize_with = "crate::by_replica::deserialize")]
            entries: Vec<(ReplicaId, (u64, WallTime))>,
            dropped: u64,
        }
        let Fields { entries, dropped } = Fields::deserialize(deserializer)?;
        if entries.iter().any(|(_, entry)| entry.0 == 0) {
            return Err(serde::de::Error::custom("a version vector holds no zero"));
        }
        Ok(Self { entries: entries.into_iter().collect(), dropped })
    }
}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for Truncated {
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        let [updated, replica, length] = [(); 3].map(|()| u64::from(u8::arbitrary(g)));
        Self { updated: WallTime::from_nanos(updated), replica: ReplicaId::from_u128(u128::from(replica)), length }
    }
}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for TruncatingVersionVector {
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        let mut vector = Self::new();
        for (replica, length, now) in Vec::<(u8, u8, u8)>::arbitrary(g) {
            let replica = ReplicaId::from_u128(u128::from(replica % 6));
            vector.advance(replica, length.into(), WallTime::from_nanos(now.into()));
        }
        vector.truncate(usize::from(u8::arbitrary(g) % 8));
        vector
    }
}
