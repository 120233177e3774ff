//! A grow-only set that keeps its elements, and writes them, in the order of arrival.
//!
//! A `Vec` in place of a set, or a hash table's iteration that leaks into bytes. The value is right; two replicas that
//! compare digests never agree.

use std::collections::BTreeSet;

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Specified, Subject, Violation, specification};

#[derive(Default)]
pub(crate) struct Set {
    elements: Vec<u8>,
}

impl Subject for Set {
    type Operation = u8;
    type Update = Vec<u8>;

    fn create(_replica: ReplicaId) -> Self {
        Self::default()
    }

    fn edit(&mut self, element: &u8) -> Vec<u8> {
        self.join(&vec![*element]).expect("it refuses nothing");
        vec![*element]
    }

    fn join(&mut self, other: &Vec<u8>) -> Result<(), Violation> {
        for element in other {
            if !self.elements.contains(element) {
                self.elements.push(*element); // The mistake.
            }
        }
        Ok(())
    }

    fn state(&self) -> Vec<u8> {
        self.elements.clone()
    }

    fn bytes(&self) -> Vec<u8> {
        self.elements.clone()
    }
}

impl Specified for Set {
    type Operation = u8;
    type Value = BTreeSet<u8>;

    fn value(&self) -> BTreeSet<u8> {
        self.elements.iter().copied().collect()
    }

    fn expected(context: &Context<'_, u8>) -> BTreeSet<u8> {
        specification::g_set(context)
    }
}
