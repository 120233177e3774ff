//! Vector clocks against the definition of causal history: the set of events that happened before one, and itself.
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use quickcheck::{Arbitrary, Gen, quickcheck};
use support::{encodings_round_trip, relation};
use syncline_clocks::{Dot, LimitExceeded, Limits, ReplicaId, VectorClock, VectorClockError, VersionVector};

#[derive(Clone, Copy, Debug)]
enum Step {
    Local(usize),
    Send(usize),
    /// Some message, be it old or received before.
    Receive(usize, usize),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let at = usize::arbitrary(g) % 4;
        match u8::arbitrary(g) % 4 {
            0 => Self::Local(at),
            1 => Self::Send(at),
            _ => Self::Receive(at, usize::arbitrary(g)),
        }
    }
}

struct Event {
    name: Dot,
    stamp: VersionVector,
    history: BTreeSet<usize>,
}

/// All events of four processes that follow the steps; `receive` is what is under test.
fn run(steps: &[Step], receive: impl Fn(&mut VectorClock, &VersionVector) -> VersionVector) -> Vec<Event> {
    let mut clocks = [0, 1, 2, 3].map(|number| VectorClock::new(ReplicaId::from_u128(number)));
    let mut known: [BTreeSet<usize>; 4] = Default::default();
    let mut messages = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    for step in steps {
        let (at, stamp) = match *step {
            Step::Local(at) => (at, clocks[at].tick().unwrap()),
            Step::Send(at) => {
                messages.push(events.len());
                (at, clocks[at].send().unwrap())
            }
            Step::Receive(_, _) if messages.is_empty() => continue,
            Step::Receive(at, message) => {
                let sent: &Event = &events[messages[message % messages.len()]];
                known[at].extend(&sent.history);
                (at, receive(&mut clocks[at], &sent.stamp))
            }
        };
        known[at].insert(events.len());
        events.push(Event { name: clocks[at].latest().unwrap(), stamp, history: known[at].clone() });
    }
    events
}

/// Whether stamps relate as histories do, and the one lookup says the same as the comparison.
fn agrees(events: &[Event]) -> bool {
    events.iter().enumerate().all(|(at, left)| {
        events.iter().all(|right| {
            left.stamp.compare(&right.stamp) == relation(&left.history, &right.history)
                && right.stamp.contains(left.name) == right.history.contains(&at)
        })
    })
}

quickcheck! {
    fn stamps_relate_as_causal_histories(steps: Vec<Step>) -> bool {
        agrees(&run(&steps, |clock, stamp| clock.receive(stamp).unwrap()))
    }

    fn encodings_give_it_back(clock: VectorClock) -> bool {
        encodings_round_trip(&clock)
    }
}

#[test]
fn control_a_clock_that_does_not_join_is_noticed() {
    let steps = [Step::Send(0), Step::Receive(1, 0)];
    assert!(agrees(&run(&steps, |clock, stamp| clock.receive(stamp).unwrap())));
    assert!(!agrees(&run(&steps, |clock, _| clock.tick().unwrap())));
}

#[test]
fn what_a_process_can_not_have_done_is_refused_and_changes_nothing() {
    let [own, other] = [1, 2].map(ReplicaId::from_u128);
    let mut clock = VectorClock::new(own);
    clock.tick().unwrap();
    let before = clock.clone();
    let forged = VersionVector::from_iter([(own, 2), (other, 9)]);
    assert_eq!(clock.receive(&forged), Err(VectorClockError::OwnFuture { claimed: 2, own: 1 }));
    assert_eq!(clock, before);
    let mut last = VectorClock::resume(own, VersionVector::from_iter([(own, u64::MAX)]));
    let before = last.clone();
    assert_eq!(last.tick(), Err(VectorClockError::Exhausted));
    assert_eq!(last.receive(&VersionVector::from_iter([(other, u64::MAX)])), Err(VectorClockError::Exhausted));
    assert_eq!(last, before);
    // Another process's count may stand anywhere: it is that process's to run out of.
    assert!(clock.receive(&VersionVector::from_iter([(other, u64::MAX)])).is_ok());
}

#[test]
fn invented_processes_are_limited() {
    let invented = |from: u128| (from..from + 60).map(|number| (ReplicaId::from_u128(number), 1)).collect();
    let limits = Limits { replicas: 100, ..Limits::NONE };
    let mut clock = VectorClock::new(ReplicaId::from_u128(1_000));
    clock.try_receive(&invented(0), &limits).unwrap();
    let before = clock.clone();
    let exceeded = LimitExceeded::Replicas { would_be: 121, limit: 100 };
    assert_eq!(clock.try_receive(&invented(60), &limits), Err(VectorClockError::LimitExceeded(exceeded)));
    assert_eq!(clock, before);
    assert!(clock.try_receive(&invented(30), &limits).is_ok());
}
