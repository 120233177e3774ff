//! An observed-remove set whose deltas travel under the sender's whole clock.
//!
//! It looks like economy: one clock for each message. The receiver now takes for known what it never got, and nobody
//! sends it.

use crate::state_set::{Rules, Set, State};

pub(crate) struct OneClock;

impl Rules for OneClock {
    fn sent(delta: State, whole: &State) -> State {
        State { clock: whole.clock.clone(), ..delta } // The mistake.
    }
}

pub(crate) type Economical = Set<OneClock>;
