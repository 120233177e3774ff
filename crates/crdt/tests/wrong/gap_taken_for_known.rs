//! An observed-remove set whose clock is a version vector, although its updates may arrive out of order.
//!
//! Whoever takes "the highest that I have seen" for "all up to the highest" makes it. The third update of a writer makes
//! its first two known, and nobody sends them.

use crate::event_set::{Dot, Log, Rules, Set};

pub(crate) struct Leaps;

impl Rules for Leaps {
    fn knows(log: &Log, dot: Dot) -> bool {
        log.keys().any(|(writer, number)| *writer == dot.0 && *number >= dot.1) // The mistake.
    }
}

pub(crate) type Leaping = Set<Leaps>;
