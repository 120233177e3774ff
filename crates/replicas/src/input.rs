//! Everything that can happen to a host.

use serde::{Deserialize, Serialize};

use crate::{BatchNumber, ClientId, Configuration, Envelope, NodeId, PartitionId, Request, RequestId};

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TimerKind {
    /// A request's patience ends.
    Request(RequestId),
    /// Time to compare clocks with a peer.
    AntiEntropy,
    /// A leader's heartbeat; a candidate's retry.
    Heartbeat,
    /// A follower's patience with a silent leader ends.
    Detection,
}

/// A timer that was set. One with an old generation was cancelled: it is ignored when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timer {
    /// What it is for.
    pub kind: TimerKind,
    /// Which of its kind it is.
    pub generation: u64,
}

/// One thing that happens to a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Input {
    /// The node starts to hold a partition: for the first time, with an empty store, or again after a restart.
    Boot {
        /// The partition.
        partition: PartitionId,
        /// How often this node has started, from 1.
        incarnation: u64,
        /// The configuration to begin with; one that the store holds takes precedence.
        bootstrap: Configuration,
    },
    /// A client asks.
    Request {
        /// Where the response goes.
        from: ClientId,
        /// What it asks.
        request: Request,
    },
    /// A peer, whose identity the runtime has established, says something.
    Message {
        /// The peer.
        from: NodeId,
        /// What it says.
        envelope: Envelope,
    },
    /// A timer fires.
    Timer {
        /// The partition that set it.
        partition: PartitionId,
        /// The timer.
        timer: Timer,
    },
    /// All batches up to this one are durable.
    Flushed {
        /// The partition.
        partition: PartitionId,
        /// The last durable batch.
        up_to: BatchNumber,
    },
    /// A batch could not be made durable. What was flushed before is; nothing later will be.
    FlushFailed {
        /// The partition.
        partition: PartitionId,
    },
}
