//! A version vector without the entries of retired replicas.

use crate::{Causality, Fenced, ReplicaId, Retirements, VersionVector};

/// A version vector that has dropped the entries of the replicas retired first, all of whose events it knows.
///
/// It carries an *epoch*: how many retirements of the agreed log it has dropped the entries of. It means the history
/// of its entries together with *all* events of those replicas. So nothing is ever guessed from an entry that is
/// missing, and each answer is that of the whole vectors: dropping costs no exactness. What [`Retirements`] guard is
/// that "all events" stays true.
///
/// Every call takes the member's log. Vectors of different epochs compare and join; one of an epoch that the
/// member's log has not reached is refused, so that the log is fetched first.
///
/// A history that lacks an event of a retired replica keeps its entries from that replica's place in the log on. A
/// clock of everything that a member knows catches up and loses them; the vector of an old version may keep them for
/// as long as the version lives.
///
/// 8 bytes and the vector. Of vectors of one epoch `join` and `compare` cost what those of [`VersionVector`] do; of
/// others, the log is walked and the retirements in between are added.
///
/// ```
/// use syncline_clocks::{Causality, ReplicaId, Retirement, Retirements, RetiringVersionVector};
/// let [a, departed] = [1, 2].map(ReplicaId::from_u128);
/// let mut known = RetiringVersionVector::from_iter([(a, 5), (departed, 3)]);
/// let old = RetiringVersionVector::from_iter([(a, 1), (departed, 2)]);
///
/// let mut retirements = Retirements::new();
/// let seal = retirements.seal(a, departed, &known)?;
/// retirements.retire(Retirement::agree(departed, [a], &[seal])?)?;
/// known.reduce(&retirements)?;
/// assert_eq!((known.epoch(), known.vector().get(departed)), (1, 0));
/// assert_eq!(old.compare(&known, &retirements)?, Causality::Before);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RetiringVersionVector {
    epoch: u64,
    // Holds no entry of a replica among the first `epoch` retirements: of a decoded vector that is found out when it
    // is used.
    vector: VersionVector,
}

impl RetiringVersionVector {
    /// The empty history.
    #[must_use]
    pub const fn new() -> Self {
        Self { epoch: 0, vector: VersionVector::new() }
    }

    /// How many retirements' entries were dropped.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The entries that are left.
    #[must_use]
    pub const fn vector(&self) -> &VersionVector {
        &self.vector
    }

    /// The whole history as a plain vector, with the entries that were dropped.
    ///
    /// # Errors
    /// The vector is ahead of the log, contradicts it, or knows more of a retired replica than there is.
    pub fn expand(&self, retirements: &Retirements) -> Result<VersionVector, Fenced> {
        self.check(retirements)?;
        let mut vector = self.vector.clone();
        raise(&mut vector, 0, self.epoch, retirements);
        Ok(vector)
    }

    /// Makes `replica`'s first `length` events known.
    ///
    /// # Errors
    /// The replica was retired, or sealed, with fewer events; the vector is unchanged.
    pub fn advance(&mut self, replica: ReplicaId, length: u64, retirements: &Retirements) -> Result<(), Fenced> {
        self.check(retirements)?;
        retirements.admit(replica, length)?;
        if !self.has_dropped(replica, retirements) {
            self.vector.advance(replica, length);
            self.reduce(retirements)?;
        }
        Ok(())
    }

    /// The least history that contains both, reduced as far as it goes.
    ///
    /// # Errors
    /// The other vector claims events of a retired or sealed replica beyond what there may be, or does not fit the
    /// log; this one is unchanged.
    pub fn join(&mut self, other: &Self, retirements: &Retirements) -> Result<(), Fenced> {
        self.check(retirements)?;
        other.check(retirements)?;
        other.vector.iter().try_for_each(|(replica, length)| retirements.admit(replica, length))?;
        let epoch = self.epoch.max(other.epoch);
        self.drop_below(epoch, retirements);
        for (replica, length) in other.vector.iter() {
            if !self.has_dropped(replica, retirements) {
                self.vector.advance(replica, length);
            }
        }
        self.reduce(retirements)
    }

    /// How this history relates to the other.
    ///
    /// # Errors
    /// One of the vectors is ahead of the log, contradicts it, or knows more of a retired replica than there is.
    pub fn compare(&self, other: &Self, retirements: &Retirements) -> Result<Causality, Fenced> {
        self.check(retirements)?;
        other.check(retirements)?;
        if self.epoch == other.epoch {
            return Ok(self.vector.compare(&other.vector));
        }
        // What both have dropped is equal; what only the later one has dropped is added to it again.
        let (earlier, later) = if self.epoch < other.epoch { (self, other) } else { (other, self) };
        let mut raised = later.vector.clone();
        raise(&mut raised, earlier.epoch, later.epoch, retirements);
        Ok(if self.epoch < other.epoch { self.vector.compare(&raised) } else { raised.compare(&other.vector) })
    }

    /// Drops the entries of retired replicas, from the first retirement on, for as long as all their events are known
    /// here. Equal histories have equal vectors after it.
    ///
    /// # Errors
    /// The vector is ahead of the log, contradicts it, or knows more of a retired replica than there is; it is
    /// unchanged.
    pub fn reduce(&mut self, retirements: &Retirements) -> Result<(), Fenced> {
        self.check(retirements)?;
        let from = usize::try_from(self.epoch).unwrap_or(usize::MAX);
        let further = retirements.log().iter().skip(from);
        let whole = further.take_while(|entry| self.vector.get(entry.replica()) == entry.length()).count();
        self.drop_below(self.epoch + whole as u64, retirements);
        Ok(())
    }

    /// Moves to a later epoch, whose retired replicas' events are all known by now.
    fn drop_below(&mut self, epoch: u64, retirements: &Retirements) {
        if epoch > self.epoch {
            self.epoch = epoch;
            let kept = self.vector.iter().filter(|(replica, _)| !self.has_dropped(*replica, retirements));
            self.vector = kept.collect();
        }
    }

    fn has_dropped(&self, replica: ReplicaId, retirements: &Retirements) -> bool {
        retirements.place(replica).is_some_and(|place| (place as u64) < self.epoch)
    }

    /// Whether this vector can be of a member with this log.
    fn check(&self, retirements: &Retirements) -> Result<(), Fenced> {
        if self.epoch > retirements.epoch() {
            return Err(Fenced::NewerEpoch { theirs: self.epoch, ours: retirements.epoch() });
        }
        self.vector.iter().try_for_each(|(replica, claimed)| match retirements.get(replica) {
            Some(_) if self.has_dropped(replica, retirements) => Err(Fenced::Contradiction { replica }),
            Some(retired) if claimed > retired.length() => {
                Err(Fenced::Retired { replica, length: retired.length(), claimed })
            }
            _ => Ok(()),
        })
    }
}

/// Adds the events of the replicas that were retired in these epochs.
fn raise(vector: &mut VersionVector, from: u64, to: u64, retirements: &Retirements) {
    for (epoch, retirement) in (0..).zip(retirements.log()) {
        if (from..to).contains(&epoch) {
            vector.advance(retirement.replica(), retirement.length());
        }
    }
}

/// A whole vector: nothing was dropped.
impl From<VersionVector> for RetiringVersionVector {
    fn from(vector: VersionVector) -> Self {
        Self { epoch: 0, vector }
    }
}

impl FromIterator<(ReplicaId, u64)> for RetiringVersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(lengths: I) -> Self {
        VersionVector::from_iter(lengths).into()
    }
}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for RetiringVersionVector {
    /// Any vector of any small epoch; few fit a given log.
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        let counts = alloc::vec::Vec::<(u8, u8)>::arbitrary(g);
        let counts =
            counts.into_iter().map(|(replica, count)| (ReplicaId::from_u128((replica % 8).into()), count.into()));
        Self { epoch: u64::from(u8::arbitrary(g) % 3), vector: counts.collect() }
    }
}
