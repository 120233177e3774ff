//! Causality for systems whose members come and go, without global identities (Almeida, Baquero, Fonte 2008, *Interval
//! Tree Clocks: A Logical Clock for Dynamic Systems*).
//!
//! The trees lie in `id` and `event`, the paper's bits in `encoding`, a form to read in `text`.

use core::fmt;

use crate::Causality;

mod encoding;
mod event;
mod id;
mod text;

pub use encoding::IntervalTreeDecodeError;
use event::Event;
use id::Id;

/// A *stamp*: a share of the interval [0, 1) that its holder alone may count up (the id), and how high each part of the
/// interval has been counted as far as its holder knows (the event).
///
/// One process [seeds](Self::seed) a system; every other gets half of somebody's share ([`fork`](Self::fork)), with no
/// coordination, and gives it back when it leaves ([`join`](Self::join)). So ids shrink as well as grow, and no entry
/// for a departed process stays behind, which is what version vectors can not do without
/// [retirement](crate::Retirements).
///
/// | operation | the paper | how |
/// |---|---|---|
/// | update | event | [`event`](Self::event) |
/// | send a message | send | [`event`](Self::event), then [`peek`](Self::peek): attach that |
/// | receive a message | receive | [`join`](Self::join) the attached stamp, then [`event`](Self::event) |
/// | two replicas compare and merge | sync | [`join`](Self::join), then [`fork`](Self::fork); or each joins the other's [`peek`](Self::peek) |
/// | a replica joins, leaves | fork, join | [`fork`](Self::fork), [`join`](Self::join) |
///
/// The trees are kept in the paper's normal form (§5), an event is recorded by filling where that simplifies
/// the tree and by growing it where that is cheapest otherwise.
///
/// Guarantees: of stamps that descend from one seed, one is [`Before`](Causality::Before) another exactly if all events
/// that it knows are known to the other, and more.
///
/// Not guaranteed: that a stamp is used once. A process that is restored from a backup, or copied, holds a share that
/// another holds too, and both would count the same events. Joining the two is refused ([`IntervalTreeJoinError`]);
/// until they meet, nobody can notice. A share that is lost with its process is lost: nobody may count it up again,
/// and it is part of every id around it for ever. Stamps of two seeds do not compare.
///
/// Nor that a peer is honest. [`join`](Self::join) takes in what a stamp says: the share, if it is not anonymous (join its
/// [`peek`](Self::peek), if none was to be handed over); counts of any height, after which the holder of that part of
/// the interval can record no more events; and trees of any width, so that message after message a clock can grow as large
/// as all of them together. Take stamps from members that you trust.
///
/// Sizes: 32 bytes, and 32 for each inner node of either tree. Trees are at most [`MAX_DEPTH`](Self::MAX_DEPTH) deep,
/// so that no stamp from outside can exhaust the stack: a process at that depth can not be forked. All operations are
/// linear in the trees.
///
/// ```
/// use syncline_clocks::{Causality, IntervalTreeClock};
/// let mut a = IntervalTreeClock::seed();
/// let mut b = a.fork()?;
/// a.event()?;
/// b.event()?;
/// assert_eq!(a.compare(&b), Causality::Concurrent);
/// // A message from a to b.
/// b.join(&a.peek())?;
/// b.event()?;
/// assert_eq!(a.compare(&b), Causality::Before);
/// // b leaves: its share goes back, and what it knew stays.
/// a.join(&b)?;
/// assert_eq!(a.to_string(), "1;(1,0,1)");
/// a.event()?;
/// assert_eq!(a.to_string(), "1;2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IntervalTreeClock {
    id: Id,
    event: Event,
}

impl IntervalTreeClock {
    /// How deep either tree may be: half a megabyte of stack is enough for every operation, in an unoptimized build too.
    ///
    /// Forking one process over and over deepens its id by one each time; forking in a balanced way, each process about as
    /// often as the others, deepens it by the logarithm of the members.
    pub const MAX_DEPTH: usize = 512;

    /// The first stamp of a system: the whole interval, no event. A system has exactly one.
    #[must_use]
    pub const fn seed() -> Self {
        Self { id: Id::One, event: Event::leaf(0) }
    }

    /// Whether the stamp has no share: it can be compared and joined, but records no event.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        matches!(self.id, Id::Zero)
    }

    /// Gives half of this stamp's share to a new one that knows the same events. Forking an anonymous stamp copies it.
    ///
    /// # Errors
    /// The id would become too deep; the stamp is unchanged.
    pub fn fork(&mut self) -> Result<Self, IntervalTreeForkError> {
        let (kept, given) = self.id.split();
        if kept.depth().max(given.depth()) > Self::MAX_DEPTH {
            return Err(IntervalTreeForkError);
        }
        self.id = kept;
        Ok(Self { id: given, event: self.event.clone() })
    }

    /// The anonymous stamp that knows the same events: what a message carries, and what is stored beside a version.
    #[must_use]
    pub fn peek(&self) -> Self {
        Self { id: Id::Zero, event: self.event.clone() }
    }

    /// Records an event of this stamp's holder.
    ///
    /// # Errors
    /// An anonymous stamp, or counts that are used up; the stamp is unchanged.
    pub fn event(&mut self) -> Result<(), IntervalTreeEventError> {
        if self.is_anonymous() {
            return Err(IntervalTreeEventError::Anonymous);
        }
        if self.event.fill(&self.id) { Ok(()) } else { self.event.grow(&self.id) }
    }

    /// Knows from here on what `other` knows, and owns its share too. Whoever held `other` must not use it again,
    /// unless it is anonymous.
    ///
    /// # Errors
    /// The shares overlap; the stamp is unchanged.
    pub fn join(&mut self, other: &Self) -> Result<(), IntervalTreeJoinError> {
        self.id = self.id.sum(&other.id).ok_or(IntervalTreeJoinError)?;
        self.event = self.event.join(&other.event);
        Ok(())
    }

    /// Whether `other` knows all events that this stamp knows (the paper's `leq`).
    #[must_use]
    pub fn leq(&self, other: &Self) -> bool {
        self.event.leq(&other.event)
    }

    /// How the events that this stamp knows relate to those of the other, whoever holds the two: by the events alone,
    /// so stamps with different ids can be `Equal` here and differ under `==`.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Causality {
        match (self.leq(other), other.leq(self)) {
            (true, true) => Causality::Equal,
            (true, false) => Causality::Before,
            (false, true) => Causality::After,
            (false, false) => Causality::Concurrent,
        }
    }
}

/// The id is as deep as ids may be: let another process fork, or join some first.
///
/// ```
/// use syncline_clocks::{IntervalTreeClock, IntervalTreeForkError};
/// let mut clock = IntervalTreeClock::seed();
/// let refused = (0..=IntervalTreeClock::MAX_DEPTH).find_map(|_| clock.fork().err());
/// assert_eq!(refused, Some(IntervalTreeForkError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalTreeForkError;

impl fmt::Display for IntervalTreeForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an id is at most {} levels deep", IntervalTreeClock::MAX_DEPTH)
    }
}

impl core::error::Error for IntervalTreeForkError {}

/// Why an event was not recorded. The stamp is unchanged.
///
/// ```
/// use syncline_clocks::{IntervalTreeClock, IntervalTreeEventError};
/// let mut message = IntervalTreeClock::seed().peek();
/// assert_eq!(message.event(), Err(IntervalTreeEventError::Anonymous));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntervalTreeEventError {
    /// The stamp has no share of the interval to count up.
    Anonymous,
    /// The share has been counted to 2^64 - 1, which only forged stamps reach.
    Exhausted,
}

impl fmt::Display for IntervalTreeEventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => write!(f, "an anonymous stamp records no events"),
            Self::Exhausted => write!(f, "all counts are used up"),
        }
    }
}

impl core::error::Error for IntervalTreeEventError {}

/// The two stamps own a part of the interval in common: one of them is a copy, or was used after it had been forked or
/// joined away. The stamp that was to join is unchanged.
///
/// ```
/// use syncline_clocks::{IntervalTreeClock, IntervalTreeJoinError};
/// let mut clock = IntervalTreeClock::seed();
/// let backup = clock.clone();
/// assert_eq!(clock.join(&backup), Err(IntervalTreeJoinError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalTreeJoinError;

impl fmt::Display for IntervalTreeJoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stamps share a part of the interval, so one of them is a copy")
    }
}

impl core::error::Error for IntervalTreeJoinError {}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for IntervalTreeClock {
    /// One of the stamps after a random history of a system.
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        let mut stamps = alloc::vec![Self::seed()];
        for (choice, at, other) in Vec::<(u8, u8, u8)>::arbitrary(g) {
            let at = usize::from(at) % stamps.len();
            let other = usize::from(other) % stamps.len();
            let valid = "stamps of one history are shallow, disjoint and not anonymous";
            match choice % 4 {
                0 if stamps.len() < 12 => {
                    let forked = stamps[at].fork().expect(valid);
                    stamps.push(forked);
                }
                1 if at != other => {
                    let left = stamps[other].clone();
                    stamps[at].join(&left).expect(valid);
                    stamps.remove(other);
                }
                2 => {
                    let message = stamps[other].peek();
                    stamps[at].join(&message).expect(valid);
                }
                _ => stamps[at].event().expect(valid),
            }
        }
        stamps.swap_remove(0)
    }
}
