//! The reference: a value in a register that the last writer wins, changed as an application without CRDTs would.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use syncline_clocks::{HybridClock, HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{Causal, Delta, LwwRegister, Replica};

use super::peers::{Count, Elements, Extreme, Flag, Peer, RULES_KEPT, Reset, Toggle, Written};

/// A number in a register.
pub(crate) type LwwCount = Lww<i64>;

/// A flag in a register.
pub(crate) type LwwFlag = Lww<bool>;

/// A whole set in a register.
pub(crate) type LwwElements = Lww<BTreeSet<u64>>;

/// A register that is changed by reading it and writing it back, and the clock that stamps its writes.
pub(crate) struct Lww<V: Clone + Eq> {
    register: Replica<LwwRegister<V>>,
    clock: HybridClock,
    wall: FakeWall,
}

impl<V: Clone + Default + Eq + Serialize> Lww<V> {
    fn write(&mut self, change: impl FnOnce(&mut V)) -> <Self as Peer>::Sent {
        let timestamp = self.clock.tick(self.wall.now()).expect(WALLS_AGREE);
        let mut value = self.register.get().cloned().unwrap_or_default();
        change(&mut value);
        let written = self.register.try_edit(|register| register.set(value, timestamp));
        written.expect("the clock observed the timestamps of all that was joined")
    }
}

impl<V: Clone + Default + Eq + Serialize> Peer for Lww<V> {
    type Sent = Delta<(), (HybridTimestamp, V)>;
    type State = Causal<LwwRegister<V>>;

    fn create(id: ReplicaId) -> Self {
        let clock = HybridClock::new(id, Duration::from_secs(10));
        Self { register: Replica::create(id), clock, wall: FakeWall { skew: id.as_u128() as u64, readings: 0 } }
    }

    fn join(&mut self, sent: &Self::Sent) {
        let now = self.wall.now();
        for (timestamp, _) in sent.events().iter().filter_map(|event| event.payload.as_ref()) {
            self.clock.observe(now, *timestamp).expect(WALLS_AGREE);
        }
        self.register.join(sent).expect(RULES_KEPT);
    }

    fn state(&self) -> &Self::State {
        self.register.causal()
    }
}

impl Count for LwwCount {
    fn add(&mut self, amount: i64) -> Self::Sent {
        self.write(|value| *value += amount)
    }

    fn value(&self) -> i64 {
        self.register.get().copied().unwrap_or_default()
    }
}

impl Reset for LwwCount {
    fn reset(&mut self) -> Self::Sent {
        self.write(|value| *value = 0)
    }
}

impl Elements for LwwElements {
    fn insert(&mut self, element: u64) -> Self::Sent {
        self.write(|set| {
            set.insert(element);
        })
    }

    fn elements(&self) -> BTreeSet<u64> {
        self.register.get().cloned().unwrap_or_default()
    }
}

impl Toggle for LwwElements {
    fn toggle(&mut self, element: u64) -> Self::Sent {
        self.write(|set| {
            if !set.remove(&element) {
                set.insert(element);
            }
        })
    }
}

impl<const SIGN: i64> Extreme<SIGN> for LwwCount {
    fn offer(&mut self, number: i64) -> Self::Sent {
        let is_beyond = self.register.get().is_none_or(|held| SIGN * number > SIGN * *held);
        if is_beyond { self.write(|value| *value = number) } else { Delta::default() }
    }

    fn extreme(&self) -> Option<i64> {
        self.register.get().copied()
    }
}

impl Written for LwwCount {
    fn set(&mut self, number: i64) -> Self::Sent {
        self.write(|value| *value = number)
    }

    fn read(&self) -> Vec<i64> {
        self.register.get().copied().into_iter().collect()
    }
}

impl Flag for LwwFlag {
    fn put(&mut self, enabled: bool) -> Self::Sent {
        self.write(|value| *value = enabled)
    }

    fn is_enabled(&self) -> bool {
        self.register.get().copied().unwrap_or_default()
    }
}

const WALLS_AGREE: &str = "the fake wall clocks run at one rate and never far apart";

/// A wall clock that gains a millisecond with each reading, give or take a jitter that differs between the replicas:
/// concurrent writes are not always won by the same one.
struct FakeWall {
    skew: u64,
    readings: u64,
}

impl FakeWall {
    fn now(&mut self) -> WallTime {
        const START: u64 = 1_700_000_000_000_000_000;
        self.readings += 1;
        let jitter = (37 * self.readings + 61 * self.skew) % 100;
        WallTime::from_nanos(START + 1_000_000 * self.readings + 20_000 * jitter)
    }
}
