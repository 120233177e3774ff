//! A value with its own clock.

use core::hash::Hash;

use syncline_clocks::CausalContext;

use crate::{Changes, EntryMap, Event, JoinError, Receiver, State, UpdateRef};

/// A type whose state is a map of entries: what [`Causal`] and [`Replica`](crate::Replica) work on.
pub trait Store: Clone + Default {
    /// What an event changes: an element of a set, `()` for a register.
    type Path: Hash + Eq + Clone;
    /// What lives under a dot.
    type Payload: Clone + Eq;

    /// The entries, to read.
    fn entries(&self) -> &EntryMap<Self::Path, Self::Payload>;

    /// The entries, to join and edit. Whoever changes them without minting an event breaks replication.
    fn entries_mut(&mut self) -> &mut EntryMap<Self::Path, Self::Payload>;

    /// Whether a reader sees the same. `==` says more: that the same events left it.
    fn value_eq(&self, other: &Self) -> bool;
}

/// A value together with the clock of the events that made it.
///
/// Equality is that of the lattice: equal clocks mean equal states. For what a reader sees there is
/// [`Store::value_eq`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Causal<S> {
    pub(crate) clock: CausalContext,
    pub(crate) value: S,
}

impl<S: Store> Causal<S> {
    /// The events that were joined.
    #[must_use]
    pub fn clock(&self) -> &CausalContext {
        &self.clock
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &S {
        &self.value
    }

    /// Everything, as an update for a replica that has nothing in common with this one.
    #[must_use]
    pub fn state(&self) -> State<S::Path, S::Payload> {
        State::of_replica(self.clock.clone(), self.value.entries().clone())
    }

    /// Joins an update and hands on each of its events that is new.
    pub(crate) fn join(
        &mut self,
        receiver: Receiver,
        update: UpdateRef<'_, S::Path, S::Payload>,
        on_new: impl FnMut(&Event<S::Path, S::Payload>),
    ) -> Result<Changes<S::Path>, JoinError> {
        self.value.entries_mut().join_telling(&mut self.clock, receiver, update, on_new)
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, de::Error};
    use syncline_clocks::CausalContext;

    use super::{Causal, Store};

    impl<'de, S: Store + Deserialize<'de>> Deserialize<'de> for Causal<S> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            #[derive(Deserialize)]
            #[serde(rename = "Causal")]
            struct Parts<S> {
                clock: CausalContext,
                value: S,
            }
            let Parts { clock, value } = Parts::<S>::deserialize(deserializer)?;
            if value.entries().lives_in(&clock) {
                Ok(Self { clock, value })
            } else {
                Err(D::Error::custom("a live dot outside the clock"))
            }
        }
    }
}
