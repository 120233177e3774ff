//! The clock of one process that tells exactly which events happened before which (Fidge 1988, *Timestamps in
//! Message-Passing Systems That Preserve the Partial Ordering*; Mattern 1989, *Virtual Time and Global States of
//! Distributed Systems*).
//!
//! Guarantees: of two events' timestamps, one is [`Before`](crate::Causality::Before) the other exactly if its event
//! happened before the other's. The price is one entry for each process that ever took part; see the types of pruning
//! for what dropping entries costs.

use core::fmt;

use crate::{Dot, LimitExceeded, Limits, ReplicaId, VersionVector};

/// A process's clock: it counts *every* event of the process, sends and receipts too.
///
/// # This or a `VersionVector`?
/// Both are vectors of counts, compare by [`VersionVector::compare`] and answer with one
/// [`Causality`](crate::Causality); they differ in what is counted and in who counts.
///
/// - Take a `VectorClock` to order the **events of processes** that send messages: a trace, a debugger, a causal
///   broadcast, a consistent snapshot. The process ticks at each event, so two timestamps are never equal unless they
///   are of the same event.
/// - Take a [`VersionVector`] to order the **states of replicas** of data: what has each seen of the others' updates?
///   Only updates count; synchronising creates no event, so two replicas that saw the same updates compare as equal.
///   With a `VectorClock` they never would: each receipt ticks, and replicas that exchange messages for ever would
///   look changed for ever.
/// - To tell the concurrent values of one key apart, take neither: a
///   [`DottedVersionVectorSet`](crate::DottedVersionVectorSet).
///
/// # Use
/// [`tick`](Self::tick) at a local event, [`send`](Self::send) when a message leaves (attach the timestamp),
/// [`receive`](Self::receive) with the timestamp that came along. Each returns the event's timestamp, the paper's
/// `V(e)`: the causal history of the event, itself included. A tick is logarithmic in the processes and copies the
/// vector; a receipt is linear.
///
/// It does not detect two processes under one identity, unless one hears more of itself than it did
/// ([`OwnFuture`](VectorClockError::OwnFuture)). What a peer may invent is bounded by
/// [`try_receive`](Self::try_receive).
///
/// ```
/// use syncline_clocks::{Causality, ReplicaId, VectorClock};
/// let mut a = VectorClock::new(ReplicaId::from_u128(1));
/// let mut b = VectorClock::new(ReplicaId::from_u128(2));
/// let sent = a.send()?;
/// let local = b.tick()?;
/// assert_eq!(sent.compare(&local), Causality::Concurrent);
/// let received = b.receive(&sent)?;
/// assert_eq!(sent.compare(&received), Causality::Before);
/// assert_eq!(received.compare(&local), Causality::After);
/// # Ok::<(), syncline_clocks::VectorClockError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VectorClock {
    process: ReplicaId,
    history: VersionVector,
}

impl VectorClock {
    /// The clock of a process without events.
    #[must_use]
    pub const fn new(process: ReplicaId) -> Self {
        Self { process, history: VersionVector::new() }
    }

    /// The clock of `process` after a restart, from the timestamp of its latest event, which has to be certain: a
    /// process that forgot events gives their names to others.
    #[must_use]
    pub const fn resume(process: ReplicaId, latest: VersionVector) -> Self {
        Self { process, history: latest }
    }

    /// The process whose events are counted.
    #[must_use]
    pub const fn process(&self) -> ReplicaId {
        self.process
    }

    /// The timestamp of the latest event: everything that this process knows to have happened.
    #[must_use]
    pub const fn timestamp(&self) -> &VersionVector {
        &self.history
    }

    /// The name of the latest event; `None` before the first. With it, "did it happen before the event stamped `t`?" is
    /// `t.contains(dot)`, one lookup instead of a comparison (Mattern 1989).
    #[must_use]
    pub fn latest(&self) -> Option<Dot> {
        Dot::new(self.process, self.history.get(self.process))
    }

    /// The timestamp of a local event.
    ///
    /// # Errors
    /// [`VectorClockError::Exhausted`] after 2^64 - 1 events; the clock is unchanged.
    pub fn tick(&mut self) -> Result<VersionVector, VectorClockError> {
        let count = self.history.get(self.process).checked_add(1).ok_or(VectorClockError::Exhausted)?;
        self.history.advance(self.process, count);
        Ok(self.history.clone())
    }

    /// The timestamp to attach to a message: sending is an event like any other.
    ///
    /// # Errors
    /// As [`tick`](Self::tick).
    pub fn send(&mut self) -> Result<VersionVector, VectorClockError> {
        self.tick()
    }

    /// The timestamp of receiving a message that was stamped `message`: after it and after all earlier events here.
    ///
    /// # Errors
    /// A message that knows events of this process which it has not had, or exhaustion; the clock is unchanged.
    pub fn receive(&mut self, message: &VersionVector) -> Result<VersionVector, VectorClockError> {
        self.try_receive(message, &Limits::NONE)
    }

    /// As [`receive`](Self::receive), for a message of a peer that may invent processes.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and more processes than the limits allow, this one apart if it had no event yet.
    pub fn try_receive(&mut self, message: &VersionVector, limits: &Limits) -> Result<VersionVector, VectorClockError> {
        let (claimed, own) = (message.get(self.process), self.history.get(self.process));
        if claimed > own {
            return Err(VectorClockError::OwnFuture { claimed, own });
        }
        if own == u64::MAX {
            return Err(VectorClockError::Exhausted);
        }
        self.history.try_join(message, limits).map_err(VectorClockError::LimitExceeded)?;
        self.tick()
    }
}

/// Why a vector clock refused. It is unchanged.
///
/// ```
/// use syncline_clocks::{ReplicaId, VectorClock, VectorClockError, VersionVector};
/// let process = ReplicaId::from_u128(1);
/// let message = VersionVector::from_iter([(process, 3)]);
/// let refused = VectorClock::new(process).receive(&message);
/// assert_eq!(refused, Err(VectorClockError::OwnFuture { claimed: 3, own: 0 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VectorClockError {
    /// The message knows events of this process that it has not had: two processes share an identity, this one forgot,
    /// or the message is forged.
    OwnFuture {
        /// The events of this process that the message claims to know.
        claimed: u64,
        /// The events that this process has had.
        own: u64,
    },
    /// The message would make more processes known than the limits allow.
    LimitExceeded(LimitExceeded),
    /// All 2^64 - 1 counts are used up.
    Exhausted,
}

impl fmt::Display for VectorClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnFuture { claimed, own } => {
                write!(f, "the message knows {claimed} events of this process, which has had {own}")
            }
            Self::LimitExceeded(exceeded) => exceeded.fmt(f),
            Self::Exhausted => write!(f, "all counts are used up"),
        }
    }
}

impl core::error::Error for VectorClockError {}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for VectorClock {
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        Self { process: ReplicaId::arbitrary(g), history: VersionVector::arbitrary(g) }
    }
}
