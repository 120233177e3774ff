//! Random values for quickcheck, made so that they meet: few replicas, small numbers, and now and then an extreme.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use quickcheck::{Arbitrary, Gen};

use crate::{
    CausalContext, Causality, Dot, HighWaterMark, HybridTimestamp, Interval, Limits, ReplicaId, Uncertainty,
    VersionVector, WallTime,
};

/// Mostly a number from 0 to `usual`, one time in sixteen any number.
pub(crate) fn number(g: &mut Gen, usual: u64) -> u64 {
    if u8::arbitrary(g) % 16 == 0 { u64::arbitrary(g) } else { u64::arbitrary(g) % (usual + 1) }
}

impl Arbitrary for ReplicaId {
    fn arbitrary(g: &mut Gen) -> Self {
        let any = u8::arbitrary(g) % 16 == 0;
        Self::from_u128(if any { u128::arbitrary(g) } else { u128::from(u8::arbitrary(g) % 4) })
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.as_u128().shrink().map(Self::from_u128))
    }
}

impl Arbitrary for Dot {
    fn arbitrary(g: &mut Gen) -> Self {
        let replica = ReplicaId::arbitrary(g);
        Self::new(replica, number(g, 23)).unwrap_or(Self::first(replica))
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let smaller = (self.replica(), self.sequence()).shrink();
        Box::new(smaller.filter_map(|(replica, sequence)| Self::new(replica, sequence)))
    }
}

impl Arbitrary for Causality {
    fn arbitrary(g: &mut Gen) -> Self {
        *g.choose(&[Self::Equal, Self::Before, Self::After, Self::Concurrent]).unwrap_or(&Self::Equal)
    }
}

impl Arbitrary for VersionVector {
    fn arbitrary(g: &mut Gen) -> Self {
        let replicas: Vec<ReplicaId> = Arbitrary::arbitrary(g);
        replicas.into_iter().map(|replica| (replica, number(g, 7))).collect()
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let entries: Vec<(ReplicaId, u64)> = self.iter().collect();
        Box::new(entries.shrink().map(Self::from_iter))
    }
}

impl Arbitrary for Interval {
    fn arbitrary(g: &mut Gen) -> Self {
        let first = Dot::arbitrary(g);
        Self { last: first.sequence().saturating_add(number(g, 3)), ..first.into() }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let smaller = (self.replica, self.first, self.last - self.first).shrink();
        Box::new(smaller.filter(|(_, first, _)| *first > 0).map(|(replica, first, more)| Self {
            replica,
            first,
            last: first.saturating_add(more),
        }))
    }
}

impl Arbitrary for CausalContext {
    fn arbitrary(g: &mut Gen) -> Self {
        context(Arbitrary::arbitrary(g))
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let intervals: Vec<Interval> = self.intervals().collect();
        Box::new(intervals.shrink().map(context))
    }
}

fn context(intervals: Vec<Interval>) -> CausalContext {
    let mut context = CausalContext::new();
    intervals.into_iter().for_each(|interval| context.insert_interval(interval));
    context
}

impl Arbitrary for WallTime {
    fn arbitrary(g: &mut Gen) -> Self {
        Self::from_nanos(number(g, 31))
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.as_nanos().shrink().map(Self::from_nanos))
    }
}

impl Arbitrary for Uncertainty {
    fn arbitrary(g: &mut Gen) -> Self {
        Self::around(WallTime::arbitrary(g), Duration::from_nanos(number(g, 7)))
    }
}

impl Arbitrary for HybridTimestamp {
    fn arbitrary(g: &mut Gen) -> Self {
        let [epoch, counter] = [1, 3].map(|usual| number(g, usual) as u32);
        Self { epoch, time: WallTime::arbitrary(g), counter, replica: ReplicaId::arbitrary(g) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let smaller = (self.epoch, self.time, self.counter, self.replica).shrink();
        Box::new(smaller.map(|(epoch, time, counter, replica)| Self { epoch, time, counter, replica }))
    }
}

impl Arbitrary for HighWaterMark {
    fn arbitrary(g: &mut Gen) -> Self {
        Self { epoch: number(g, 1) as u32, time: WallTime::arbitrary(g) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new((self.epoch, self.time).shrink().map(|(epoch, time)| Self { epoch, time }))
    }
}

impl Arbitrary for Limits {
    fn arbitrary(g: &mut Gen) -> Self {
        let [replicas, intervals] = [4, 7].map(|usual| number(g, usual) as usize);
        Self { replicas, intervals }
    }
}

/// Its readings are as a clock notes them: the second is less.
#[cfg(feature = "hlc")]
impl Arbitrary for crate::StepBack {
    fn arbitrary(g: &mut Gen) -> Self {
        let Uncertainty { earliest: to, latest } = Uncertainty::arbitrary(g);
        let to = to.min(WallTime::from_nanos(u64::MAX - 1));
        Self { from: latest.max(to.saturating_add(Duration::from_nanos(1))), to }
    }
}
