//! Counters as subjects.

use std::boxed::Box;

use quickcheck::{Arbitrary, Gen};
use syncline_clocks::ReplicaId;

use crate::laws::{Context, Editable, Growing, Specified, specification};
use crate::{Edit, GCounter, PnCounter, ResettableCounter};

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
            CounterOperation::Increment(amount) => edit.increment(i64::from(*amount)).expect("far from the limit"),
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

    fn perform(&mut self, writer: ReplicaId, amount: &u8) -> Option<Self> {
        Some(self.increment(writer, u64::from(*amount)).expect("far from the limit"))
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

    fn perform(&mut self, writer: ReplicaId, amount: &i8) -> Option<Self> {
        Some(self.increment(writer, i64::from(*amount)).expect("far from the limit"))
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
