//! A timestamp near wall-clock time that never contradicts causality: plain data, no clock.

use core::fmt;

use crate::ReplicaId;

/// A reading of a wall clock: nanoseconds since the Unix epoch. 8 bytes; ends in the year 2554.
///
/// Wall clocks of different machines disagree, and one machine's may step back: never use it for a timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct WallTime(u64);

impl WallTime {
    /// This many nanoseconds after the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

/// A hybrid logical timestamp (Kulkarni et al. 2014; the paper's `l.j` and `c.j`), made unique by its replica.
///
/// Ordered by epoch, time, counter and replica, which is also the order of [`to_bytes`](Self::to_bytes). 32 bytes.
/// If one event happened before another, its timestamp is less; the converse does not hold: the order of two
/// timestamps says nothing about causality.
///
/// ```
/// use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
/// let replica = ReplicaId::from_u128(1);
/// let early = HybridTimestamp { epoch: 0, time: WallTime::from_nanos(5), counter: 9, replica };
/// let late = HybridTimestamp { time: WallTime::from_nanos(6), counter: 0, ..early };
/// assert!(early < late && early.to_bytes() < late.to_bytes());
/// assert_eq!(HybridTimestamp::from_bytes(late.to_bytes()), late);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HybridTimestamp {
    /// Raised by an operator after a clock ran far ahead; all clocks of a cluster share it.
    pub epoch: u32,
    /// The largest wall-clock reading that this event had seen.
    pub time: WallTime,
    /// Orders the events with the same time.
    pub counter: u32,
    /// The replica that issued the timestamp: no two issue equal ones.
    pub replica: ReplicaId,
}

impl HybridTimestamp {
    /// 32 bytes, big endian, whose order is the timestamps' order.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.time.as_nanos().to_be_bytes());
        bytes[12..16].copy_from_slice(&self.counter.to_be_bytes());
        bytes[16..].copy_from_slice(&self.replica.to_bytes());
        bytes
    }

    /// The timestamp with these bytes; every 32 bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let number = u128::from_be_bytes(core::array::from_fn(|i| bytes[i]));
        Self {
            epoch: (number >> 96) as u32,
            time: WallTime::from_nanos((number >> 32) as u64),
            counter: number as u32,
            replica: ReplicaId::from_bytes(core::array::from_fn(|i| bytes[16 + i])),
        }
    }
}

impl fmt::Debug for HybridTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}+{}@{:?}", self.epoch, self.time.as_nanos(), self.counter, self.replica)
    }
}
