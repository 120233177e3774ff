//! What a partition believes of what peers and clients say, before anything is joined.

use std::collections::BTreeSet;

use syncline_clocks::{CausalContext, ClockError, Dot, HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{EntryRef, JoinError};

use super::Partition;
use crate::turn::Turn;
use crate::value::{Event, Path, Payload, Update};
use crate::{Configuration, NodeId, Notice};

/// Sequence numbers from here on are refused: nobody reaches them by counting, and the next one must exist.
const SEQUENCE_LIMIT: u64 = 1 << 63;

/// A snapshot that claims as many events of the receiving replica is refused: those it makes later have to stay below the
/// limit of its peers.
pub(super) const OWN_LIMIT: u64 = 1 << 62;

/// What may be joined of an update.
pub(super) struct Vetted {
    pub(super) update: Update,
    /// Whether something was left out; notices have told what.
    pub(super) left_out: bool,
}

impl Partition {
    /// Whether an event of this name can exist, as far as this replica knows: a member's, and if its own, one it made.
    pub(crate) fn may_exist(&self, configuration: &Configuration, dot: Dot) -> bool {
        let is_member = configuration.members.iter().any(|member| member.replica == dot.replica());
        let is_own_future = dot.replica() == self.writer && dot.sequence() > self.minted;
        is_member && !is_own_future && dot.sequence() < SEQUENCE_LIMIT
    }

    /// Whether a timestamp that a client names may be believed: only to half the bound on drift, so that what is written
    /// after it is within the bound of peers whose clocks are behind.
    pub(crate) fn admit_of_client(&self, now: WallTime, timestamp: HybridTimestamp) -> Result<(), ClockError> {
        let half = u64::try_from(self.settings.max_drift.as_nanos() / 2).unwrap_or(u64::MAX);
        self.stamps.admit(WallTime::from_nanos(now.as_nanos().saturating_sub(half)), timestamp)
    }

    /// Leaves out of an update what this replica must not believe: one by one, events stamped too far ahead and those that
    /// claim to be its own and are not; and refuses the whole update where its parts do not fit together.
    pub(super) fn vet(
        &self,
        turn: &mut Turn<'_>,
        configuration: &Configuration,
        from: NodeId,
        update: Update,
    ) -> Result<Vetted, JoinError> {
        let writers: BTreeSet<ReplicaId> = configuration.members.iter().map(|member| member.replica).collect();
        let known = |dot: Dot| writers.contains(&dot.replica()) && dot.sequence() < SEQUENCE_LIMIT;
        let fits = |path: &Path, entry: EntryRef<'_, Payload>| {
            path.fits()
                && entry.live().all(|(dot, payload)| known(dot) && payload.fits(&path.slot))
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
                        && event.path.fits()
                        && event.kills.iter().all(known)
                        && event.payload.as_ref().is_none_or(|payload| payload.fits(&event.path.slot))
                };
                if !delta.events().iter().all(fits) {
                    return Err(malformed());
                }
                let before = delta.len();
                delta.retain(|event| {
                    let is_ahead = event.payload.as_ref().is_some_and(too_far);
                    let is_forged = event.dot.replica() == self.writer && event.dot.sequence() > self.minted;
                    if is_ahead {
                        turn.notify(Notice::TooFarAhead { event: event.dot });
                    }
                    if is_forged {
                        turn.notify(Notice::UpdateRefused { from, error: JoinError::OwnFuture(event.dot) });
                    }
                    !is_ahead && !is_forged
                });
                let left_out = delta.len() < before;
                Ok(Vetted { update: Update::Delta(delta), left_out })
            }
            Update::Entries(mut entries) => {
                if !clock_fits(&entries.clock)
                    || !entries.paths.iter().all(|(path, repair)| fits(path, (&repair.entry).into()))
                {
                    return Err(malformed());
                }
                let before = entries.paths.len();
                entries.paths.retain(|(_, repair)| {
                    let ahead = repair.entry.live().find(|(_, payload)| too_far(payload));
                    if let Some((event, _)) = ahead {
                        turn.notify(Notice::TooFarAhead { event });
                    }
                    ahead.is_none()
                });
                let left_out = entries.paths.len() < before;
                Ok(Vetted { update: Update::Entries(entries), left_out })
            }
            Update::State(state) => {
                if !clock_fits(state.clock()) || !state.entries().iter().all(|(path, entry)| fits(path, entry)) {
                    return Err(malformed());
                }
                let ahead =
                    state.entries().iter().flat_map(|(_, entry)| entry.live()).find(|(_, payload)| too_far(payload));
                if let Some((event, _)) = ahead {
                    turn.notify(Notice::TooFarAhead { event });
                    return Err(JoinError::Malformed("a state with an event stamped too far ahead"));
                }
                Ok(Vetted { update: Update::State(state), left_out: false })
            }
        }
    }
}
