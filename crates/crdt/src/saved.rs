//! What of a replica is stored, and how it comes back.

use syncline_clocks::{ReplicaId, Retirements};

use crate::{Causal, Delta, JoinError, Receiver, Replica, Settings, Store};

/// A replica at rest: what [`Replica::save`] gives, to be stored and resumed. It can be copied, and it edits nothing.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{MvRegister, Replica, Settings, StoredEnd};
/// let mut title: Replica<MvRegister<&str>> = Replica::create(ReplicaId::from_u128(1));
/// title.edit(|title| title.set("Syncline"));
/// let stored = title.save();
/// drop(title);
/// let title = Replica::resume(stored, StoredEnd::Certain, Settings::default());
/// assert_eq!((title.id(), title.values().next()), (ReplicaId::from_u128(1), Some(&"Syncline")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(bound(serialize = "S: serde::Serialize", deserialize = "S: Store + serde::Deserialize<'de>"))
)]
pub struct Saved<S> {
    id: ReplicaId,
    succeeds: Option<ReplicaId>,
    causal: Causal<S>,
    retirements: Retirements,
}

impl<S: Store> Saved<S> {
    /// Adds a delta that the replica made, or joined, after it was saved: what is stored may be a replica at rest and a log of
    /// deltas behind it, so that a change is stored at the cost of the change.
    ///
    /// ```
    /// use syncline_crdt::{OrSet, Replica, ReplicaId, Settings, StoredEnd};
    /// let mut list: Replica<OrSet<&str>> = Replica::create(ReplicaId::from_u128(1));
    /// let mut stored = list.save();
    /// let logged = list.edit(|list| list.insert("milk"));    // appended to a file, flushed, then sent
    /// stored.add(&logged)?;
    /// let list = Replica::resume(stored, StoredEnd::Certain, Settings::default());
    /// assert!(list.contains("milk"));
    /// # Ok::<(), syncline_crdt::JoinError>(())
    /// ```
    ///
    /// # Errors
    /// See [`JoinError`]; nothing changed then.
    pub fn add(&mut self, delta: &Delta<S::Path, S::Payload>) -> Result<(), JoinError> {
        // All that is stored is believed, what it says of the replica itself too.
        let receiver = Receiver { writer: self.id, minted: u64::MAX, believes_kills: false };
        self.causal.join(receiver, delta.into(), |_| ()).map(drop)
    }
}

/// How certain it is that what was stored is the replica's last state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoredEnd {
    /// Every event that ever left the replica is in what was stored, and nobody else resumes from it: it was flushed before
    /// a delta was sent. The replica keeps its id.
    Certain,
    /// Anything else: a backup, a copy, a disk that may have lost its last writes. The replica goes on under a new id,
    /// because it would mint dots again that stand for other changes elsewhere.
    Uncertain {
        /// An id that was never used before.
        new_id: ReplicaId,
    },
}

impl<S: Store> Replica<S> {
    /// What has to be stored to come back.
    ///
    /// Store it before a delta that it holds is sent to anybody, or resume from it as [`StoredEnd::Uncertain`]. It is as large
    /// as the value; [`Saved::add`] takes a log of later deltas.
    #[must_use]
    pub fn save(&self) -> Saved<S> {
        Saved {
            id: self.id,
            succeeds: self.succeeds,
            causal: self.causal.clone(),
            retirements: self.retirements.clone(),
        }
    }

    /// A replica that goes on from what was stored.
    ///
    /// No check finds every wrong `Certain`: others see it when they hold dots of this replica that it lacks
    /// ([`JoinError::OwnFuture`](crate::JoinError::OwnFuture)), or a dot with two payloads
    /// ([`JoinError::DotReused`](crate::JoinError::DotReused)); where it minted a dot again before it heard from them, and
    /// the payloads are equal or one of the two is dead, the copies differ for ever and nobody is told.
    ///
    /// ```
    /// use syncline_clocks::ReplicaId;
    /// use syncline_crdt::{OrSet, Replica, Settings, StoredEnd};
    /// let [phone, new_phone] = [1, 2].map(ReplicaId::from_u128);
    /// let mut list: Replica<OrSet<&str>> = Replica::create(phone);
    /// list.edit(|list| list.insert("milk"));
    /// let backup = list.save();
    /// let lost = list.edit(|list| list.insert("tea"));
    /// // The phone is lost; its backup goes on under a new id, so that "tea", wherever it got to, stays itself.
    /// let mut list = Replica::resume(backup, StoredEnd::Uncertain { new_id: new_phone }, Settings::default());
    /// assert_eq!((list.id(), list.succeeds()), (new_phone, Some(phone)));
    /// list.edit(|list| list.insert("bread"));
    /// list.join(&lost)?;
    /// assert_eq!(list.iter().count(), 3);
    /// # Ok::<(), syncline_crdt::JoinError>(())
    /// ```
    #[must_use]
    pub fn resume(saved: Saved<S>, end: StoredEnd, settings: Settings) -> Self {
        let (id, succeeds) = match end {
            StoredEnd::Certain => (saved.id, saved.succeeds),
            StoredEnd::Uncertain { new_id } => (new_id, Some(saved.id)),
        };
        Self::of_parts(id, succeeds, saved.causal, saved.retirements, settings)
    }
}
