//! How many events of each replica are known, without gaps, and how two such histories relate.

use alloc::vec::{self, Vec};
use core::cmp::Ordering;
use core::iter::Copied;
use core::slice;

use crate::{Dot, Interval, LimitExceeded, Limits, ReplicaId};

/// How two histories, or two versions, relate under happens-before.
///
/// ```
/// use syncline_clocks::{Causality, ReplicaId, VersionVector};
/// let a: VersionVector = [(ReplicaId::from_u128(1), 1)].into_iter().collect();
/// assert_eq!(VersionVector::new().compare(&a), Causality::Before);
/// ```
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
/// [`CausalContext`](crate::CausalContext).
///
/// It counts updates of data, and synchronising is none: two replicas that have seen the same updates are equal. To order
/// the events of processes, receipts included, take a [`VectorClock`](crate::VectorClock), which counts every event and so
/// never calls two processes equal.
///
/// A list in the order of the ids: 24 bytes a replica. `join`, `meet`, `compare` and `includes` walk both lists once;
/// where both name the same replicas nothing is searched or moved. `get` is logarithmic in the replicas. `advance` of a
/// replica that is not known yet moves those behind it, so build from many entries with `collect`.
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
pub struct VersionVector {
    // Strictly ascending ids. Never holds a zero: an absent replica and one at zero are the same history and must be
    // equal.
    lengths: Vec<(ReplicaId, u64)>,
}

impl VersionVector {
    /// The empty history.
    #[must_use]
    pub const fn new() -> Self {
        Self { lengths: Vec::new() }
    }

    /// Whether no event is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// How many replicas have a known event.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// How many events of `replica` are known: its events 1 to this number.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> u64 {
        self.place(replica).map_or(0, |place| self.lengths[place].1)
    }

    /// Whether the event is in this history.
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        dot.sequence() <= self.get(dot.replica())
    }

    /// Makes `replica`'s first `length` events known; a shorter length than the present one changes nothing.
    pub fn advance(&mut self, replica: ReplicaId, length: u64) {
        match self.place(replica) {
            Ok(place) => self.lengths[place].1 = length.max(self.lengths[place].1),
            Err(_) if length == 0 => {}
            Err(place) => self.lengths.insert(place, (replica, length)),
        }
    }

    pub(crate) fn replicas(&self) -> impl ExactSizeIterator<Item = ReplicaId> + '_ {
        self.iter().map(|(replica, _)| replica)
    }

    fn place(&self, replica: ReplicaId) -> Result<usize, usize> {
        self.lengths.binary_search_by_key(&replica, |(known, _)| *known)
    }

    /// The least history that contains both: the pointwise maximum.
    pub fn join(&mut self, other: &Self) {
        let mut at = 0;
        for (mine, theirs) in self.lengths.iter_mut().zip(&other.lengths) {
            if mine.0 != theirs.0 {
                break;
            }
            mine.1 = theirs.1.max(mine.1);
            at += 1;
        }
        let mut others = &other.lengths[at..];
        while let [(replica, length), rest @ ..] = others {
            match self.lengths.get_mut(at) {
                Some((known, mine)) if known == replica => {
                    *mine = *length.max(mine);
                    others = rest;
                }
                Some((known, _)) if *known < *replica => {}
                _ => return self.merge(at, others),
            }
            at += 1;
        }
    }

    /// The rest of a join, from the place on where the other names a replica that is new.
    fn merge(&mut self, at: usize, mut others: &[(ReplicaId, u64)]) {
        let mut joined = Vec::with_capacity(self.lengths.len() + others.len());
        let (before, mut mine) = self.lengths.split_at(at);
        joined.extend_from_slice(before);
        while let ([left, after_left @ ..], [right, after_right @ ..]) = (mine, others) {
            if left.0 == right.0 {
                joined.push((left.0, left.1.max(right.1)));
                (mine, others) = (after_left, after_right);
            } else if left.0 < right.0 {
                joined.push(*left);
                mine = after_left;
            } else {
                joined.push(*right);
                others = after_right;
            }
        }
        joined.extend_from_slice(mine);
        joined.extend_from_slice(others);
        self.lengths = joined;
    }

    /// As [`join`](Self::join), for what a peer sent.
    ///
    /// # Errors
    /// [`LimitExceeded::Replicas`], when the result would name more replicas than the limits allow; nothing is joined.
    pub fn try_join(&mut self, other: &Self, limits: &Limits) -> Result<(), LimitExceeded> {
        limits.allow_replicas(self.len(), other.replicas(), |replica| self.place(replica).is_err())?;
        self.join(other);
        Ok(())
    }

    /// The greatest history that both contain: the pointwise minimum. Over the histories of all members it is what
    /// everybody knows (causal stability).
    pub fn meet(&mut self, other: &Self) {
        let mut theirs = other.lengths.as_slice();
        self.lengths.retain_mut(|(replica, length)| {
            *length = walk_to(&mut theirs, *replica).min(*length);
            *length > 0
        });
    }

    /// The events of this history that the other lacks, as one run for each replica: what a peer with that history has
    /// to be sent. Joining them to the other makes it include this one.
    ///
    /// ```
    /// use syncline_clocks::{Interval, ReplicaId, VersionVector};
    /// let (a, b) = (ReplicaId::from_u128(1), ReplicaId::from_u128(2));
    /// let mine: VersionVector = [(a, 5), (b, 1)].into_iter().collect();
    /// let theirs: VersionVector = [(a, 3), (b, 2)].into_iter().collect();
    /// assert!(mine.missing_from(&theirs).eq([Interval { replica: a, first: 4, last: 5 }]));
    /// ```
    pub fn missing_from<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Interval> + 'a {
        let mut theirs = other.lengths.as_slice();
        self.iter().filter_map(move |(replica, last)| {
            let known = walk_to(&mut theirs, replica);
            (known < last).then(|| Interval { replica, first: known + 1, last })
        })
    }

    /// Whether every event of the other is in this history.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        matches!(self.compare(other), Causality::Equal | Causality::After)
    }

    /// How this history relates to the other.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Causality {
        // Counted, because a carry is added in one step.
        let (mut aligned, mut above, mut below) = (0, 0, 0);
        for (mine, theirs) in self.lengths.iter().zip(&other.lengths) {
            if mine.0 != theirs.0 {
                break;
            }
            above += usize::from(theirs.1 < mine.1);
            below += usize::from(mine.1 < theirs.1);
            aligned += 1;
        }
        let (mut more, mut less) = (above > 0, below > 0);
        let (mut left, mut right) = (&self.lengths[aligned..], &other.lengths[aligned..]);
        while let ([(mine, here), after_mine @ ..], [(theirs, there), after_theirs @ ..]) = (left, right)
            && !(more && less)
        {
            match mine.cmp(theirs) {
                Ordering::Less => {
                    more = true;
                    left = after_mine;
                }
                Ordering::Greater => {
                    less = true;
                    right = after_theirs;
                }
                Ordering::Equal => {
                    more |= here > there;
                    less |= here < there;
                    (left, right) = (after_mine, after_theirs);
                }
            }
        }
        match (more || !left.is_empty(), less || !right.is_empty()) {
            (false, false) => Causality::Equal,
            (false, true) => Causality::Before,
            (true, false) => Causality::After,
            (true, true) => Causality::Concurrent,
        }
    }

    /// The replicas with at least one known event and how many are known, in the order of the ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ReplicaId, u64)> + '_ {
        self.into_iter()
    }
}

/// Passes over the entries before `replica`'s and returns its length: 0 if it has none.
fn walk_to(lengths: &mut &[(ReplicaId, u64)], replica: ReplicaId) -> u64 {
    while let [(behind, _), rest @ ..] = lengths
        && *behind < replica
    {
        *lengths = rest;
    }
    lengths.first().filter(|(same, _)| *same == replica).map_or(0, |(_, length)| *length)
}

/// The order of inclusion.
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

/// In any order; the greatest length of a replica counts. n log n for n entries.
impl FromIterator<(ReplicaId, u64)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(lengths: I) -> Self {
        let mut lengths: Vec<(ReplicaId, u64)> = lengths.into_iter().filter(|(_, length)| *length > 0).collect();
        lengths.sort_unstable();
        // Of equal ids the last is the greatest: it is written over the one that stays.
        lengths.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = later.1;
            }
            same
        });
        Self { lengths }
    }
}

impl Extend<(ReplicaId, u64)> for VersionVector {
    fn extend<I: IntoIterator<Item = (ReplicaId, u64)>>(&mut self, lengths: I) {
        self.join(&lengths.into_iter().collect());
    }
}

impl<'a> IntoIterator for &'a VersionVector {
    type Item = (ReplicaId, u64);
    type IntoIter = Copied<slice::Iter<'a, (ReplicaId, u64)>>;

    fn into_iter(self) -> Self::IntoIter {
        self.lengths.iter().copied()
    }
}

impl IntoIterator for VersionVector {
    type Item = (ReplicaId, u64);
    type IntoIter = vec::IntoIter<(ReplicaId, u64)>;

    fn into_iter(self) -> Self::IntoIter {
        self.lengths.into_iter()
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::VersionVector;
    use crate::by_replica;

    /// A map from the replica to its length: in binary formats 16 bytes and a number each.
    impl Serialize for VersionVector {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.iter())
        }
    }

    impl<'de> Deserialize<'de> for VersionVector {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let lengths = by_replica::deserialize(deserializer)?;
            if lengths.iter().any(|(_, length)| *length == 0) {
                return Err(D::Error::custom("a version vector holds no zero"));
            }
            Ok(Self { lengths })
        }
    }
}
