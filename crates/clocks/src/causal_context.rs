//! Exactly which events are known: a set of dots kept as intervals.

mod combine;
mod interval;
mod runs;

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use core::fmt;

use crate::{Dot, LimitExceeded, Limits, ReplicaId, VersionVector};
use combine::{difference, intersection, merge};
pub use interval::Interval;
use runs::Runs;

/// A set of dots: a version vector together with a cloud of dots beyond its gaps, which compacts itself (Almeida,
/// Shoker, Baquero 2018, §7.2, "causal context"; in DottedDB, Gonçalves et al. 2017, the node clock).
///
/// For each replica it keeps disjoint intervals of sequence numbers, so its size follows the *gaps*, not the events,
/// and a dot far ahead costs one interval: 16 bytes, between half and all of the allocation filled. A replica costs up to
/// 110 bytes, and 40 more if it has a gap. What it costs, with r replicas and g gaps of one replica:
///
/// | | |
/// |---|---|
/// | `contains`, `highest` | log r + log g |
/// | `insert` | as `contains`, and moves at most 4 KiB and g / 128 pointers, wherever the gap is |
/// | `union`, `subtract`, `intersect`, `includes`, `==` | a comparison of the intervals of both as memory, and a logarithm for each interval in which they differ |
/// | `union` with a few dots, `includes` of a few | as so many `insert`s and `contains` |
///
/// ```
/// use syncline_clocks::{CausalContext, Dot, ReplicaId};
/// let a = ReplicaId::from_u128(1);
/// let dot = |sequence| Dot::new(a, sequence).unwrap();
/// let mut known: CausalContext = [dot(1), dot(3)].into_iter().collect();
/// assert!(!known.contains(dot(2)));
/// assert_eq!(known.intervals().count(), 2);
/// known.insert(dot(2));
/// assert_eq!(known.intervals().count(), 1);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct CausalContext {
    // No replica without an event. Equal sets of dots therefore are equal.
    replicas: BTreeMap<ReplicaId, Runs>,
}

impl CausalContext {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { replicas: BTreeMap::new() }
    }

    /// Whether no event is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    /// How many events are known. Walks all intervals.
    #[must_use]
    pub fn len(&self) -> u128 {
        self.intervals().map(Interval::len).sum()
    }

    /// How many intervals [`intervals`](Self::intervals) gives, without walking them.
    #[must_use]
    pub fn interval_count(&self) -> usize {
        self.replicas.values().map(Runs::len).sum()
    }

    /// Whether the event is known.
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        self.replicas.get(&dot.replica()).is_some_and(|runs| runs.contains(dot.sequence()))
    }

    /// Makes the event known; false when it was known already.
    pub fn insert(&mut self, dot: Dot) -> bool {
        let runs = self.replicas.entry(dot.replica()).or_insert_with(Runs::new);
        runs.insert((dot.sequence(), dot.sequence()))
    }

    /// Makes all events of the interval known.
    ///
    /// # Panics
    /// If the interval is empty or starts at 0.
    pub fn insert_interval(&mut self, Interval { replica, first, last }: Interval) {
        assert!(1 <= first && first <= last, "an interval of events is not empty");
        self.replicas.entry(replica).or_insert_with(Runs::new).insert((first, last));
    }

    /// The events of both.
    pub fn union(&mut self, other: &Self) {
        for (replica, theirs) in &other.replicas {
            match self.replicas.entry(*replica) {
                Entry::Vacant(vacant) => {
                    vacant.insert(theirs.clone());
                }
                Entry::Occupied(mut mine) => join(mine.get_mut(), theirs),
            }
        }
    }

    /// As [`union`](Self::union), for what a peer sent. As cheap as that while the intervals of both together are
    /// within the limits; near them it makes a copy.
    ///
    /// # Errors
    /// [`LimitExceeded`], when the result would name more replicas or have more intervals than the limits allow;
    /// nothing is joined.
    pub fn try_union(&mut self, other: &Self, limits: &Limits) -> Result<(), LimitExceeded> {
        let is_new = |replica| !self.replicas.contains_key(&replica);
        limits.allow_replicas(self.replicas.len(), other.replicas.keys().copied(), is_new)?;
        if self.interval_count().saturating_add(other.interval_count()) <= limits.intervals {
            self.union(other);
            return Ok(());
        }
        let mut joined = self.clone();
        joined.union(other);
        limits.allow_intervals(joined.interval_count())?;
        *self = joined;
        Ok(())
    }

    /// The events of this set that the other lacks.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let replicas = self.replicas.iter().filter_map(|(replica, mine)| {
            let left = match other.replicas.get(replica) {
                Some(theirs) => difference(mine, theirs).collect(),
                None => mine.clone(),
            };
            (!left.is_empty()).then_some((*replica, left))
        });
        Self { replicas: replicas.collect() }
    }

    /// The events in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (few, many) = if self.replicas.len() <= other.replicas.len() { (self, other) } else { (other, self) };
        let replicas = few.replicas.iter().filter_map(|(replica, left)| {
            let both: Runs = intersection(left, many.replicas.get(replica)?).collect();
            (!both.is_empty()).then_some((*replica, both))
        });
        Self { replicas: replicas.collect() }
    }

    /// Whether every event of the other is in this set.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.replicas.iter().all(|(replica, theirs)| {
            self.replicas.get(replica).is_some_and(|mine| difference(theirs, mine).next().is_none())
        })
    }

    /// The highest known sequence number of `replica`, gaps or not; 0 when none is known.
    #[must_use]
    pub fn highest(&self, replica: ReplicaId) -> u64 {
        self.replicas.get(&replica).map_or(0, Runs::highest)
    }

    /// The known events of one replica, for many questions about it; `None` when none is known.
    ///
    /// ```
    /// use syncline_clocks::{CausalContext, Dot, ReplicaId};
    /// let a = ReplicaId::from_u128(1);
    /// let known = CausalContext::from_iter([Dot::first(a)]);
    /// assert!(known.of(a).is_some_and(|events| events.contains(1) && !events.contains(2)));
    /// assert!(known.of(ReplicaId::from_u128(2)).is_none());
    /// ```
    #[must_use]
    pub fn of(&self, replica: ReplicaId) -> Option<EventsOf<'_>> {
        self.replicas.get(&replica).map(EventsOf)
    }

    /// The part without gaps: for each replica the prefix of its events that is known whole.
    #[must_use]
    pub fn version_vector(&self) -> VersionVector {
        self.replicas.iter().map(|(replica, runs)| (*replica, runs.prefix())).collect()
    }

    /// The replicas with a known event, in the order of their ids.
    pub fn replicas(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.replicas.keys().copied()
    }

    /// The runs of known events, by replica and number: a canonical form.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> + '_ {
        self.replicas
            .iter()
            .flat_map(|(replica, runs)| runs.iter().map(|(first, last)| Interval { replica: *replica, first, last }))
    }

    /// The known events, by replica and number. A set received from outside may hold 2^64 of them: bound the walk,
    /// or subtract first.
    pub fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        self.intervals().flat_map(Interval::dots)
    }
}

/// The known events of one replica, found once by [`CausalContext::of`].
#[derive(Clone, Copy)]
pub struct EventsOf<'a>(&'a Runs);

impl EventsOf<'_> {
    /// Whether the event with this sequence number is known.
    #[must_use]
    pub fn contains(self, sequence: u64) -> bool {
        self.0.contains(sequence)
    }
}

impl fmt::Debug for EventsOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter()).finish()
    }
}

/// Adds the runs that are missing: one by one while they are few beside those that are there, else by a walk over all.
fn join(mine: &mut Runs, theirs: &Runs) {
    const FEW: usize = 16;
    let missing: Vec<_> = difference(theirs, mine).collect();
    if missing.len() <= FEW.max(mine.len() / FEW) {
        for run in missing {
            mine.insert(run);
        }
    } else {
        *mine = merge(mine, theirs).collect();
    }
}

impl From<VersionVector> for CausalContext {
    fn from(vector: VersionVector) -> Self {
        let runs = |(replica, length)| (replica, Runs::from_iter([(1, length)]));
        Self { replicas: vector.into_iter().map(runs).collect() }
    }
}

impl FromIterator<Dot> for CausalContext {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut context = Self::new();
        context.extend(dots);
        context
    }
}

impl Extend<Dot> for CausalContext {
    fn extend<I: IntoIterator<Item = Dot>>(&mut self, dots: I) {
        dots.into_iter().for_each(|dot| {
            self.insert(dot);
        });
    }
}

impl fmt::Debug for CausalContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.intervals()).finish()
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::CausalContext;
    use super::runs::{Run, Runs};
    use crate::by_replica;

    /// A map from the replica to its runs. In human-readable formats a run is its first and its last number; in binary
    /// ones the gap before it and its length, so that small numbers stay small.
    impl Serialize for CausalContext {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let relative = !serializer.is_human_readable();
            serializer.collect_map(self.replicas.iter().map(|(replica, runs)| {
                let mut end = 0;
                let pairs = runs.iter().map(|(first, last)| {
                    let pair = if relative { (first - end - 1, last - first + 1) } else { (first, last) };
                    end = last;
                    pair
                });
                (replica, pairs.collect::<Vec<(u64, u64)>>())
            }))
        }
    }

    impl<'de> Deserialize<'de> for CausalContext {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let relative = !deserializer.is_human_readable();
            let replicas = by_replica::deserialize(deserializer)?;
            let replicas = replicas.into_iter().map(|(replica, pairs): (_, Vec<(u64, u64)>)| {
                let runs = canonical(pairs, relative)
                    .ok_or_else(|| D::Error::custom("a causal context holds runs that ascend, with gaps between them"));
                Ok((replica, runs?))
            });
            Ok(Self { replicas: replicas.collect::<Result<_, _>>()? })
        }
    }

    /// The runs, if these pairs are a causal context's: at least one, and in the one form that each set has.
    fn canonical(pairs: Vec<(u64, u64)>, relative: bool) -> Option<Runs> {
        let mut runs = Runs::new();
        let mut end = 0u64;
        for pair in pairs {
            let (first, last) = if relative { absolute(pair, end)? } else { pair };
            let gap = first.checked_sub(end)?;
            if first == 0 || last < first || (gap <= 1 && end > 0) {
                return None;
            }
            runs.push((first, last));
            end = last;
        }
        (!runs.is_empty()).then_some(runs)
    }

    fn absolute((gap, length): (u64, u64), end: u64) -> Option<Run> {
        let first = end.checked_add(gap)?.checked_add(1)?;
        Some((first, first.checked_add(length.checked_sub(1)?)?))
    }
}
