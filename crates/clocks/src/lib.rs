//! What happened before what.
//!
//! | type | answers | paper |
//! |---|---|---|
//! | [`ReplicaId`], [`Dot`] | which event is this | Preguiça et al., *Dotted version vectors*, 2010 |
//! | [`VersionVector`] | which prefix of each replica's events is known; how two such histories relate | Parker et al., 1983 |
//! | [`CausalContext`] | exactly which events are known, gaps included | Almeida, Shoker, Baquero, *Delta state replicated data types*, 2018, §7.2 |
//! | [`LamportTimestamp`], [`LamportClock`] | one order of all events that never contradicts causality | Lamport, *Time, clocks, and the ordering of events*, 1978 |
//! | [`HybridTimestamp`], [`HybridClock`] | which of two events should be called later, near wall-clock time | Kulkarni et al., *Logical physical clocks*, 2014 |
//! | [`VectorClock`] | which of two events of processes happened before the other | Fidge, 1988; Mattern, 1989 |
//! | [`DottedVersionVector`], [`DottedVersionVectorSet`] | which values of a key stand, after clients wrote through servers | Preguiça et al., 2010; Almeida et al., *Scalable and accurate causality tracking*, 2014 |
//! | [`IntervalTreeClock`] | the same as vectors, where members come and go | Almeida, Baquero, Fonte, *Interval tree clocks*, 2008 |
//! | [`Retirements`], [`RetiringVersionVector`] | how vectors lose the entry of a departed replica, exactly | after Ratner, Reiher, Popek, 1997 |
//! | [`TruncatingVersionVector`] | how they lose the oldest entry, wrongly and counted | DeCandia et al., *Dynamo*, 2007, §4.4 |
//!
//! Which one to take: see [`choosing`].
//!
//! Time and entropy are arguments: nothing here reads the operating system's clock or its randomness.
//! Nothing observable depends on hash order. What peers send is bounded by the bytes of their messages where it is
//! decoded, and by [`Limits`] where it is joined (an [`IntervalTreeClock`] apart, whose peers have to be trusted); what is
//! refused leaves the state unchanged.
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
mod dotted_version_vector;
mod dotted_version_vector_set;
mod high_water_mark;
#[cfg(feature = "hlc")]
mod hybrid_clock;
mod hybrid_timestamp;
mod interval_tree_clock;
mod lamport_clock;
mod limits;
mod replica_id;
mod retirement;
mod retirements;
mod retiring_version_vector;
#[cfg(feature = "serde")]
mod text;
mod truncating_version_vector;
mod vector_clock;
mod version_vector;
mod wall_time;

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

/// The examples of `README.md`, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use causal_context::{CausalContext, EventsOf, Interval};
pub use dot::{Dot, ParseDotError};
pub use dotted_version_vector::{DottedVersionVector, UpdateError};
pub use dotted_version_vector_set::DottedVersionVectorSet;
pub use high_water_mark::HighWaterMark;
#[cfg(feature = "hlc")]
pub use hybrid_clock::{ClockError, HybridClock, StepBack};
pub use hybrid_timestamp::{HybridTimestamp, ParseHybridTimestampError};
pub use interval_tree_clock::{
    IntervalTreeClock, IntervalTreeDecodeError, IntervalTreeEventError, IntervalTreeForkError, IntervalTreeJoinError,
};
pub use lamport_clock::{LamportClock, LamportClockError, LamportTimestamp, ParseLamportTimestampError};
pub use limits::{LimitExceeded, Limits};
pub use replica_id::{ParseReplicaIdError, ReplicaId};
pub use retirement::{Freeze, Retirement, TooEarly};
pub use retirements::{Fenced, FreezeError, RetireError, Retirements};
pub use retiring_version_vector::RetiringVersionVector;
pub use truncating_version_vector::{Truncated, TruncatingVersionVector};
pub use vector_clock::{VectorClock, VectorClockError};
pub use version_vector::{Causality, VersionVector};
pub use wall_time::{Uncertainty, WallTime};
