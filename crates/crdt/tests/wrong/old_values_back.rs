//! A record that a deletion hides and the next write shows again, with all that it held.
//!
//! A causal length (Yu, Rostad 2020) around fields that are kept: it merges well, so no law but the specification
//! objects. What a user deleted comes back when somebody creates the record anew.

use std::collections::BTreeSet;

use quickcheck::{Arbitrary, Gen};
use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Specified, Subject, Violation, one_of_few};

#[derive(Clone, Debug)]
pub(crate) enum RecordOperation {
    Put(u8),
    Delete,
}

impl Arbitrary for RecordOperation {
    fn arbitrary(g: &mut Gen) -> Self {
        if u8::arbitrary(g) % 4 == 0 { Self::Delete } else { Self::Put(one_of_few(g)) }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// Odd while the record exists.
    length: u64,
    fields: BTreeSet<u8>,
}

impl Subject for Record {
    type Operation = RecordOperation;
    type Update = Self;

    fn create(_replica: ReplicaId) -> Self {
        Self::default()
    }

    fn edit(&mut self, operation: &RecordOperation) -> Self {
        let exists = self.length % 2 == 1;
        let (change, fields) = match operation {
            RecordOperation::Put(field) => (u64::from(!exists), BTreeSet::from([*field])),
            RecordOperation::Delete => (u64::from(exists), BTreeSet::new()), // The mistake: the fields stay.
        };
        let delta = Self { length: self.length + change, fields };
        self.join(&delta).expect("it refuses nothing");
        delta
    }

    fn join(&mut self, other: &Self) -> Result<(), Violation> {
        self.length = self.length.max(other.length);
        self.fields.extend(&other.fields);
        Ok(())
    }

    fn state(&self) -> Self {
        self.clone()
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{self:?}").into_bytes()
    }
}

impl Specified for Record {
    type Operation = RecordOperation;
    type Value = BTreeSet<u8>;

    fn value(&self) -> BTreeSet<u8> {
        if self.length % 2 == 1 { self.fields.clone() } else { BTreeSet::new() }
    }

    fn replaces(later: &RecordOperation, _earlier: &RecordOperation) -> bool {
        matches!(later, RecordOperation::Delete)
    }

    fn expected(context: &Context<'_, RecordOperation>) -> BTreeSet<u8> {
        let standing = context.standing().filter_map(|performed| match performed.operation {
            RecordOperation::Put(field) => Some(field),
            RecordOperation::Delete => None,
        });
        standing.collect()
    }
}
