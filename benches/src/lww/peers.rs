//! The types under measurement, each as a replica that changes a value and joins what others sent.

use std::collections::BTreeSet;

use serde::Serialize;
use syncline_clocks::ReplicaId;
use syncline_crdt::{
    Causal, Delta, EnableWinsFlag, GCounter, GSet, Lattice, MaxRegister, MinRegister, MvRegister, OrSet, PnCounter,
    Replica, ResettableCounter, Store,
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
    fn insert(&mut self, element: u64) -> Self::Sent;

    fn elements(&self) -> BTreeSet<u64>;
}

/// A set out of which elements can be taken.
pub(crate) trait Toggle: Elements {
    /// Takes the element out if it is in, else puts it in.
    fn toggle(&mut self, element: u64) -> Self::Sent;
}

/// A replica of the extreme of numbers: the greatest for a `SIGN` of 1, the least for -1.
pub(crate) trait Extreme<const SIGN: i64>: Peer {
    /// Takes a number in if it is beyond what is held.
    fn offer(&mut self, number: i64) -> Self::Sent;

    fn extreme(&self) -> Option<i64>;
}

/// A replica of a number that is written without looking.
pub(crate) trait Written: Peer {
    fn set(&mut self, number: i64) -> Self::Sent;

    /// What is read: more than one number where writes were concurrent, if the type tells.
    fn read(&self) -> Vec<i64>;
}

/// A replica of a flag.
pub(crate) trait Flag: Peer {
    fn put(&mut self, enabled: bool) -> Self::Sent;

    fn is_enabled(&self) -> bool;
}

/// Three replicas that know nothing.
pub(crate) fn three<P: Peer>() -> [P; 3] {
    [1, 2, 3].map(|id| P::create(ReplicaId::from_u128(id)))
}

const NO_OVERFLOW: &str = "totals stay far below 2^64";

/// A value without a causal context and its writer.
pub(crate) struct Alone<C> {
    writer: ReplicaId,
    value: C,
}

impl<C: Lattice + Default + Serialize> Peer for Alone<C> {
    type Sent = C;
    type State = C;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, value: C::default() }
    }

    fn join(&mut self, sent: &C) {
        self.value.join(sent);
    }

    fn state(&self) -> &C {
        &self.value
    }
}

impl Count for Alone<GCounter> {
    fn add(&mut self, amount: i64) -> GCounter {
        let amount = amount.try_into().expect("a GCounter is only ever counted up");
        self.value.increment(self.writer, amount).expect(NO_OVERFLOW)
    }

    fn value(&self) -> i64 {
        self.value.value().try_into().expect(NO_OVERFLOW)
    }
}

impl Count for Alone<PnCounter> {
    fn add(&mut self, amount: i64) -> PnCounter {
        self.value.increment(self.writer, amount).expect(NO_OVERFLOW)
    }

    fn value(&self) -> i64 {
        self.value.value().try_into().expect(NO_OVERFLOW)
    }
}

pub(super) const RULES_KEPT: &str = "three replicas with their own ids send each other what they made";

impl<S> Peer for Replica<S>
where
    S: Store<Path: Serialize, Payload: Serialize> + Serialize,
{
    type Sent = Delta<S::Path, S::Payload>;
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
        self.edit(|counter| counter.increment(amount).expect(NO_OVERFLOW))
    }

    fn value(&self) -> i64 {
        ResettableCounter::value(self)
    }
}

impl Reset for Replica<ResettableCounter> {
    fn reset(&mut self) -> Self::Sent {
        self.edit(|counter| counter.reset())
    }
}

impl Elements for Alone<GSet<u64>> {
    fn insert(&mut self, element: u64) -> GSet<u64> {
        self.value.insert(element).unwrap_or_default()
    }

    fn elements(&self) -> BTreeSet<u64> {
        self.value.iter().copied().collect()
    }
}

impl Elements for Replica<OrSet<u64>> {
    fn insert(&mut self, element: u64) -> Self::Sent {
        self.edit(|set| set.insert(element))
    }

    fn elements(&self) -> BTreeSet<u64> {
        self.iter().copied().collect()
    }
}

impl Toggle for Replica<OrSet<u64>> {
    fn toggle(&mut self, element: u64) -> Self::Sent {
        self.edit(|set| if set.contains(&element) { set.remove(&element) } else { set.insert(element) })
    }
}

impl Extreme<1> for Alone<MaxRegister<i64>> {
    fn offer(&mut self, number: i64) -> MaxRegister<i64> {
        self.value.set(number).unwrap_or_default()
    }

    fn extreme(&self) -> Option<i64> {
        self.value.get().copied()
    }
}

impl Extreme<-1> for Alone<MinRegister<i64>> {
    fn offer(&mut self, number: i64) -> MinRegister<i64> {
        self.value.set(number).unwrap_or_default()
    }

    fn extreme(&self) -> Option<i64> {
        self.value.get().copied()
    }
}

impl Written for Replica<MvRegister<i64>> {
    fn set(&mut self, number: i64) -> Self::Sent {
        self.edit(|register| register.set(number))
    }

    fn read(&self) -> Vec<i64> {
        self.values().copied().collect()
    }
}

impl Flag for Replica<EnableWinsFlag> {
    fn put(&mut self, enabled: bool) -> Self::Sent {
        self.edit(|flag| if enabled { flag.enable() } else { flag.disable() })
    }

    fn is_enabled(&self) -> bool {
        EnableWinsFlag::is_enabled(self)
    }
}
