//! All concurrent versions stand: the reader decides, and its next write replaces what it saw.

use alloc::vec::Vec;

use crate::{Conflict, Outcome, Resolution, Resolver};

/// Keeps every concurrent version, as Riak with `allow_mult` and DottedDB do. Loses nothing; a reader must be ready for
/// more than one value. Their number never exceeds that of the concurrent writers (Preguiça et al. 2010).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepSiblings;

impl<V> Resolver<V> for KeepSiblings {
    fn name(&self) -> &'static str {
        "keep-siblings"
    }

    fn resolve<'a>(&self, conflict: &Conflict<'a, V>) -> Resolution<'a, V> {
        let kept = conflict.siblings.versions().iter().collect();
        Resolution { outcome: Outcome::Kept(kept), passed_over: Vec::new() }
    }
}
