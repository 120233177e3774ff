//! An observed-remove set that sends parts of its state, in which dead dots stay as tombstones, so that everything joins
//! by union. Mistakes replace one of its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Diff, SetOperation, Situation, Specified, Subject, Violation, specification};

type Dot = (ReplicaId, u64);

/// A part of a state.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) clock: BTreeSet<Dot>,
    /// What the clock covers and the elements do not hold is dead.
    pub(crate) is_whole: bool,
    pub(crate) elements: BTreeMap<Dot, u8>,
    pub(crate) dead: BTreeSet<Dot>,
}

/// The rules, as they are right.
pub(crate) trait Rules: 'static {
    /// Whether a removal has a dot, by which others see that they lack it.
    const REMOVALS_HAVE_DOTS: bool = true;
    /// Whether the clock tells what was joined, as long as it says so.
    const HAS_A_CLOCK: bool = false;

    /// What of an edit is sent.
    fn sent(delta: State, _whole: &State) -> State {
        delta
    }

    /// What one that knows this much is sent of the state.
    fn repair(state: &State, known: &State, _keep: Option<usize>) -> Diff<State> {
        let is_lacking = !state.clock.is_subset(&known.clock);
        let update = if is_lacking { state.clone() } else { State::default() };
        Diff { update, kind: Situation::StateRepair, cut_short: false }
    }
}

pub(crate) struct Set<R> {
    writer: ReplicaId,
    state: State,
    rules: PhantomData<R>,
}

impl<R: Rules> Subject for Set<R> {
    type Operation = SetOperation<u8>;
    type Update = State;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, state: State::default(), rules: PhantomData }
    }

    fn edit(&mut self, operation: &SetOperation<u8>) -> State {
        let own = self.state.clock.iter().filter(|dot| dot.0 == self.writer).count() as u64;
        let dot = (self.writer, own + 1);
        let mut delta = State::default();
        match operation {
            SetOperation::Insert(element) => delta.elements = BTreeMap::from([(dot, *element)]),
            SetOperation::Remove(removed) => {
                let seen = self.state.elements.iter().filter(|(_, element)| *element == removed);
                delta.dead = seen.map(|(dot, _)| *dot).collect();
            }
        }
        if R::REMOVALS_HAVE_DOTS || !delta.elements.is_empty() {
            delta.clock = BTreeSet::from([dot]);
        }
        self.join(&delta).expect("it refuses nothing");
        R::sent(delta, &self.state)
    }

    fn join(&mut self, other: &State) -> Result<(), Violation> {
        if other.is_whole {
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

    fn diff(&self, receiver: &Self, keep: Option<usize>) -> Diff<State> {
        R::repair(&self.state, &receiver.state, keep)
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{:?}", self.state).into_bytes()
    }

    fn covers(&self, update: &State) -> Option<bool> {
        R::HAS_A_CLOCK.then(|| update.clock.is_subset(&self.state.clock))
    }
}

impl<R: Rules> Specified for Set<R> {
    type Operation = SetOperation<u8>;
    type Value = BTreeSet<u8>;

    fn value(&self) -> BTreeSet<u8> {
        let live = self.state.elements.iter().filter(|(dot, _)| !self.state.dead.contains(dot));
        live.map(|(_, element)| *element).collect()
    }

    fn replaces(later: &SetOperation<u8>, earlier: &SetOperation<u8>) -> bool {
        later.element() == earlier.element()
    }

    fn expected(context: &Context<'_, SetOperation<u8>>) -> BTreeSet<u8> {
        specification::or_set(context)
    }
}
