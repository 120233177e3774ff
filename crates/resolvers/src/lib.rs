//! What to do when values do not merge by themselves.
//!
//! A [`Resolver`] is a **view**: it reads the concurrent versions of a value ([`Siblings`]) and says which stand and
//! which were passed over, and why. It never mints a dot and never takes one out of an entry, so two replicas that
//! resolve the same siblings agree and create no new conflict. Siblings end when a write that saw them replaces them.
//!
//! | resolver | gives | loses |
//! |---|---|---|
//! | [`LastWriterWins`] | the version with the latest timestamp | the concurrent others, each named in `passed_over` |
//! | [`KeepSiblings`] | all of them | nothing |
//!
//! ```
//! use syncline_clocks::{Dot, HybridTimestamp, ReplicaId, WallTime};
//! use syncline_resolvers::{Conflict, LastWriterWins, Outcome, Resolver, Siblings, Version};
//!
//! let version = |writer, nanos, value: &'static str| {
//!     let replica = ReplicaId::from_u128(writer);
//!     let timestamp = HybridTimestamp { epoch: 0, time: WallTime::from_nanos(nanos), counter: 0, replica };
//!     Version { dot: Dot::first(replica), timestamp, value: Some(value) }
//! };
//! let siblings = Siblings::new(vec![version(1, 30, "tea"), version(2, 20, "milk")]).expect("two versions");
//! let resolution = LastWriterWins.resolve(&Conflict { siblings: &siblings, base: None });
//! let Outcome::Kept(kept) = resolution.outcome else { panic!("it picks") };
//! assert_eq!(kept[0].value, Some("tea"));
//! assert_eq!(resolution.passed_over[0].loser, version(2, 20, "milk").dot);
//! ```
#![no_std]

extern crate alloc;

mod keep_siblings;
mod last_writer_wins;
mod resolver;

pub use keep_siblings::KeepSiblings;
pub use last_writer_wins::LastWriterWins;
pub use resolver::{Conflict, Outcome, PassedOver, Reason, Resolution, Resolver, Siblings, Version};
