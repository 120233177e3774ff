//! What a join did, path by path.

use core::fmt;

use smallvec::SmallVec;
use syncline_clocks::Dot;

use crate::DotSet;

/// What a join did to one path.
pub(crate) type Done = Option<(ChangeKind, DotChanges)>;

/// The paths that a join changed. A join of one event needs no heap for them.
///
/// Those of a delta are given in its order, in which one event may take out what another brought. Those of whole entries
/// have a path once each and are given in the order of the dots that came to life or died: the same wherever the same was
/// joined. They are put in that order when they are asked for: who does not look pays nothing.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{ChangeKind, OrSet, Replica};
/// let mut here: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(2));
/// there.join(&here.edit(|list| list.insert("milk")))?;
/// here.edit(|list| list.remove("milk"));
/// here.edit(|list| list.insert("tea"));
/// let changes = there.join(&here.diff(there.clock()))?;
/// let told: Vec<_> = changes.iter().map(|change| (change.path, change.kind)).collect();
/// assert_eq!(told, [("milk", ChangeKind::Removed), ("tea", ChangeKind::Added)]);
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
#[derive(Clone)]
pub struct Changes<P> {
    changes: SmallVec<[Change<P>; 1]>,
    of_delta: bool,
}

impl<P> Changes<P> {
    /// Of a delta, to be noted in its order.
    pub(crate) fn of_delta() -> Self {
        Self { of_delta: true, ..Self::default() }
    }

    /// How many paths changed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing changed: a duplicate, or what was known to be dead.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Change<P>> {
        let mut changes: SmallVec<[&Change<P>; 1]> = self.changes.iter().collect();
        if !self.of_delta {
            changes.sort_unstable_by_key(|change| least(change));
        }
        changes.into_iter()
    }
}

impl<P: Clone> Changes<P> {
    /// Adds what a join did to a path.
    pub(crate) fn note(&mut self, path: &P, done: Done) {
        if let Some((kind, dots)) = done {
            self.changes.push(Change { path: path.clone(), kind, dots });
        }
    }
}

/// The least dot that a change is about. No two changes of whole entries share one.
fn least<P>(Change { dots, .. }: &Change<P>) -> Option<Dot> {
    dots.born.first().into_iter().chain(dots.died.first()).min()
}

impl<P> Default for Changes<P> {
    fn default() -> Self {
        Self { changes: SmallVec::new(), of_delta: false }
    }
}

impl<P: PartialEq> PartialEq for Changes<P> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<P: Eq> Eq for Changes<P> {}

impl<P: fmt::Debug> fmt::Debug for Changes<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<P> IntoIterator for Changes<P> {
    type Item = Change<P>;
    type IntoIter = alloc::vec::IntoIter<Change<P>>;

    fn into_iter(mut self) -> Self::IntoIter {
        if !self.of_delta {
            self.changes.sort_unstable_by_key(least);
        }
        self.changes.into_vec().into_iter()
    }
}

/// One path that a join changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<P> {
    /// The path.
    pub path: P,
    /// What it means for the path's value.
    pub kind: ChangeKind,
    /// Its dots that came to life and that died.
    pub dots: DotChanges,
}

/// What a change of a path's dots means for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Nothing lived there, something does now.
    Added,
    /// Something lived there, nothing does now.
    Removed,
    /// Something else lives there, or more, or less.
    Updated,
}

impl ChangeKind {
    pub(crate) fn of(was_live: bool, is_live: bool) -> Self {
        match (was_live, is_live) {
            (false, _) => Self::Added,
            (true, false) => Self::Removed,
            (true, true) => Self::Updated,
        }
    }
}

/// Which dots a join brought to life and which it took out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DotChanges {
    /// Dots that became live.
    pub born: DotSet,
    /// Dots that were live and are dead now.
    pub died: DotSet,
}

impl DotChanges {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.born.is_empty() && self.died.is_empty()
    }
}
