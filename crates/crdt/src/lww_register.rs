//! A register that keeps concurrent values and reads the latest.

use core::fmt;

use syncline_clocks::{Dot, HybridTimestamp};

use crate::{Edit, EntryMap, EntryRef, Store};

/// A last-writer-wins register over hybrid timestamps (Shapiro et al. 2011, specification 8, as a view).
///
#[doc = include_str!("../docs/both_sides/lww_register.md")]
///
/// Causality beats timestamps: what its writer had seen is replaced, and only concurrent values are told apart by them.
///
/// LWW is how it is *read*: every concurrent value stays until a write that saw it replaces it, so replicas that
/// joined the same events agree whatever the order. What is not read is lost to a user who does not look at
/// [`versions`](Self::versions); that loss is what `benches/run lww` counts.
///
/// A timestamp names its writer, so two concurrent values have the same one only if a writer stamped twice alike. Then
/// the later dot is read: dots differ always, and are the same at every replica.
///
/// ```
/// use std::time::Duration;
/// use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
/// use syncline_crdt::{LwwRegister, Replica};
/// let [a, b] = [1, 2].map(ReplicaId::from_u128);
/// // A `HybridClock` gives these.
/// let at = |nanos, replica| HybridTimestamp { epoch: 0, time: WallTime::from_nanos(nanos), counter: 0, replica };
/// let mut here: Replica<LwwRegister<&str>> = Replica::create(a);
/// let mut there: Replica<LwwRegister<&str>> = Replica::create(b);
/// let earlier = here.try_edit(|name| name.set("Ann", at(5, a)))?;
/// there.try_edit(|name| name.set("Anna", at(7, b)))?;
/// there.join(&earlier)?;
/// assert_eq!(there.get(), Some(&"Anna"));
/// assert_eq!(there.versions().count(), 2);
/// assert!(there.try_edit(|name| name.set("Anne", at(6, b))).is_err(), "it would not be read");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct LwwRegister<V> {
    versions: EntryMap<(), (HybridTimestamp, V)>,
}

/// The timestamp is not later than one that the register holds: the write would not be read. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotNewer {
    /// The refused timestamp.
    pub offered: HybridTimestamp,
    /// The latest held timestamp.
    pub held: HybridTimestamp,
}

impl fmt::Display for NotNewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the timestamp {:?} is not newer than {:?}", self.offered, self.held)
    }
}

impl core::error::Error for NotNewer {}

impl<V> Default for LwwRegister<V> {
    fn default() -> Self {
        Self { versions: EntryMap::default() }
    }
}

impl<V> LwwRegister<V> {
    /// The value with the latest timestamp; none before the first `set`.
    #[must_use]
    pub fn get(&self) -> Option<&V> {
        self.latest().map(|(_, value)| value)
    }

    /// All concurrent values with their dots and timestamps.
    pub fn versions(&self) -> impl Iterator<Item = (Dot, HybridTimestamp, &V)> {
        let live = self.versions.get(&()).into_iter().flat_map(EntryRef::live);
        live.map(|(dot, (timestamp, value))| (dot, *timestamp, value))
    }

    fn latest(&self) -> Option<(HybridTimestamp, &V)> {
        let latest = self.versions().max_by_key(|(dot, timestamp, _)| (*timestamp, *dot));
        latest.map(|(_, timestamp, value)| (timestamp, value))
    }
}

impl<V: Clone + Eq> Store for LwwRegister<V> {
    type Path = ();
    type Payload = (HybridTimestamp, V);

    fn entries(&self) -> &EntryMap<(), (HybridTimestamp, V)> {
        &self.versions
    }

    fn entries_mut(&mut self) -> &mut EntryMap<(), (HybridTimestamp, V)> {
        &mut self.versions
    }

    fn value_eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<V: Clone + Eq> Edit<'_, LwwRegister<V>> {
    /// Replaces every value that this replica has seen.
    ///
    /// # Errors
    /// [`NotNewer`]; a timestamp from a [`HybridClock`](syncline_clocks) that observed what was joined is always newer.
    pub fn set(&mut self, value: V, timestamp: HybridTimestamp) -> Result<(), NotNewer> {
        if let Some((held, _)) = self.latest().filter(|(held, _)| *held >= timestamp) {
            return Err(NotNewer { offered: timestamp, held });
        }
        self.replace((), (timestamp, value));
        Ok(())
    }
}

impl<V: fmt::Debug> fmt::Debug for LwwRegister<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.versions().map(|(_, timestamp, value)| (timestamp, value))).finish()
    }
}
