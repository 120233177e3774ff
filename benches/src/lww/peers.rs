//! The types under measurement, each as a replica that changes a value and joins what others sent.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use syncline_clocks::{HybridClock, HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{
    Causal, GCounter, Lattice, LwwRegister, OrSet, PnCounter, Replica, ResettableCounter, Store, Update,
};

/// One replica of a value.
pub(crate) trait Peer: Sized {
    /// What an update returns and the others join, as it goes over the wire.
    type Sent: Serialize;
    /// Everything that the replica needs to go on.
    type State: Serialize;

    fn create(id: ReplicaId) -> Self;

    /// Joins what an update of another replica returned.
    fn join(&mut self, sent: &Self::Sent);

    fn state(&self) -> &Self::State;
}

/// A replica of a number.
pub(crate) trait Count: Peer {
    fn add(&mut self, amount: i64) -> Self::Sent;

    fn value(&self) -> i64;
}

/// A number that can be set to 0.
pub(crate) trait Reset: Count {
    fn reset(&mut self) -> Self::Sent;
}

/// A replica of a set of numbers.
pub(crate) trait Elements: Peer {
    /// Takes the element out if it is in, else puts it in.
    fn toggle(&mut self, element: u64) -> Self::Sent;

    fn elements(&self) -> BTreeSet<u64>;
}

/// Three replicas that know nothing.
pub(crate) fn three<P: Peer>() -> [P; 3] {
    [1, 2, 3].map(|id| P::create(ReplicaId::from_u128(id)))
}

const NO_OVERFLOW: &str = "totals stay far below 2^64";

/// A counter without a causal context and its writer.
pub(crate) struct Alone<C> {
    writer: ReplicaId,
    counter: C,
}

impl Peer for Alone<GCounter> {
    type Sent = GCounter;
    type State = GCounter;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, counter: GCounter::default() }
    }

    fn join(&mut self, sent: &GCounter) {
        self.counter.join(sent);
    }

    fn state(&self) -> &GCounter {
        &self.counter
    }
}

impl Count for Alone<GCounter> {
    fn add(&mut self, amount: i64) -> GCounter {
        let amount = amount.try_into().expect("a GCounter is only ever counted up");
        self.counter.increment(self.writer, amount).expect(NO_OVERFLOW)
    }

    fn value(&self) -> i64 {
        self.counter.value().try_into().expect(NO_OVERFLOW)
    }
}

impl Peer for Alone<PnCounter> {
    type Sent = PnCounter;
    type State = PnCounter;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, counter: PnCounter::default() }
    }

    fn join(&mut self, sent: &PnCounter) {
        self.counter.join(sent);
    }

    fn state(&self) -> &PnCounter {
        &self.counter
    }
}

impl Count for Alone<PnCounter> {
    fn add(&mut self, amount: i64) -> PnCounter {
        self.counter.increment(self.writer, amount).expect(NO_OVERFLOW)
    }

    fn value(&self) -> i64 {
        self.counter.value().try_into().expect(NO_OVERFLOW)
    }
}

const RULES_KEPT: &str = "three replicas with their own ids send each other what they made";

impl<S> Peer for Replica<S>
where
    S: Store<Path: Serialize, Payload: Serialize> + Serialize,
{
    type Sent = Update<S::Path, S::Payload>;
    type State = Causal<S>;

    fn create(id: ReplicaId) -> Self {
        Self::create(id)
    }

    fn join(&mut self, sent: &Self::Sent) {
        self.join(sent).expect(RULES_KEPT);
    }

    fn state(&self) -> &Causal<S> {
        self.causal()
    }
}

impl Count for Replica<ResettableCounter> {
    fn add(&mut self, amount: i64) -> Self::Sent {
        self.edit(|counter| counter.increment(amount).expect(NO_OVERFLOW)).into()
    }

    fn value(&self) -> i64 {
        ResettableCounter::value(self)
    }
}

impl Reset for Replica<ResettableCounter> {
    fn reset(&mut self) -> Self::Sent {
        self.edit(|counter| counter.reset()).into()
    }
}

impl Elements for Replica<OrSet<u64>> {
    fn toggle(&mut self, element: u64) -> Self::Sent {
        let toggled = self.edit(|set| if set.contains(&element) { set.remove(&element) } else { set.insert(element) });
        toggled.into()
    }

    fn elements(&self) -> BTreeSet<u64> {
        self.iter().copied().collect()
    }
}

/// A number in a register.
pub(crate) type LwwCount = Lww<i64>;

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
        written.expect("the clock observed the timestamps of all that was joined").into()
    }
}

impl<V: Clone + Default + Eq + Serialize> Peer for Lww<V> {
    type Sent = Update<(), (HybridTimestamp, V)>;
    type State = Causal<LwwRegister<V>>;

    fn create(id: ReplicaId) -> Self {
        let clock = HybridClock::new(id, Duration::from_secs(10));
        Self { register: Replica::create(id), clock, wall: FakeWall { skew: id.as_u128() as u64, readings: 0 } }
    }

    fn join(&mut self, sent: &Self::Sent) {
        let now = self.wall.now();
        let Update::Delta(delta) = sent else { unreachable!("peers send what an edit returned: a delta") };
        for (timestamp, _) in delta.events().iter().filter_map(|event| event.payload.as_ref()) {
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
    fn toggle(&mut self, element: u64) -> Self::Sent {
        self.write(|set| {
            if !set.remove(&element) {
                set.insert(element);
            }
        })
    }

    fn elements(&self) -> BTreeSet<u64> {
        self.register.get().cloned().unwrap_or_default()
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
