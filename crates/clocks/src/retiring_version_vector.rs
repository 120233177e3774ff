//! A version vector without the entries of retired replicas.

use crate::{Causality, Fenced, Limits, ReplicaId, Retirements, VersionVector};

/// A version vector that has dropped the entries of the replicas retired first, all of whose events it knows.
///
/// It says how many retirements of the agreed log it has dropped the entries of, and means the history of its other
/// entries together with *all* events of those replicas. So nothing is ever guessed from an entry that is
/// missing, and each answer is that of the whole vectors: dropping costs no exactness. What [`Retirements`] guard is
/// that "all events" stays true.
///
/// Every call takes the member's log. Vectors that have dropped different entries compare and join; one that has
/// dropped more than the member's log says is refused, so that the log is fetched first.
///
/// Not guaranteed: that logs in different orders are noticed. What a vector has dropped is a number, so the log's order
/// has to be the same everywhere; an entry that should have been dropped is a
/// [`Contradiction`](Fenced::Contradiction), but one that was never there tells nothing.
///
/// A history that lacks an event of a retired replica keeps its entries from that replica's place in the log on. A
/// clock of everything that a member knows catches up and loses them; the vector of an old version may keep them for
/// as long as the version lives.
///
/// 8 bytes and the vector. Of vectors that have dropped the same entries `join` and `compare` cost what those of
/// [`VersionVector`] do; of others, the log is walked and the retirements in between are added.
///
/// ```
/// use syncline_clocks::{Causality, ReplicaId, Retirement, Retirements, RetiringVersionVector};
/// let [a, departed] = [1, 2].map(ReplicaId::from_u128);
/// let mut known = RetiringVersionVector::from_iter([(a, 5), (departed, 3)]);
/// let old = RetiringVersionVector::from_iter([(a, 1), (departed, 2)]);
///
/// let mut retirements = Retirements::new();
/// let freeze = retirements.freeze(a, departed, &known)?;
/// retirements.retire(Retirement::agree(departed, [a], &[freeze])?)?;
/// known.reduce(&retirements)?;
/// assert_eq!((known.retired(), known.vector().get(departed)), (1, 0));
/// assert_eq!(old.compare(&known, &retirements)?, Causality::Before);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RetiringVersionVector {
    retired: u64,
    // Holds no entry of a replica among the first `retired` of the log: of a decoded vector that is found out when it
    // is used.
    vector: VersionVector,
}

impl RetiringVersionVector {
    /// The empty history.
    #[must_use]
    pub const fn new() -> Self {
        Self { retired: 0, vector: VersionVector::new() }
    }

    /// How many retirements' entries were dropped.
    #[must_use]
    pub const fn retired(&self) -> u64 {
        self.retired
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
        raise(&mut vector, 0, self.retired, retirements);
        Ok(vector)
    }

    /// Makes `replica`'s first `length` events known.
    ///
    /// # Errors
    /// The replica was retired, or frozen, with fewer events; the vector is unchanged.
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
    /// The other vector claims events of a retired or frozen replica beyond what there may be, or does not fit the
    /// log; this one is unchanged.
    pub fn join(&mut self, other: &Self, retirements: &Retirements) -> Result<(), Fenced> {
        self.try_join(other, retirements, &Limits::NONE)
    }

    /// As [`join`](Self::join), for what a peer sent.
    ///
    /// # Errors
    /// As [`join`](Self::join), and more entries than the limits allow, those of retired replicas apart.
    pub fn try_join(&mut self, other: &Self, retirements: &Retirements, limits: &Limits) -> Result<(), Fenced> {
        self.check(retirements)?;
        other.check(retirements)?;
        other.vector.iter().try_for_each(|(replica, length)| retirements.admit(replica, length))?;
        let is_new = |replica| self.vector.get(replica) == 0 && retirements.place(replica).is_none();
        let known = self.vector.len();
        limits.allow_replicas(known, other.vector.replicas(), is_new).map_err(Fenced::LimitExceeded)?;
        self.drop_first(self.retired.max(other.retired), retirements);
        let left = other.vector.iter().filter(|(replica, _)| !self.has_dropped(*replica, retirements));
        let left: VersionVector = left.collect();
        self.vector.join(&left);
        self.reduce(retirements)
    }

    /// How this history relates to the other.
    ///
    /// # Errors
    /// One of the vectors is ahead of the log, contradicts it, or knows more of a retired replica than there is.
    pub fn compare(&self, other: &Self, retirements: &Retirements) -> Result<Causality, Fenced> {
        self.check(retirements)?;
        other.check(retirements)?;
        if self.retired == other.retired {
            return Ok(self.vector.compare(&other.vector));
        }
        // What both have dropped is equal; what only the later one has dropped is added to it again.
        let (earlier, later) = if self.retired < other.retired { (self, other) } else { (other, self) };
        let mut raised = later.vector.clone();
        raise(&mut raised, earlier.retired, later.retired, retirements);
        Ok(if self.retired < other.retired { self.vector.compare(&raised) } else { raised.compare(&other.vector) })
    }

    /// Drops the entries of retired replicas, from the first retirement on, for as long as all their events are known
    /// here. Equal histories have equal vectors after it.
    ///
    /// # Errors
    /// The vector is ahead of the log, contradicts it, or knows more of a retired replica than there is; it is
    /// unchanged.
    pub fn reduce(&mut self, retirements: &Retirements) -> Result<(), Fenced> {
        self.check(retirements)?;
        let from = usize::try_from(self.retired).unwrap_or(usize::MAX);
        let further = retirements.log().iter().skip(from);
        let whole = further.take_while(|entry| self.vector.get(entry.replica()) == entry.length()).count();
        self.drop_first(self.retired + whole as u64, retirements);
        Ok(())
    }

    /// Drops the entries of the first `retired` replicas of the log, all of whose events are known by now.
    fn drop_first(&mut self, retired: u64, retirements: &Retirements) {
        if retired > self.retired {
            self.retired = retired;
            let kept = self.vector.iter().filter(|(replica, _)| !self.has_dropped(*replica, retirements));
            self.vector = kept.collect();
        }
    }

    fn has_dropped(&self, replica: ReplicaId, retirements: &Retirements) -> bool {
        retirements.place(replica).is_some_and(|place| (place as u64) < self.retired)
    }

    /// Whether this vector can be of a member with this log.
    fn check(&self, retirements: &Retirements) -> Result<(), Fenced> {
        if self.retired > retirements.count() {
            return Err(Fenced::AheadOfLog { theirs: self.retired, ours: retirements.count() });
        }
        self.vector.iter().try_for_each(|(replica, claimed)| match retirements.get(replica) {
            Some(_) if self.has_dropped(replica, retirements) => Err(Fenced::Contradiction { replica }),
            Some(entry) if claimed > entry.length() => {
                Err(Fenced::Retired { replica, length: entry.length(), claimed })
            }
            _ => Ok(()),
        })
    }
}

/// Adds the events of the replicas at these places of the log.
fn raise(vector: &mut VersionVector, from: u64, to: u64, retirements: &Retirements) {
    let places = (0..).zip(retirements.log()).filter(|(place, _)| (from..to).contains(place));
    vector.extend(places.map(|(_, retirement)| (retirement.replica(), retirement.length())));
}

/// A whole vector: nothing was dropped.
impl From<VersionVector> for RetiringVersionVector {
    fn from(vector: VersionVector) -> Self {
        Self { retired: 0, vector }
    }
}

impl FromIterator<(ReplicaId, u64)> for RetiringVersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(lengths: I) -> Self {
        VersionVector::from_iter(lengths).into()
    }
}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for RetiringVersionVector {
    /// Any vector; few fit a given log.
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        Self { retired: u64::from(u8::arbitrary(g) % 3), vector: VersionVector::arbitrary(g) }
    }
}
