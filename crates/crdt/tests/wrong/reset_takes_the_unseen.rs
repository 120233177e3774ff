//! A counter whose reset begins a new epoch; an increment of an earlier epoch counts for nothing.
//!
//! The usual way to reset a counter. It merges well, so no law but the specification objects: increments that the
//! resetter had not seen are lost.

use std::collections::BTreeMap;

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, CounterOperation, Specified, Subject, Violation, specification};

#[derive(Clone)]
pub(crate) struct Counter {
    writer: ReplicaId,
    epoch: u64,
    /// How often each writer has counted in this epoch, and what it counted.
    totals: BTreeMap<ReplicaId, (u64, i64)>,
}

impl Subject for Counter {
    type Operation = CounterOperation;
    type Update = Self;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, epoch: 0, totals: BTreeMap::new() }
    }

    fn edit(&mut self, operation: &CounterOperation) -> Self {
        match operation {
            CounterOperation::Increment(amount) => {
                let (count, total) = self.totals.entry(self.writer).or_default();
                (*count, *total) = (*count + 1, *total + i64::from(*amount));
            }
            CounterOperation::Reset => {
                self.epoch += 1;
                self.totals.clear();
            }
        }
        let own = self.totals.get(&self.writer).map(|total| (self.writer, *total));
        Self { totals: own.into_iter().collect(), ..*self }
    }

    fn join(&mut self, other: &Self) -> Result<(), Violation> {
        if other.epoch > self.epoch {
            self.epoch = other.epoch;
            self.totals.clear(); // The mistake.
        }
        for (writer, total) in other.totals.iter().filter(|_| other.epoch == self.epoch) {
            let mine = self.totals.entry(*writer).or_default();
            *mine = (*mine).max(*total);
        }
        Ok(())
    }

    fn state(&self) -> Self {
        self.clone()
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{:?}", (self.epoch, &self.totals)).into_bytes()
    }
}

impl Specified for Counter {
    type Operation = CounterOperation;
    type Value = i64;

    fn value(&self) -> i64 {
        self.totals.values().map(|(_, total)| total).sum()
    }

    fn expected(context: &Context<'_, CounterOperation>) -> i64 {
        specification::resettable_counter(context)
    }
}
