//! Lamport clocks on random schedules, against plain causal histories.
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use quickcheck::quickcheck;
use support::{encodings_round_trip, order_laws, text_round_trips};
use syncline_clocks::{LamportClock, LamportClockError, LamportTimestamp, ReplicaId};

const LEAP: u64 = 1 << 32;

/// Events of three processes: each is local, or the receipt of the latest event of another.
struct Trace {
    clocks: [LamportClock; 3],
    /// Timestamp and causal history of every event; a history holds the event itself.
    events: Vec<(LamportTimestamp, BTreeSet<usize>)>,
    latest: [Option<usize>; 3],
}

impl Trace {
    fn run(
        steps: &[(u8, Option<u8>)],
        observe: impl Fn(&mut LamportClock, LamportTimestamp) -> LamportTimestamp,
    ) -> Self {
        let clocks = [1, 2, 3].map(|number| LamportClock::new(ReplicaId::from_u128(number), LEAP));
        let mut trace = Self { clocks, events: Vec::new(), latest: [None; 3] };
        for (at, from) in steps {
            let at = usize::from(at % 3);
            let sent = from.and_then(|from| trace.latest[usize::from(from % 3)]);
            let seen = [sent, trace.latest[at]].into_iter().flatten().flat_map(|event| trace.events[event].1.clone());
            let mut history: BTreeSet<usize> = seen.collect();
            history.insert(trace.events.len());
            let clock = &mut trace.clocks[at];
            let stamp = match sent {
                Some(event) => observe(clock, trace.events[event].0),
                None => clock.tick().unwrap(),
            };
            trace.latest[at] = Some(trace.events.len());
            trace.events.push((stamp, history));
        }
        trace
    }

    /// No two timestamps are equal, and each is later than those of the events before it.
    fn is_consistent(&self) -> bool {
        let distinct: BTreeSet<_> = self.events.iter().map(|(stamp, _)| *stamp).collect();
        distinct.len() == self.events.len()
            && self.events.iter().enumerate().all(|(this, (stamp, history))| {
                history.iter().all(|before| *before == this || self.events[*before].0 < *stamp)
            })
    }
}

quickcheck! {
    fn order_extends_happened_before(steps: Vec<(u8, Option<u8>)>) -> bool {
        Trace::run(&steps, |clock, stamp| clock.observe(stamp).unwrap()).is_consistent()
    }

    fn bytes_keep_the_order_and_everything_round_trips(a: LamportTimestamp, b: LamportTimestamp, c: LamportTimestamp) -> bool {
        order_laws([a, b, c])
            && a.cmp(&b) == a.to_bytes().cmp(&b.to_bytes())
            && LamportTimestamp::from_bytes(a.to_bytes()) == a
            && text_round_trips(&a)
            && encodings_round_trip(&a)
    }
}

#[test]
fn control_a_clock_that_ignores_receipts_is_noticed() {
    let steps = [(0, None), (0, None), (1, Some(0))];
    assert!(Trace::run(&steps, |clock, stamp| clock.observe(stamp).unwrap()).is_consistent());
    assert!(!Trace::run(&steps, |clock, _| clock.tick().unwrap()).is_consistent());
}

#[test]
fn hostile_timestamps_are_refused_and_change_nothing() {
    let [own, other] = [1, 2].map(ReplicaId::from_u128);
    let mut clock = LamportClock::new(own, LEAP);
    clock.tick().unwrap();
    let before = clock.clone();
    let far = LamportTimestamp { counter: u64::MAX, replica: other };
    assert_eq!(clock.observe(far), Err(LamportClockError::TooFarAhead { ahead: u64::MAX - 1, bound: LEAP }));
    let future = LamportTimestamp { counter: 2, replica: own };
    assert_eq!(clock.observe(future), Err(LamportClockError::OwnFuture { claimed: 2, own: 1 }));
    assert_eq!(clock, before);
    let mut last = LamportClock::resume(LamportTimestamp { counter: u64::MAX, replica: own }, LEAP);
    let before = last.clone();
    assert_eq!(last.tick(), Err(LamportClockError::Exhausted));
    assert_eq!(last.observe(far), Err(LamportClockError::Exhausted));
    assert_eq!(last, before);
}

#[test]
fn a_timestamp_has_one_text() {
    let text = "7@00000000-0000-0000-0000-000000000001";
    assert_eq!(text.parse::<LamportTimestamp>().unwrap().to_string(), text);
    for other in ["", "@", "7", "+7@00000000-0000-0000-0000-000000000001", "07@00000000-0000-0000-0000-000000000001"] {
        assert!(other.parse::<LamportTimestamp>().is_err(), "{other}");
    }
}
