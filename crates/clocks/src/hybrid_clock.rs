//! A hybrid logical clock (Kulkarni et al. 2014, figure 5) that survives hostile and skewed timestamps.
//!
//! The rules for the next timestamp come from the `hybrid-clocks` crate. Its clock types hide their state, so one is
//! built for each call from the last timestamp, which costs nothing once compiled; what it does not guard is refused
//! before it is called.

mod error;

use core::mem;
use core::time::Duration;

use hybrid_clocks::{Clock, ClockSource, Timestamp};

use crate::{HighWaterMark, HybridTimestamp, ReplicaId, WallTime};
pub use error::ClockError;

/// Counters from here on are refused: a clock needs billions of events in one nanosecond to reach it honestly, and
/// the rules of `hybrid-clocks` overflow shortly before `u32::MAX`.
const COUNTER_LIMIT: u32 = 1 << 31;

/// Issues timestamps that are strictly increasing, later than every timestamp it observed, and close to wall time.
///
/// The wall clock's reading is an argument; it may repeat or step back, timestamps still increase, and
/// [`take_step_back`](Self::take_step_back) tells of it. Every call takes constant time and allocates nothing.
///
/// Across restarts there are two disciplines. Either the caller makes [`last`](Self::last) durable before a timestamp
/// leaves the node, with what it stamped, and goes on with [`resume`](Self::resume). Or it makes a [`HighWaterMark`]
/// durable now and then, [`reserve`](Self::reserve) and [`mark_durable`](Self::mark_durable), and goes on with
/// [`restart`](Self::restart); then the clock refuses to issue what the mark does not cover.
///
/// Not guaranteed: a local wall clock that jumps *forward* is followed, because nothing local tells it from the right
/// time; the peers' bounds on drift refuse the timestamps. A clone issues the timestamps of its original: one of the
/// two must never be used for events.
///
/// ```
/// use std::time::Duration;
/// use syncline_clocks::{HybridClock, ReplicaId, WallTime};
/// let mut a = HybridClock::new(ReplicaId::from_u128(1), Duration::from_millis(500));
/// let mut b = HybridClock::new(ReplicaId::from_u128(2), Duration::from_millis(500));
/// let sent = a.tick(WallTime::from_nanos(1_000))?;
/// let received = b.observe(WallTime::from_nanos(10), sent)?;   // b's wall clock lags behind
/// assert!(sent < received && received < b.tick(WallTime::from_nanos(11))?);
/// # Ok::<(), syncline_clocks::ClockError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HybridClock {
    last: HybridTimestamp,
    max_drift: Duration,
    // What is issued stays below it; `None` under the discipline of `resume`.
    durable: Option<HighWaterMark>,
    // The last reading of the local wall clock; 0 before the first.
    wall: WallTime,
    stepped_back: Option<StepBack>,
}

impl HybridClock {
    /// A clock that has issued nothing and refuses timestamps more than `max_drift` ahead of the local wall clock.
    #[must_use]
    pub const fn new(replica: ReplicaId, max_drift: Duration) -> Self {
        Self::resume(HybridTimestamp { epoch: 0, time: WallTime::from_nanos(0), counter: 0, replica }, max_drift)
    }

    /// The clock of `last.replica` after a restart, or in another epoch: everything it issues is later than `last`. Where
    /// marks are used, another epoch begins by [`restart`](Self::restart) from a mark of it instead: this clock would
    /// issue without any.
    #[must_use]
    pub const fn resume(last: HybridTimestamp, max_drift: Duration) -> Self {
        Self { last, max_drift, durable: None, wall: WallTime::from_nanos(0), stepped_back: None }
    }

    /// The clock of `replica` after a restart of which only a mark is left: everything it issues is later than what was
    /// issued before. It issues nothing until a further mark is durable. Its timestamps are ahead of the wall clock by
    /// what was reserved and not used, until the wall clock gets there.
    #[must_use]
    pub const fn restart(replica: ReplicaId, mark: HighWaterMark, max_drift: Duration) -> Self {
        let last = HybridTimestamp { epoch: mark.epoch, time: mark.time, counter: 0, replica };
        Self { durable: Some(mark), ..Self::resume(last, max_drift) }
    }

    /// The latest timestamp issued: what has to be persisted before a restart, where no mark is.
    #[must_use]
    pub const fn last(&self) -> HybridTimestamp {
        self.last
    }

    /// How far the clock's timestamps run ahead of the local wall clock: because a peer's does, because the local one
    /// stepped back, or after a [`restart`](Self::restart).
    #[must_use]
    pub const fn ahead_of(&self, now: WallTime) -> Duration {
        self.last.time.saturating_since(now)
    }

    /// A mark that allows timestamps until `ahead` after `now`, and what is due at the time of the latest one; to be made
    /// durable, and then given to [`mark_durable`](Self::mark_durable). Reserve anew before it is reached, say when half of
    /// `ahead` is over, so that nobody waits for the disk.
    ///
    /// A peer's timestamp that is further ahead is no reason to reserve more: [`ClockError::NotReserved`] says which mark
    /// it needs. At most half of the bound on drift is reserved, so that peers accept what is issued after a restart.
    ///
    /// ```
    /// use std::time::Duration;
    /// use syncline_clocks::{ClockError, HybridClock, ReplicaId, WallTime};
    /// let (replica, second) = (ReplicaId::from_u128(1), Duration::from_secs(1));
    /// let mut clock = HybridClock::new(replica, 4 * second);
    /// let now = WallTime::from_duration(1_000 * second);
    /// let mark = clock.reserve(now, second);
    /// // ... the mark is written and flushed ...
    /// clock.mark_durable(mark);
    /// let before = clock.tick(now)?;
    /// let later = now.saturating_add(second);
    /// let Err(ClockError::NotReserved { needed }) = clock.tick(later) else { panic!("it was reserved for a second") };
    /// let mark = needed.max(clock.reserve(later, second));
    ///
    /// // A crash, and the wall clock is an hour behind when the node comes back.
    /// let mut clock = HybridClock::restart(replica, mark, 4 * second);
    /// let now = later.saturating_sub(3_600 * second);
    /// let mark = clock.reserve(now, second);
    /// clock.mark_durable(mark);
    /// assert!(clock.tick(now)? > before);
    /// # Ok::<(), ClockError>(())
    /// ```
    #[must_use]
    pub fn reserve(&self, now: WallTime, ahead: Duration) -> HighWaterMark {
        let time = now.saturating_add(ahead.min(self.max_drift / 2));
        above(self.last.epoch, self.last.time).max(HighWaterMark { epoch: self.last.epoch, time })
    }

    /// The mark is durable: timestamps below it may be issued. From the first call on, none that is not below the
    /// highest such mark. A lower mark than an earlier one changes nothing.
    pub fn mark_durable(&mut self, mark: HighWaterMark) {
        self.durable = self.durable.max(Some(mark));
    }

    /// The timestamp of a local event or of a message to send.
    ///
    /// # Errors
    /// [`ClockError::NotReserved`] where marks are used, and [`ClockError::CounterTooHigh`] at the end of time, in the
    /// year 2554.
    pub fn tick(&mut self, now: WallTime) -> Result<HybridTimestamp, ClockError> {
        self.issue(now, as_raw(self.last))
    }

    /// The timestamp of receiving `remote`: later than it and than everything issued before.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), and as [`tick`](Self::tick).
    pub fn observe(&mut self, now: WallTime, remote: HybridTimestamp) -> Result<HybridTimestamp, ClockError> {
        self.admit(now, remote)?;
        self.issue(now, as_raw(self.last.max(remote)))
    }

    /// Whether a timestamp from outside may be believed.
    ///
    /// # Errors
    /// Another epoch, an impossible counter, or a time further ahead of `now` than the bound on drift.
    pub fn admit(&self, now: WallTime, remote: HybridTimestamp) -> Result<(), ClockError> {
        if remote.epoch != self.last.epoch {
            return Err(ClockError::OtherEpoch { theirs: remote.epoch, ours: self.last.epoch });
        }
        if remote.counter >= COUNTER_LIMIT {
            return Err(ClockError::CounterTooHigh { counter: remote.counter });
        }
        let ahead = remote.time.saturating_since(now);
        if ahead > self.max_drift {
            return Err(ClockError::TooFarAhead { ahead, bound: self.max_drift });
        }
        Ok(())
    }

    /// The farthest step back of the local wall clock since this was last asked. It is noticed when a timestamp is issued:
    /// timestamps go on increasing, but for so long they are not near the wall clock, and count its events instead.
    ///
    /// ```
    /// use std::time::Duration;
    /// use syncline_clocks::{HybridClock, ReplicaId, WallTime};
    /// let mut clock = HybridClock::new(ReplicaId::from_u128(1), Duration::from_secs(1));
    /// clock.tick(WallTime::from_nanos(9_000))?;
    /// clock.tick(WallTime::from_nanos(2_000))?;
    /// assert_eq!(clock.take_step_back().map(|step| step.by()), Some(Duration::from_nanos(7_000)));
    /// assert_eq!(clock.take_step_back(), None);
    /// # Ok::<(), syncline_clocks::ClockError>(())
    /// ```
    pub const fn take_step_back(&mut self) -> Option<StepBack> {
        self.stepped_back.take()
    }

    /// Issues the timestamp after `seen`, which is not below the last one.
    #[inline(always)]
    fn issue(&mut self, now: WallTime, mut seen: Timestamp<u64>) -> Result<HybridTimestamp, ClockError> {
        // A counter that is used up, by a peer's timestamp if not by counting, carries into the time.
        if seen.count >= COUNTER_LIMIT - 2 {
            let time = seen.time.checked_add(1).ok_or(ClockError::CounterTooHigh { counter: seen.count })?;
            seen = Timestamp { time, count: 0, ..seen };
        }
        let readings = Readings { next: 0, rest: now.as_nanos() };
        let mut rules = Clock::new(readings).expect("a reading that is given can be read");
        rules.set_epoch(seen.epoch);
        rules.observe(&seen);
        let next = rules.now().expect("a reading that is given can be read");
        let time = WallTime::from_nanos(next.time);
        if self.durable.is_some_and(|mark| HighWaterMark { epoch: next.epoch, time } >= mark) {
            // At the end of time there is no higher mark to ask for.
            let end = ClockError::CounterTooHigh { counter: next.count };
            let needed = above(next.epoch, time);
            return Err(if needed.time > time { ClockError::NotReserved { needed } } else { end });
        }
        if now < self.wall {
            self.note_step_back(StepBack { from: self.wall, to: now });
        }
        self.wall = now;
        let issued = HybridTimestamp { epoch: next.epoch, time, counter: next.count, replica: self.last.replica };
        // Field by field: a copy of the whole would wait until the processor has put the fields together again.
        (self.last.epoch, self.last.time, self.last.counter) = (issued.epoch, issued.time, issued.counter);
        Ok(issued)
    }

    #[cold]
    fn note_step_back(&mut self, step: StepBack) {
        if self.stepped_back.is_none_or(|noted| noted.by() < step.by()) {
            self.stepped_back = Some(step);
        }
    }
}

/// The lowest mark that allows timestamps at this time; none does at the end of time.
fn above(epoch: u32, time: WallTime) -> HighWaterMark {
    HighWaterMark { epoch, time: time.saturating_add(Duration::from_nanos(1)) }
}

/// The timestamp as the rules know it: without its replica.
fn as_raw(HybridTimestamp { epoch, time, counter, .. }: HybridTimestamp) -> Timestamp<u64> {
    Timestamp { epoch, time: time.as_nanos(), count: counter }
}

/// The wall clock that the rules read: at the beginning of time while they are built, and then at the time that is given.
struct Readings {
    next: u64,
    rest: u64,
}

impl ClockSource for Readings {
    type Time = u64;
    type Delta = u64;

    fn now(&mut self) -> hybrid_clocks::Result<u64> {
        Ok(mem::replace(&mut self.next, self.rest))
    }
}

/// The local wall clock read less than before: it was set back, or its readings were handed over out of order.
///
/// ```
/// use std::time::Duration;
/// use syncline_clocks::{StepBack, WallTime};
/// let step = StepBack { from: WallTime::from_nanos(9), to: WallTime::from_nanos(2) };
/// assert_eq!(step.by(), Duration::from_nanos(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepBack {
    /// The reading before.
    pub from: WallTime,
    /// The reading after, which is less.
    pub to: WallTime,
}

impl StepBack {
    /// How far.
    #[must_use]
    pub const fn by(self) -> Duration {
        self.from.saturating_since(self.to)
    }
}
