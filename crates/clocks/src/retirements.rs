//! The replicas that were retired, and the fence against their late return. How a replica is retired, and when that is
//! safe: see [`Retirement`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::{ReplicaId, Retirement, RetiringVersionVector, Seal};

/// One member's log of the replicas that were retired, in the order that all members agree on, and its seals.
///
/// The number of retirements in it is the member's *epoch* in [`RetiringVersionVector`]. Lookups are logarithmic.
///
/// ```
/// use syncline_clocks::{Fenced, ReplicaId, Retirement, Retirements, RetiringVersionVector};
/// let [a, b, departed] = [1, 2, 3].map(ReplicaId::from_u128);
/// let (mut at_a, mut at_b) = (Retirements::new(), Retirements::new());
/// // a has seen two events of the departed replica, b three.
/// let mut known_by_a = RetiringVersionVector::from_iter([(a, 7), (departed, 2)]);
/// let mut known_by_b = RetiringVersionVector::from_iter([(b, 4), (departed, 3)]);
/// let seals = [at_a.seal(a, departed, &known_by_a)?, at_b.seal(b, departed, &known_by_b)?];
/// let retirement = Retirement::agree(departed, [a, b], &seals)?;
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
    // Sealed and not retired yet: no replica is in both.
    sealed: BTreeMap<ReplicaId, u64>,
}

impl Retirements {
    /// Nobody was retired.
    #[must_use]
    pub const fn new() -> Self {
        Self { log: Vec::new(), places: BTreeMap::new(), sealed: BTreeMap::new() }
    }

    /// The retirements, in the agreed order.
    #[must_use]
    pub fn log(&self) -> &[Retirement] {
        &self.log
    }

    /// How many replicas were retired.
    #[must_use]
    pub fn epoch(&self) -> u64 {
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
    /// before the seal is sent. Sealing again returns the first promise.
    ///
    /// # Errors
    /// The replica was retired already, or the vector itself is fenced.
    pub fn seal(
        &mut self,
        member: ReplicaId,
        replica: ReplicaId,
        known: &RetiringVersionVector,
    ) -> Result<Seal, SealError> {
        if let Some(retirement) = self.get(replica) {
            return Err(SealError::AlreadyRetired(retirement));
        }
        let held = known.expand(self).map_err(SealError::Fenced)?.get(replica);
        let length = *self.sealed.entry(replica).or_insert(held);
        Ok(Seal { member, replica, length })
    }

    /// Appends a retirement, which takes the place of the seal. Retiring again as before changes nothing.
    ///
    /// # Errors
    /// The replica was retired at another count, or this member sealed it at a higher one, so that the retirement was
    /// agreed without it; the log is unchanged.
    pub fn retire(&mut self, retirement: Retirement) -> Result<(), RetireError> {
        if let Some(before) = self.get(retirement.replica()) {
            return if before == retirement { Ok(()) } else { Err(RetireError::Retired(before)) };
        }
        if let Some(&sealed) = self.sealed.get(&retirement.replica())
            && sealed > retirement.length()
        {
            return Err(RetireError::TooEarly { sealed, agreed: retirement.length() });
        }
        self.sealed.remove(&retirement.replica());
        self.places.insert(retirement.replica(), self.log.len());
        self.log.push(retirement);
        Ok(())
    }

    /// Whether an event count of `replica` from outside may be taken in.
    ///
    /// # Errors
    /// It is beyond the replica's final count, or beyond this member's seal.
    pub fn admit(&self, replica: ReplicaId, claimed: u64) -> Result<(), Fenced> {
        if let Some(retired) = self.get(replica).filter(|retired| claimed > retired.length()) {
            return Err(Fenced::Retired { replica, length: retired.length(), claimed });
        }
        match self.sealed.get(&replica) {
            Some(&length) if claimed > length => Err(Fenced::Sealed { replica, length, claimed }),
            _ => Ok(()),
        }
    }
}

/// Why a replica was not sealed. Nothing changed.
///
/// ```
/// use syncline_clocks::{ReplicaId, Retirement, Retirements, RetiringVersionVector, SealError};
/// let [a, departed] = [1, 2].map(ReplicaId::from_u128);
/// let (mut retirements, known) = (Retirements::new(), RetiringVersionVector::new());
/// let retirement = Retirement::agree(departed, [a], &[retirements.seal(a, departed, &known)?])?;
/// retirements.retire(retirement)?;
/// assert_eq!(retirements.seal(a, departed, &known), Err(SealError::AlreadyRetired(retirement)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// It was retired already.
    AlreadyRetired(Retirement),
    /// The vector of what the member knows does not fit its own log.
    Fenced(Fenced),
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRetired(retirement) => {
                write!(f, "replica {} was retired at {} events", retirement.replica(), retirement.length())
            }
            Self::Fenced(fenced) => fenced.fmt(f),
        }
    }
}

impl core::error::Error for SealError {}

/// Why a retirement was not appended. The log is unchanged.
///
/// ```
/// use syncline_clocks::{ReplicaId, RetireError, Retirement, Retirements, RetiringVersionVector};
/// let [a, departed] = [1, 2].map(ReplicaId::from_u128);
/// let mut retirements = Retirements::new();
/// retirements.seal(a, departed, &RetiringVersionVector::from_iter([(departed, 5)]))?;
/// let without_asking = Retirement::agree(departed, [], &[])?;
/// assert_eq!(retirements.retire(without_asking), Err(RetireError::TooEarly { sealed: 5, agreed: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetireError {
    /// The replica was retired before, at another count: the logs have come apart.
    Retired(Retirement),
    /// This member sealed the replica at more events than were agreed on: it was not asked.
    TooEarly {
        /// The count of this member's seal.
        sealed: u64,
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
            Self::TooEarly { sealed, agreed } => {
                write!(f, "this member holds {sealed} events of the replica; its retirement was agreed at {agreed}")
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
/// retirements.seal(a, departed, &RetiringVersionVector::from_iter([(departed, 3)]))?;
/// assert_eq!(retirements.admit(departed, 4), Err(Fenced::Sealed { replica: departed, length: 3, claimed: 4 }));
/// # Ok::<(), syncline_clocks::SealError>(())
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
    /// It knows events of a departed replica beyond this member's seal: they may be taken in if the final count, once
    /// agreed, includes them.
    Sealed {
        /// The departed replica.
        replica: ReplicaId,
        /// This member's seal.
        length: u64,
        /// The count that the vector claims.
        claimed: u64,
    },
    /// It was reduced under retirements that are not in the log yet: fetch them first.
    NewerEpoch {
        /// The vector's epoch.
        theirs: u64,
        /// The log's epoch.
        ours: u64,
    },
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
            Self::Sealed { replica, length, claimed } => {
                write!(
                    f,
                    "replica {replica} is being retired and was sealed at {length} events; the vector knows {claimed}"
                )
            }
            Self::NewerEpoch { theirs, ours } => {
                write!(f, "the vector was reduced under {theirs} retirements; {ours} are known here")
            }
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

    /// The log and the seals.
    impl Serialize for Retirements {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            #[derive(Serialize)]
            #[serde(rename = "Retirements")]
            struct Fields<'a> {
                log: &'a [Retirement],
                sealed: &'a BTreeMap<ReplicaId, u64>,
            }
            Fields { log: &self.log, sealed: &self.sealed }.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for Retirements {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            #[derive(Deserialize)]
            #[serde(rename = "Retirements")]
            struct Fields {
                log: Vec<Retirement>,
                #[serde(deserialize_with = "crate::ascending_map::deserialize")]
                sealed: BTreeMap<ReplicaId, u64>,
            }
            let Fields { log, sealed } = Fields::deserialize(deserializer)?;
            let places: BTreeMap<_, _> = log.iter().enumerate().map(|(at, entry)| (entry.replica(), at)).collect();
            if places.len() < log.len() {
                return Err(D::Error::custom("a replica is retired once"));
            }
            if sealed.keys().any(|replica| places.contains_key(replica)) {
                return Err(D::Error::custom("a retired replica is not sealed"));
            }
            Ok(Self { log, places, sealed })
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
        for seal in Vec::<Seal>::arbitrary(g) {
            if retirements.get(seal.replica).is_none() {
                retirements.sealed.insert(seal.replica, seal.length);
            }
        }
        retirements
    }
}
