//! How large a value may become by what peers send.

use syncline_clocks as clocks;
use syncline_clocks::CausalContext;

use crate::{JoinError, LimitReached, UpdateRef};
use core::hash::Hash;

/// The most that is decoded at once and that joins may leave behind: a peer can invent any number of ids, of gaps, and of
/// elements. What decoding allocates follows the bytes, whatever they claim; what joins pile up is bounded by these.
///
/// A replica's own edits are not bounded.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{JoinError, Limits, OrSet, Replica, Settings};
/// let limits = Limits { dots: 2, ..Limits::default() };
/// let [here, there] = [1, 2].map(ReplicaId::from_u128);
/// let mut here: Replica<OrSet<u8>> = Replica::with_settings(here, Settings { limits, ..Settings::default() });
/// let mut there: Replica<OrSet<u8>> = Replica::create(there);
/// let three = there.edit(|set| (1..=3).for_each(|element| set.insert(element)));
/// assert!(matches!(here.join(&three), Err(JoinError::Limit(_))));
/// assert_eq!(here.iter().count(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The most bytes that are decoded at once.
    pub bytes: usize,
    /// The most live dots and kept kills together: what a join brings is added to what is held before what it takes out is
    /// subtracted.
    pub dots: usize,
    /// The most replicas and intervals of the clock.
    pub clock: clocks::Limits,
}

impl Limits {
    /// No limit: for what does not come from outside, and as a base to change one field of.
    pub const NONE: Self = Self { bytes: usize::MAX, dots: usize::MAX, clock: clocks::Limits::NONE };
}

impl Default for Limits {
    /// 64 MiB, 2^24 dots, 2^16 replicas, 2^20 intervals.
    fn default() -> Self {
        Self { bytes: 64 << 20, dots: 1 << 24, clock: clocks::Limits { replicas: 1 << 16, intervals: 1 << 20 } }
    }
}

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
