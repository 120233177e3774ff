//! Interval tree clocks against causal histories: each stamp is followed by the plain set of the events that it knows.
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use quickcheck::{Arbitrary, Gen, quickcheck};
use support::{encodings_round_trip, relation, text_round_trips};
use syncline_clocks::{
    Causality, IntervalTreeClock, IntervalTreeDecodeError, IntervalTreeEventError, IntervalTreeForkError,
    IntervalTreeJoinError,
};

/// What happens to a system of processes; numbers choose among those that there are.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fork(usize),
    Event(usize),
    Leave { goes: usize, to: usize },
    Message { from: usize, to: usize },
    Store(usize),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let (choice, at, other) = (u8::arbitrary(g) % 10, usize::arbitrary(g), usize::arbitrary(g));
        match choice {
            0 | 1 => Self::Fork(at),
            2 => Self::Leave { goes: at, to: other },
            3 | 4 => Self::Message { from: at, to: other },
            5 => Self::Store(at),
            _ => Self::Event(at),
        }
    }
}

type History = BTreeSet<u32>;

/// The processes that are there and what was stored along the way, each stamp beside its causal history.
#[derive(Default)]
struct System {
    processes: Vec<(IntervalTreeClock, History)>,
    stored: Vec<(IntervalTreeClock, History)>,
    events: u32,
}

impl System {
    fn new() -> Self {
        Self { processes: vec![(IntervalTreeClock::seed(), History::new())], ..Self::default() }
    }

    fn step(&mut self, step: Step) {
        let count = self.processes.len();
        let at = |number: usize| number % count;
        match step {
            Step::Fork(number) if self.processes.len() < 16 => {
                let (clock, history) = &mut self.processes[at(number)];
                let forked = (clock.fork().unwrap(), history.clone());
                self.processes.push(forked);
            }
            Step::Fork(_) => {}
            Step::Event(number) => {
                let (clock, history) = &mut self.processes[at(number)];
                clock.event().unwrap();
                history.insert(self.events);
                self.events += 1;
            }
            Step::Leave { goes, to } => {
                let (goes, to) = (at(goes), at(to));
                if goes != to {
                    let (clock, history) = self.processes[goes].clone();
                    self.processes[to].0.join(&clock).unwrap();
                    self.processes[to].1.extend(history);
                    self.processes.remove(goes);
                }
            }
            Step::Message { from, to } => {
                let (from, to) = (at(from), at(to));
                let (clock, history) = self.processes[from].clone();
                self.processes[to].0.join(&clock.peek()).unwrap();
                self.processes[to].1.extend(history);
            }
            Step::Store(number) => self.stored.push(self.processes[at(number)].clone()),
        }
    }

    fn all(&self) -> impl Iterator<Item = &(IntervalTreeClock, History)> {
        self.processes.iter().chain(&self.stored)
    }

    /// Whether every two stamps relate as their histories do.
    fn agrees(&self) -> bool {
        self.all().all(|(left, a)| self.all().all(|(right, b)| left.compare(right) == relation(a, b)))
    }
}

fn stamp(text: &str) -> IntervalTreeClock {
    text.parse().unwrap()
}

quickcheck! {
    fn stamps_relate_as_their_causal_histories(steps: Vec<Step>) -> bool {
        let mut system = System::new();
        steps.into_iter().all(|step| {
            system.step(step);
            system.agrees()
        })
    }

    fn every_stamp_is_in_normal_form_and_round_trips(steps: Vec<Step>) -> bool {
        let mut system = System::new();
        steps.into_iter().for_each(|step| system.step(step));
        // Decoding refuses what is not in normal form.
        let round_trips = |stamp: &IntervalTreeClock| {
            IntervalTreeClock::from_bytes(&stamp.to_bytes()).as_ref() == Ok(stamp)
                && text_round_trips(stamp)
                && encodings_round_trip(stamp)
        };
        system.processes.iter().chain(&system.stored).all(|(stamp, _)| round_trips(stamp))
    }

    fn join_is_a_least_upper_bound(a: IntervalTreeClock, b: IntervalTreeClock, c: IntervalTreeClock) -> bool {
        let joined = |left: &IntervalTreeClock, right: &IntervalTreeClock| {
            let mut left = left.peek();
            left.join(&right.peek()).unwrap();
            left
        };
        let (ab, bc) = (joined(&a, &b), joined(&b, &c));
        joined(&a, &a) == a.peek()
            && ab == joined(&b, &a)
            && joined(&ab, &c) == joined(&a, &bc)
            && a.leq(&ab) && b.leq(&ab)
            && (!(a.leq(&c) && b.leq(&c)) || ab.leq(&c))
    }

    fn leq_is_a_partial_order_of_events(a: IntervalTreeClock, b: IntervalTreeClock, c: IntervalTreeClock) -> bool {
        a.leq(&a)
            && (!(a.leq(&b) && b.leq(&c)) || a.leq(&c))
            && ((a.leq(&b) && b.leq(&a)) == (a.peek() == b.peek()))
    }

    fn an_event_is_seen_by_nobody_else(before: IntervalTreeClock) -> bool {
        let mut after = before.clone();
        after.event().unwrap();
        before.compare(&after) == Causality::Before
    }

    fn bytes_that_decode_are_canonical(bytes: Vec<u8>) -> bool {
        IntervalTreeClock::from_bytes(&bytes).map_or(true, |stamp| stamp.to_bytes() == bytes)
    }
}

/// A process that forks without giving its share away is two processes with one identity: some two stamps then relate
/// otherwise than their histories.
#[test]
fn control_a_copied_stamp_is_noticed_by_the_check() {
    let mut system = System::new();
    let copied = system.processes[0].clone();
    system.processes.push(copied);
    system.step(Step::Event(0));
    system.step(Step::Event(1));
    assert!(!system.agrees());
}

/// The run that the paper draws (§5), with its stamps.
#[test]
fn the_papers_example() {
    let mut a = IntervalTreeClock::seed();
    let mut b = a.fork().unwrap();
    assert_eq!((a.to_string(), b.to_string()), ("(1,0);0".into(), "(0,1);0".into()));
    a.event().unwrap();
    b.event().unwrap();
    assert_eq!((a.to_string(), b.to_string()), ("(1,0);(0,1,0)".into(), "(0,1);(0,0,1)".into()));
    let mut c = a.fork().unwrap();
    a.event().unwrap();
    assert_eq!((a.to_string(), c.to_string()), ("((1,0),0);(0,(1,1,0),0)".into(), "((0,1),0);(0,1,0)".into()));
    b.event().unwrap();
    assert_eq!(b.to_string(), "(0,1);(0,0,2)");
    c.join(&b).unwrap();
    assert_eq!(c.to_string(), "((0,1),1);(1,0,1)");
    let given = c.fork().unwrap();
    a.join(&c).unwrap();
    assert_eq!((a.to_string(), given.to_string()), ("(1,0);(1,(0,1,0),1)".into(), "(0,1);(1,0,1)".into()));
    a.event().unwrap();
    assert_eq!(a.to_string(), "(1,0);2");
}

/// Where one owns several places, the paper's costs choose: no new node before a shallow place, of equal ones the
/// right. Filling raises a half to the other's minimum, not to its maximum.
#[test]
fn an_event_goes_where_it_is_cheapest() {
    for (before, after) in [
        ("(1,(0,1));(0,1,(0,0,3))", "(1,(0,1));(0,2,(0,0,3))"),
        ("((1,0),(0,(0,1)));(0,1,(0,0,(0,0,1)))", "((1,0),(0,(0,1)));(0,1,(0,0,(0,0,2)))"),
        ("((1,0),(1,0));0", "((1,0),(1,0));(0,0,(0,1,0))"),
        ("(1,(0,1));(0,0,(2,0,3))", "(1,(0,1));(2,0,(0,0,3))"),
        ("(0,1);(0,3,(0,0,1))", "(0,1);3"),
    ] {
        let mut clock = stamp(before);
        clock.event().unwrap();
        assert_eq!(clock.to_string(), after);
    }
}

#[test]
fn overlapping_shares_are_refused_and_nothing_changes() {
    let mut whole = IntervalTreeClock::seed();
    let copy = whole.clone();
    assert_eq!(whole.join(&copy), Err(IntervalTreeJoinError));
    // A backup from before a fork owns what the forked one owns.
    let backup = whole.clone();
    let mut forked = whole.fork().unwrap();
    forked.event().unwrap();
    let before = forked.clone();
    assert_eq!(forked.join(&backup), Err(IntervalTreeJoinError));
    assert_eq!(forked, before);
    whole.join(&forked).unwrap();
    assert_eq!(forked.join(&whole), Err(IntervalTreeJoinError));
    assert_eq!(IntervalTreeClock::seed().peek().event(), Err(IntervalTreeEventError::Anonymous));
}

#[test]
fn counts_at_the_end_of_their_range_are_refused_and_nothing_changes() {
    let highest = format!("1;{}", u64::MAX);
    let mut forged = stamp(&highest);
    assert_eq!(forged.event(), Err(IntervalTreeEventError::Exhausted));
    assert_eq!(forged.to_string(), highest);
    let mut clock = stamp("(1,0);3");
    clock.join(&forged.peek()).unwrap();
    assert_eq!(clock.event(), Err(IntervalTreeEventError::Exhausted));
    assert_eq!(clock.to_string(), format!("(1,0);{}", u64::MAX));
    let above = format!("1;({},1,0)", u64::MAX);
    assert_eq!(above.parse::<IntervalTreeClock>(), Err(IntervalTreeDecodeError::TooHigh));
    for count in [0, 3, 4, 11, 12, u64::MAX - 4, u64::MAX - 3, u64::MAX] {
        let stamp = stamp(&format!("0;({count},0,(0,1,0))").replace("(18446744073709551615,0,(0,1,0))", "9"));
        assert_eq!(IntervalTreeClock::from_bytes(&stamp.to_bytes()), Ok(stamp));
    }
}

/// As deep as trees may be, every operation still runs in a thread with half a megabyte of stack; deeper ones are
/// refused.
#[test]
fn depth_is_bounded() {
    let work = || {
        let mut clock = IntervalTreeClock::seed();
        let mut forked = Vec::new();
        let refused = loop {
            clock.event().unwrap();
            match clock.fork() {
                Ok(next) => forked.push(next),
                Err(refused) => break refused,
            }
        };
        assert_eq!((refused, forked.len()), (IntervalTreeForkError, IntervalTreeClock::MAX_DEPTH));
        for stamp in &mut forked {
            stamp.event().unwrap();
        }
        let last = forked.last().unwrap();
        assert_eq!(clock.compare(last), Causality::Concurrent);
        assert_eq!(IntervalTreeClock::from_bytes(&last.to_bytes()).as_ref(), Ok(last));
        assert_eq!(last.to_string().parse().as_ref(), Ok(last));
        for stamp in forked.iter().rev() {
            clock.join(stamp).unwrap();
        }
        assert!(clock.to_string().starts_with("1;"));
        let deep = "(".repeat(1 << 20);
        assert_eq!(deep.parse::<IntervalTreeClock>(), Err(IntervalTreeDecodeError::TooDeep));
        // Two bits a level of an id; three bits a level of an event under the id 0.
        assert_eq!(IntervalTreeClock::from_bytes(&[0b0101_0101; 1 << 20]), Err(IntervalTreeDecodeError::TooDeep));
        assert_eq!(IntervalTreeClock::from_bytes(&[0; 1 << 20]), Err(IntervalTreeDecodeError::TooDeep));
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn what_is_not_in_normal_form_is_refused() {
    for text in ["(0,0);0", "(1,1);0", "0;(0,1,1)", "0;(0,1,2)", "0;00", "0;+1", "1;1 ", "1;(0,(0,0,0),1)"] {
        assert!(text.parse::<IntervalTreeClock>().is_err(), "{text}");
    }
    // The seed, 001 then 1 0 00, is followed by one bit that has to be 0.
    assert_eq!(IntervalTreeClock::from_bytes(&[0b0011_0000]), Ok(IntervalTreeClock::seed()));
    assert_eq!(IntervalTreeClock::from_bytes(&[0b0011_0001]), Err(IntervalTreeDecodeError::NotCanonical));
    assert_eq!(IntervalTreeClock::from_bytes(&[0b0011_0000, 0]), Err(IntervalTreeDecodeError::NotCanonical));
    assert_eq!(IntervalTreeClock::from_bytes(&[]), Err(IntervalTreeDecodeError::Malformed));
}
