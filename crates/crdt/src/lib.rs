//! Values that merge by themselves.
//!
//! Every change, a removal too, is an [`Event`] with a [`Dot`](syncline_clocks::Dot) of its own and belongs to exactly
//! one *path*. A replica's clock ([`CausalContext`](syncline_clocks::CausalContext)) holds the events that it has
//! joined and nothing else, so **equal clocks mean equal states**. At each path stands an [`Entry`]: the live dots
//! with their payloads, and the kills that the clock does not cover yet. Entries know no clock; [`Causal`] pairs a
//! value with its own clock for use alone, a replicated partition keeps one clock for all its keys.
//!
//! | type | concurrent changes | built on |
//! |---|---|---|
//! | [`OrSet`] | an add and a remove of one element: the add stays | entries |
//! | [`LwwRegister`] | two sets: both are kept, the later timestamp is read | entries |
//! | [`ResettableCounter`] | an increment and a reset: the increment stays | entries |
//! | [`GCounter`], [`PnCounter`] | all increments count | running totals for each writer, their own join |
//!
//! The model is that of delta-state CRDTs (Almeida, Shoker, Baquero 2018) with the node clock of DottedDB (Gonçalves
//! et al. 2017). It departs from both in that a removal is an event with a dot, so that clocks tell who lacks it.
//!
//! ```
//! use syncline_clocks::ReplicaId;
//! use syncline_crdt::{OrSet, Replica};
//!
//! let mut phone: Replica<OrSet<String>> = Replica::create(ReplicaId::from_u128(1));
//! let mut laptop: Replica<OrSet<String>> = Replica::create(ReplicaId::from_u128(2));
//! let added = phone.edit(|set| {
//!     set.insert("milk".to_string());
//!     set.insert("tea".to_string());
//! });
//! laptop.join(&added.into())?;
//! let removed = laptop.edit(|set| set.remove("tea"));
//! phone.edit(|set| set.insert("tea".to_string()));        // concurrent with the removal: add wins
//! phone.join(&removed.into())?;
//! laptop.join(&phone.diff(laptop.clock()))?;              // whatever the laptop lacks
//! assert!(phone.contains("tea") && laptop.contains("tea"));
//! # Ok::<(), syncline_crdt::JoinError>(())
//! ```
#![no_std]

extern crate alloc;
#[cfg(feature = "laws")]
extern crate std;

mod causal;
mod counters;
mod entry;
mod entry_map;
#[cfg(feature = "laws")]
pub mod laws;
mod lww_register;
mod or_set;
mod replica;
mod resettable_counter;
mod update;

pub use causal::{Causal, Edit, Store};
pub use counters::{GCounter, PnCounter};
pub use entry::{DotChanges, Entry};
pub use entry_map::{Change, EntryMap, JoinError, Receiver};
pub use lww_register::{LwwRegister, NotNewer};
pub use or_set::OrSet;
pub use replica::Replica;
pub use resettable_counter::{CounterPayload, CounterView, ResettableCounter, Totals};
pub use update::{Delta, Entries, Event, Repair, State, Update};
