//! What a partition believes of what peers and clients say, before anything is joined.

use std::collections::BTreeSet;

use syncline_clocks::{CausalContext, Dot, ReplicaId};
use syncline_crdt::{Entry, JoinError};

use super::Partition;
use crate::turn::Turn;
use crate::value::{Event, Path, Payload, Update};
use crate::{Configuration, Notice};

/// Sequence numbers from here on are refused: nobody reaches them by counting, and the next one must exist.
const SEQUENCE_LIMIT: u64 = 1 << 63;

/// A snapshot that claims as many events of the receiving replica is refused: those it makes later have to stay below the
/// limit of its peers.
pub(super) const OWN_LIMIT: u64 = 1 << 62;

impl Partition {
    /// Whether an event of this name can exist, as far as this replica knows: a member's, and if its own, one it made.
    pub(crate) fn may_exist(&self, configuration: &Configuration, dot: Dot) -> bool {
        let is_member = configuration.members.iter().any(|member| member.replica == dot.replica());
        let is_own_future = dot.replica() == self.writer && dot.sequence() > self.minted;
        is_member && !is_own_future && dot.sequence() < SEQUENCE_LIMIT
    }

    /// Drops from an update what this replica must not believe: events stamped too far ahead one by one, and the whole
    /// update where its parts do not fit together.
    pub(super) fn vet(
        &self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        update: Update,
    ) -> Result<Update, JoinError> {
        let writers: BTreeSet<ReplicaId> = configuration.members.iter().map(|member| member.replica).collect();
        let known = |dot: Dot| writers.contains(&dot.replica()) && dot.sequence() < SEQUENCE_LIMIT;
        let fits = |path: &Path, entry: &Entry<Payload>| {
            entry.live().all(|(dot, payload)| known(dot) && payload.fits(&path.slot))
                && entry.kept_kills().iter().copied().all(known)
        };
        let clock_fits = |clock: &CausalContext| {
            clock.intervals().all(|run| writers.contains(&run.replica) && run.last < SEQUENCE_LIMIT)
        };
        let now = turn.now.wall;
        let too_far =
            |payload: &Payload| payload.timestamp().is_some_and(|timestamp| self.stamps.admit(now, timestamp).is_err());
        let malformed = || JoinError::Malformed("a payload that does not fit its path, or an unknown writer");
        match update {
            Update::Delta(mut delta) => {
                let fits = |event: &Event| {
                    known(event.dot)
                        && event.kills.iter().copied().all(known)
                        && event.payload.as_ref().is_none_or(|payload| payload.fits(&event.path.slot))
                };
                if !delta.events.iter().all(fits) {
                    return Err(malformed());
                }
                delta.events.retain(|event| {
                    let ahead = event.payload.as_ref().is_some_and(too_far);
                    if ahead {
                        turn.notify(Notice::TooFarAhead { event: event.dot });
                    }
                    !ahead
                });
                Ok(Update::Delta(delta))
            }
            Update::Entries(mut entries) => {
                if !clock_fits(&entries.clock) || !entries.paths.iter().all(|(path, repair)| fits(path, &repair.entry))
                {
                    return Err(malformed());
                }
                entries.paths.retain(|(_, repair)| {
                    let ahead = repair.entry.live().find(|(_, payload)| too_far(payload));
                    if let Some((event, _)) = ahead {
                        turn.notify(Notice::TooFarAhead { event });
                    }
                    ahead.is_none()
                });
                Ok(Update::Entries(entries))
            }
            Update::State(state) => {
                if !clock_fits(&state.clock) || !state.entries.iter().all(|(path, entry)| fits(path, entry)) {
                    return Err(malformed());
                }
                let ahead =
                    state.entries.iter().flat_map(|(_, entry)| entry.live()).find(|(_, payload)| too_far(payload));
                if let Some((event, _)) = ahead {
                    turn.notify(Notice::TooFarAhead { event });
                    return Err(JoinError::Malformed("a state with an event stamped too far ahead"));
                }
                Ok(Update::State(state))
            }
        }
    }
}
