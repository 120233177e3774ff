//! The clock of one version of one key (Preguiça, Baquero, Almeida, Fonte, Gonçalves 2010, *Dotted Version Vectors:
//! Logical Clocks for Optimistic Replication*).

use alloc::vec::Vec;
use core::fmt;

use crate::{Causality, Dot, LimitExceeded, ReplicaId, VersionVector};

/// The causal history of one version: the version's own event and, apart from it, what its writer had read.
///
/// A plain version vector with an entry for each server can not say "event 3 of this server, but not 2": two clients
/// that write through one server after reading the same value get vectors of which one contains the other, and a write
/// is lost; an entry for each client says it, but grows with the clients. The dot keeps the event apart, so that the
/// entries are servers and yet **siblings never exceed the concurrent writes**.
///
/// One clock stands beside each version: use this where versions are stored one by one. Where a key's siblings are one
/// value, a [`DottedVersionVectorSet`](crate::DottedVersionVectorSet) says the same with one vector for all of them.
///
/// | here | the paper |
/// |---|---|
/// | `dot`, `past` | the triple `(r, m, n)` beside its vector, written `((r, n), v)` |
/// | [`join`](Self::join) | `join`: the context that a reader gets |
/// | [`update`](Self::update) | `update(S, S_r, r)` |
/// | [`sync`](Self::sync) | `sync(S_1, S_2)` |
/// | [`compare`](Self::compare) | `≤` |
///
/// Sequence numbers are those of the replica *for this key*, and are found in its versions: a replica that forgets a
/// key (a delete without a tombstone) and then accepts a new write of it mints old dots again. Keep a deleted key's
/// clock until every replica has seen the delete.
///
/// 24 bytes and the vector.
///
/// ```
/// use syncline_clocks::{Causality, DottedVersionVector, ReplicaId, VersionVector};
/// let server = ReplicaId::from_u128(1);
/// let v1 = DottedVersionVector::update(&VersionVector::new(), [], server)?;
/// let read = DottedVersionVector::join([&v1]);
/// // Two clients have read v1, and both write through the same server.
/// let v2 = DottedVersionVector::update(&read, [&v1], server)?;
/// let v3 = DottedVersionVector::update(&read, [&v1, &v2], server)?;
/// assert_eq!(v1.compare(&v3), Causality::Before);
/// assert_eq!(v2.compare(&v3), Causality::Concurrent);
/// let siblings = DottedVersionVector::sync([(v1, "one"), (v2, "two")], [(v3, "three")]);
/// assert_eq!(siblings.iter().map(|sibling| sibling.1).collect::<Vec<_>>(), ["two", "three"]);
/// # Ok::<(), syncline_clocks::UpdateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DottedVersionVector {
    dot: Dot,
    // Never contains the dot.
    past: VersionVector,
}

impl DottedVersionVector {
    /// The version written by event `dot` after reading `past`; `None` if the past already contains the event.
    #[must_use]
    pub fn new(dot: Dot, past: VersionVector) -> Option<Self> {
        (!past.contains(dot)).then_some(Self { dot, past })
    }

    /// The event that wrote this version: its name.
    #[must_use]
    pub const fn dot(&self) -> Dot {
        self.dot
    }

    /// What the writer had read.
    #[must_use]
    pub const fn past(&self) -> &VersionVector {
        &self.past
    }

    /// Whether the event is in this version's history.
    #[must_use]
    pub fn contains(&self, event: Dot) -> bool {
        event == self.dot || self.past.contains(event)
    }

    /// Whether a reader with this context has seen this version, so that his write replaces it.
    #[must_use]
    pub fn is_obsolete(&self, context: &VersionVector) -> bool {
        context.contains(self.dot)
    }

    /// How this version relates to the other: two lookups, logarithmic in the servers.
    ///
    /// It asks whether each version's event is in the other's history, as the paper does. Two versions that
    /// each claim the other, or the same event with different pasts, come from forged or reused events: they are
    /// `Concurrent`, so that neither is dropped.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Causality {
        match (other.past.contains(self.dot), self.past.contains(other.dot)) {
            (true, false) => Causality::Before,
            (false, true) => Causality::After,
            (false, false) if self == other => Causality::Equal,
            _ => Causality::Concurrent,
        }
    }

    /// The least version vector that contains these versions' histories: the context to hand to a reader with their
    /// values. Linear in all entries.
    #[must_use]
    pub fn join<'a>(versions: impl IntoIterator<Item = &'a Self>) -> VersionVector {
        versions.into_iter().fold(VersionVector::new(), |mut context, version| {
            context.join(&version.past);
            context.advance(version.dot.replica(), version.dot.sequence());
            context
        })
    }

    /// The clock of a new version that a client writes through `replica`, after reading `context` (somewhere), while
    /// the replica holds the versions `stored`. It replaces those that [are obsolete](Self::is_obsolete) under the
    /// context.
    ///
    /// # Errors
    /// A context that knows events of `replica` which it does not, or exhaustion.
    pub fn update<'a>(
        context: &VersionVector,
        stored: impl IntoIterator<Item = &'a Self>,
        replica: ReplicaId,
    ) -> Result<Self, UpdateError> {
        let highest = |version: &Self| match version.dot.replica() == replica {
            true => version.dot.sequence().max(version.past.get(replica)),
            false => version.past.get(replica),
        };
        let known = stored.into_iter().map(highest).max().unwrap_or(0);
        let dot = next_dot(replica, known, context)?;
        Ok(Self { dot, past: context.clone() })
    }

    /// The versions of both that no other supersedes, by their dots; a version that both hold is kept once.
    ///
    /// Quadratic in the versions, which are few: siblings that a bounded number of writers made.
    #[must_use]
    pub fn sync<V>(
        left: impl IntoIterator<Item = (Self, V)>,
        right: impl IntoIterator<Item = (Self, V)>,
    ) -> Vec<(Self, V)> {
        let mut versions: Vec<(Self, V)> = left.into_iter().collect();
        for (clock, value) in right {
            if !versions.iter().any(|(held, _)| matches!(clock.compare(held), Causality::Before | Causality::Equal)) {
                versions.push((clock, value));
            }
        }
        let obsolete = |clock: &Self| versions.iter().any(|(other, _)| clock.compare(other) == Causality::Before);
        let kept: Vec<bool> = versions.iter().map(|(clock, _)| !obsolete(clock)).collect();
        let mut kept = kept.into_iter();
        versions.retain(|_| kept.next().unwrap_or(true));
        versions.sort_by_key(|(clock, _)| clock.dot);
        versions
    }
}

/// The dot after `known` events of `replica`, for a client that read `context`.
pub(crate) fn next_dot(replica: ReplicaId, known: u64, context: &VersionVector) -> Result<Dot, UpdateError> {
    let claimed = context.get(replica);
    if claimed > known {
        return Err(UpdateError::OwnFuture { claimed, known });
    }
    known.checked_add(1).and_then(|sequence| Dot::new(replica, sequence)).ok_or(UpdateError::Exhausted)
}

/// Why a write got no clock. Nothing was changed.
///
/// ```
/// use syncline_clocks::{DottedVersionVectorSet, ReplicaId, UpdateError, VersionVector};
/// let server = ReplicaId::from_u128(1);
/// let forged = VersionVector::from_iter([(server, 3)]);
/// let refused = DottedVersionVectorSet::new().update(&forged, server, "value");
/// assert_eq!(refused, Err(UpdateError::OwnFuture { claimed: 3, known: 0 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// The client's context knows events of this replica that it does not: it is forged, or the replica lost
    /// events. Its next events would bear names that are taken.
    OwnFuture {
        /// The events of this replica that the context claims to know.
        claimed: u64,
        /// Those that the replica knows.
        known: u64,
    },
    /// The context would make more replicas known than the limits allow
    /// ([`try_update`](crate::DottedVersionVectorSet::try_update)).
    LimitExceeded(LimitExceeded),
    /// All 2^64 - 1 sequence numbers are used up.
    Exhausted,
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnFuture { claimed, known } => {
                write!(f, "the context knows {claimed} events of this replica, which knows {known}")
            }
            Self::LimitExceeded(exceeded) => exceeded.fmt(f),
            Self::Exhausted => write!(f, "all sequence numbers are used up"),
        }
    }
}

impl core::error::Error for UpdateError {}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DottedVersionVector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename = "DottedVersionVector")]
        struct Fields {
            dot: Dot,
            past: VersionVector,
        }
        let Fields { dot, past } = Fields::deserialize(deserializer)?;
        let refusal = "the past of a dotted version vector does not contain its dot";
        Self::new(dot, past).ok_or_else(|| serde::de::Error::custom(refusal))
    }
}

#[cfg(feature = "quickcheck-1")]
impl quickcheck::Arbitrary for DottedVersionVector {
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        let replica = |number: u8| ReplicaId::from_u128(u128::from(number % 4));
        let counts = Vec::<(u8, u8)>::arbitrary(g);
        let past: VersionVector = counts.into_iter().map(|(at, count)| (replica(at), count.into())).collect();
        let writer = replica(u8::arbitrary(g));
        let sequence = past.get(writer) + 1 + u64::from(u8::arbitrary(g) % 3);
        let dot = Dot::new(writer, sequence).expect("a sequence number above another is not 0");
        Self { dot, past }
    }
}
