//! The names of things, each a type of its own so that they can not be mixed up, and the two clocks.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline_clocks::WallTime;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);
    };
}

number!(
    /// A machine, or a process that stands for one. It outlives the replica ids that its replicas mint dots under.
    NodeId(u32)
);
number!(
    /// A part of the keys, replicated by one replica group.
    PartitionId(u32)
);
number!(
    /// A place that fails and is cut off as a whole.
    DatacenterId(u16)
);
number!(
    /// The number of a configuration; a higher one fences every lower one.
    Epoch(u64)
);
number!(
    /// A client, as its requests name it.
    ClientId(u64)
);
number!(
    /// The number of a batch of writes, from 1, in one sequence for each partition and incarnation. 0 is no batch.
    BatchNumber(u64)
);
number!(
    /// A reading of a clock that never steps, in nanoseconds: for timeouts. Says nothing about other machines.
    Monotonic(u64)
);

impl Epoch {
    /// Whether this epoch may come after another: no single configuration can use the epochs up.
    pub(crate) fn follows_closely(self, earlier: Self) -> bool {
        self.0 <= earlier.0.saturating_add(1 << 32)
    }
}

impl Monotonic {
    /// The moment this long after.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// The time at which an input is handled: timeouts count on the first clock, timestamps on the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timeouts.
    pub monotonic: Monotonic,
    /// For hybrid timestamps; may be wrong and may step.
    pub wall: WallTime,
}

/// A request's name: a retry carries the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Who asks.
    pub client: ClientId,
    /// The client's number for it; a client's later request has a higher one.
    pub sequence: u64,
}
