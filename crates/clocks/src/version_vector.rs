//! How many events of each replica are known, without gaps, and how two such histories relate.

use alloc::collections::BTreeMap;
use core::cmp::Ordering;

use crate::{Dot, ReplicaId};

/// How two histories, or two versions, relate under happens-before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Causality {
    /// The same history.
    Equal,
    /// The left one is a strict part of the right one.
    Before,
    /// The right one is a strict part of the left one.
    After,
    /// Neither contains the other.
    Concurrent,
}

/// For each replica, the length of the known prefix of its events (Parker et al., 1983).
///
/// Join is the pointwise maximum. It can not say "events 1 and 3, but not 2": that takes a
/// [`CausalContext`](crate::CausalContext). 24 bytes a replica and the map's overhead; join and compare are linear
/// in the replicas.
///
/// ```
/// use syncline_clocks::{Causality, Dot, ReplicaId, VersionVector};
/// let (a, b) = (ReplicaId::from_u128(1), ReplicaId::from_u128(2));
/// let left: VersionVector = [(a, 2), (b, 1)].into_iter().collect();
/// let right: VersionVector = [(a, 1), (b, 4)].into_iter().collect();
/// assert_eq!(left.compare(&right), Causality::Concurrent);
/// let mut joined = left.clone();
/// joined.join(&right);
/// assert_eq!(left.compare(&joined), Causality::Before);
/// assert!(joined.contains(Dot::new(b, 4).unwrap()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct VersionVector {
    // Never holds a zero: an absent replica and one at zero are the same history and must be equal.
    lengths: BTreeMap<ReplicaId, u64>,
}

impl VersionVector {
    /// The empty history.
    #[must_use]
    pub const fn new() -> Self {
        Self { lengths: BTreeMap::new() }
    }

    /// How many events of `replica` are known: its events 1 to this number.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> u64 {
        self.lengths.get(&replica).copied().unwrap_or(0)
    }

    /// Whether the event is in this history.
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        dot.sequence() <= self.get(dot.replica())
    }

    /// Makes `replica`'s first `length` events known; a shorter length than the present one changes nothing.
    pub fn advance(&mut self, replica: ReplicaId, length: u64) {
        if length > 0 {
            let known = self.lengths.entry(replica).or_default();
            *known = length.max(*known);
        }
    }

    /// The least history that contains both.
    pub fn join(&mut self, other: &Self) {
        for (replica, length) in other.iter() {
            self.advance(replica, length);
        }
    }

    /// How this history relates to the other.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Causality {
        let exceeds = |left: &Self, right: &Self| left.iter().any(|(replica, length)| length > right.get(replica));
        match (exceeds(self, other), exceeds(other, self)) {
            (false, false) => Causality::Equal,
            (false, true) => Causality::Before,
            (true, false) => Causality::After,
            (true, true) => Causality::Concurrent,
        }
    }

    /// The replicas with at least one known event and how many are known, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.lengths.iter().map(|(replica, length)| (*replica, *length))
    }
}

impl PartialOrd for VersionVector {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.compare(other) {
            Causality::Equal => Some(Ordering::Equal),
            Causality::Before => Some(Ordering::Less),
            Causality::After => Some(Ordering::Greater),
            Causality::Concurrent => None,
        }
    }
}

impl FromIterator<(ReplicaId, u64)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(lengths: I) -> Self {
        let mut vector = Self::new();
        for (replica, length) in lengths {
            vector.advance(replica, length);
        }
        vector
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for VersionVector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lengths = BTreeMap::<ReplicaId, u64>::deserialize(deserializer)?;
        if lengths.values().any(|length| *length == 0) {
            return Err(serde::de::Error::custom("a version vector holds no zero"));
        }
        Ok(Self { lengths })
    }
}
