//! An observed-remove set whose repair is a state: what the clock covers and the state does not hold is dead. When a
//! repair is too long, it is cut, under the same clock.
//!
//! A page limit put into a full synchronization does it. What was left out is deleted at the receiver, and from there
//! everywhere.

use syncline_crdt::laws::{Diff, Situation};

use crate::state_set::{Rules, Set, State};

pub(crate) struct Cuts;

impl Rules for Cuts {
    const HAS_A_CLOCK: bool = true;

    fn repair(state: &State, _known: &State, keep: Option<usize>) -> Diff<State> {
        let length = state.elements.len();
        let keep = keep.unwrap_or(length).min(length);
        let elements = state.elements.iter().take(keep).map(|(dot, element)| (*dot, *element)); // The mistake.
        let update = State { is_whole: true, elements: elements.collect(), ..state.clone() };
        Diff { update, kind: Situation::StateRepair, cut_short: keep < length }
    }
}

pub(crate) type Cutting = Set<Cuts>;
