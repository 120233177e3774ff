//! An observed-remove set that notes the dots which an event kills as known, in place of keeping the kill.
//!
//! The delta contexts of delta-state CRDTs (Almeida, Shoker, Baquero 2018) do so; there a causal merging condition
//! excuses it. Without one, a replica that gets the third of three events never asks for the second, which alone kills
//! the first: a removed element is back.

use crate::event_set::{Dot, Log, Rules, Set};

pub(crate) struct Notes;

impl Rules for Notes {
    fn knows(log: &Log, dot: Dot) -> bool {
        log.contains_key(&dot) || log.values().any(|event| event.kills.contains(&dot)) // The mistake.
    }
}

pub(crate) type Noting = Set<Notes>;
