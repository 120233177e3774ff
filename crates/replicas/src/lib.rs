//! Sans-IO replicators over one vocabulary of inputs and effects.
//!
//! A [`Host`] carries the replicas of one node, one for each partition. Its only verb is [`Host::handle`]: an
//! [`Input`] goes in together with the time and a store to read from, [`Effects`] come out. It opens no socket, writes
//! no file, reads no clock and draws no random number, so that the same code runs in the simulator and on the network.
//!
//! ```text
//! client request ┐
//! peer message   ┼─▶ Host::handle(now, Input, &dyn StoreRead, &mut Effects) ─▶ Send | Persist | SetTimer | Respond | Notify
//! timer fired    │        └─ routes to the partition's replicator                │
//! batch flushed  ┘◀──────────────────────────── runtime ◀────────────────────────┘
//! ```
//!
//! | replicator | a write is acknowledged when | while a datacenter is cut off |
//! |---|---|---|
//! | [`Strategy::LeaderFollower`] | the leader, and as many followers as asked for, flushed it | the side with a majority serves, after a failover if need be |
//! | [`Strategy::MultiLeader`] | the datacenter's own leader flushed it | both sides serve |
//! | [`Strategy::Leaderless`] | W members flushed it | a side with W (R) members serves writes (reads) |
//!
//! The order of the calls: [`Input::Boot`] first, with what the store recovered; then anything. Effects are obeyed in
//! order: a batch is visible to reads at once and durable later; a `Send` or `Respond` waits until the batch that it
//! names is flushed.

mod anti_entropy;
mod command;
mod configuration;
mod configuration_register;
mod dedupe;
mod effect;
mod host;
mod ids;
mod input;
mod key_view;
mod leader_follower;
mod leaderless;
mod log;
mod multi_leader;
mod partition;
mod rebuild;
mod request;
mod rows;
mod store;
mod turn;
mod value;
mod wire;

pub use anti_entropy::AntiEntropyMessage;
pub use configuration::{Configuration, ConfigurationError, Member, Policies, RegisterPolicy, Strategy};
pub use configuration_register::{Acceptor, Ballot, RegisterMessage};
pub use dedupe::Applied;
pub use effect::{Batch, Effect, Effects, Notice};
pub use host::{Host, Settings};
pub use ids::{BatchNumber, ClientId, DatacenterId, Epoch, Monotonic, NodeId, Now, PartitionId, RequestId};
pub use input::{Input, Timer, TimerKind};
pub use key_view::{KeyPage, read_value, scan_keys};
pub use leader_follower::LogMessage;
pub use leaderless::QuorumMessage;
pub use log::{Extent, LogEntry, Position};
pub use rebuild::{RebuildError, Snapshot, rebuild};
pub use request::{
    Achieved, Command, Context, ExpireCondition, Level, Refusal, Reply, Request, Response, SetCondition, SetExpiry,
    SetOptions,
};
pub use rows::{Meta, Row, decode_row, key_prefix};
pub use store::{Fault, StoreError, StoreRead};
pub use value::{Deadline, Delta, Event, MAX_PATH, Path, Payload, Sibling, Slot, Stamped, Update, Value};
pub use wire::{Body, Envelope, MAX_MESSAGE, WireError, decode, encode};
