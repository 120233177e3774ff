//! The version with the latest timestamp stands: the baseline that everything else is compared with.

use alloc::vec;

use crate::{Conflict, Outcome, PassedOver, Reason, Resolution, Resolver};

/// Picks the version with the latest hybrid timestamp; of equal ones, which only a misused replica id can make, the
/// one with the greater dot.
///
/// Over siblings that causality left, it chooses only among truly concurrent versions: a write that saw another always
/// beats it. Every concurrent write but one is lost to readers, and reported as passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastWriterWins;

impl<V> Resolver<V> for LastWriterWins {
    fn name(&self) -> &'static str {
        "last-writer-wins"
    }

    fn resolve<'a>(&self, conflict: &Conflict<'a, V>) -> Resolution<'a, V> {
        let versions = conflict.siblings.versions();
        let winner = versions.iter().max_by_key(|version| (version.timestamp, version.dot));
        let winner = winner.expect("siblings are never empty");
        let losers = versions.iter().filter(|version| version.dot != winner.dot);
        let passed_over = losers
            .map(|loser| PassedOver { loser: loser.dot, winner: winner.dot, reason: Reason::EarlierTimestamp })
            .collect();
        Resolution { outcome: Outcome::Kept(vec![winner]), passed_over }
    }
}
