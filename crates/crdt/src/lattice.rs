//! Values that join by themselves, without dots and without a clock.

use core::fmt;

/// A join-semilattice (Shapiro et al. 2011, section 2.3): states whose join is their least upper bound. Joins are
/// associative, commutative and idempotent, so states and parts of states may arrive late, twice or out of order.
///
/// The mutators of these types return the part that changed, which joins like a whole (a delta-mutator of Almeida,
/// Shoker, Baquero 2018, section 4).
///
/// They stand alone. What is in them stays in them for ever: nothing tells that something was there and was taken out.
/// So they need no clock, no identity but the writer's, and no history; and none of them can be reset.
///
/// ```
/// use syncline_crdt::Lattice;
///
/// /// A type of your own: two lattices side by side are one.
/// #[derive(Default)]
/// struct Seen { users: syncline_crdt::GSet<&'static str>, latest: syncline_crdt::MaxRegister<u64> }
///
/// impl Lattice for Seen {
///     fn join(&mut self, other: &Self) -> bool {
///         self.users.join(&other.users) | self.latest.join(&other.latest)
///     }
/// }
///
/// let (mut here, mut there) = (Seen::default(), Seen::default());
/// here.users.insert("ann");
/// there.latest.set(7);
/// assert!(here.join(&there) && !here.join(&there));
/// assert_eq!((here.users.len(), here.latest.get()), (1, Some(&7)));
/// ```
pub trait Lattice {
    /// Becomes the least upper bound of both; true if that changed something.
    fn join(&mut self, other: &Self) -> bool;
}

/// What a writer ever added to a counter, or ever took away, would pass 2^64 - 1. Nothing changed.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{GCounter, Overflow};
/// let mut counter = GCounter::default();
/// counter.increment(ReplicaId::from_u128(1), u64::MAX)?;
/// assert_eq!(counter.increment(ReplicaId::from_u128(1), 1), Err(Overflow));
/// # Ok::<(), Overflow>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a running total would pass 2^64 - 1")
    }
}

impl core::error::Error for Overflow {}
