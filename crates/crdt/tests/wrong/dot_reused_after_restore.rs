//! An observed-remove set that goes on under its old id when it comes back from a backup.
//!
//! The usual restart. What it did after the backup is known elsewhere under dots that it now gives to other events: the
//! others take these for known and never look at them.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{
    Backup, Context, Diff, SetOperation, Situation, Specified, Subject, Violation, specification,
};

type Dot = (ReplicaId, u64);

/// It lets an element live, or not, and kills earlier dots of it.
#[derive(Clone)]
pub(crate) struct Event {
    dot: Dot,
    inserts: Option<u8>,
    kills: BTreeSet<Dot>,
}

pub(crate) struct Set {
    writer: ReplicaId,
    log: BTreeMap<Dot, Event>,
    live: BTreeMap<Dot, u8>,
    killed: BTreeSet<Dot>,
}

impl Set {
    fn knows(&self, event: &Event) -> bool {
        self.log.contains_key(&event.dot)
    }
}

impl Subject for Set {
    type Operation = SetOperation<u8>;
    type Update = Vec<Event>;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, log: BTreeMap::new(), live: BTreeMap::new(), killed: BTreeSet::new() }
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
            if !self.knows(event) {
                self.log.insert(event.dot, event.clone());
                self.live.extend(event.inserts.map(|element| (event.dot, element)));
                self.killed.extend(&event.kills);
                self.live.retain(|dot, _| !self.killed.contains(dot));
            }
        }
        Ok(())
    }

    fn state(&self) -> Vec<Event> {
        self.log.values().cloned().collect()
    }

    fn diff(&self, receiver: &Self, _keep: Option<usize>) -> Diff<Vec<Event>> {
        let lacking = self.log.values().filter(|event| !receiver.knows(event));
        Diff { update: lacking.cloned().collect(), kind: Situation::DeltaRepair, cut_short: false }
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{:?}", self.live).into_bytes()
    }

    fn back_up(&self) -> Backup<Self> {
        let (writer, events) = (self.writer, self.state());
        Box::new(move |_new_id| {
            let mut restored = Self::create(writer); // The mistake.
            restored.join(&events)?;
            Ok(restored)
        })
    }
}

impl Specified for Set {
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
