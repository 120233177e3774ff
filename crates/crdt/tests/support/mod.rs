//! Replicas driven by a random trace of edits, deliveries and repairs, held after every step against the definition
//! of their state: the join of the events in their clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use quickcheck::{Arbitrary, Gen};
use syncline_clocks::{Dot, ReplicaId};
use syncline_crdt::{Delta, DotSet, Edit, Entry, EntryMap, Event, Replica, Settings, Store, Update};

/// A type under test: how a random byte pair becomes an edit of it.
pub trait Subject:
    Store<Path: Debug + serde::Serialize, Payload: Debug + serde::Serialize> + Debug + PartialEq
{
    fn change(edit: &mut Edit<'_, Self>, choice: u8, argument: u8);
}

#[derive(Clone, Debug)]
pub enum Step {
    Edit {
        at: u8,
        choice: u8,
        argument: u8,
    },
    /// Any event that was ever made, in whatever order.
    Deliver {
        to: u8,
        event: u16,
    },
    /// What `to` lacks of `from`, cut short after `keep` paths or events.
    Repair {
        from: u8,
        to: u8,
        keep: Option<u8>,
    },
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 8 {
            0..3 => Self::Edit {
                at: Arbitrary::arbitrary(g),
                choice: Arbitrary::arbitrary(g),
                argument: Arbitrary::arbitrary(g),
            },
            3..6 => Self::Deliver { to: Arbitrary::arbitrary(g), event: Arbitrary::arbitrary(g) },
            _ => Self::Repair {
                from: Arbitrary::arbitrary(g),
                to: Arbitrary::arbitrary(g),
                keep: Arbitrary::arbitrary(g),
            },
        }
    }
}

/// How often a sweep came into the situations that it is there for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    pub kept_kills: u32,
    pub concurrent: u32,
    pub gaps: u32,
    pub duplicates: u32,
    pub deltas: u32,
    pub entries: u32,
    pub states: u32,
    pub cut_short: u32,
}

pub struct World<S: Subject> {
    replicas: Vec<Replica<S>>,
    events: BTreeMap<Dot, Event<S::Path, S::Payload>>,
    pub reached: Reached,
}

impl<S: Subject> World<S> {
    pub fn new() -> Self {
        // Short histories, so that all three kinds of repair occur.
        let histories = [(64, 64), (2, 64), (0, 0)];
        let replicas = (1..).zip(histories).map(|(n, (e, p))| {
            Replica::with_settings(ReplicaId::from_u128(n), Settings { events: e, paths: p, ..Settings::default() })
        });
        Self { replicas: replicas.collect(), events: BTreeMap::new(), reached: Reached::default() }
    }

    pub fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
            self.check();
        }
        self.converge();
    }

    fn step(&mut self, step: &Step) {
        let index = |raw: u8| usize::from(raw) % 3;
        match *step {
            Step::Edit { at, choice, argument } => {
                let delta = self.replicas[index(at)].edit(|edit| S::change(edit, choice, argument));
                self.events.extend(delta.into_iter().map(|event| (event.dot, event)));
            }
            Step::Deliver { to, event } if !self.events.is_empty() => {
                let event = self.events.values().nth(usize::from(event) % self.events.len()).expect("in range").clone();
                let to = &mut self.replicas[index(to)];
                self.reached.duplicates += u32::from(to.clock().contains(event.dot));
                to.join(&Delta::from(event)).expect("an honest event");
            }
            Step::Deliver { .. } => {}
            Step::Repair { from, to, keep } => self.repair(index(from), index(to), keep),
        }
    }

    fn repair(&mut self, from: usize, to: usize, keep: Option<u8>) {
        let mut update = self.replicas[from].diff(self.replicas[to].clock());
        let keep = keep.map_or(usize::MAX, |keep| usize::from(keep % 4));
        match &mut update {
            Update::Delta(delta) => {
                self.reached.deltas += u32::from(!delta.is_empty());
                self.reached.cut_short += u32::from(delta.len() > keep);
                delta.truncate(keep);
            }
            Update::Entries(entries) => {
                self.reached.entries += 1;
                self.reached.cut_short += u32::from(entries.paths.len() > keep);
                entries.paths.truncate(keep);
            }
            Update::State(_) => self.reached.states += 1,
        }
        self.replicas[to].join(&update).expect("an honest repair");
    }

    /// The invariant: live dots are those of the events in the clock less what these kill; kept kills are what they
    /// kill that the clock does not cover.
    fn check(&mut self) {
        for replica in &self.replicas {
            let mut expected: HashMap<&S::Path, (BTreeSet<Dot>, BTreeSet<Dot>)> = HashMap::new();
            let known = || self.events.values().filter(|event| replica.clock().contains(event.dot));
            for event in known() {
                let (live, killed) = expected.entry(&event.path).or_default();
                live.extend(event.payload.as_ref().map(|_| event.dot));
                killed.extend(&event.kills);
            }
            let mut entries = EntryMap::default();
            for (path, (live, killed)) in expected {
                let mut entry = Entry::default();
                for dot in live.difference(&killed) {
                    let payload = self.events[dot].payload.clone();
                    entry.join(|_| false, &Entry::of_event(*dot, payload, DotSet::new()), |_| false);
                }
                let kept: DotSet = killed.into_iter().filter(|dot| !replica.clock().contains(*dot)).collect();
                self.reached.kept_kills += u32::from(!kept.is_empty());
                self.reached.concurrent += u32::from(entry.live().count() > 1);
                let none = Dot::first(ReplicaId::from_u128(0));
                entry.join(|_| false, &Entry::of_event(none, None, kept), |_| false);
                entries.insert(path.clone(), entry);
            }
            assert!(entries == *replica.entries(), "{:?}: {:?} is not {entries:?}", replica.id(), replica.entries());
            self.reached.gaps += u32::from(replica.clock().intervals().any(|run| run.first > 1));
        }
    }

    fn converge(&mut self) {
        for (from, to) in [(0, 1), (1, 2), (2, 0), (0, 1)] {
            self.repair(from, to, None);
            self.check();
        }
        let [a, b, c] = &self.replicas[..] else { unreachable!("three replicas") };
        assert_eq!(a.causal(), b.causal(), "equal after a full exchange");
        assert_eq!(b.causal(), c.causal(), "equal after a full exchange");
        assert_eq!(postcard::to_allocvec(&a.causal().state()), postcard::to_allocvec(&b.causal().state()));
    }
}
