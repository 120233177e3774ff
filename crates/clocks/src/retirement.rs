//! Retiring departed replicas for good, so that vectors lose their entries and a late return is refused.
//!
//! No paper's: Ratner, Reiher, Popek 1997, *Dynamic Version Vector Maintenance*, drop an entry when all members agree
//! that it is stable; what is added here is that the final count is written down, so that what comes late is told from
//! what was known.

use alloc::vec::Vec;
use core::fmt;

use crate::ReplicaId;

/// A member's promise: it holds this many events of the departed replica, and takes in no others until the final count
/// is agreed.
///
/// ```
/// use syncline_clocks::{ReplicaId, Retirements, RetiringVersionVector};
/// let [member, departed] = [1, 2].map(ReplicaId::from_u128);
/// let known = RetiringVersionVector::from_iter([(departed, 3)]);
/// let freeze = Retirements::new().freeze(member, departed, &known)?;
/// assert_eq!((freeze.member, freeze.replica, freeze.length), (member, departed, 3));
/// # Ok::<(), syncline_clocks::FreezeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Freeze {
    /// Who promises.
    pub member: ReplicaId,
    /// Who departed.
    pub replica: ReplicaId,
    /// How many of its events the member holds.
    pub length: u64,
}

/// A departed replica and how many events it had. Made by [`agree`](Self::agree). 24 bytes.
///
/// # The protocol
/// A replica `r` has departed. Messages of its last events may still be under way, and it may not be dead.
/// 1. Each member [freezes](crate::Retirements::freeze) `r`: from here on it takes in no event of `r` that it does not
///    hold, and says how many that is. It persists its `Retirements` before it answers.
/// 2. When *every* member has, [`Retirement::agree`] takes the highest of their counts as `r`'s final one.
/// 3. The retirement is appended to the log, in the same order everywhere (whatever decides the members decides this
///    too), and each member [retires](crate::Retirements::retire) `r`. Members that were behind fetch what they lack
///    from others, up to the final count.
/// 4. Each vector drops `r`'s entry as soon as it holds all of `r`'s events, and carries the log's length instead: see
///    [`RetiringVersionVector`](crate::RetiringVersionVector).
///
/// # When it is safe
/// Retiring `r` at the count `F` is safe if every member whose vectors are ever to be joined with others' has frozen
/// `r` at `F` or less, and one at `F`. For a member takes in events of `r` only as far as it has frozen it, so then no
/// member ever holds an event of `r` beyond `F`: no member is fenced, and what they hold compares exactly as if
/// nothing had been dropped. It is done *too early* when a member was not asked: that one may hold, or yet take in,
/// events beyond `F`, and is then fenced with everything it knows.
///
/// # What it costs
/// 24 bytes for each retired replica at each member, once and for ever, instead of an entry in each vector. All
/// members have to answer: one that is away holds up the retirement (or departs itself first). Events of `r` that no
/// member had seen when it froze `r` are refused for ever: if `r` returns with them, it has to write them anew under a
/// new id.
///
/// ```
/// use syncline_clocks::{ReplicaId, Retirement, Freeze};
/// let [a, b, departed] = [1, 2, 3].map(ReplicaId::from_u128);
/// let freezes = [Freeze { member: a, replica: departed, length: 2 }, Freeze { member: b, replica: departed, length: 3 }];
/// assert_eq!(Retirement::agree(departed, [a, b], &freezes)?.length(), 3);
/// # Ok::<(), syncline_clocks::TooEarly>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Retirement {
    replica: ReplicaId,
    length: u64,
}

impl Retirement {
    /// The retirement of `replica` at the highest count among the freezes of all `members`; the replica itself is none
    /// of them.
    ///
    /// # Errors
    /// The members that have not frozen the replica: it is too early.
    pub fn agree(
        replica: ReplicaId,
        members: impl IntoIterator<Item = ReplicaId>,
        freezes: &[Freeze],
    ) -> Result<Self, TooEarly> {
        let mut length = 0;
        let mut missing = Vec::new();
        for member in members.into_iter().filter(|member| *member != replica) {
            let mut own = freezes.iter().filter(|freeze| freeze.member == member && freeze.replica == replica);
            match own.next() {
                // A member that crashed may have answered twice; the higher count is the safe one.
                Some(freeze) => {
                    length = own.fold(length.max(freeze.length), |length, freeze| length.max(freeze.length))
                }
                None => missing.push(member),
            }
        }
        if missing.is_empty() { Ok(Self { replica, length }) } else { Err(TooEarly { missing }) }
    }

    /// Who departed.
    #[must_use]
    pub const fn replica(self) -> ReplicaId {
        self.replica
    }

    /// How many events it had: its events 1 to this number are all that there ever were.
    #[must_use]
    pub const fn length(self) -> u64 {
        self.length
    }
}

/// Not every member has frozen the replica, so its final count is not known.
///
/// ```
/// use syncline_clocks::{ReplicaId, Retirement, TooEarly};
/// let [a, departed] = [1, 2].map(ReplicaId::from_u128);
/// assert_eq!(Retirement::agree(departed, [a], &[]), Err(TooEarly { missing: vec![a] }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooEarly {
    /// Whose freezes are missing.
    pub missing: Vec<ReplicaId>,
}

impl fmt::Display for TooEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} members have not frozen the replica", self.missing.len())
    }
}

impl core::error::Error for TooEarly {}

#[cfg(feature = "quickcheck-1")]
mod quickcheck_impl {
    use quickcheck::{Arbitrary, Gen};

    use super::{Freeze, Retirement};
    use crate::ReplicaId;
    use crate::arbitrary::number;

    impl Arbitrary for Freeze {
        fn arbitrary(g: &mut Gen) -> Self {
            let [member, replica] = [(); 2].map(|()| ReplicaId::arbitrary(g));
            Self { member, replica, length: number(g, 7) }
        }
    }

    impl Arbitrary for Retirement {
        fn arbitrary(g: &mut Gen) -> Self {
            Self { replica: ReplicaId::arbitrary(g), length: number(g, 7) }
        }
    }
}
