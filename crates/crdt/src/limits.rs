//! How large a value may become by what peers send.

use syncline_clocks as clocks;

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
