//! A promise about timestamps that survives a restart.

use crate::WallTime;

/// All timestamps that a clock issued before a restart are below this time of this epoch.
///
/// Made by [`HybridClock::reserve`](crate::HybridClock::reserve), which reaches ahead, so that one write to a disk
/// covers the timestamps of a while. The caller keeps it with what it knows of its replica; the mark does not name it.
///
/// ```
/// use syncline_clocks::{HighWaterMark, WallTime};
/// let mark = HighWaterMark { epoch: 0, time: WallTime::from_nanos(5) };
/// assert!(mark < HighWaterMark { epoch: 1, time: WallTime::from_nanos(0) });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HighWaterMark {
    /// The clock's epoch.
    pub epoch: u32,
    /// The time that no timestamp has reached.
    pub time: WallTime,
}
