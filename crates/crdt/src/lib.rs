//! Values that merge by themselves.
//!
//! Every change, a removal too, is an [`Event`] with a [`Dot`] of its own and belongs to exactly
//! one *path*. A replica's clock ([`CausalContext`]) holds the events that it has
//! joined and nothing else, so **equal clocks mean equal states**. At each path stands an [`Entry`]: the live dots
//! with their payloads, and the kills that the clock does not cover yet. Entries know no clock; [`Causal`] pairs a
//! value with its own clock for use alone, a replicated partition keeps one clock for all its keys.
//!
//! Types with a clock, which [`Replica`] edits and repairs:
//!
//! | type | concurrent changes |
//! |---|---|
//! | [`OrSet`] | an add and a remove of one element: the add stays |
//! | [`EnableWinsFlag`] | an enable and a disable: enabled |
//! | [`MvRegister`] | two sets: both are read |
//! | [`LwwRegister`] | two sets: both are kept, the later timestamp is read |
//! | [`ResettableCounter`] | an increment and a reset: the increment stays |
//!
//! Types that join by themselves ([`Lattice`]), and can not be reset:
//!
//! | type | concurrent changes |
//! |---|---|
//! | [`GCounter`], [`PnCounter`] | all increments count |
//! | [`GSet`] | all elements are in |
//! | [`MaxRegister`], [`MinRegister`] | the greatest, or the least, stays |
//!
//! Users hold types of their own against the same laws with `laws`, a feature.
//!
//! The model is that of delta-state CRDTs (Almeida, Shoker, Baquero 2018) with the node clock of DottedDB (Gonçalves
//! et al. 2017). It departs from both in that a removal is an event with a dot, so that clocks tell who lacks it.
//!
//! ```
//! use syncline_clocks::ReplicaId;
//! use syncline_crdt::{OrSet, Replica, Store};
//!
//! let [phone, laptop, tablet] = [1, 2, 3].map(ReplicaId::from_u128);
//! let mut phone: Replica<OrSet<String>> = Replica::create(phone);
//! let mut laptop: Replica<OrSet<String>> = Replica::create(laptop);
//! let mut tablet: Replica<OrSet<String>> = Replica::create(tablet);
//!
//! // One transaction, one delta.
//! let delta = phone.edit(|set| {
//!     set.insert("milk".into());
//!     set.insert("tea".into());
//! });
//! // Late, twice or never: all safe.
//! laptop.join(&delta)?;
//! let removed = laptop.edit(|set| set.remove("tea"));
//! phone.edit(|set| set.insert("tea".into()));             // at the same time: add wins
//! let changes = phone.join(&removed)?;
//! assert!(phone.contains("tea") && changes.is_empty());
//! // Repair after a loss: a delta, entries or a state, the same verb.
//! tablet.join(&phone.diff(tablet.clock()))?;
//! assert!(tablet.value_eq(&phone));
//! # Ok::<(), syncline_crdt::JoinError>(())
//! ```
//!
//! What happens if both sides change the same thing, for each type and each pair of changes: see [`both_sides`].
//!
//! Time and entropy are arguments. Nothing observable depends on hash order. What peers send is bounded by [`Limits`]; what
//! is refused leaves the state unchanged.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | none | the crate is `no_std` with `alloc`, and depends on `syncline-clocks`, `uuid`, `hashbrown`, `foldhash`, `smallvec` |
//! | `serde` | JSON for every type, whatever its elements; one form for each value |
//! | `encoding` | bytes in a versioned envelope with a checksum (`Encoded`): `postcard` and `crc32fast` |
//! | `std` | the processor's instructions for checksums, found while the program runs |
#![no_std]

extern crate alloc;
#[cfg(feature = "laws")]
extern crate std;

mod admitted;
mod budget;
mod causal;
mod changes;
mod delta;
mod dot_set;
mod edit;
mod enable_wins_flag;
#[cfg(feature = "encoding")]
mod encoding;
mod entry;
mod entry_map;
mod extremum;
mod g_counter;
mod g_set;
mod history;
mod join_error;
mod lattice;
#[cfg(feature = "laws")]
pub mod laws;
mod limits;
mod lww_register;
mod mv_register;
mod names;
#[cfg(feature = "serde")]
mod none_or_one;
mod or_set;
mod pn_counter;
mod receiver;
mod replica;
mod resettable_counter;
mod saved;
mod slots;
mod state;
#[cfg(feature = "serde")]
mod unique_map;
mod update;

/// What happens if both sides change their copy at the same time: for each type, each pair of changes.
///
/// Each row is executed by a test (`tests/core/both_sides.rs`), on two replicas that share what stands under *before*, in each
/// order of delivery, and with the sides exchanged. Where a change would do nothing, such as the removal of what is not
/// in, there is no event, and no row.
///
#[doc = "# [`OrSet`]\n"]
#[doc = include_str!("../docs/both_sides/or_set.md")]
#[doc = "# [`EnableWinsFlag`]\n"]
#[doc = include_str!("../docs/both_sides/enable_wins_flag.md")]
#[doc = "# [`MvRegister`]\n"]
#[doc = include_str!("../docs/both_sides/mv_register.md")]
#[doc = "# [`LwwRegister`]\n"]
#[doc = include_str!("../docs/both_sides/lww_register.md")]
#[doc = "# [`ResettableCounter`]\n"]
#[doc = include_str!("../docs/both_sides/resettable_counter.md")]
#[doc = "# [`GCounter`]\n"]
#[doc = include_str!("../docs/both_sides/g_counter.md")]
#[doc = "# [`PnCounter`]\n"]
#[doc = include_str!("../docs/both_sides/pn_counter.md")]
#[doc = "# [`GSet`]\n"]
#[doc = include_str!("../docs/both_sides/g_set.md")]
#[doc = "# [`MaxRegister`]\n"]
#[doc = include_str!("../docs/both_sides/max_register.md")]
#[doc = "# [`MinRegister`]\n"]
#[doc = include_str!("../docs/both_sides/min_register.md")]
pub mod both_sides {}

/// The examples of `README.md`, compiled.
#[cfg(all(doctest, feature = "encoding"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use syncline_clocks::{CausalContext, Dot, HybridTimestamp, ReplicaId};

pub use admitted::Admitted;
pub use causal::{Causal, Store};
pub use changes::{Change, ChangeKind, Changes, DotChanges};
pub use delta::{Delta, Event};
pub use dot_set::DotSet;
pub use edit::Edit;
pub use enable_wins_flag::EnableWinsFlag;
#[cfg(feature = "encoding")]
pub use encoding::{DecodeError, EncodeError, Encoded, Kind};
pub use entry::Entry;
pub use entry_map::EntryMap;
pub use extremum::{MaxRegister, MinRegister};
pub use g_counter::GCounter;
pub use g_set::GSet;
pub use join_error::{JoinError, LimitReached};
pub use lattice::{Lattice, Overflow};
pub use limits::Limits;
pub use lww_register::{LwwRegister, NotNewer};
pub use mv_register::MvRegister;
pub use or_set::OrSet;
pub use pn_counter::PnCounter;
pub use receiver::Receiver;
pub use replica::{Replica, Settings};
pub use resettable_counter::{CounterPayload, CounterView, ResettableCounter, Totals};
pub use saved::{Saved, StoredEnd};
pub use slots::EntryRef;
pub use state::State;
pub use update::{Entries, Repair, Update, UpdateRef};
