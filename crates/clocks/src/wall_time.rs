//! Readings of wall clocks, and between which of them an event lies.

use core::time::Duration;

/// A reading of a wall clock: nanoseconds since the Unix epoch. 8 bytes; ends in the year 2554.
///
/// Wall clocks of different machines disagree, and one machine's may step back: never use it for a timeout.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use syncline_clocks::WallTime;
/// let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
/// let now = WallTime::from_duration(since_1970);
/// assert_eq!(now.saturating_add(Duration::from_micros(1)).as_nanos(), now.as_nanos() + 1_000);
/// # Ok::<(), std::time::SystemTimeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct WallTime(u64);

impl WallTime {
    /// This many nanoseconds after the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// This long after the Unix epoch; at most the end of the type's time.
    #[must_use]
    pub const fn from_duration(since_epoch: Duration) -> Self {
        Self(0).saturating_add(since_epoch)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time so much later; at most the end of the type's time.
    #[must_use]
    pub const fn saturating_add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    /// The time so much earlier; not before the Unix epoch.
    #[must_use]
    pub const fn saturating_sub(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(time)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// 64 bits of nanoseconds, by multiplications of 64 bits: `Duration::as_nanos` has 128.
const fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos() as u64)
}

/// Between which instants of true time an event lies, both included: the interval of TrueTime (Corbett et al. 2012, §3,
/// `TT.now()`), computed from a timestamp and the accuracy that the caller vouches for.
///
/// ```
/// use std::time::Duration;
/// use syncline_clocks::{Uncertainty, WallTime};
/// let ms = |ms: u64| WallTime::from_nanos(ms * 1_000_000);
/// let around = |time| Uncertainty::around(time, Duration::from_millis(100));
/// assert!(around(ms(1_000)).is_certainly_before(around(ms(1_201))));
/// assert!(!around(ms(1_000)).is_certainly_before(around(ms(1_200))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uncertainty {
    /// The event is not before this.
    pub earliest: WallTime,
    /// The event is not after this.
    pub latest: WallTime,
}

impl Uncertainty {
    /// What a clock within `accuracy` of true time means by `time`.
    #[must_use]
    pub const fn around(time: WallTime, accuracy: Duration) -> Self {
        Self { earliest: time.saturating_sub(accuracy), latest: time.saturating_add(accuracy) }
    }

    /// Whether the intervals have no instant in common and this one is the earlier.
    #[must_use]
    pub const fn is_certainly_before(self, other: Self) -> bool {
        self.latest.as_nanos() < other.earliest.as_nanos()
    }
}
