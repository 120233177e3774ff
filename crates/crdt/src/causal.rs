//! A value with its own clock.

use core::hash::Hash;

use syncline_clocks::CausalContext;

use crate::{Changes, EntryMap, Event, JoinError, Receiver, State, UpdateRef};

/// A type whose state is a map of entries: what [`Causal`] and [`Replica`](crate::Replica) work on.
///
/// `Hash`, `Eq` and `Clone` of its paths and payloads must not panic: a join or an edit that they break off may be done in part.
///
/// A type of your own is a map of entries, a reading of it, and verbs that say which dots they kill:
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{Edit, EntryMap, EntryRef, Replica, Store};
///
/// /// A whiteboard: under each name the notes that nobody has replaced.
/// #[derive(Clone, Default)]
/// struct Board(EntryMap<String, String>);
///
/// impl Store for Board {
///     type Path = String;
///     type Payload = String;
///     fn entries(&self) -> &EntryMap<String, String> { &self.0 }
///     fn entries_mut(&mut self) -> &mut EntryMap<String, String> { &mut self.0 }
///     fn value_eq(&self, other: &Self) -> bool { self.0 == other.0 }
/// }
///
/// fn pin(board: &mut Edit<'_, Board>, name: &str, note: &str) {
///     let seen = board.entries().get(name).map(EntryRef::live_dots).unwrap_or_default();
///     board.change(name.into(), Some(note.into()), seen);
/// }
///
/// let mut board: Replica<Board> = Replica::create(ReplicaId::from_u128(1));
/// board.edit(|board| pin(board, "lunch", "noon"));
/// board.edit(|board| pin(board, "lunch", "one o'clock"));
/// let entry = board.entries().get("lunch").unwrap();
/// assert_eq!(entry.live().map(|(_, note)| note.as_str()).collect::<Vec<_>>(), ["one o'clock"]);
/// ```
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
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{EnableWinsFlag, Replica, Store};
/// let mut here: Replica<EnableWinsFlag> = Replica::create(ReplicaId::from_u128(1));
/// let there: Replica<EnableWinsFlag> = Replica::create(ReplicaId::from_u128(2));
/// here.edit(|flag| flag.enable());
/// here.edit(|flag| flag.disable());
/// assert!(here.value_eq(&there));                     // a reader sees the same
/// assert_ne!(here.causal(), there.causal());          // one has heard of more
/// assert_eq!(here.causal().clock().len(), 2);
/// ```
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
