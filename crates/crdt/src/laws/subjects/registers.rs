//! Registers and the flag as subjects.

use std::boxed::Box;
use std::fmt::Debug;
use std::vec::Vec;

use quickcheck::{Arbitrary, Gen};
use serde::Serialize;
use serde::de::DeserializeOwned;
use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};

use crate::laws::{Context, Editable, Growing, Specified, specification};
use crate::{Edit, EnableWinsFlag, LwwRegister, MaxRegister, MinRegister, MvRegister};

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
    V: Eq + Arbitrary + Debug + Serialize + DeserializeOwned,
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

/// A write is `Some`, a clearing `None`.
impl<V> Editable for MvRegister<V>
where
    V: Eq + Arbitrary + Debug + Serialize + DeserializeOwned,
{
    type Operation = Option<V>;

    fn perform(edit: &mut Edit<'_, Self>, operation: &Option<V>) {
        match operation {
            Some(value) => edit.set(value.clone()),
            None => edit.clear(),
        }
    }
}

impl<V: Ord + Clone + Debug> Specified for MvRegister<V> {
    type Operation = Option<V>;
    type Value = Vec<V>;

    fn value(&self) -> Vec<V> {
        let mut values: Vec<V> = self.values().cloned().collect();
        values.sort();
        values
    }

    fn replaces(_later: &Option<V>, _earlier: &Option<V>) -> bool {
        true
    }

    fn expected(context: &Context<'_, Option<V>>) -> Vec<V> {
        specification::mv_register(context)
    }
}

/// `true` enables.
impl Editable for EnableWinsFlag {
    type Operation = bool;

    fn perform(edit: &mut Edit<'_, Self>, operation: &bool) {
        if *operation { edit.enable() } else { edit.disable() }
    }
}

impl Specified for EnableWinsFlag {
    type Operation = bool;
    type Value = bool;

    fn value(&self) -> bool {
        self.is_enabled()
    }

    fn replaces(_later: &bool, _earlier: &bool) -> bool {
        true
    }

    fn expected(context: &Context<'_, bool>) -> bool {
        specification::enable_wins_flag(context)
    }
}

impl<T: Ord + Arbitrary + Debug + Serialize> Growing for MaxRegister<T> {
    type Operation = T;

    fn perform(&mut self, _writer: ReplicaId, value: &T) -> Option<Self> {
        self.set(value.clone())
    }
}

impl<T: Ord + Clone + Debug> Specified for MaxRegister<T> {
    type Operation = T;
    type Value = Option<T>;

    fn value(&self) -> Option<T> {
        self.get().cloned()
    }

    fn expected(context: &Context<'_, T>) -> Option<T> {
        specification::max_register(context)
    }
}

impl<T: Ord + Arbitrary + Debug + Serialize> Growing for MinRegister<T> {
    type Operation = T;

    fn perform(&mut self, _writer: ReplicaId, value: &T) -> Option<Self> {
        self.set(value.clone())
    }
}

impl<T: Ord + Clone + Debug> Specified for MinRegister<T> {
    type Operation = T;
    type Value = Option<T>;

    fn value(&self) -> Option<T> {
        self.get().cloned()
    }

    fn expected(context: &Context<'_, T>) -> Option<T> {
        specification::min_register(context)
    }
}
