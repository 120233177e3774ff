//! A map from paths to entries and the join of an update into it: the state of everything in this crate.

mod join;
#[cfg(feature = "serde")]
mod serde_impl;

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use syncline_clocks::{CausalContext, Dot};

use crate::Entry;
use crate::names::Names;
use crate::slots::{Crowded, EntryRef, Slot};

/// The entries of some paths, without their clock. Only non-empty entries are held, so equal states are equal maps.
///
/// A hash table: look-ups and changes take constant time, an entry of one dot takes 8 bytes beside its path and payload.
/// Nothing that it gives depends on the order of the table: [`iter`](Self::iter), bytes, changes and `Debug` follow
/// the entries' dots. Hashes are the same in every run; where peers choose the paths, they could choose ones that
/// collide, so give [`with_hash_seed`](Self::with_hash_seed) a number that they do not know.
///
/// Whoever keeps one clock for many values joins into a map by itself:
///
/// ```
/// use syncline_clocks::{CausalContext, ReplicaId};
/// use syncline_crdt::{EntryMap, OrSet, Receiver, Replica};
/// let [client, server] = [1, 2].map(ReplicaId::from_u128);
/// let mut list: Replica<OrSet<&str>> = Replica::create(client);
/// let (mut rows, mut clock) = (EntryMap::default(), CausalContext::new());
/// let receiver = Receiver { writer: server, minted: 0, believes_kills: true };
/// rows.join(&mut clock, receiver, &list.edit(|list| list.insert("milk")))?;
/// assert!(rows.get("milk").is_some_and(|entry| entry.is_live()));
/// assert_eq!((rows.len(), clock.len()), (1, 1));
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
#[derive(Clone)]
pub struct EntryMap<P, V> {
    table: HashTable<(P, Slot<V>)>,
    crowded: Crowded<V>,
    names: Names,
    hasher: FixedState,
    // Live dots and kept kills of all entries.
    dots: usize,
}

impl<P, V> Default for EntryMap<P, V> {
    fn default() -> Self {
        Self::with_hash_seed(0)
    }
}

impl<P, V> EntryMap<P, V> {
    /// An empty map whose hashes depend on this number.
    #[must_use]
    pub fn with_hash_seed(seed: u64) -> Self {
        Self::with_hasher(FixedState::with_seed(seed))
    }

    fn with_hasher(hasher: FixedState) -> Self {
        let names = Names::new(hasher.clone());
        Self { table: HashTable::new(), crowded: Crowded::default(), names, hasher, dots: 0 }
    }

    /// Lets hashes depend on another number. Linear.
    pub(crate) fn reseed(&mut self, seed: u64)
    where
        P: Hash,
    {
        self.hasher = FixedState::with_seed(seed);
        self.names.rehash(self.hasher.clone());
        let held: Vec<_> = self.table.drain().collect();
        for (path, slot) in held {
            let hasher = &self.hasher;
            self.table.insert_unique(hasher.hash_one(&path), (path, slot), |(path, _)| hasher.hash_one(path));
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// How many entries there is room for without more memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// How many dots live in all entries or are killed in advance.
    #[must_use]
    pub fn dots(&self) -> usize {
        self.dots
    }

    /// How many entries have a live dot. Walks those of more than one dot.
    #[must_use]
    pub fn live(&self) -> usize {
        self.table.len() - self.crowded.dead()
    }

    fn unordered(&self) -> impl Iterator<Item = (&P, EntryRef<'_, V>)> {
        self.table.iter().map(|(path, slot)| (path, self.crowded.entry(&self.names, slot)))
    }
}

impl<P: Hash + Eq, V> EntryMap<P, V> {
    /// The entry at a path.
    pub fn get<Q>(&self, path: &Q) -> Option<EntryRef<'_, V>>
    where
        P: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get_path_value(path).map(|(_, entry)| entry)
    }

    /// The path as it is held, and its entry.
    pub fn get_path_value<Q>(&self, path: &Q) -> Option<(&P, EntryRef<'_, V>)>
    where
        P: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (path, slot) = self.table.find(self.hasher.hash_one(path), |(held, _)| held.borrow() == path)?;
        Some((path, self.crowded.entry(&self.names, slot)))
    }

    pub(crate) fn hash_of(&self, path: &P) -> u64 {
        self.hasher.hash_one(path)
    }

    /// The non-empty entries, in the order of the least dot of each: by the replicas' ids, and for each replica in the order
    /// in which it made them. The same wherever the state is the same. Sorts them first.
    pub fn iter(&self) -> impl Iterator<Item = (&P, EntryRef<'_, V>)> {
        self.in_order().into_iter().map(|(_, path, entry)| (path, entry))
    }

    fn in_order(&self) -> Vec<(Option<Dot>, &P, EntryRef<'_, V>)> {
        let mut entries: Vec<_> = self.unordered().map(|(path, entry)| (entry.first(), path, entry)).collect();
        // Two paths name one dot only after an error or an attack. Then the paths' hashes decide, under one seed for all.
        let hash = |path: &P| FixedState::with_seed(0).hash_one(path);
        entries.sort_unstable_by(|left, right| left.0.cmp(&right.0).then_with(|| hash(left.1).cmp(&hash(right.1))));
        entries
    }

    /// Puts an entry into its place; an empty one leaves none.
    pub fn insert(&mut self, path: P, entry: Entry<V>) {
        self.take(&path);
        if !entry.is_empty() {
            self.put(path, entry);
        }
    }

    /// Takes an entry out; an empty one if there is none.
    fn take(&mut self, path: &P) -> Entry<V> {
        let hash = self.hasher.hash_one(path);
        let Ok(held) = self.table.find_entry(hash, |(held, _)| held == path) else { return Entry::default() };
        let ((_, slot), _) = held.remove();
        self.dots -= self.crowded.dots(&slot);
        let entry = self.crowded.take_entry(&self.names, slot);
        self.shrink();
        entry
    }

    /// Puts an entry that is not empty where there is none.
    fn put(&mut self, path: P, entry: Entry<V>) {
        let Self { table, crowded, names, hasher, dots, .. } = self;
        let slot = crowded.put_entry(names, entry);
        *dots += crowded.dots(&slot);
        table.insert_unique(hasher.hash_one(&path), (path, slot), |(path, _)| hasher.hash_one(path));
    }

    /// Takes one live dot out of an entry, as if its event had never been.
    pub(crate) fn forget(&mut self, path: &P, dot: Dot)
    where
        P: Clone,
    {
        let mut entry = self.take(path);
        entry.forget(dot);
        if !entry.is_empty() {
            self.put(path.clone(), entry);
        }
    }

    /// The entries of which this clock does not cover all, and the live dots of the others.
    pub(crate) fn changed_since(&self, clock: &CausalContext) -> (Self, CausalContext)
    where
        P: Clone,
        V: Clone,
    {
        let mut changed = Self::with_hasher(self.hasher.clone());
        let mut unchanged: Vec<Dot> = Vec::new();
        for (path, entry) in self.unordered() {
            if entry.kept_kills().is_empty() && entry.live().all(|(dot, _)| clock.contains(dot)) {
                unchanged.extend(entry.live().map(|(dot, _)| dot));
            } else {
                changed.put(path.clone(), entry.to_entry());
            }
        }
        unchanged.sort_unstable();
        (changed, unchanged.into_iter().collect())
    }

    /// Whether every live dot is in this clock.
    pub(crate) fn lives_in(&self, clock: &CausalContext) -> bool {
        self.unordered().all(|(_, entry)| entry.live().all(|(dot, _)| clock.contains(dot)))
    }

    /// Whether a live dot is in this clock.
    pub(crate) fn has_live(&self, clock: &CausalContext) -> bool {
        self.unordered().any(|(_, entry)| entry.live().any(|(dot, _)| clock.contains(dot)))
    }

    /// Gives memory back when the table has become sparse.
    fn shrink(&mut self) {
        const SMALL: usize = 64;
        let (held, room) = (self.table.len(), self.table.capacity());
        if room > SMALL && held < room / 8 {
            self.table.shrink_to(2 * held, |(path, _)| self.hasher.hash_one(path));
        }
    }
}

impl<P: Hash + Eq, V: PartialEq> PartialEq for EntryMap<P, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.unordered().all(|(path, entry)| other.get(path) == Some(entry))
    }
}

impl<P: Hash + Eq, V: Eq> Eq for EntryMap<P, V> {}

impl<P: Hash + Eq, V: Hash> Hash for EntryMap<P, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        for (path, entry) in self.iter() {
            path.hash(state);
            entry.live().for_each(|live| live.hash(state));
            entry.kept_kills().hash(state);
        }
    }
}

impl<P: Hash + Eq + fmt::Debug, V: fmt::Debug> fmt::Debug for EntryMap<P, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<P: Hash + Eq, V> FromIterator<(P, Entry<V>)> for EntryMap<P, V> {
    /// Of two entries for one path the later stays.
    fn from_iter<I: IntoIterator<Item = (P, Entry<V>)>>(entries: I) -> Self {
        let mut map = Self::default();
        entries.into_iter().for_each(|(path, entry)| map.insert(path, entry));
        map
    }
}
