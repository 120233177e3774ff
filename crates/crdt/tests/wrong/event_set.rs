//! An observed-remove set of events, each kept for ever: without a mistake, what the harness must let pass. Mistakes
//! replace one of its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{
    Backup, Context, Diff, SetOperation, Situation, Specified, Subject, Violation, specification,
};

pub(crate) type Dot = (ReplicaId, u64);

/// It lets an element live, or not, and kills earlier dots of it.
#[derive(Clone)]
pub(crate) struct Event {
    dot: Dot,
    inserts: Option<u8>,
    pub(crate) kills: BTreeSet<Dot>,
}

pub(crate) type Log = BTreeMap<Dot, Event>;

/// The rules, as they are right.
pub(crate) trait Rules: 'static {
    /// Whether kills wait for events that have not arrived.
    const KEEPS_KILLS: bool = true;
    /// Whether its clock says which events it has.
    const HAS_A_CLOCK: bool = true;

    /// Which events need not be sent.
    fn knows(log: &Log, dot: Dot) -> bool {
        log.contains_key(&dot)
    }

    /// Under which id a backup goes on.
    fn restored(_old: ReplicaId, new: ReplicaId) -> ReplicaId {
        new
    }
}

pub(crate) struct Right;

impl Rules for Right {}

pub(crate) struct Set<R> {
    writer: ReplicaId,
    log: Log,
    live: BTreeMap<Dot, u8>,
    killed: BTreeSet<Dot>,
    rules: PhantomData<R>,
}

impl<R: Rules> Subject for Set<R> {
    type Operation = SetOperation<u8>;
    type Update = Vec<Event>;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, log: Log::new(), live: BTreeMap::new(), killed: BTreeSet::new(), rules: PhantomData }
    }

    fn edit(&mut self, operation: &SetOperation<u8>) -> Vec<Event> {
        let own = self.log.keys().filter(|dot| dot.0 == self.writer).count() as u64;
        let inserts = matches!(operation, SetOperation::Insert(_)).then_some(*operation.element());
        let kills = self.live.iter().filter(|(_, element)| *element == operation.element()).map(|(dot, _)| *dot);
        let event = Event { dot: (self.writer, own + 1), inserts, kills: kills.collect() };
        self.join(&vec![event.clone()]).expect("it refuses nothing");
        vec![event]
    }

    fn join(&mut self, events: &Vec<Event>) -> Result<(), Violation> {
        for event in events {
            if !R::knows(&self.log, event.dot) {
                self.log.insert(event.dot, event.clone());
                self.live.extend(event.inserts.map(|element| (event.dot, element)));
                self.killed.extend(&event.kills);
                self.live.retain(|dot, _| !self.killed.contains(dot));
                if !R::KEEPS_KILLS {
                    self.killed.clear();
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> Vec<Event> {
        self.log.values().cloned().collect()
    }

    fn diff(&self, receiver: &Self, _keep: Option<usize>) -> Diff<Vec<Event>> {
        let lacking = self.log.values().filter(|event| !R::knows(&receiver.log, event.dot));
        Diff { update: lacking.cloned().collect(), kind: Situation::DeltaRepair, cut_short: false }
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{:?}", self.live).into_bytes()
    }

    fn covers(&self, events: &Vec<Event>) -> Option<bool> {
        R::HAS_A_CLOCK.then(|| events.iter().all(|event| R::knows(&self.log, event.dot)))
    }

    fn back_up(&self) -> Backup<Self> {
        let (writer, events) = (self.writer, self.state());
        Box::new(move |new_id| {
            let mut restored = Self::create(R::restored(writer, new_id));
            restored.join(&events)?;
            Ok(restored)
        })
    }
}

impl<R: Rules> Specified for Set<R> {
    type Operation = SetOperation<u8>;
    type Value = BTreeSet<u8>;

    fn value(&self) -> BTreeSet<u8> {
        self.live.values().copied().collect()
    }

    fn replaces(later: &SetOperation<u8>, earlier: &SetOperation<u8>) -> bool {
        later.element() == earlier.element()
    }

    fn expected(context: &Context<'_, SetOperation<u8>>) -> BTreeSet<u8> {
        specification::or_set(context)
    }
}
