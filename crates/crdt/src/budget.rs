//! Whether a join stays within the limits, without counting where they are far.

use core::hash::Hash;

use syncline_clocks::CausalContext;

use crate::{JoinError, LimitReached, Limits, UpdateRef};

/// Bounds of what a replica's clock holds, so that it is counted only where a limit is near. Beside its own interval, which an
/// edit may begin at any time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    replicas: usize,
    intervals: usize,
}

impl Budget {
    pub(crate) fn of(clock: &CausalContext) -> Self {
        Self { replicas: clock.replicas().count(), intervals: clock.interval_count() }
    }

    /// Whether a join of the update stays within the limits.
    #[inline]
    pub(crate) fn allow<P: Hash + Eq, V>(
        &mut self,
        limits: &Limits,
        held: usize,
        clock: &CausalContext,
        update: UpdateRef<'_, P, V>,
    ) -> Result<(), JoinError> {
        let would_be = held.saturating_add(update.dots());
        if would_be > limits.dots {
            return Err(JoinError::Limit(LimitReached::Dots { would_be, limit: limits.dots }));
        }
        let more = update.intervals();
        let within = |bound: usize, limit: usize| bound.saturating_add(more).saturating_add(1) <= limit;
        if !within(self.replicas, limits.clock.replicas) || !within(self.intervals, limits.clock.intervals) {
            try_join(limits, clock, update)?;
            *self = Self::of(clock);
        }
        self.replicas += more;
        self.intervals += more;
        Ok(())
    }
}

/// Whether the clock would stay within the limits: found out on a copy, near them.
#[cold]
fn try_join<P: Hash + Eq, V>(
    limits: &Limits,
    clock: &CausalContext,
    update: UpdateRef<'_, P, V>,
) -> Result<(), JoinError> {
    let (mut joined, mut events) = (clock.clone(), CausalContext::new());
    update.events(&mut events);
    joined.try_union(&events, &limits.clock).map_err(|error| JoinError::Limit(LimitReached::Clock(error)))
}
