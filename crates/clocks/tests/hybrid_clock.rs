//! The hybrid clock on random schedules with skew, drift, steps and restarts.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(all(feature = "hlc", feature = "serde", feature = "quickcheck-1"))]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use quickcheck::{Arbitrary, Gen, quickcheck};
use support::id;
use syncline_clocks::{ClockError, HighWaterMark, HybridClock, HybridTimestamp, WallTime};

const DRIFT: Duration = Duration::from_nanos(1_000);

/// What happens next at one of three nodes.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// True time goes on.
    Wait(u8),
    /// An event.
    Tick,
    /// The last message of another node arrives.
    Receive(u8),
    /// The node's wall clock is set: so far from true time.
    SetClock(i8),
    /// The node forgets everything but its mark.
    Restart,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 10 {
            0 => Self::Wait(u8::arbitrary(g)),
            1 => Self::SetClock(i8::arbitrary(g)),
            2 => Self::Restart,
            3..6 => Self::Receive(u8::arbitrary(g) % 3),
            _ => Self::Tick,
        }
    }
}

struct Node {
    clock: HybridClock,
    mark: HighWaterMark,
    offset: i8,
    rate: u64,
    issued: Vec<HybridTimestamp>,
}

impl Node {
    /// The reading of a clock that drifts by its rate and was set with an offset.
    fn wall(&self, now: u64) -> WallTime {
        WallTime::from_nanos((now + now / self.rate).saturating_add_signed(self.offset.into()))
    }

    fn event(&mut self, now: u64, remote: Option<HybridTimestamp>) -> HybridTimestamp {
        let wall = self.wall(now);
        let mut attempt = || match remote {
            Some(remote) => self.clock.observe(wall, remote),
            None => self.clock.tick(wall),
        };
        let issued = match attempt() {
            Err(ClockError::NotReserved { needed }) => {
                self.mark = needed.max(self.clock.reserve(wall, Duration::from_nanos(50)));
                self.clock.mark_durable(self.mark);
                match remote {
                    Some(remote) => self.clock.observe(wall, remote),
                    None => self.clock.tick(wall),
                }
            }
            other => other,
        };
        issued.unwrap()
    }
}

quickcheck! {
    fn timestamps_increase_along_happens_before(steps: Vec<(u8, Step)>) -> bool {
        let mut now = 10_000;
        let mut nodes: Vec<Node> = (0..3).map(|n| {
            let mut clock = HybridClock::new(id(n), DRIFT);
            let mark = clock.reserve(WallTime::from_nanos(0), Duration::from_nanos(50));
            clock.mark_durable(mark);
            Node { clock, mark, offset: 0, rate: 100 + 50 * u64::from(n), issued: Vec::new() }
        }).collect();
        let mut all = BTreeSet::new();
        steps.into_iter().all(|(at, step)| {
            let at = usize::from(at % 3);
            let remote = match step {
                Step::Wait(nanos) => { now += u64::from(nanos); return true }
                Step::SetClock(offset) => { nodes[at].offset = offset; return true }
                Step::Restart => {
                    nodes[at].clock = HybridClock::restart(id(at as u8), nodes[at].mark, DRIFT);
                    return true;
                }
                Step::Tick => None,
                Step::Receive(from) => nodes[usize::from(from)].issued.last().copied(),
            };
            let node = &mut nodes[at];
            let issued = node.event(now, remote);
            let before = node.issued.last().copied();
            node.issued.push(issued);
            // Strictly monotonic at its node, restarts included; after what it received; and nobody else's.
            before < Some(issued)
                && remote < Some(issued)
                && all.insert(issued)
                && issued == node.clock.last()
                && issued.time >= node.wall(now)
                && (issued.epoch, issued.time) < (node.mark.epoch, node.mark.time)
        })
    }

    /// With every clock within its accuracy, an order that is called certain is the order in true time.
    fn orders_that_are_certain_are_true(steps: Vec<(bool, i8, u8, bool)>) -> bool {
        let mut clocks = [1, 2].map(|n| HybridClock::new(id(n), DRIFT));
        let mut now = 10_000u64;
        let mut events: Vec<HybridTimestamp> = Vec::new();
        for (at, offset, wait, receive) in steps {
            now += u64::from(wait) + 1;
            let wall = WallTime::from_nanos(now.saturating_add_signed(offset.into()));
            let clock = &mut clocks[usize::from(at)];
            let issued = match events.last() {
                Some(last) if receive => clock.observe(wall, *last),
                _ => clock.tick(wall),
            };
            events.push(issued.unwrap());
        }
        let good_to = Duration::from_nanos(128);
        (0..events.len()).all(|i| (0..i).all(|j| {
            events[j].order_in_time(events[i], good_to).is_none_or(|order| order.is_lt())
        }))
    }

    fn a_refusal_changes_nothing(last: HybridTimestamp, remote: HybridTimestamp, now: WallTime, mark: Option<HighWaterMark>) -> bool {
        let mut clock = HybridClock::resume(last, Duration::from_nanos(8));
        mark.into_iter().for_each(|mark| clock.mark_durable(mark));
        let before = clock.clone();
        let observed = clock.observe(now, remote);
        if observed.is_err() && clock != before {
            return false;
        }
        let before = clock.clone();
        clock.tick(now).is_ok() || clock == before
    }
}

#[test]
fn the_farthest_step_back_is_told_once() {
    let mut clock = HybridClock::new(id(1), DRIFT);
    for reading in [50, 40, 60, 20, 15, 80] {
        clock.tick(WallTime::from_nanos(reading)).unwrap();
    }
    let step = clock.take_step_back().unwrap();
    assert_eq!((step.from.as_nanos(), step.to.as_nanos(), step.by()), (60, 20, Duration::from_nanos(40)));
    assert_eq!(clock.take_step_back(), None);
}

#[test]
fn a_mark_reaches_at_most_half_the_drift_ahead_and_is_never_lowered() {
    let mut clock = HybridClock::new(id(1), DRIFT);
    let now = WallTime::from_nanos(10_000);
    let far = clock.reserve(now, Duration::from_secs(9));
    assert_eq!(far.time, now.saturating_add(DRIFT / 2));
    clock.mark_durable(far);
    clock.mark_durable(clock.reserve(now, Duration::ZERO));
    let just_below = WallTime::from_nanos(far.time.as_nanos() - 1);
    assert!(clock.tick(just_below).is_ok());
    let needed = HighWaterMark { epoch: 0, time: WallTime::from_nanos(far.time.as_nanos() + 1) };
    assert_eq!(clock.tick(far.time), Err(ClockError::NotReserved { needed }));
    clock.mark_durable(needed);
    assert!(clock.tick(far.time).is_ok());
    assert_eq!(clock.ahead_of(now), DRIFT / 2);
}

/// Whoever asks for the mark that is needed and tries again must not do so for ever.
#[test]
fn at_the_end_of_time_no_mark_is_asked_for() {
    let end = WallTime::from_nanos(u64::MAX);
    let mut clock = HybridClock::restart(id(1), HighWaterMark { epoch: 0, time: end }, DRIFT);
    let before = clock.clone();
    assert!(matches!(clock.tick(end), Err(ClockError::CounterTooHigh { .. })));
    assert_eq!((&clock, clock.reserve(end, DRIFT).time), (&before, end));
    let mut clock = HybridClock::new(id(1), DRIFT);
    clock.mark_durable(clock.reserve(end, DRIFT));
    let below = end.saturating_sub(Duration::from_nanos(1));
    assert!(clock.tick(below).is_ok());
    let remote = HybridTimestamp { epoch: 0, time: end, counter: 0, replica: id(2) };
    assert!(matches!(clock.observe(below, remote), Err(ClockError::CounterTooHigh { .. })));
    assert!(clock.tick(below).is_ok());
}

/// The clock runs as far ahead as is allowed, because of a peer's timestamp, reserves, and restarts at that moment.
#[test]
fn what_is_issued_after_a_restart_is_accepted_by_peers() {
    let mut clock = HybridClock::new(id(1), DRIFT);
    let now = WallTime::from_nanos(10_000);
    let ahead = HybridTimestamp { epoch: 0, time: now.saturating_add(DRIFT), counter: 7, replica: id(2) };
    let before = clock.observe(now, ahead).unwrap();
    let mark = clock.reserve(now, DRIFT);
    let mut clock = HybridClock::restart(id(1), mark, DRIFT);
    let later = now.saturating_add(Duration::from_nanos(1));
    clock.mark_durable(clock.reserve(later, DRIFT));
    let issued = clock.tick(later).unwrap();
    assert!(issued > before && clock.admit(later, issued).is_ok());
}
