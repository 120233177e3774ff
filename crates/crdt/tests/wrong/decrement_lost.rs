//! A counter up and down that keeps one total for each writer and joins by maximum.
//!
//! A grow-only counter that was given negative amounts: what went down comes up again with the first late delta.

use std::collections::BTreeMap;

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Specified, Subject, Violation, specification};

#[derive(Clone)]
pub(crate) struct Counter {
    writer: ReplicaId,
    totals: BTreeMap<ReplicaId, i128>,
}

impl Subject for Counter {
    type Operation = i8;
    type Update = BTreeMap<ReplicaId, i128>;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, totals: BTreeMap::new() }
    }

    fn edit(&mut self, amount: &i8) -> BTreeMap<ReplicaId, i128> {
        let total = self.totals.entry(self.writer).or_default();
        *total += i128::from(*amount);
        BTreeMap::from([(self.writer, *total)])
    }

    fn join(&mut self, other: &BTreeMap<ReplicaId, i128>) -> Result<(), Violation> {
        for (writer, total) in other {
            let mine = self.totals.entry(*writer).or_insert(*total);
            *mine = (*mine).max(*total); // The mistake.
        }
        Ok(())
    }

    fn state(&self) -> BTreeMap<ReplicaId, i128> {
        self.totals.clone()
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{:?}", self.totals).into_bytes()
    }
}

impl Specified for Counter {
    type Operation = i8;
    type Value = i128;

    fn value(&self) -> i128 {
        self.totals.values().sum()
    }

    fn expected(context: &Context<'_, i8>) -> i128 {
        specification::pn_counter(context)
    }
}
