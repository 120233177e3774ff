//! What a join did, path by path.

use core::ops::Deref;

use smallvec::SmallVec;

use crate::Change;

/// The paths that a join changed, in the order of the dots that did. A join of one event needs no heap for them.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<P> {
    changes: SmallVec<[Change<P>; 1]>,
}

impl<P> Changes<P> {
    /// By the least dot that came to life or died; no two changes share one.
    pub(crate) fn sort(&mut self) {
        self.changes.sort_by_key(|Change { dots, .. }| dots.born.first().into_iter().chain(dots.died.first()).min());
    }
}

impl<P> Default for Changes<P> {
    fn default() -> Self {
        Self { changes: SmallVec::new() }
    }
}

impl<P> Deref for Changes<P> {
    type Target = [Change<P>];

    fn deref(&self) -> &[Change<P>] {
        &self.changes
    }
}

impl<P> Extend<Change<P>> for Changes<P> {
    fn extend<I: IntoIterator<Item = Change<P>>>(&mut self, changes: I) {
        self.changes.extend(changes);
    }
}

impl<'a, P> IntoIterator for &'a Changes<P> {
    type Item = &'a Change<P>;
    type IntoIter = core::slice::Iter<'a, Change<P>>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.iter()
    }
}
