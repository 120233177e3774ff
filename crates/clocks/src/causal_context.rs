//! Exactly which events are known: a set of dots kept as intervals.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::{Dot, ReplicaId, VersionVector};

/// A run of consecutive events of one replica, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// The replica whose events these are.
    pub replica: ReplicaId,
    /// The first sequence number: 1 or more.
    pub first: u64,
    /// The last sequence number, not below `first`.
    pub last: u64,
}

impl Interval {
    /// The events of the run, in order.
    pub fn dots(self) -> impl Iterator<Item = Dot> {
        (self.first..=self.last).filter_map(move |sequence| Dot::new(self.replica, sequence))
    }
}

/// A set of dots: a version vector together with a cloud of dots beyond its gaps, which compacts itself (Almeida,
/// Shoker, Baquero 2018, §7.2, "causal context"; in DottedDB, Gonçalves et al. 2017, the node clock).
///
/// For each replica it keeps disjoint intervals of sequence numbers, so its size follows the *gaps*, not the events,
/// and a dot far ahead costs one interval. `contains` is logarithmic in the replicas and in one replica's gaps;
/// `union`, `subtract` and `intersect` are linear in the intervals of both.
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
    // For each replica a non-empty list of (first, last): ascending, disjoint, never adjacent. Equal sets of dots
    // therefore have equal representations.
    replicas: BTreeMap<ReplicaId, Vec<(u64, u64)>>,
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

    /// How many events are known.
    #[must_use]
    pub fn len(&self) -> u128 {
        self.intervals().map(|run| u128::from(run.last - run.first) + 1).sum()
    }

    /// Whether the event is known.
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        self.replicas.get(&dot.replica()).is_some_and(|runs| {
            let after = runs.partition_point(|(first, _)| *first <= dot.sequence());
            after > 0 && dot.sequence() <= runs[after - 1].1
        })
    }

    /// Makes the event known; false when it was known already.
    pub fn insert(&mut self, dot: Dot) -> bool {
        let known = self.contains(dot);
        if !known {
            self.insert_run(dot.replica(), dot.sequence(), dot.sequence());
        }
        !known
    }

    /// Makes all events of the interval known.
    ///
    /// # Panics
    /// If the interval is empty or starts at 0.
    pub fn insert_interval(&mut self, interval: Interval) {
        assert!(1 <= interval.first && interval.first <= interval.last, "an interval of events is not empty");
        self.insert_run(interval.replica, interval.first, interval.last);
    }

    fn insert_run(&mut self, replica: ReplicaId, first: u64, last: u64) {
        let runs = self.replicas.entry(replica).or_default();
        // The runs that overlap or touch the new one stand side by side: they become one.
        let start = runs.partition_point(|(_, end)| end.saturating_add(1) < first);
        let end = runs.partition_point(|(begin, _)| *begin <= last.saturating_add(1));
        let merged = match runs.get(start..end) {
            Some([only]) => (only.0.min(first), only.1.max(last)),
            Some([head, .., tail]) => (head.0.min(first), tail.1.max(last)),
            _ => (first, last),
        };
        runs.splice(start..end, [merged]);
    }

    /// The events of both.
    pub fn union(&mut self, other: &Self) {
        for interval in other.intervals() {
            self.insert_run(interval.replica, interval.first, interval.last);
        }
    }

    /// The events of this set that the other lacks.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        self.combine(other, |mine, theirs| {
            let mut left = Vec::new();
            let mut skipped = 0;
            for &(first, last) in mine {
                let mut from = Some(first);
                while skipped < theirs.len() && theirs[skipped].1 < first {
                    skipped += 1;
                }
                for &(begin, end) in theirs[skipped..].iter().take_while(|run| run.0 <= last) {
                    if let Some(start) = from.filter(|start| *start < begin) {
                        left.push((start, begin - 1));
                    }
                    from = end.checked_add(1).filter(|next| *next <= last);
                }
                left.extend(from.map(|start| (start, last)));
            }
            left
        })
    }

    /// The events in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        self.combine(other, |mine, theirs| {
            let mut both = Vec::new();
            let (mut left, mut right) = (0, 0);
            while let (Some(&(a, b)), Some(&(c, d))) = (mine.get(left), theirs.get(right)) {
                if a.max(c) <= b.min(d) {
                    both.push((a.max(c), b.min(d)));
                }
                if b < d { left += 1 } else { right += 1 }
            }
            both
        })
    }

    fn combine(&self, other: &Self, runs: impl Fn(&[(u64, u64)], &[(u64, u64)]) -> Vec<(u64, u64)>) -> Self {
        let replicas = self.replicas.iter().filter_map(|(replica, mine)| {
            let theirs = other.replicas.get(replica).map_or(&[][..], Vec::as_slice);
            let combined = runs(mine, theirs);
            (!combined.is_empty()).then_some((*replica, combined))
        });
        Self { replicas: replicas.collect() }
    }

    /// Whether every event of the other is in this set.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.intervals().all(|wanted| {
            self.replicas.get(&wanted.replica).is_some_and(|runs| {
                let after = runs.partition_point(|(first, _)| *first <= wanted.first);
                after > 0 && wanted.last <= runs[after - 1].1
            })
        })
    }

    /// The highest known sequence number of `replica`, gaps or not; 0 when none is known.
    #[must_use]
    pub fn highest(&self, replica: ReplicaId) -> u64 {
        self.replicas.get(&replica).and_then(|runs| runs.last()).map_or(0, |run| run.1)
    }

    /// The part without gaps: for each replica the prefix of its events that is known whole.
    #[must_use]
    pub fn version_vector(&self) -> VersionVector {
        self.intervals().filter(|run| run.first == 1).map(|run| (run.replica, run.last)).collect()
    }

    /// The replicas with a known event, in the order of their ids.
    pub fn replicas(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.replicas.keys().copied()
    }

    /// The runs of known events, by replica and number: a canonical form.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> + '_ {
        self.replicas.iter().flat_map(|(replica, runs)| {
            runs.iter().map(|(first, last)| Interval { replica: *replica, first: *first, last: *last })
        })
    }

    /// The known events, by replica and number. A set received from outside may hold 2^64 of them: bound the walk,
    /// or subtract first.
    pub fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        self.intervals().flat_map(Interval::dots)
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
        for dot in dots {
            self.insert(dot);
        }
    }
}

impl core::fmt::Debug for CausalContext {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let runs = self.intervals().map(|run| alloc::format!("{:?}:{}..={}", run.replica, run.first, run.last));
        f.debug_set().entries(runs).finish()
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::CausalContext;
    use crate::ReplicaId;

    /// A map from the replica to its runs, each as the gap before it and its length, so that small numbers stay small.
    impl Serialize for CausalContext {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.replicas.iter().map(|(replica, runs)| {
                let mut end = 0;
                let lengths = runs.iter().map(|(first, last)| {
                    let run = (first - end - 1, last - first + 1);
                    end = *last;
                    run
                });
                (replica, lengths.collect::<Vec<(u64, u64)>>())
            }))
        }
    }

    impl<'de> Deserialize<'de> for CausalContext {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let lengths = BTreeMap::<ReplicaId, Vec<(u64, u64)>>::deserialize(deserializer)?;
            let mut replicas = BTreeMap::new();
            for (replica, lengths) in lengths {
                let runs =
                    absolute(&lengths).ok_or_else(|| D::Error::custom("a causal context holds disjoint runs"))?;
                replicas.insert(replica, runs);
            }
            Ok(Self { replicas })
        }
    }

    fn absolute(lengths: &[(u64, u64)]) -> Option<Vec<(u64, u64)>> {
        let mut runs = Vec::with_capacity(lengths.len());
        let mut end = 0u64;
        for (index, &(gap, length)) in lengths.iter().enumerate() {
            if length == 0 || (index > 0 && gap == 0) {
                return None;
            }
            let first = end.checked_add(gap)?.checked_add(1)?;
            end = first.checked_add(length - 1)?;
            runs.push((first, end));
        }
        (!runs.is_empty()).then_some(runs)
    }
}
