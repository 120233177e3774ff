//! All that a replica holds, to be told to another.

use alloc::boxed::Box;
use core::hash::{Hash, Hasher};

use syncline_clocks::CausalContext;

use crate::{EntryMap, JoinError};

/// Everything that a replica holds, under its whole clock: what neither its entries hold nor `unchanged` names is dead. So it
/// may never be cut short.
///
/// It may stand on a clock that the receiver reported, `since`, and then leaves out the entries of which that clock covers
/// all: they are named by their live dots alone, which are few intervals where little was ever removed.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{OrSet, Replica};
/// let mut here: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(2));
/// there.join(&here.edit(|list| list.insert("milk")))?;
/// here.edit(|list| list.remove("milk"));
/// there.join(&here.causal().state())?;                // under its clock nothing lives at "milk"
/// assert!(there.is_empty());
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(bound = "P: Hash + Eq + serde::Serialize, V: serde::Serialize")
)]
pub struct State<P: Hash + Eq, V> {
    clock: CausalContext,
    // `None` for a receiver of whom nothing is known.
    base: Option<Box<Base>>,
    entries: EntryMap<P, V>,
}

/// What a state stands on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Base {
    since: CausalContext,
    unchanged: CausalContext,
}

static NOTHING: CausalContext = CausalContext::new();

impl<P: Hash + Eq, V> State<P, V> {
    /// The entries that the events in this clock left, for a receiver of whom nothing is known.
    ///
    /// # Errors
    /// [`JoinError::Malformed`], when a dot lives that the clock does not hold.
    pub fn new(clock: CausalContext, entries: EntryMap<P, V>) -> Result<Self, JoinError> {
        Self { clock, base: None, entries }.checked()
    }

    fn checked(self) -> Result<Self, JoinError> {
        if !self.entries.lives_in(&self.clock) {
            return Err(JoinError::Malformed("a live dot outside the sender's clock"));
        }
        if !self.since().includes(self.unchanged()) || !self.clock.includes(self.unchanged()) {
            return Err(JoinError::Malformed("a state that leaves out what its receiver may lack"));
        }
        if self.base.is_some() && self.entries.has_live(self.unchanged()) {
            return Err(JoinError::Malformed("a state that holds what it says to have left out"));
        }
        Ok(self)
    }

    /// All that a replica holds.
    pub(crate) fn of_replica(clock: CausalContext, entries: EntryMap<P, V>) -> Self {
        debug_assert!(entries.lives_in(&clock), "what lives was joined");
        Self { clock, base: None, entries }
    }

    /// All that a replica holds, for a receiver with the clock `since`.
    pub(crate) fn of_replica_since(clock: &CausalContext, entries: &EntryMap<P, V>, since: &CausalContext) -> Self
    where
        P: Clone,
        V: Clone,
    {
        if since.is_empty() {
            return Self::of_replica(clock.clone(), entries.clone());
        }
        let (entries, unchanged) = entries.changed_since(since);
        let base = Some(Box::new(Base { since: since.clone(), unchanged }));
        Self { clock: clock.clone(), base, entries }
    }

    /// The sender's clock.
    #[must_use]
    pub fn clock(&self) -> &CausalContext {
        &self.clock
    }

    /// The receiver's clock that the state was made for; a receiver that does not include it refuses.
    #[must_use]
    pub fn since(&self) -> &CausalContext {
        self.base.as_ref().map_or(&NOTHING, |base| &base.since)
    }

    /// The live dots of the entries that are left out.
    #[must_use]
    pub fn unchanged(&self) -> &CausalContext {
        self.base.as_ref().map_or(&NOTHING, |base| &base.unchanged)
    }

    /// All other non-empty entries.
    #[must_use]
    pub fn entries(&self) -> &EntryMap<P, V> {
        &self.entries
    }
}

impl<P: Hash + Eq, V: PartialEq> PartialEq for State<P, V> {
    fn eq(&self, other: &Self) -> bool {
        (&self.clock, &self.base) == (&other.clock, &other.base) && self.entries == other.entries
    }
}

impl<P: Hash + Eq, V: Eq> Eq for State<P, V> {}

impl<P: Hash + Eq, V: Hash> Hash for State<P, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.clock, &self.base).hash(state);
        self.entries.hash(state);
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use alloc::boxed::Box;
    use core::hash::Hash;

    use serde::{Deserialize, Deserializer, de::Error};
    use syncline_clocks::CausalContext;

    use super::{Base, State};
    use crate::EntryMap;

    impl<'de, P, V> Deserialize<'de> for State<P, V>
    where
        P: Hash + Eq + Deserialize<'de>,
        V: Deserialize<'de>,
    {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            #[derive(Deserialize)]
            #[serde(rename = "State", bound = "P: Hash + Eq + Deserialize<'de>, V: Deserialize<'de>")]
            struct Parts<P, V> {
                clock: CausalContext,
                base: Option<Box<Base>>,
                entries: EntryMap<P, V>,
            }
            let Parts { clock, base, entries } = Parts::deserialize(deserializer)?;
            Self { clock, base, entries }.checked().map_err(D::Error::custom)
        }
    }
}
