//! An observed-remove set whose repair is a state: what the clock covers and the state does not hold is dead. When a
//! repair is too long, it is cut, under the same clock.
//!
//! A page limit put into a full synchronization does it. What was left out is deleted at the receiver, and from there
//! everywhere.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Diff, SetOperation, Situation, Specified, Subject, Violation, specification};

type Dot = (ReplicaId, u64);

/// A part of a state: with tombstones, everything joins by union.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    clock: BTreeSet<Dot>,
    is_repair: bool,
    elements: BTreeMap<Dot, u8>,
    dead: BTreeSet<Dot>,
}

pub(crate) struct Set {
    writer: ReplicaId,
    state: State,
}

impl Subject for Set {
    type Operation = SetOperation<u8>;
    type Update = State;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, state: State::default() }
    }

    fn edit(&mut self, operation: &SetOperation<u8>) -> State {
        let own = self.state.clock.iter().filter(|dot| dot.0 == self.writer).count() as u64;
        let dot = (self.writer, own + 1);
        let mut delta = State { clock: BTreeSet::from([dot]), ..State::default() };
        match operation {
            SetOperation::Insert(element) => delta.elements = BTreeMap::from([(dot, *element)]),
            SetOperation::Remove(removed) => {
                let seen = self.state.elements.iter().filter(|(_, element)| *element == removed);
                delta.dead = seen.map(|(dot, _)| *dot).collect();
            }
        }
        self.join(&delta).expect("it refuses nothing");
        delta
    }

    fn join(&mut self, other: &State) -> Result<(), Violation> {
        if other.is_repair {
            let absent = other.clock.iter().filter(|dot| !other.elements.contains_key(dot));
            self.state.dead.extend(absent.filter(|dot| self.state.elements.contains_key(dot)));
        }
        self.state.clock.extend(&other.clock);
        self.state.elements.extend(&other.elements);
        self.state.dead.extend(&other.dead);
        Ok(())
    }

    fn state(&self) -> State {
        self.state.clone()
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{:?}", self.state).into_bytes()
    }

    fn diff(&self, _receiver: &Self, keep: Option<usize>) -> Diff<State> {
        let length = self.state.elements.len();
        let keep = keep.unwrap_or(length).min(length);
        let elements = self.state.elements.iter().take(keep).map(|(dot, element)| (*dot, *element)); // The mistake.
        let update = State { is_repair: true, elements: elements.collect(), ..self.state.clone() };
        Diff { update, kind: Situation::StateRepair, cut_short: keep < length }
    }

    fn covers(&self, update: &State) -> Option<bool> {
        Some(update.clock.is_subset(&self.state.clock))
    }
}

impl Specified for Set {
    type Operation = SetOperation<u8>;
    type Value = BTreeSet<u8>;

    fn value(&self) -> BTreeSet<u8> {
        self.state
            .elements
            .iter()
            .filter(|(dot, _)| !self.state.dead.contains(dot))
            .map(|(_, element)| *element)
            .collect()
    }

    fn replaces(later: &SetOperation<u8>, earlier: &SetOperation<u8>) -> bool {
        later.element() == earlier.element()
    }

    fn expected(context: &Context<'_, SetOperation<u8>>) -> BTreeSet<u8> {
        specification::or_set(context)
    }
}
