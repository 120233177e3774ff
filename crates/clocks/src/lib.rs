//! What happened before what.
//!
//! | type | answers | paper |
//! |---|---|---|
//! | [`ReplicaId`], [`Dot`] | which event is this | Preguiça et al., *Dotted version vectors*, 2010 |
//! | [`VersionVector`] | which prefix of each replica's events is known; how two such histories relate | Parker et al., 1983 |
//! | [`CausalContext`] | exactly which events are known, gaps included | Almeida, Shoker, Baquero, *Delta state replicated data types*, 2018, §7.2 |
//! | [`HybridTimestamp`], [`HybridClock`] | which of two events should be called later, near wall-clock time | Kulkarni et al., *Logical physical clocks*, 2014 |
//!
//! Time and entropy are arguments: nothing here reads the operating system's clock or its randomness.
//! Nothing observable depends on hash order. What peers send is bounded by the bytes of their messages where it is
//! decoded, and by [`Limits`] where it is joined; what is refused leaves the state unchanged.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `std` (default) | nothing but `std` itself; without it the crate is `no_std` with `alloc` and depends on `uuid` alone |
//! | `hlc` (default) | [`HybridClock`], whose rules are those of the crate `hybrid-clocks`, which needs `std` |
//! | `names` | [`ReplicaId::from_name`](ReplicaId): UUIDs of version 5 |
//! | `serde` | text in human-readable formats, 16 bytes an id in binary ones; maps keyed by ids, dots or timestamps work in JSON |
//! | `quickcheck-1` | `Arbitrary` of quickcheck 1 for every type that is data; values collide often |
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "quickcheck-1")]
mod arbitrary;
#[cfg(feature = "serde")]
mod by_replica;
mod causal_context;
mod dot;
mod high_water_mark;
#[cfg(feature = "hlc")]
mod hybrid_clock;
mod hybrid_timestamp;
mod limits;
mod replica_id;
#[cfg(feature = "serde")]
mod text;
mod version_vector;
mod wall_time;

pub use causal_context::{CausalContext, Interval};
pub use dot::{Dot, ParseDotError};
pub use high_water_mark::HighWaterMark;
#[cfg(feature = "hlc")]
pub use hybrid_clock::{ClockError, HybridClock, StepBack};
pub use hybrid_timestamp::{HybridTimestamp, ParseHybridTimestampError};
pub use limits::{LimitExceeded, Limits};
pub use replica_id::{ParseReplicaIdError, ReplicaId};
pub use version_vector::{Causality, VersionVector};
pub use wall_time::{Uncertainty, WallTime};
