//! An observed-remove set whose deltas travel under the sender's whole clock.
//!
//! It looks like economy: one clock for each message. The receiver now takes for known what it never got, and nobody
//! sends it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Diff, SetOperation, Situation, Specified, Subject, Violation, specification};

type Dot = (ReplicaId, u64);

/// A part of a state: with tombstones, everything joins by union.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    clock: BTreeSet<Dot>,
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
        State { clock: self.state.clock.clone(), ..delta } // The mistake.
    }

    fn join(&mut self, other: &State) -> Result<(), Violation> {
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

    fn diff(&self, receiver: &Self, _keep: Option<usize>) -> Diff<State> {
        let is_lacking = !self.state.clock.is_subset(&receiver.state.clock);
        let update = if is_lacking { self.state.clone() } else { State::default() };
        Diff { update, kind: Situation::StateRepair, cut_short: false }
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
