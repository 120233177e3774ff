//! A flag in which a concurrent enable and disable leave it enabled.

use core::fmt;

use crate::{Edit, EntryMap, EntryRef, Store};

/// An enable-wins flag (riak_dt's `od_flag`; an observed-remove set of one element, Bieniusa et al. 2012).
///
#[doc = include_str!("../docs/both_sides/enable_wins_flag.md")]
///
/// A disable takes back the enables that its writer had seen.
///
/// It begins disabled, and holds one dot for each concurrent enable.
///
/// It does not guarantee that a disable lasts: an enable that its writer had not seen undoes it.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{EnableWinsFlag, Replica};
/// let mut here: Replica<EnableWinsFlag> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<EnableWinsFlag> = Replica::create(ReplicaId::from_u128(2));
/// there.join(&here.edit(|flag| flag.enable()))?;
/// let disabled = there.edit(|flag| flag.disable());
/// here.edit(|flag| flag.enable());                    // at the same time
/// here.join(&disabled)?;
/// assert!(here.is_enabled());
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct EnableWinsFlag {
    enables: EntryMap<(), ()>,
}

impl EnableWinsFlag {
    /// Whether it is enabled.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enables.get(&()).is_some_and(EntryRef::is_live)
    }
}

impl Store for EnableWinsFlag {
    type Path = ();
    type Payload = ();

    fn entries(&self) -> &EntryMap<(), ()> {
        &self.enables
    }

    fn entries_mut(&mut self) -> &mut EntryMap<(), ()> {
        &mut self.enables
    }

    fn value_eq(&self, other: &Self) -> bool {
        self.is_enabled() == other.is_enabled()
    }
}

impl Edit<'_, EnableWinsFlag> {
    /// Enables it; also where it is enabled, so that a concurrent disable does not undo this one.
    pub fn enable(&mut self) {
        self.replace((), ());
    }

    /// Takes back every enable that this replica has seen; where there is none it costs no event.
    pub fn disable(&mut self) {
        self.erase(&());
    }
}

impl fmt::Debug for EnableWinsFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_enabled() { "enabled" } else { "disabled" })
    }
}
