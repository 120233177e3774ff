//! This crate's types as subjects: what users do to them, and what they must read.

use std::boxed::Box;
use std::collections::BTreeSet;
use std::fmt::Debug;

use quickcheck::{Arbitrary, Gen};
use serde::Serialize;
use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};

use super::{Context, Editable, Growing, Specified, specification};
use crate::{Edit, GCounter, LwwRegister, OrSet, PnCounter, ResettableCounter};

/// One of four values of any type, so that replicas meet in what they change.
pub fn one_of_few<E: Arbitrary>(g: &mut Gen) -> E {
    let which = u64::from(u8::arbitrary(g) % 4);
    E::arbitrary(&mut Gen::from_size_and_seed(g.size(), which))
}

/// What users do to a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetOperation<E> {
    /// Puts the element in.
    Insert(E),
    /// Takes the element out.
    Remove(E),
}

impl<E> SetOperation<E> {
    /// The element.
    pub fn element(&self) -> &E {
        match self {
            Self::Insert(element) | Self::Remove(element) => element,
        }
    }
}

impl<E: Arbitrary> Arbitrary for SetOperation<E> {
    fn arbitrary(g: &mut Gen) -> Self {
        let element = one_of_few(g);
        if u8::arbitrary(g) % 8 < 5 { Self::Insert(element) } else { Self::Remove(element) }
    }
}

impl<E> Editable for OrSet<E>
where
    E: Ord + Arbitrary + Debug + Serialize,
{
    type Operation = SetOperation<E>;

    fn perform(edit: &mut Edit<'_, Self>, operation: &SetOperation<E>) {
        match operation {
            SetOperation::Insert(element) => edit.insert(element.clone()),
            SetOperation::Remove(element) => edit.remove(element),
        }
    }
}

impl<E: Ord + Clone + Debug> Specified for OrSet<E> {
    type Operation = SetOperation<E>;
    type Value = BTreeSet<E>;

    fn value(&self) -> BTreeSet<E> {
        self.iter().cloned().collect()
    }

    fn replaces(later: &SetOperation<E>, earlier: &SetOperation<E>) -> bool {
        later.element() == earlier.element()
    }

    fn expected(context: &Context<'_, SetOperation<E>>) -> BTreeSet<E> {
        specification::or_set(context)
    }
}

/// A write to a register that is read by timestamps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write<V> {
    /// What is written.
    pub value: V,
    /// How far the writer's clock is ahead of the latest timestamp that it has seen.
    pub ahead: u8,
}

impl<V: Arbitrary> Arbitrary for Write<V> {
    fn arbitrary(g: &mut Gen) -> Self {
        Self { value: V::arbitrary(g), ahead: u8::arbitrary(g) % 4 }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let value = self.value.clone();
        Box::new(self.ahead.shrink().map(move |ahead| Self { value: value.clone(), ahead }))
    }
}

impl<V> Editable for LwwRegister<V>
where
    V: Eq + Arbitrary + Debug + Serialize,
{
    type Operation = Write<V>;

    fn perform(edit: &mut Edit<'_, Self>, Write { value, ahead }: &Write<V>) {
        let latest = edit.versions().map(|(_, timestamp, _)| timestamp.time.as_nanos()).max().unwrap_or(0);
        let time = WallTime::from_nanos(latest + 1 + u64::from(*ahead));
        let timestamp = HybridTimestamp { epoch: 0, time, counter: 0, replica: edit.writer() };
        edit.set(value.clone(), timestamp).expect("it is later than what is held");
    }
}

impl<V: Eq + Clone + Debug> Specified for LwwRegister<V> {
    type Operation = Write<V>;
    type Value = Option<V>;

    fn value(&self) -> Option<V> {
        self.get().cloned()
    }

    fn replaces(_later: &Write<V>, _earlier: &Write<V>) -> bool {
        true
    }

    fn expected(context: &Context<'_, Write<V>>) -> Option<V> {
        specification::lww_register(context)
    }
}

/// What users do to a counter that can be reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterOperation {
    /// Adds an amount.
    Increment(i8),
    /// Sets to 0 what was seen.
    Reset,
}

impl Arbitrary for CounterOperation {
    fn arbitrary(g: &mut Gen) -> Self {
        if u8::arbitrary(g) % 4 == 0 { Self::Reset } else { Self::Increment(i8::arbitrary(g)) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match self {
            Self::Increment(amount) => Box::new(amount.shrink().map(Self::Increment)),
            Self::Reset => quickcheck::empty_shrinker(),
        }
    }
}

impl Editable for ResettableCounter {
    type Operation = CounterOperation;

    fn perform(edit: &mut Edit<'_, Self>, operation: &CounterOperation) {
        match operation {
            CounterOperation::Increment(amount) => assert!(edit.increment(i64::from(*amount)), "far from the limit"),
            CounterOperation::Reset => edit.reset(),
        }
    }
}

impl Specified for ResettableCounter {
    type Operation = CounterOperation;
    type Value = i64;

    fn value(&self) -> i64 {
        self.value()
    }

    fn expected(context: &Context<'_, CounterOperation>) -> i64 {
        specification::resettable_counter(context)
    }
}

impl Growing for GCounter {
    type Operation = u8;

    fn perform(&mut self, writer: ReplicaId, amount: &u8) -> Self {
        self.increment(writer, u64::from(*amount)).expect("far from the limit")
    }

    fn grow(&mut self, other: &Self) {
        self.join(other);
    }
}

impl Specified for GCounter {
    type Operation = u8;
    type Value = u128;

    fn value(&self) -> u128 {
        self.value()
    }

    fn expected(context: &Context<'_, u8>) -> u128 {
        specification::g_counter(context)
    }
}

impl Growing for PnCounter {
    type Operation = i8;

    fn perform(&mut self, writer: ReplicaId, amount: &i8) -> Self {
        self.increment(writer, i64::from(*amount)).expect("far from the limit")
    }

    fn grow(&mut self, other: &Self) {
        self.join(other);
    }
}

impl Specified for PnCounter {
    type Operation = i8;
    type Value = i128;

    fn value(&self) -> i128 {
        self.value()
    }

    fn expected(context: &Context<'_, i8>) -> i128 {
        specification::pn_counter(context)
    }
}
