//! Everything that a host asks of its runtime.

use serde::{Deserialize, Serialize};
use syncline_clocks::{CausalContext, Dot};
use syncline_crdt::JoinError;
use syncline_resolvers::PassedOver;

use crate::{
    BatchNumber, ClientId, Envelope, Epoch, Fault, Monotonic, NodeId, PartitionId, RequestId, Response, Timer,
};

/// Rows to write and to delete, all or none. Visible to reads as soon as the effect is obeyed, durable when flushed;
/// batches become durable in the order of their numbers, so that a crash loses a suffix of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its number in the partition's sequence.
    pub number: BatchNumber,
    /// Keys and their new values; `None` deletes.
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// One thing that a runtime has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Send to a peer, not before the named batch of the envelope's partition is durable. Delivery is not promised.
    Send {
        /// The peer.
        to: NodeId,
        /// What to say.
        envelope: Envelope,
        /// The batch to wait for.
        after: BatchNumber,
    },
    /// Write a batch, and say [`Input::Flushed`](crate::Input::Flushed) when it is durable.
    Persist {
        /// The partition.
        partition: PartitionId,
        /// The batch.
        batch: Batch,
    },
    /// Fire a timer at this moment of the monotonic clock, or later.
    SetTimer {
        /// The partition.
        partition: PartitionId,
        /// The timer to fire.
        timer: Timer,
        /// When.
        at: Monotonic,
    },
    /// Answer a client, not before the named batch is durable.
    Respond {
        /// The client.
        to: ClientId,
        /// The answer.
        response: Response,
        /// The batch to wait for.
        after: BatchNumber,
    },
    /// Tell whoever observes.
    Notify {
        /// The partition.
        partition: PartitionId,
        /// What happened.
        notice: Notice,
    },
}

/// What happened, for metrics, checkers and the conflict journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A register has concurrent versions.
    Conflict {
        /// The key.
        key: Vec<u8>,
        /// The concurrent versions.
        dots: Vec<Dot>,
    },
    /// A policy that picks hides a version. Replicas see the same pair: count it once.
    PassedOver {
        /// The key.
        key: Vec<u8>,
        /// The hidden version and the one that hides it.
        passed_over: PassedOver,
    },
    /// A read found that a replica lacked events, and sent them.
    ReadRepaired {
        /// The replica that lacked them.
        node: NodeId,
    },
    /// The partition has another configuration.
    LeaderChanged {
        /// Its epoch.
        epoch: Epoch,
        /// Its leader.
        leader: Option<NodeId>,
    },
    /// A leader that was deposed dropped what its successor never had. Acknowledgements that rested on this node alone
    /// are void.
    SuffixDiscarded {
        /// The dropped events.
        events: CausalContext,
    },
    /// A request was answered by fewer replicas than it asked for.
    QuorumMissed {
        /// The request.
        request: RequestId,
    },
    /// A peer's update was not joined, or not all of it.
    UpdateRefused {
        /// The peer.
        from: NodeId,
        /// Why.
        error: JoinError,
    },
    /// An event was left out of a join because its timestamp is too far ahead; the clock does not hold it.
    TooFarAhead {
        /// The event.
        event: Dot,
    },
    /// A message of an older configuration was refused.
    Fenced {
        /// Who sent it.
        from: NodeId,
        /// Its epoch.
        epoch: Epoch,
    },
    /// The partition no longer serves: its store can not be trusted.
    Halted {
        /// Why.
        fault: Fault,
    },
}

/// What one call of [`Host::handle`](crate::Host::handle) asks for, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    list: Vec<Effect>,
}

impl Effects {
    pub(crate) fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    /// Takes all effects out, in the order in which they have to be obeyed.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.list.drain(..)
    }
}
