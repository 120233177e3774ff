//! What clients ask and what they are told, weaker outcomes included.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline_clocks::{CausalContext, Dot, HybridTimestamp};

use crate::{Applied, Configuration, Epoch, MAX_PATH, NodeId, PartitionId, RequestId, Value};

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
    /// Reads the key, but of a set only one member: whether it holds anything, of which type, and when it expires.
    Peek,
    /// Reads which of these are members of the key's set, without reading the others.
    Contains(BTreeSet<Vec<u8>>),
    /// Writes the key's register, in the place of whatever the key held.
    Set {
        /// The new value.
        value: Vec<u8>,
        /// What else is asked of the write.
        options: SetOptions,
    },
    /// Removes whatever the key holds.
    Delete {
        /// Whether the reply tells the register or counter that was removed; of another type, it is refused then.
        previous: bool,
    },
    /// Adds to the key's number: to the register version that stands, or, without one, to its counter.
    Increment(i64),
    /// Puts members into the key's set.
    Add(BTreeSet<Vec<u8>>),
    /// Takes members out of the key's set.
    Remove(BTreeSet<Vec<u8>>),
    /// Takes members out of the key's set, as many as one write may: what a [`Refusal::TooManyMembers`] asks for.
    RemoveSome {
        /// Whether only what has expired is meant: another client may have put new members there.
        expired: bool,
    },
    /// Sets when the key expires, in milliseconds since the Unix epoch, or that it does not. A moment that has passed
    /// removes the key.
    Expire {
        /// When.
        at: Option<u64>,
        /// Under which condition.
        condition: ExpireCondition,
    },
}

/// What is asked of a [`Command::Set`] beside the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SetOptions {
    /// A timestamp of the client's own, as Cassandra's `USING TIMESTAMP`; only [`TimestampOnly`] takes one.
    ///
    /// [`TimestampOnly`]: crate::RegisterPolicy::TimestampOnly
    pub timestamp: Option<HybridTimestamp>,
    /// When to write at all, as its coordinator sees the key.
    pub condition: SetCondition,
    /// What becomes of the key's expiry.
    pub expiry: SetExpiry,
    /// Whether the reply tells the register or counter that the key held; of another type, the write is refused then.
    pub previous: bool,
}

/// When a [`Command::Set`] writes. If it does not, the reply's `changed` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SetCondition {
    /// Always.
    #[default]
    Always,
    /// If the key holds nothing.
    IfAbsent,
    /// If the key holds something.
    IfPresent,
    /// If the key's register and counter are what the request's context has seen: compare and set.
    IfUnchanged,
}

/// What a [`Command::Set`] does to the key's expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SetExpiry {
    /// The key does not expire.
    #[default]
    Clear,
    /// As before.
    Keep,
    /// At this moment, in milliseconds since the Unix epoch.
    At(u64),
}

/// When a [`Command::Expire`] takes effect. If it does not, the reply's `changed` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExpireCondition {
    /// Always.
    #[default]
    Always,
    /// If the key does not expire.
    IfNone,
    /// If the key expires.
    IfSome,
    /// If that is later than the key expires; a key that does not expire does so at the end of time.
    IfLater,
    /// If that is earlier than the key expires.
    IfEarlier,
}

impl Command {
    /// A write of the register without conditions.
    #[must_use]
    pub fn set(value: Vec<u8>) -> Self {
        Self::Set { value, options: SetOptions::default() }
    }

    /// Whether the command only reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Get | Self::Peek | Self::Contains(_))
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reply {
    /// What the key holds (after a read); the new number at the coordinator (after an increment); what the key held,
    /// where a write asks for it.
    pub value: Value,
    /// How much a write changed, as its coordinator sees it: members that were added or removed; else 1, or 0 if its
    /// condition was not met or there was nothing to remove.
    pub changed: u64,
    /// When the key expires (after a read), in milliseconds since the Unix epoch.
    pub expires: Option<u64>,
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
    /// Nothing was done: the number would overflow.
    #[error("the number would overflow")]
    Overflow,
    /// Nothing was done: what the register holds is not a number.
    #[error("the value is not an integer or out of range")]
    NotANumber,
    /// Nothing was done: the key has as many concurrent versions as are allowed. Read it, and write with the context.
    #[error("the key has {0} concurrent versions already: read it and write with what was read")]
    TooManySiblings(u32),
    /// Nothing was done: the timestamp can not be used, here or under this policy.
    #[error("the timestamp was refused: {0}")]
    Timestamp(String),
    /// Nothing was done: the key, with a member, is longer than 32 KiB, or the events of the write would take more than 16
    /// MiB. Write less.
    #[error("the write is too large: a key with a member takes 32 KiB at the most, the events of a write 16 MiB")]
    TooLarge,
    /// Nothing was done: the write would take out more members of a set than one write may. Ask for
    /// [`Command::RemoveSome`] first, perhaps several times.
    #[error("the set has more members than one write takes out: remove some of them first")]
    TooManyMembers {
        /// Whether they are of a set that has expired, which any write has to take out first.
        expired: bool,
    },
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
    /// Whether the paths that it names are as short as a path has to be.
    pub(crate) fn fits(&self) -> bool {
        let member = match &self.command {
            Command::Add(members) | Command::Remove(members) | Command::Contains(members) => {
                members.iter().map(Vec::len).max().unwrap_or(0)
            }
            _ => 0,
        };
        self.key.len() + member <= MAX_PATH
    }

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
    pub(crate) fn after_write(request: &Request, applied: &Applied, stamp: HybridTimestamp) -> Self {
        let mut covers = request.context.as_ref().map(|context| context.covers.clone()).unwrap_or_default();
        covers.extend(applied.events.iter().copied());
        Self { key: request.key.clone(), covers, seen: applied.version.into_iter().collect(), latest: Some(stamp) }
    }
}
