//! What the two ways of pruning cost: truncation by age answers wrongly, and counts how often it may; retirements
//! never do, if every member was asked.
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use quickcheck::{Arbitrary, Gen, QuickCheck, quickcheck};
use support::{encodings_round_trip, relation};
use syncline_clocks::{
    Causality, Dot, Fenced, Freeze, FreezeError, LimitExceeded, Limits, ReplicaId, RetireError, Retirement,
    Retirements, RetiringVersionVector, TooEarly, TruncatingVersionVector, VersionVector, WallTime,
};

fn id(number: usize) -> ReplicaId {
    ReplicaId::from_u128(number as u128)
}

// Truncation.

/// Eleven servers coordinate writes of one key, each after reading the last: Dynamo's threshold of ten drops the first
/// one's entry, and a version that one descends from looks concurrent.
#[test]
fn truncation_causes_false_concurrency() {
    let mut vector = TruncatingVersionVector::new();
    let mut versions = vec![];
    for server in 1..=11 {
        vector.advance(id(server), 1, WallTime::from_nanos(server as u64));
        versions.push(vector.clone());
    }
    let whole = vector.clone();
    let dropped = vector.truncate(10);
    assert_eq!((dropped.len(), dropped[0].replica, vector.dropped()), (1, id(1), 1));
    for version in &versions[..10] {
        assert_eq!(version.compare(&whole), Causality::Before);
        assert_eq!(version.compare(&vector), Causality::Concurrent, "false concurrency");
    }
}

/// A write through an old server, concurrent with one through the others: without its entry it looks like an ancestor,
/// and whoever drops ancestors loses it.
#[test]
fn truncation_causes_false_order_and_loses_a_write() {
    let mut common = TruncatingVersionVector::new();
    common.advance(id(2), 1, WallTime::from_nanos(2));
    let (mut lost, mut other) = (common.clone(), common);
    lost.advance(id(1), 1, WallTime::from_nanos(1));
    other.advance(id(2), 2, WallTime::from_nanos(3));
    assert_eq!(lost.compare(&other), Causality::Concurrent);
    lost.truncate(1);
    assert_eq!((lost.dropped(), lost.compare(&other)), (1, Causality::Before), "false order");
}

quickcheck! {
    fn truncation_is_exact_until_it_drops(steps: Vec<(bool, u8, u8, bool)>) -> bool {
        let mut vectors = [TruncatingVersionVector::new(), TruncatingVersionVector::new()];
        let mut whole = [VersionVector::new(), VersionVector::new()];
        steps.into_iter().enumerate().all(|(now, (at, replica, length, join))| {
            let at = usize::from(at);
            if join {
                let (other, all) = (vectors[1 - at].clone(), whole[1 - at].clone());
                vectors[at].join(&other);
                whole[at].join(&all);
            } else {
                let (replica, length) = (id(usize::from(replica % 8)), u64::from(length % 8));
                vectors[at].advance(replica, length, WallTime::from_nanos(now as u64));
                whole[at].advance(replica, length);
            }
            let before = vectors[at].len();
            let dropped = vectors[at].truncate(6);
            let counted = vectors[at].dropped() > 0 || vectors[at].version_vector() == whole[at];
            let exact = vectors.iter().any(|vector| vector.dropped() > 0)
                || vectors[0].compare(&vectors[1]) == whole[0].compare(&whole[1]);
            counted && exact && vectors[at].len() == before - dropped.len() && vectors[at].len() <= 6
        })
    }

    fn encodings_give_them_back(
        truncating: TruncatingVersionVector, retirements: Retirements, vector: RetiringVersionVector
    ) -> bool {
        encodings_round_trip(&truncating) && encodings_round_trip(&retirements) && encodings_round_trip(&vector)
    }
}

// Retirement.

const MEMBERS: usize = 3;
/// The replicas that depart, after the members' numbers. They write, talk and return as they please; nobody asks them.
const DEPARTED: usize = 2;
const ALL: usize = MEMBERS + DEPARTED;

#[derive(Clone, Copy, Debug)]
enum Step {
    Write(usize),
    /// A message that stays under way until it is delivered, once or more.
    Send(usize),
    Deliver(usize, usize),
    Freeze {
        member: usize,
        departed: usize,
    },
    /// Agrees on the retirement if all members that are asked have frozen.
    Agree(usize),
    /// The member learns of the next retirement in the log.
    Learn(usize),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let (at, other) = (usize::arbitrary(g), usize::arbitrary(g));
        match u8::arbitrary(g) % 16 {
            0..=4 => Self::Write(at % ALL),
            5..=7 => Self::Send(at % ALL),
            8..=11 => Self::Deliver(at, other % ALL),
            12 | 13 => Self::Freeze { member: at % MEMBERS, departed: MEMBERS + other % DEPARTED },
            14 => Self::Agree(MEMBERS + at % DEPARTED),
            _ => Self::Learn(at % MEMBERS),
        }
    }
}

#[derive(Clone, Default)]
struct Node {
    vector: RetiringVersionVector,
    retirements: Retirements,
    // What the vector means, as a plain set.
    history: BTreeSet<Dot>,
}

/// A message: its vector and history, and whether a departed replica sent it.
type Message = (RetiringVersionVector, BTreeSet<Dot>, bool);

struct Cluster {
    nodes: Vec<Node>,
    messages: Vec<Message>,
    freezes: Vec<Freeze>,
    log: Vec<Retirement>,
    /// Who is asked before a replica is retired.
    asked: usize,
}

impl Cluster {
    fn new(asked: usize) -> Self {
        let nodes = vec![Node::default(); ALL];
        Self { nodes, messages: vec![], freezes: vec![], log: vec![], asked }
    }

    /// False if a member was fenced for good by another.
    fn step(&mut self, step: Step) -> bool {
        match step {
            Step::Write(at) => {
                let node = &mut self.nodes[at];
                let next = 1 + node.history.iter().filter(|dot| dot.replica() == id(at)).count() as u64;
                if node.vector.advance(id(at), next, &node.retirements).is_err() {
                    return at >= MEMBERS;
                }
                node.history.insert(Dot::new(id(at), next).unwrap());
            }
            Step::Send(at) => {
                let Node { vector, history, .. } = self.nodes[at].clone();
                self.messages.push((vector, history, at >= MEMBERS));
            }
            Step::Deliver(message, to) if !self.messages.is_empty() => {
                let message = self.messages[message % self.messages.len()].clone();
                return self.deliver(message, to);
            }
            Step::Deliver(..) => {}
            Step::Freeze { member, departed } => {
                let Node { vector, retirements, .. } = &mut self.nodes[member];
                match retirements.freeze(id(member), id(departed), vector) {
                    Ok(freeze) => self.freezes.push(freeze),
                    Err(FreezeError::AlreadyRetired(_)) => {}
                    Err(_) => return false,
                }
            }
            Step::Agree(departed) if self.log.iter().all(|entry| entry.replica() != id(departed)) => {
                let agreed = Retirement::agree(id(departed), (0..self.asked).map(id), &self.freezes);
                self.log.extend(agreed.ok());
            }
            Step::Agree(_) => {}
            Step::Learn(member) => {
                let Node { vector, retirements, .. } = &mut self.nodes[member];
                if let Some(retirement) = self.log.get(retirements.log().len()) {
                    return retirements.retire(*retirement).is_ok() && vector.reduce(retirements).is_ok();
                }
            }
        }
        true
    }

    fn deliver(&mut self, (vector, history, from_departed): Message, to: usize) -> bool {
        let node = &mut self.nodes[to];
        let before = node.vector.clone();
        match node.vector.join(&vector, &node.retirements) {
            Ok(()) => {
                node.history.extend(history);
                true
            }
            // Try again later; nothing is lost.
            Err(Fenced::Frozen { .. } | Fenced::AheadOfLog { .. }) => node.vector == before,
            Err(_) => node.vector == before && (from_departed || to >= MEMBERS),
        }
    }

    /// Whether all vectors mean the histories that they stand for, and relate as those do.
    fn is_exact(&self) -> bool {
        // The log of the member that knows most serves for all.
        let newest = self.nodes.iter().map(|node| &node.retirements).max_by_key(|log| log.log().len()).unwrap();
        let members = &self.nodes[..MEMBERS];
        members.iter().all(|left| {
            let expanded = left.vector.expand(&left.retirements).map(|whole| whole.iter().collect::<Vec<_>>());
            let counted =
                (0..ALL).map(|at| (id(at), left.history.iter().filter(|dot| dot.replica() == id(at)).count()));
            let counted = counted.filter(|(_, count)| *count > 0).map(|(at, count)| (at, count as u64)).collect();
            expanded == Ok(counted)
                && members.iter().all(|right| {
                    left.vector.compare(&right.vector, newest) == Ok(relation(&left.history, &right.history))
                })
        })
    }

    /// Everybody learns everything that it may.
    fn settle(&mut self) -> bool {
        for step in 0..MEMBERS * DEPARTED {
            if !self.step(Step::Learn(step % MEMBERS)) {
                return false;
            }
        }
        for _ in 0..2 {
            for (from, to) in (0..MEMBERS).flat_map(|from| (0..MEMBERS).map(move |to| (from, to))) {
                let Node { vector, history, .. } = self.nodes[from].clone();
                if !self.deliver((vector, history, false), to) {
                    return false;
                }
            }
        }
        true
    }

    /// After everything was delivered: equal histories, and no entry of whoever was retired. Members that still have a
    /// freeze without a retirement refuse to go on, and are left out.
    fn has_converged_and_pruned(&self) -> bool {
        let retired = |replica: usize| self.log.iter().any(|entry| entry.replica() == id(replica));
        let frozen =
            (MEMBERS..ALL).any(|gone| !retired(gone) && self.freezes.iter().any(|freeze| freeze.replica == id(gone)));
        let members = &self.nodes[..MEMBERS];
        frozen
            || members.iter().all(|node| {
                node.vector == members[0].vector
                    && node.vector.retired() == self.log.len() as u64
                    && (MEMBERS..ALL).all(|gone| !retired(gone) || node.vector.vector().get(id(gone)) == 0)
            })
    }
}

fn holds(steps: &[Step], asked: usize) -> bool {
    let mut cluster = Cluster::new(asked);
    steps.iter().all(|step| cluster.step(*step) && cluster.is_exact())
        && cluster.settle()
        && cluster.is_exact()
        && cluster.has_converged_and_pruned()
}

/// A schedule that gets as far as retiring: random steps, then freezes by all, and what is left.
#[derive(Clone, Debug)]
struct Schedule(Vec<Step>);

impl Arbitrary for Schedule {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut steps = Vec::<Step>::arbitrary(g);
        for departed in MEMBERS..ALL {
            steps.extend((0..MEMBERS).map(|member| Step::Freeze { member, departed }));
            steps.extend(Vec::<Step>::arbitrary(g).into_iter().take(8));
            steps.push(Step::Agree(departed));
            steps.extend(Vec::<Step>::arbitrary(g).into_iter().take(8));
        }
        Self(steps)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let steps = self.0.clone();
        Box::new((0..steps.len()).map(move |left_out| {
            let mut fewer = steps.clone();
            fewer.remove(left_out);
            Self(fewer)
        }))
    }
}

#[test]
fn retirement_by_all_members_changes_no_answer_and_fences_no_member() {
    QuickCheck::new()
        .tests(2_000)
        .quickcheck((|schedule: Schedule| holds(&schedule.0, MEMBERS)) as fn(Schedule) -> bool);
}

/// One member is not asked. It takes in an event that those who were asked have not seen, and is fenced for good.
#[test]
fn control_retirement_without_one_member_is_too_early() {
    let departed = MEMBERS;
    let steps = [
        Step::Freeze { member: 0, departed },
        Step::Freeze { member: 1, departed },
        Step::Agree(departed),
        Step::Write(departed),
        Step::Send(departed),
        Step::Deliver(0, 2),
    ];
    assert!(!holds(&steps, MEMBERS - 1));
    assert!(holds(&steps, MEMBERS));
    // Random schedules find it too.
    let early = (|schedule: Schedule| holds(&schedule.0, MEMBERS - 1)) as fn(Schedule) -> bool;
    assert!(QuickCheck::new().tests(2_000).quicktest(early).is_err());
}

#[test]
fn a_late_return_is_fenced_and_changes_nothing() {
    let [a, gone] = [1, 2].map(id);
    let mut log = Retirements::new();
    let mut known = RetiringVersionVector::from_iter([(a, 2), (gone, 3)]);
    let freeze = log.freeze(a, gone, &known).unwrap();
    let unseen = RetiringVersionVector::from_iter([(gone, 4)]);
    assert_eq!(known.join(&unseen, &log), Err(Fenced::Frozen { replica: gone, length: 3, claimed: 4 }));
    log.retire(Retirement::agree(gone, [a, gone], &[freeze]).unwrap()).unwrap();
    known.reduce(&log).unwrap();
    let before = known.clone();
    let fenced = Fenced::Retired { replica: gone, length: 3, claimed: 4 };
    assert_eq!(known.join(&unseen, &log), Err(fenced));
    assert_eq!(known.compare(&unseen, &log), Err(fenced));
    assert_eq!(known.advance(gone, 4, &log), Err(fenced));
    assert_eq!(known, before);
    // What it had written before is known and welcome.
    let seen = RetiringVersionVector::from_iter([(gone, 3)]);
    assert_eq!(seen.compare(&known, &log), Ok(Causality::Before));
    known.join(&seen, &log).unwrap();
    assert_eq!(known, before);
    assert_eq!(log.get(gone).unwrap().length(), 3);
}

#[test]
fn logs_that_came_apart_are_noticed() {
    let [a, b, gone] = [1, 2, 3].map(id);
    let [mut at_a, mut at_b] = [Retirements::new(), Retirements::new()];
    let known = RetiringVersionVector::from_iter([(gone, 5)]);
    let freeze = at_a.freeze(a, gone, &known).unwrap();
    let early = Retirement::agree(gone, [b], &[at_b.freeze(b, gone, &RetiringVersionVector::new()).unwrap()]).unwrap();
    assert_eq!(at_a.retire(early), Err(RetireError::TooEarly { frozen: 5, agreed: 0 }));
    at_b.retire(early).unwrap();
    let late = Retirement::agree(gone, [a], &[freeze]).unwrap();
    assert_eq!(at_b.retire(late), Err(RetireError::Retired(early)));
    assert_eq!(at_b.retire(early), Ok(()));
    assert_eq!(at_b.freeze(b, gone, &known), Err(FreezeError::AlreadyRetired(early)));
    assert_eq!(Retirement::agree(gone, [a, b], &[freeze]), Err(TooEarly { missing: vec![b] }));
    // A reduced vector is refused where the log does not reach so far, and where it says otherwise.
    let mut reduced = RetiringVersionVector::new();
    reduced.reduce(&at_b).unwrap();
    assert_eq!(reduced.retired(), 1);
    assert_eq!(reduced.expand(&at_a), Err(Fenced::AheadOfLog { theirs: 1, ours: 0 }));
    let forged: RetiringVersionVector =
        postcard::from_bytes(&postcard::to_allocvec(&(1u64, VersionVector::from_iter([(gone, 1)]))).unwrap()).unwrap();
    assert_eq!(forged.expand(&at_b), Err(Fenced::Contradiction { replica: gone }));
}

#[test]
fn what_is_not_canonical_is_refused() {
    let entry = |number| (id(number), (1u64, WallTime::from_nanos(1)));
    let decode = |entries: Vec<(ReplicaId, (u64, WallTime))>| {
        postcard::from_bytes::<TruncatingVersionVector>(&postcard::to_allocvec(&(entries, 0u64)).unwrap())
    };
    assert!(decode(vec![entry(1), entry(2)]).is_ok());
    assert!(decode(vec![entry(2), entry(1)]).is_ok(), "the order of a map does not matter");
    assert!(decode(vec![entry(1), entry(1)]).is_err());
    assert!(decode(vec![(id(1), (0, WallTime::from_nanos(1)))]).is_err());
    let decode = |log: Vec<(ReplicaId, u64)>, frozen: Vec<(ReplicaId, u64)>| {
        postcard::from_bytes::<Retirements>(&postcard::to_allocvec(&(log, frozen)).unwrap())
    };
    assert!(decode(vec![(id(2), 1), (id(1), 1)], vec![(id(3), 1)]).is_ok());
    assert!(decode(vec![(id(1), 1), (id(1), 1)], vec![]).is_err());
    assert!(decode(vec![(id(1), 1)], vec![(id(1), 1)]).is_err());
}

/// Entries that the join takes away again do not count.
#[test]
fn invented_replicas_are_limited() {
    let limits = Limits { replicas: 2, ..Limits::NONE };
    let mut known = RetiringVersionVector::from_iter([(id(1), 1), (id(9), 5)]);
    let mut log = Retirements::new();
    let freeze = log.freeze(id(1), id(9), &known).unwrap();
    log.retire(Retirement::agree(id(9), [id(1)], &[freeze]).unwrap()).unwrap();
    known.reduce(&log).unwrap();
    let before = known.clone();
    let exceeded = LimitExceeded::Replicas { would_be: 3, limit: 2 };
    let invented = RetiringVersionVector::from_iter([(id(2), 1), (id(3), 1)]);
    assert_eq!(known.try_join(&invented, &log, &limits), Err(Fenced::LimitExceeded(exceeded)));
    assert_eq!(known, before);
    let honest = RetiringVersionVector::from_iter([(id(2), 1), (id(9), 5)]);
    assert_eq!(known.try_join(&honest, &log, &limits), Ok(()));
    assert_eq!(known.vector().len(), 2);
}

/// Ids that all stand before those that are known: were each inserted by itself, it would take minutes, which whoever waits for this test would see.
#[test]
fn a_vector_of_many_replicas_is_joined_by_one_walk() {
    let vectors = [200_000..400_000, 0..200_000].map(|ids| RetiringVersionVector::from_iter(ids.map(|n| (id(n), 1))));
    let mut known = RetiringVersionVector::new();
    for vector in &vectors {
        known.join(vector, &Retirements::new()).unwrap();
    }
    assert_eq!(known.vector().len(), 400_000);
}
