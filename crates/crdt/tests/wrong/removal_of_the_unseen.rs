//! A set that replicates "insert x" and "remove x" as commands.
//!
//! The first design of anybody. A removal takes out insertions that its writer never saw, and what is in depends on the
//! order of arrival.

use std::collections::BTreeSet;

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, SetOperation, Specified, Subject, Violation, specification};

#[derive(Default)]
pub(crate) struct Set {
    elements: BTreeSet<u8>,
}

impl Subject for Set {
    type Operation = SetOperation<u8>;
    type Update = Vec<SetOperation<u8>>;

    fn create(_replica: ReplicaId) -> Self {
        Self::default()
    }

    fn edit(&mut self, operation: &SetOperation<u8>) -> Vec<SetOperation<u8>> {
        self.join(&vec![operation.clone()]).expect("it refuses nothing");
        vec![operation.clone()]
    }

    fn join(&mut self, operations: &Vec<SetOperation<u8>>) -> Result<(), Violation> {
        for operation in operations {
            match operation {
                SetOperation::Insert(element) => self.elements.insert(*element),
                SetOperation::Remove(element) => self.elements.remove(element), // The mistake.
            };
        }
        Ok(())
    }

    fn state(&self) -> Vec<SetOperation<u8>> {
        self.elements.iter().map(|element| SetOperation::Insert(*element)).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        self.elements.iter().copied().collect()
    }
}

impl Specified for Set {
    type Operation = SetOperation<u8>;
    type Value = BTreeSet<u8>;

    fn value(&self) -> BTreeSet<u8> {
        self.elements.clone()
    }

    fn replaces(later: &SetOperation<u8>, earlier: &SetOperation<u8>) -> bool {
        later.element() == earlier.element()
    }

    fn expected(context: &Context<'_, SetOperation<u8>>) -> BTreeSet<u8> {
        specification::or_set(context)
    }
}
