//! A counter whose deltas are amounts, to be added.
//!
//! An operation-based counter (Shapiro et al. 2011, specification 5) over a channel that delivers twice: each delivery
//! counts.

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Specified, Subject, Violation, specification};

#[derive(Default)]
pub(crate) struct Counter {
    total: i128,
}

impl Subject for Counter {
    type Operation = i8;
    type Update = i128;

    fn create(_replica: ReplicaId) -> Self {
        Self::default()
    }

    fn edit(&mut self, amount: &i8) -> i128 {
        self.total += i128::from(*amount);
        i128::from(*amount)
    }

    fn join(&mut self, other: &i128) -> Result<(), Violation> {
        self.total += other; // The mistake.
        Ok(())
    }

    fn state(&self) -> i128 {
        self.total
    }

    fn bytes(&self) -> Vec<u8> {
        self.total.to_be_bytes().to_vec()
    }
}

impl Specified for Counter {
    type Operation = i8;
    type Value = i128;

    fn value(&self) -> i128 {
        self.total
    }

    fn expected(context: &Context<'_, i8>) -> i128 {
        specification::pn_counter(context)
    }
}
