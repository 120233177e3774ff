//! The same histories in every shape that is measured.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use crdts::VClock;
use syncline_clocks::{Causality, Dot, ReplicaId, VersionVector};

/// A list in the order of the ids: the plainest version vector.
pub(super) type Sorted = Vec<(u128, u64)>;

/// The plainest causal context.
pub(super) type Hashed = HashSet<(u128, u64)>;

/// One that can be walked in order.
pub(super) type Tree = BTreeSet<(u128, u64)>;

/// The `n`th id: spread as random ones are.
fn id(n: u64) -> u128 {
    let spread = |n: u64| u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
    spread(n + 1) << 64 | spread(n + 101)
}

/// How many events of each replica.
pub(super) struct Lengths(Sorted);

impl Lengths {
    fn of(replicas: impl Iterator<Item = u64>, length: impl Fn(u64) -> u64) -> Self {
        let mut lengths: Sorted = replicas.map(|n| (id(n), length(n))).collect();
        lengths.sort_unstable();
        Self(lengths)
    }

    /// Two of the same replicas, each ahead in half of them.
    pub(super) fn ahead_in_turn(replicas: usize) -> [Self; 2] {
        let all = 0..replicas as u64;
        [Self::of(all.clone(), |n| 1_000 + n % 2), Self::of(all, |n| 1_000 + (n + 1) % 2)]
    }

    /// Two of the same replicas, the left one ahead in all.
    pub(super) fn ahead(replicas: usize) -> [Self; 2] {
        let all = 0..replicas as u64;
        [Self::of(all.clone(), |n| 1_001 + n), Self::of(all, |n| 1_000 + n)]
    }

    /// Two that share half of their replicas.
    pub(super) fn half_shared(replicas: usize) -> [Self; 2] {
        let (count, half) = (replicas as u64, replicas as u64 / 2);
        [Self::of(0..count, |n| 1_000 + n % 2), Self::of(half..half + count, |n| 1_000 + (n + 1) % 2)]
    }

    pub(super) fn ours(&self) -> VersionVector {
        self.0.iter().map(|(replica, length)| (ReplicaId::from_u128(*replica), *length)).collect()
    }

    pub(super) fn sorted(&self) -> Sorted {
        self.0.clone()
    }

    pub(super) fn crdts(&self) -> VClock<u128> {
        self.0.iter().map(|(replica, length)| crdts::Dot::new(*replica, *length)).collect()
    }
}

/// Dots of numbered replicas.
pub(super) struct Dots(Vec<(u64, u64)>);

impl Dots {
    /// So many of 16 replicas, as many of each, without gaps, each replica's one after the other.
    pub(super) fn new(count: u64) -> Self {
        Self((0..16).flat_map(|replica| (1..=count / 16).map(move |sequence| (replica, sequence))).collect())
    }

    /// So many of one replica.
    pub(super) fn of_one(count: u64) -> Self {
        Self((1..=count).map(|sequence| (0, sequence)).collect())
    }

    /// With a gap at every `step`th number; 0 makes none.
    pub(super) fn without_every(mut self, step: u64) -> Self {
        self.0.retain(|(_, sequence)| step == 0 || sequence % step != 0);
        self
    }

    /// Without ten more of them, spread over all.
    pub(super) fn without_ten(mut self) -> Self {
        let step = self.0.len() / 10;
        let mut place = 0..;
        self.0.retain(|_| place.next().is_some_and(|place| place % step != step / 2));
        self
    }

    /// As they would arrive: the replicas in turn; every `step`th only after all others, and in an order that jumps about.
    pub(super) fn every_last(mut self, step: u64) -> Self {
        self.0.sort_unstable_by_key(|(replica, sequence)| (*sequence, *replica));
        let (late, in_time) = self.0.into_iter().partition(|(_, sequence)| step > 0 && sequence % step == 0);
        Self([in_time, Self(late).scattered().0].concat())
    }

    /// In an order that jumps about.
    pub(super) fn scattered(self) -> Self {
        let count = self.0.len() as u64;
        // A prime greater than any count here: every place comes up once.
        Self((0..count).map(|n| self.0[(n * 2_147_483_647 % count) as usize]).collect())
    }

    pub(super) fn pairs(self) -> impl Iterator<Item = (u128, u64)> {
        self.0.into_iter().map(|(replica, sequence)| (id(replica), sequence))
    }

    pub(super) fn ours(self) -> impl Iterator<Item = Dot> {
        self.pairs().filter_map(|(replica, sequence)| Dot::new(ReplicaId::from_u128(replica), sequence))
    }
}

/// Merges two sorted lists into space that is there.
pub(super) fn merge(left: &[(u128, u64)], right: &[(u128, u64)], to: &mut Sorted) {
    let (mut l, mut r) = (0, 0);
    while let (Some(mine), Some(theirs)) = (left.get(l), right.get(r)) {
        match mine.0.cmp(&theirs.0) {
            Ordering::Less => {
                to.push(*mine);
                l += 1;
            }
            Ordering::Greater => {
                to.push(*theirs);
                r += 1;
            }
            Ordering::Equal => {
                to.push((mine.0, mine.1.max(theirs.1)));
                (l, r) = (l + 1, r + 1);
            }
        }
    }
    to.extend_from_slice(&left[l..]);
    to.extend_from_slice(&right[r..]);
}

/// Compares two sorted lists in one walk.
pub(super) fn compare(left: &[(u128, u64)], right: &[(u128, u64)]) -> Causality {
    let (mut l, mut r) = (0, 0);
    let (mut more, mut less) = (false, false);
    while let (Some(mine), Some(theirs)) = (left.get(l), right.get(r)) {
        match mine.0.cmp(&theirs.0) {
            Ordering::Less => {
                more = true;
                l += 1;
            }
            Ordering::Greater => {
                less = true;
                r += 1;
            }
            Ordering::Equal => {
                more |= mine.1 > theirs.1;
                less |= mine.1 < theirs.1;
                (l, r) = (l + 1, r + 1);
            }
        }
    }
    match (more || l < left.len(), less || r < right.len()) {
        (false, false) => Causality::Equal,
        (true, false) => Causality::After,
        (false, true) => Causality::Before,
        (true, true) => Causality::Concurrent,
    }
}
