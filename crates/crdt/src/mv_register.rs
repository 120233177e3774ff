//! A register that shows every concurrent value.

use core::fmt;

use syncline_clocks::Dot;

use crate::{Edit, EntryMap, EntryRef, Store};

/// A multi-value register (Shapiro et al. 2011, specification 10; Dynamo's siblings, under dots as in Preguiça et al.
/// 2010).
///
#[doc = include_str!("../docs/both_sides/mv_register.md")]
///
/// A write, and a clear, takes out the values that its writer had seen, and no others. One value that two sides set at
/// once is read twice, under two dots.
///
/// It holds one value for each concurrent writer, never more than there are writers.
///
/// It does not choose: whoever reads several values has to, and tells the others by writing.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{MvRegister, Replica};
/// let mut here: Replica<MvRegister<&str>> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<MvRegister<&str>> = Replica::create(ReplicaId::from_u128(2));
/// let tea = here.edit(|drink| drink.set("tea"));
/// there.edit(|drink| drink.set("coffee"));
/// there.join(&tea)?;
/// assert_eq!(there.values().collect::<Vec<_>>(), [&"tea", &"coffee"]);
/// let both_seen = there.edit(|drink| drink.set("water"));
/// here.join(&both_seen)?;
/// # here.join(&there.diff(here.clock()))?;
/// assert_eq!(here.values().collect::<Vec<_>>(), [&"water"]);
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct MvRegister<V> {
    versions: EntryMap<(), V>,
}

impl<V> Default for MvRegister<V> {
    fn default() -> Self {
        Self { versions: EntryMap::default() }
    }
}

impl<V> MvRegister<V> {
    /// All concurrent values, in the order of their dots: the same wherever the state is the same.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.versions().map(|(_, value)| value)
    }

    /// All concurrent values with their dots.
    pub fn versions(&self) -> impl Iterator<Item = (Dot, &V)> {
        self.versions.get(&()).into_iter().flat_map(EntryRef::live)
    }
}

impl<V: Clone + Eq> Store for MvRegister<V> {
    type Path = ();
    type Payload = V;

    fn entries(&self) -> &EntryMap<(), V> {
        &self.versions
    }

    fn entries_mut(&mut self) -> &mut EntryMap<(), V> {
        &mut self.versions
    }

    /// Whether both show the same values, each as often, in whatever order.
    fn value_eq(&self, other: &Self) -> bool {
        let often = |register: &Self, value: &V| register.values().filter(|held| *held == value).count();
        self.values().count() == other.values().count()
            && self.values().all(|value| often(self, value) == often(other, value))
    }
}

impl<V: Clone + Eq> Edit<'_, MvRegister<V>> {
    /// Replaces every value that this replica has seen.
    pub fn set(&mut self, value: V) {
        self.replace((), value);
    }

    /// Takes out every value that this replica has seen; where there is none it costs no event.
    pub fn clear(&mut self) {
        self.erase(&());
    }
}

impl<V: fmt::Debug> fmt::Debug for MvRegister<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}
