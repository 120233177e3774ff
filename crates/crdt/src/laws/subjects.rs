//! This crate's types as subjects: what users do to them, and what they must read.

mod counters;
mod registers;
mod sets;

use quickcheck::{Arbitrary, Gen};

pub use counters::CounterOperation;
pub use registers::Write;
pub use sets::{Element, SetOperation};

/// One of four values of any type, so that replicas meet in what they change.
pub fn one_of_few<E: Arbitrary>(g: &mut Gen) -> E {
    let which = u64::from(u8::arbitrary(g) % 4);
    E::arbitrary(&mut Gen::from_size_and_seed(g.size(), which))
}
