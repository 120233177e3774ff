//! Values that merge by themselves.
//!
//! Every change, a removal too, is an [`Event`] with a [`Dot`](syncline_clocks::Dot) of its own and belongs to exactly
//! one *path*. A replica's clock ([`CausalContext`](syncline_clocks::CausalContext)) holds the events that it has
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
//! use syncline_crdt::{OrSet, Replica};
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
//! # use syncline_crdt::Store;
//! # Ok::<(), syncline_crdt::JoinError>(())
//! ```
#![no_std]

extern crate alloc;
#[cfg(feature = "laws")]
extern crate std;

mod admitted;
mod causal;
mod changes;
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
mod lattice;
#[cfg(feature = "laws")]
pub mod laws;
mod limits;
mod lww_register;
mod mv_register;
mod names;
mod or_set;
mod pn_counter;
mod receiver;
mod replica;
mod resettable_counter;
mod saved;
mod slots;
mod update;

pub use admitted::Admitted;
pub use causal::{Causal, Store};
pub use changes::Changes;
pub use dot_set::DotSet;
pub use edit::Edit;
pub use enable_wins_flag::EnableWinsFlag;
#[cfg(feature = "encoding")]
pub use encoding::{DecodeError, EncodeError, Encoded, Kind};
pub use entry::{DotChanges, Entry};
pub use entry_map::{Change, ChangeKind, EntryMap};
pub use extremum::{MaxRegister, MinRegister};
pub use g_counter::GCounter;
pub use g_set::GSet;
pub use lattice::{Lattice, Overflow};
pub use limits::Limits;
pub use lww_register::{LwwRegister, NotNewer};
pub use mv_register::MvRegister;
pub use or_set::OrSet;
pub use pn_counter::PnCounter;
pub use receiver::{JoinError, LimitReached, Receiver};
pub use replica::{Replica, Settings};
pub use resettable_counter::{CounterPayload, CounterView, ResettableCounter, Totals};
pub use saved::{Saved, StoredEnd};
pub use slots::EntryRef;
pub use update::{Delta, Entries, Event, Repair, State, Update, UpdateRef};
