//! An observed-remove set that takes out what an event kills if it is there, and forgets the kill if it is not.
//!
//! Anybody who tests with messages in order writes this. A removal that arrives before its insertion is lost, and
//! nobody sends it again.

use crate::event_set::{Rules, Set};

pub(crate) struct Forgets;

impl Rules for Forgets {
    const KEEPS_KILLS: bool = false; // The mistake.
}

pub(crate) type Forgetful = Set<Forgets>;
