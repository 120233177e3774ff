//! What the crate `hybrid-clocks` gets wrong, each shown on that crate, and that [`HybridClock`] does not.
//!
//! Every test ends with a clock that is unchanged by what it refused and that goes on issuing.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(feature = "hlc")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use hybrid_clocks::{Clock, ManualClock, Timestamp, WallMST, WallNS, WallNST};
use syncline_clocks::{ClockError, HybridClock, HybridTimestamp, ReplicaId, WallTime};

const NOW: WallTime = WallTime::from_nanos(5_000_000_000);
const DRIFT: Duration = Duration::from_secs(1);

fn raw(time: u64) -> Clock<ManualClock> {
    Clock::manual(time).unwrap()
}

fn clock() -> HybridClock {
    let mut clock = HybridClock::new(ReplicaId::from_u128(1), DRIFT);
    clock.tick(NOW).unwrap();
    clock
}

fn remote(epoch: u32, time: u64, counter: u32) -> HybridTimestamp {
    HybridTimestamp { epoch, time: WallTime::from_nanos(time), counter, replica: ReplicaId::from_u128(9) }
}

/// The clock refuses the timestamp, is unchanged, and goes on near the wall clock.
fn refuses(clock: &mut HybridClock, hostile: HybridTimestamp) -> ClockError {
    let before = clock.clone();
    let error = clock.observe(NOW, hostile).unwrap_err();
    assert_eq!(*clock, before);
    let next = clock.tick(NOW).unwrap();
    assert!(next > before.last() && next.time == NOW);
    error
}

#[test]
fn a_remote_counter_of_u32_max() {
    // The counter of an equal time is counted up without a check: a debug build panics, and a release build issues less
    // than it has received.
    let stepped_back = catch_unwind(AssertUnwindSafe(|| {
        let (mut raw, received) = (raw(7), Timestamp { epoch: 0, time: 7, count: u32::MAX });
        raw.observe(&received);
        raw.now().unwrap() < received
    }));
    assert!(stepped_back.unwrap_or(true));

    let mut clock = clock();
    let time = NOW.as_nanos();
    assert_eq!(refuses(&mut clock, remote(0, time, u32::MAX)), ClockError::CounterTooHigh { counter: u32::MAX });
    assert_eq!(refuses(&mut clock, remote(0, time, 1 << 31)), ClockError::CounterTooHigh { counter: 1 << 31 });
}

/// The highest counter that is believed, ahead of the local clock: local events still get timestamps, and such that peers
/// accept them.
#[test]
fn a_remote_counter_just_below_the_limit_carries_into_the_time() {
    let mut clock = clock();
    let highest = remote(0, NOW.as_nanos() + 900_000_000, (1 << 31) - 1);
    let mut before = clock.observe(NOW, highest).unwrap();
    assert!(before > highest);
    for _ in 0..10 {
        let next = clock.tick(NOW).unwrap();
        assert!(next > before && clock.admit(NOW, next).is_ok());
        before = next;
    }
}

#[test]
fn a_remote_epoch_of_u32_max() {
    // The limit on offsets looks at the time alone: one message, and the epoch sticks for ever.
    let mut limited = raw(7).with_max_diff(0);
    limited.observe(&Timestamp { epoch: u32::MAX, time: 7, count: 0 }).unwrap();
    assert_eq!(limited.now().unwrap().epoch, u32::MAX);

    let error = refuses(&mut clock(), remote(u32::MAX, NOW.as_nanos(), 0));
    assert_eq!(error, ClockError::OtherEpoch { theirs: u32::MAX, ours: 0 });
}

#[test]
fn a_remote_time_of_u64_max() {
    // The offset is multiplied into nanoseconds without a bound: the check that should refuse it panics.
    let milliseconds = catch_unwind(|| WallMST::of_u64(u64::MAX) - WallMST::of_u64(0));
    assert!(milliseconds.is_err());
    let mut limited = Clock::new(hybrid_clocks::WallMS).unwrap().with_max_diff(DRIFT);
    let hostile = Timestamp { epoch: 0, time: WallMST::of_u64(u64::MAX), count: 0 };
    assert!(catch_unwind(AssertUnwindSafe(|| limited.observe(&hostile))).is_err());
    // Without a limit one message moves the clock to the end of time.
    let mut unlimited = Clock::new(WallNS).unwrap();
    unlimited.observe(&Timestamp { epoch: 0, time: WallNST::of_u64(u64::MAX), count: 0 });
    assert_eq!(unlimited.now().unwrap().time.as_u64(), u64::MAX);

    let error = refuses(&mut clock(), remote(0, u64::MAX, 0));
    let ahead = Duration::from_nanos(u64::MAX - NOW.as_nanos());
    assert_eq!(error, ClockError::TooFarAhead { ahead, bound: DRIFT });
}

/// A local wall clock at the end of time is followed; then there is nothing after it, which is an error.
#[test]
fn a_local_time_of_u64_max() {
    let end = HybridTimestamp { replica: ReplicaId::from_u128(1), ..remote(0, u64::MAX, (1 << 31) - 2) };
    let mut clock = HybridClock::resume(end, DRIFT);
    let before = clock.clone();
    assert_eq!(clock.tick(WallTime::from_nanos(u64::MAX)), Err(ClockError::CounterTooHigh { counter: (1 << 31) - 2 }));
    assert_eq!(clock, before);
}

#[test]
fn a_restart_forgets() {
    // What was issued before is issued again, or less, when the wall clock is behind: there is no way to say where to go on.
    let before = raw(7).now().unwrap();
    assert_eq!(raw(7).now().unwrap(), before);
    assert!(raw(6).now().unwrap() < before);

    let behind = NOW.saturating_sub(DRIFT);
    // The last timestamp is durable.
    let mut first = clock();
    let last = first.tick(NOW).unwrap();
    assert!(HybridClock::resume(last, DRIFT).tick(behind).unwrap() > last);
    // A mark is: the clock refuses until the next one is, so it can not be forgotten.
    let mark = first.reserve(NOW, DRIFT);
    first.mark_durable(mark);
    let last = first.tick(NOW).unwrap();
    let mut second = HybridClock::restart(last.replica, mark, DRIFT);
    let before = second.clone();
    assert!(matches!(second.tick(behind), Err(ClockError::NotReserved { needed }) if needed > mark));
    assert_eq!(second, before);
    let mark = second.reserve(behind, DRIFT);
    second.mark_durable(mark);
    let issued = second.tick(behind).unwrap();
    assert!(issued > last && clock().admit(NOW, issued).is_ok());
}

#[test]
fn two_nodes_issue_equal_timestamps() {
    assert_eq!(raw(7).now().unwrap(), raw(7).now().unwrap());

    let tick = |replica| HybridClock::new(ReplicaId::from_u128(replica), DRIFT).tick(NOW).unwrap();
    assert_ne!(tick(1), tick(2));
    assert_eq!((tick(1).time, tick(1).counter), (tick(2).time, tick(2).counter));
}
