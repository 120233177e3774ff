//! An observed-remove set in which a removal has no dot of its own.
//!
//! That of the literature (Bieniusa et al. 2012; ORSWOT): sound as long as whole states are sent. As soon as repair
//! compares clocks, a removal whose delta was lost is found by nobody.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Diff, SetOperation, Situation, Specified, Subject, Violation, specification};

type Dot = (ReplicaId, u64);

/// A part of a state: with tombstones, everything joins by union.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
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
        let own = self.state.elements.keys().filter(|dot| dot.0 == self.writer).count() as u64;
        let dot = (self.writer, own + 1); // The mistake: a removal has none.
        let mut delta = State::default();
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
        let is_lacking = self.state.elements.keys().any(|dot| !receiver.state.elements.contains_key(dot));
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
