//! A hybrid logical clock (Kulkarni et al. 2014, figure 5) that survives hostile and skewed timestamps.
//!
//! The rules for the next timestamp come from the `hybrid-clocks` crate. Its clock types hide their state, so one is
//! built for each call from the last timestamp; what it does not guard is refused before it is called.

use core::time::Duration;

use hybrid_clocks::{Clock, ManualClock, Timestamp};

use crate::{HybridTimestamp, ReplicaId, WallTime};

/// Counters from here on are refused: a clock needs billions of events in one nanosecond to reach it honestly, and
/// the rules of `hybrid-clocks` overflow shortly before `u32::MAX`.
const COUNTER_LIMIT: u32 = 1 << 31;

/// Why a timestamp was refused or could not be issued. The clock is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The timestamp is further ahead of the local wall clock than the clock's bound on drift.
    #[error("the timestamp is {ahead:?} ahead of the local clock; at most {bound:?} is accepted")]
    TooFarAhead {
        /// How far ahead it is.
        ahead: Duration,
        /// The bound that it exceeds.
        bound: Duration,
    },
    /// The timestamp belongs to another epoch of the cluster's clocks.
    #[error("the timestamp is of clock epoch {theirs}, this clock of epoch {ours}")]
    OtherEpoch {
        /// The timestamp's epoch.
        theirs: u32,
        /// The clock's epoch.
        ours: u32,
    },
    /// The counter is so high that only an error or an attack can have made it.
    #[error("the counter {counter} can not have been reached by counting events")]
    CounterTooHigh {
        /// The refused counter.
        counter: u32,
    },
}

/// Issues timestamps that are strictly increasing, later than every timestamp it observed, and close to wall time.
///
/// The wall clock's reading is an argument; it may repeat or step back, timestamps still increase. After a restart,
/// [`resume`](Self::resume) from the last timestamp that was persisted.
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
}

impl HybridClock {
    /// A clock that has issued nothing and refuses timestamps more than `max_drift` ahead of the local wall clock.
    #[must_use]
    pub fn new(replica: ReplicaId, max_drift: Duration) -> Self {
        let last = HybridTimestamp { epoch: 0, time: WallTime::from_nanos(0), counter: 0, replica };
        Self { last, max_drift }
    }

    /// The clock of `last.replica` after a restart: everything it issues is later than `last`.
    #[must_use]
    pub fn resume(last: HybridTimestamp, max_drift: Duration) -> Self {
        Self { last, max_drift }
    }

    /// The latest timestamp issued: what has to be persisted before a restart.
    #[must_use]
    pub fn last(&self) -> HybridTimestamp {
        self.last
    }

    /// The timestamp of a local event or of a message to send.
    ///
    /// # Errors
    /// [`ClockError::CounterTooHigh`] at the end of time, in the year 2554.
    pub fn tick(&mut self, now: WallTime) -> Result<HybridTimestamp, ClockError> {
        self.issue(now, None)
    }

    /// The timestamp of receiving `remote`: later than it and than everything issued before.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), and as [`tick`](Self::tick).
    pub fn observe(&mut self, now: WallTime, remote: HybridTimestamp) -> Result<HybridTimestamp, ClockError> {
        self.admit(now, remote)?;
        self.issue(now, Some(remote))
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
        let ahead = Duration::from_nanos(remote.time.as_nanos().saturating_sub(now.as_nanos()));
        if ahead > self.max_drift {
            return Err(ClockError::TooFarAhead { ahead, bound: self.max_drift });
        }
        Ok(())
    }

    fn issue(&mut self, now: WallTime, remote: Option<HybridTimestamp>) -> Result<HybridTimestamp, ClockError> {
        let mut seen = self.last.max(remote.unwrap_or(self.last));
        // A counter that is used up, by a peer's timestamp if not by counting, carries into the time.
        if seen.counter >= COUNTER_LIMIT - 2 {
            let next = seen.time.as_nanos().checked_add(1);
            let time = next.ok_or(ClockError::CounterTooHigh { counter: seen.counter })?;
            seen = HybridTimestamp { time: WallTime::from_nanos(time), counter: 0, ..seen };
        }
        let mut rules = Clock::<ManualClock>::manual(0).expect("a manual clock can be read");
        rules.set_epoch(seen.epoch);
        rules.observe(&Timestamp { epoch: seen.epoch, time: seen.time.as_nanos(), count: seen.counter });
        rules.set_time(now.as_nanos());
        let next = rules.now().expect("a manual clock can be read");
        self.last = HybridTimestamp {
            epoch: next.epoch,
            time: WallTime::from_nanos(next.time),
            counter: next.count,
            replica: self.last.replica,
        };
        Ok(self.last)
    }
}
