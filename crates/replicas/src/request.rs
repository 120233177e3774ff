//! What clients ask and what they are told, weaker outcomes included.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline_clocks::{CausalContext, Dot, HybridTimestamp};

use crate::{Configuration, Epoch, NodeId, PartitionId, RequestId, Value};

/// What a client has seen of one key: it travels from a read to the writes that follow from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Context {
    /// The key that was read: for another one the context means nothing.
    pub key: Vec<u8>,
    /// The events that what was read covers: a later read whose context lacks one of them is stale.
    pub covers: CausalContext,
    /// The register versions that were read: what the client's next write replaces.
    pub seen: BTreeSet<Dot>,
    /// The latest timestamp among them: the next write's is later, wherever it goes.
    pub latest: Option<HybridTimestamp>,
}

/// What to do with a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Command {
    /// Reads the key.
    Get,
    /// Writes the key's register.
    Set {
        /// The new value.
        value: Vec<u8>,
        /// A timestamp of the client's own, as Cassandra's `USING TIMESTAMP`; only [`TimestampOnly`] takes one.
        ///
        /// [`TimestampOnly`]: crate::RegisterPolicy::TimestampOnly
        timestamp: Option<HybridTimestamp>,
    },
    /// Removes whatever the key holds.
    Delete,
    /// Adds to the key's counter.
    Increment(i64),
    /// Puts a member into the key's set.
    Add(Vec<u8>),
    /// Takes a member out of the key's set.
    Remove(Vec<u8>),
}

impl Command {
    /// Whether the command only reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Get)
    }
}

/// How many replicas have to answer a read, or to have flushed a write, before the client is told.
///
/// Leader-follower counts the leader and its followers; multi-leader takes 1 and 1, its own datacenter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Level {
    /// R: replicas that answer a read.
    pub read: u8,
    /// W: replicas that flushed a write.
    pub write: u8,
}

/// A client's request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Request {
    /// Its name; the same in every retry.
    pub id: RequestId,
    /// The partition that holds the key.
    pub partition: PartitionId,
    /// The newest configuration that the client knows of; 0 if none. An older node does not serve it.
    pub epoch: Epoch,
    /// The key.
    pub key: Vec<u8>,
    /// What to do with it.
    pub command: Command,
    /// What the client has seen of the key. A write without one replaces what its coordinator holds, except where the
    /// policy keeps siblings: there it is concurrent to all.
    pub context: Option<Context>,
    /// How many replicas have to answer.
    pub level: Level,
    /// How long the client waits; a minute at most.
    pub patience: Duration,
}

/// What an acknowledgement rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Achieved {
    /// Replicas that flushed the write or answered the read.
    pub copies: u8,
    /// Datacenters that they stand in.
    pub datacenters: u8,
}

/// A request's success.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reply {
    /// What the key holds (after a read); a counter's new value at the coordinator (after an increment).
    pub value: Value,
    /// What the client has seen now.
    pub context: Context,
    /// The events that the write made; none if it had nothing to change.
    pub events: Vec<Dot>,
    /// What the acknowledgement rests on.
    pub achieved: Achieved,
}

/// A request's failure, and whether it may have taken effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing was done: another node leads.
    #[error("this node does not lead the partition; the leader is {leader:?}")]
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// A write's outcome is **indeterminate**: it was applied at fewer replicas than asked for within the client's
    /// patience, and may spread or be discarded. A read was answered by too few replicas.
    #[error("{} of {needed} replicas answered in time", achieved.copies)]
    QuorumNotReached {
        /// What was reached.
        achieved: Achieved,
        /// How many were asked for.
        needed: u8,
    },
    /// Nothing was done: the level asks for no replica or for more than there are.
    #[error("a level of {asked} is not between 1 and the partition's {members} replicas")]
    ImpossibleLevel {
        /// What was asked for.
        asked: u8,
        /// How many replicas there are.
        members: u8,
    },
    /// Nothing was done: the key holds a value of another type.
    #[error("the key holds a value of another type")]
    WrongType,
    /// Nothing was done: the counter's running total would overflow.
    #[error("the counter would overflow")]
    Overflow,
    /// Nothing was done: the key has as many concurrent versions as are allowed. Read it, and write with the context.
    #[error("the key has {0} concurrent versions already: read it and write with what was read")]
    TooManySiblings(u32),
    /// Nothing was done: the timestamp can not be used, here or under this policy.
    #[error("the timestamp was refused: {0}")]
    Timestamp(String),
    /// Nothing was done: too many versions of the key have been read elsewhere and replaced here before they arrived.
    #[error("the context names more versions than this replica takes on trust: write where they were read")]
    ContextAhead,
    /// Nothing was done: the context is that of another key.
    #[error("the context was read from another key")]
    OtherKey,
    /// Nothing was done: a later request of this client was handled already.
    #[error("a later request of this client came first")]
    Superseded,
    /// Nothing was done: as many requests are waiting as are allowed.
    #[error("too many requests are waiting")]
    Overloaded,
    /// Nothing was done: the node does not hold the partition, is behind the client's configuration, or has stopped
    /// serving after a failed flush or a corrupt record.
    #[error("this node does not serve the partition now")]
    Unavailable,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Response {
    /// The request.
    pub id: RequestId,
    /// Its partition.
    pub partition: PartitionId,
    /// The configuration in which it was answered.
    pub epoch: Epoch,
    /// The answer.
    pub outcome: Result<Reply, Refusal>,
}

impl Level {
    /// Whether the level can be reached at all.
    pub(crate) fn check(self, most: Self) -> Result<(), Refusal> {
        for (asked, members) in [(self.read, most.read), (self.write, most.write)] {
            if asked == 0 || asked > members {
                return Err(Refusal::ImpossibleLevel { asked, members });
            }
        }
        Ok(())
    }
}

/// The longest that a request waits, whatever its client says.
const LONGEST_PATIENCE: Duration = Duration::from_secs(60);

impl Request {
    pub(crate) fn patience(&self) -> Duration {
        self.patience.min(LONGEST_PATIENCE)
    }

    /// How many replicas have to answer.
    pub(crate) fn needed(&self) -> u8 {
        if self.command.is_read() { self.level.read } else { self.level.write }
    }

    pub(crate) fn respond(&self, configuration: &Configuration, outcome: Result<Reply, Refusal>) -> Response {
        Response { id: self.id, partition: self.partition, epoch: configuration.epoch, outcome }
    }
}

impl Context {
    /// What a client has seen after its write: what it had seen before and the write itself. It has not seen what else
    /// the coordinator holds.
    pub(crate) fn after_write(request: &Request, events: &[Dot], stamp: HybridTimestamp) -> Self {
        let mut covers = request.context.as_ref().map(|context| context.covers.clone()).unwrap_or_default();
        covers.extend(events.iter().copied());
        let is_register = matches!(request.command, Command::Set { .. });
        let seen = if is_register { events.iter().copied().collect() } else { BTreeSet::new() };
        Self { key: request.key.clone(), covers, seen, latest: Some(stamp) }
    }
}
