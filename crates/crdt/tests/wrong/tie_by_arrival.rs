//! A last-writer-wins register in which, of two equal timestamps, the one that arrives later wins.
//!
//! One `>=`; Shapiro et al. 2011 (specification 8) ask for unique timestamps. Two replicas keep what each received last,
//! for ever.

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Specified, Subject, Violation, Write, specification};

#[derive(Clone, Default)]
pub(crate) struct Register {
    value: Option<u8>,
    time: u64,
}

impl Subject for Register {
    type Operation = Write<u8>;
    type Update = Self;

    fn create(_replica: ReplicaId) -> Self {
        Self::default()
    }

    fn edit(&mut self, write: &Write<u8>) -> Self {
        self.time += 1 + u64::from(write.ahead);
        self.value = Some(write.value);
        self.clone()
    }

    fn join(&mut self, other: &Self) -> Result<(), Violation> {
        if other.value.is_some() && other.time >= self.time {
            *self = other.clone(); // The mistake.
        }
        Ok(())
    }

    fn state(&self) -> Self {
        self.clone()
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{:?}", (self.value, self.time)).into_bytes()
    }
}

impl Specified for Register {
    type Operation = Write<u8>;
    type Value = Option<u8>;

    fn value(&self) -> Option<u8> {
        self.value
    }

    fn replaces(_later: &Write<u8>, _earlier: &Write<u8>) -> bool {
        true
    }

    fn expected(context: &Context<'_, Write<u8>>) -> Option<u8> {
        specification::lww_register(context)
    }
}
