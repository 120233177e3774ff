//! An observed-remove set that goes on under its old id when it comes back from a backup.
//!
//! The usual restart. What it did after the backup is known elsewhere under dots that it now gives to other events: the
//! others take these for known and never look at them.

use syncline_clocks::ReplicaId;

use crate::event_set::{Rules, Set};

pub(crate) struct GoesOn;

impl Rules for GoesOn {
    // A clock of dots that stand for two events each says nothing: it is left to the other laws.
    const HAS_A_CLOCK: bool = false;

    fn restored(old: ReplicaId, _new: ReplicaId) -> ReplicaId {
        old // The mistake.
    }
}

pub(crate) type Reused = Set<GoesOn>;
