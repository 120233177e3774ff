//! The replicas that were retired, and the fence against their late return. How a replica is retired, and when that is
//! safe: see [`Retirement`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::{Freeze, LimitExceeded, ReplicaId, Retirement, RetiringVersionVector};

/// One member's log of the replicas that were retired, in the order that all members agree on, and its freezes.
///
/// It guards only what goes through it: take in the events of a message, and the data with them, after its vector was
/// [joined](RetiringVersionVector::join), not before. Lookups are logarithmic in the replicas that were retired.
///
/// ```
/// use syncline_clocks::{Fenced, ReplicaId, Retirement, Retirements, RetiringVersionVector};
/// let [a, b, departed] = [1, 2, 3].map(ReplicaId::from_u128);
/// let (mut at_a, mut at_b) = (Retirements::new(), Retirements::new());
/// // a has seen two events of the departed replica, b three.
/// let mut known_by_a = RetiringVersionVector::from_iter([(a, 7), (departed, 2)]);
/// let mut known_by_b = RetiringVersionVector::from_iter([(b, 4), (departed, 3)]);
/// let freezes = [at_a.freeze(a, departed, &known_by_a)?, at_b.freeze(b, departed, &known_by_b)?];
/// let retirement = Retirement::agree(departed, [a, b], &freezes)?;
/// assert_eq!(retirement.length(), 3);
/// at_a.retire(retirement)?;
/// at_b.retire(retirement)?;
/// // b's vector loses the entry at once, a's when it has caught up.
/// known_by_b.reduce(&at_b)?;
/// known_by_a.join(&known_by_b, &at_a)?;
/// assert_eq!(known_by_a.vector().iter().count(), 2);
/// // The departed replica comes back with an event that nobody had seen: it is fenced.
/// let late = RetiringVersionVector::from_iter([(departed, 4)]);
/// assert_eq!(known_by_a.join(&late, &at_a), Err(Fenced::Retired { replica: departed, length: 3, claimed: 4 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Retirements {
    log: Vec<Retirement>,
    // Where each retired replica stands in the log.
    places: BTreeMap<ReplicaId, usize>,
    // Frozen and not retired yet: no replica is in both.
    frozen: BTreeMap<ReplicaId, u64>,
}

impl Retirements {
    /// Nobody was retired.
    #[must_use]
    pub const fn new() -> Self {
        Self { log: Vec::new(), places: BTreeMap::new(), frozen: BTreeMap::new() }
    }

    /// The retirements, in the agreed order.
    #[must_use]
    pub fn log(&self) -> &[Retirement] {
        &self.log
    }

    /// How many replicas were retired.
    pub(crate) fn count(&self) -> u64 {
        self.log.len() as u64
    }

    /// The replica's retirement, if it was retired. One that finds its own has to stop writing under this id.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> Option<Retirement> {
        self.place(replica).map(|at| self.log[at])
    }

    /// The place of the replica's retirement in the log.
    pub(crate) fn place(&self, replica: ReplicaId) -> Option<usize> {
        self.places.get(&replica).copied()
    }

    /// Promises to take in no event of `replica` beyond those in `known`, everything that this member knows. Persist
    /// before the freeze is sent. Freezing it again returns the first promise.
    ///
    /// # Errors
    /// The replica was retired already, or the vector itself is fenced.
    pub fn freeze(
        &mut self,
        member: ReplicaId,
        replica: ReplicaId,
        known: &RetiringVersionVector,
    ) -> Result<Freeze, FreezeError> {
        if let Some(retirement) = self.get(replica) {
            return Err(FreezeError::AlreadyRetired(retirement));
        }
        let held = known.expand(self).map_err(FreezeError::Fenced)?.get(replica);
        let length = *self.frozen.entry(replica).or_insert(held);
        Ok(Freeze { member, replica, length })
    }

    /// Appends a retirement, which takes the place of the freeze. Retiring again as before changes nothing.
    ///
    /// # Errors
    /// The replica was retired at another count, or this member froze it at a higher one, so that the retirement was
    /// agreed without it; the log is unchanged.
    pub fn retire(&mut self, retirement: Retirement) -> Result<(), RetireError> {
        if let Some(before) = self.get(retirement.replica()) {
            return if before == retirement { Ok(()) } else { Err(RetireError::Retired(before)) };
        }
        if let Some(&frozen) = self.frozen.get(&retirement.replica())
            && frozen > retirement.length()
        {
            return Err(RetireError::TooEarly { frozen, agreed: retirement.length() });
        }
        self.frozen.remove(&retirement.replica());
        self.places.insert(retirement.replica(), self.log.len());
        self.log.push(retirement);
        Ok(())
    }

    /// Whether an event count of `replica` from outside may be taken in.
    ///
    /// # Errors
    /// It is beyond the replica's final count, or beyond this member's freeze.
    pub fn admit(&self, replica: ReplicaId, claimed: u64) -> Result<(), Fenced> {
        if let Some(retired) = self.get(replica).filter(|retired| claimed > retired.length()) {
            return Err(Fenced::Retired { replica, length: retired.length(), claimed });
        }
        match self.frozen.get(&replica) {
            Some(&length) if claimed > length => Err(Fenced::Frozen { replica, length, claimed }),
            _ => Ok(()),
        }
    }
}

/// Why a replica was not frozen. Nothing changed.
///
/// ```
/// use syncline_clocks::{ReplicaId, Retirement, Retirements, RetiringVersionVector, FreezeError};
/// let [a, departed] = [1, 2].map(ReplicaId::from_u128);
/// let (mut retirements, known) = (Retirements::new(), RetiringVersionVector::new());
/// let retirement = Retirement::agree(departed, [a], &[retirements.freeze(a, departed, &known)?])?;
/// retirements.retire(retirement)?;
/// assert_eq!(retirements.freeze(a, departed, &known), Err(FreezeError::AlreadyRetired(retirement)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreezeError {
    /// It was retired already.
    AlreadyRetired(Retirement),
    /// The vector of what the member knows does not fit its own log.
    Fenced(Fenced),
}

impl fmt::Display for FreezeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRetired(retirement) => {
                write!(f, "replica {} was retired at {} events", retirement.replica(), retirement.length())
            }
            Self::Fenced(fenced) => fenced.fmt(f),
        }
    }
}

impl core::error::Error for FreezeError {}

/// Why a retirement was not appended. The log is unchanged.
///
/// ```
/// use syncline_clocks::{ReplicaId, RetireError, Retirement, Retirements, RetiringVersionVector};
/// let [a, departed] = [1, 2].map(ReplicaId::from_u128);
/// let mut retirements = Retirements::new();
/// retirements.freeze(a, departed, &RetiringVersionVector::from_iter([(departed, 5)]))?;
/// let without_asking = Retirement::agree(departed, [], &[])?;
/// assert_eq!(retirements.retire(without_asking), Err(RetireError::TooEarly { frozen: 5, agreed: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetireError {
    /// The replica was retired before, at another count: the logs have come apart.
    Retired(Retirement),
    /// This member froze the replica at more events than were agreed on: it was not asked.
    TooEarly {
        /// The count of this member's freeze.
        frozen: u64,
        /// The count of the retirement.
        agreed: u64,
    },
}

impl fmt::Display for RetireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retired(before) => {
                write!(f, "replica {} was retired at {} events before", before.replica(), before.length())
            }
            Self::TooEarly { frozen, agreed } => {
                write!(f, "this member holds {frozen} events of the replica; its retirement was agreed at {agreed}")
            }
        }
    }
}

impl core::error::Error for RetireError {}

/// Why a vector was not taken in. The receiver is unchanged.
///
/// ```
/// use syncline_clocks::{Fenced, ReplicaId, Retirements, RetiringVersionVector};
/// let [a, departed] = [1, 2].map(ReplicaId::from_u128);
/// let mut retirements = Retirements::new();
/// retirements.freeze(a, departed, &RetiringVersionVector::from_iter([(departed, 3)]))?;
/// assert_eq!(retirements.admit(departed, 4), Err(Fenced::Frozen { replica: departed, length: 3, claimed: 4 }));
/// # Ok::<(), syncline_clocks::FreezeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fenced {
    /// It knows events of a retired replica beyond its final count: the replica came back, or a member was not asked.
    Retired {
        /// The retired replica.
        replica: ReplicaId,
        /// Its final count.
        length: u64,
        /// The count that the vector claims.
        claimed: u64,
    },
    /// It knows events of a departed replica beyond this member's freeze: they may be taken in if the final count, once
    /// agreed, includes them.
    Frozen {
        /// The departed replica.
        replica: ReplicaId,
        /// This member's freeze.
        length: u64,
        /// The count that the vector claims.
        claimed: u64,
    },
    /// It was reduced under retirements that are not in the log yet: fetch them first.
    AheadOfLog {
        /// How many retirements it has dropped the entries of.
        theirs: u64,
        /// How many the log has.
        ours: u64,
    },
    /// It would make more replicas known than the limits allow.
    LimitExceeded(LimitExceeded),
    /// It says that it was reduced past this replica and has an entry of it: its sender's log is another one, or it is
    /// forged.
    Contradiction {
        /// The retired replica.
        replica: ReplicaId,
    },
}

impl fmt::Display for Fenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retired { replica, length, claimed } => {
                write!(f, "replica {replica} was retired at {length} events; the vector knows {claimed}")
            }
            Self::Frozen { replica, length, claimed } => {
                write!(
                    f,
                    "replica {replica} is being retired and was frozen at {length} events; the vector knows {claimed}"
                )
            }
            Self::AheadOfLog { theirs, ours } => {
                write!(f, "the vector was reduced under {theirs} retirements; {ours} are known here")
            }
            Self::LimitExceeded(exceeded) => exceeded.fmt(f),
            Self::Contradiction { replica } => {
                write!(f, "the vector was reduced past the retired replica {replica} and has an entry of it")
            }
        }
    }
}

impl core::error::Error for Fenced {}

#[cfg(feature = "serde")]
mod serde_impl {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{Retirement, Retirements};
    use crate::ReplicaId;

    /// The log and the freezes.
    impl Serialize for Retirements {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            #[derive(Serialize)]
            #[serde(rename = "Retirements")]
            struct Fields<'a> {
                log: &'a [Retirement],
                frozen: &'a BTreeMap<ReplicaId, u64>,
            }
            Fields { log: &self.log, frozen: &self.frozen }.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for Retirements {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            #[derive(Deserialize)]
            #[serde(rename = "Retirements")]
            struct Fields {
                log: Vec<Retirement>,
                #[serde(deserialize_with = "crate::by_replica::deserialize")]
                frozen: Vec<(ReplicaId, u64)>,
            }
            let Fields { log, frozen } = Fields::deserialize(deserializer)?;
            let places: BTreeMap<_, _> = log.iter().enumerate().map(|(at, entry)| (entry.replica(), at)).collect();
            if places.len() < log.len() {
                return Err(D::Error::custom("a replica is retired once"));
            }
            if frozen.iter().any(|(replica, _)| places.contains_key(replica)) {
                return Err(D::Error::custom("a retired replica is not frozen"));
            }
            Ok(Self { log, places, frozen: frozen.into_iter().collect() })
        }
    }
}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for Retirements {
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        let mut retirements = Self::new();
        for retirement in Vec::<Retirement>::arbitrary(g) {
            // A second retirement of one replica is refused; the first stands.
            let _ = retirements.retire(retirement);
        }
        for freeze in Vec::<Freeze>::arbitrary(g) {
            if retirements.get(freeze.replica).is_none() {
                retirements.frozen.insert(freeze.replica, freeze.length);
            }
        }
        retirements
    }
}
