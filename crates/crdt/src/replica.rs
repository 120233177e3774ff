//! The only editor of a value: one identity, its clock, and the recent events that repair others.

use core::fmt;
use core::ops::Deref;

use syncline_clocks::{CausalContext, ReplicaId, RetireError, Retirement, Retirements};

use crate::budget::Budget;
use crate::history::History;
use crate::{Causal, Changes, Delta, Edit, JoinError, Limits, Receiver, Store, Update, UpdateRef};

/// How a replica is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// How many recent events are remembered, so that [`diff`](Replica::diff) can send these alone. No more than there are
    /// entries, which are what they save from being sent, or 32.
    pub history: usize,
    /// What peers may make of it.
    pub limits: Limits,
    /// What the hashes of paths depend on; nothing that can be seen depends on them. Where peers choose the paths, give 64
    /// random bits, or they can choose ones that collide and make every look-up slow.
    pub hash_seed: u64,
}

impl Default for Settings {
    /// 512 events, the limits' own defaults, a fixed seed.
    fn default() -> Self {
        Self { history: 512, limits: Limits::default(), hash_seed: 0 }
    }
}

/// One replica of a value `S`, under an identity that nobody else uses.
///
/// It is neither `Clone` nor deserializable: two copies that both edit would mint the same dots for different changes. (One id
/// may serve several values, each in a replica of its own: their dots never meet.)
///
/// ```compile_fail
/// # use syncline_crdt::{OrSet, Replica, ReplicaId};
/// let list: Replica<OrSet<u8>> = Replica::create(ReplicaId::from_u128(1));
/// let twin = list.clone().edit(|list| list.insert(1));
/// ```
///
/// What is stored is [`Saved`](crate::Saved), and [`resume`](Self::resume) asks how certain its end is.
///
/// It remembers recent events, so that [`diff`](Self::diff) can send little.
///
/// An edit costs what its type says; a [`join`](Self::join) follows the update, a [`diff`](Self::diff) what is missing and what
/// is remembered, or the whole value where that does not suffice.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{MvRegister, Replica, Update};
/// let mut here: Replica<MvRegister<&str>> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<MvRegister<&str>> = Replica::create(ReplicaId::from_u128(2));
/// let delta = here.edit(|title| title.set("Syncline"));
/// let changes = there.join(&delta)?;
/// assert_eq!(changes.len(), 1);
/// assert!(there.join(&delta)?.is_empty());            // once more: nothing changes
/// // A failed transaction leaves nothing.
/// assert!(here.try_edit(|title| { title.clear(); Err("no") }).is_err());
/// assert_eq!(here.values().next(), Some(&"Syncline"));
/// // Nothing is missing.
/// assert!(here.diff(there.clock()).is_empty());
/// # Ok::<(), syncline_crdt::JoinError>(())
/// ```
pub struct Replica<S: Store> {
    pub(crate) id: ReplicaId,
    pub(crate) succeeds: Option<ReplicaId>,
    pub(crate) causal: Causal<S>,
    pub(crate) retirements: Retirements,
    // How many events it has made, which is the highest of its own in the clock.
    minted: u64,
    history: History<S::Path, S::Payload>,
    limits: Limits,
    budget: Budget,
}

impl<S: Store + fmt::Debug> fmt::Debug for Replica<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.causal.value();
        f.debug_struct("Replica").field("id", &self.id).field("clock", self.clock()).field("value", value).finish()
    }
}

impl<S: Store> Deref for Replica<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.causal.value()
    }
}

impl<S: Store> Replica<S> {
    /// A replica that knows nothing, under an id that was never used before.
    #[must_use]
    pub fn create(id: ReplicaId) -> Self {
        Self::with_settings(id, Settings::default())
    }

    /// As [`create`](Self::create), kept in this way.
    #[must_use]
    pub fn with_settings(id: ReplicaId, settings: Settings) -> Self {
        Self::of_parts(id, None, Causal::default(), Retirements::new(), settings)
    }

    pub(crate) fn of_parts(
        id: ReplicaId,
        succeeds: Option<ReplicaId>,
        mut causal: Causal<S>,
        retirements: Retirements,
        settings: Settings,
    ) -> Self {
        causal.value.entries_mut().reseed(settings.hash_seed);
        Self {
            id,
            succeeds,
            minted: causal.clock().highest(id),
            budget: Budget::of(causal.clock()),
            history: History::new(settings.history),
            limits: settings.limits,
            causal,
            retirements,
        }
    }

    /// The identity that mints this replica's dots.
    #[must_use]
    pub fn id(&self) -> ReplicaId {
        self.id
    }

    /// The identity that this one took the place of, when it last resumed from something whose end was uncertain. Whoever
    /// holds the list of members can retire that one.
    #[must_use]
    pub fn succeeds(&self) -> Option<ReplicaId> {
        self.succeeds
    }

    /// The events that this replica has joined.
    #[must_use]
    pub fn clock(&self) -> &CausalContext {
        self.causal.clock()
    }

    /// The value and its clock.
    #[must_use]
    pub fn causal(&self) -> &Causal<S> {
        &self.causal
    }

    /// Runs one transaction and returns what it changed, to be joined by the others. Verbs that can fail go into
    /// [`try_edit`](Self::try_edit).
    pub fn edit(&mut self, transaction: impl FnOnce(&mut Edit<'_, S>)) -> Delta<S::Path, S::Payload> {
        let mut delta = Delta::new();
        transaction(&mut Edit::begin(&mut self.causal, self.id, &mut self.minted, &mut delta, false));
        self.made(&delta);
        delta
    }

    /// As [`edit`](Self::edit), for a transaction whose verbs can fail.
    ///
    /// # Errors
    /// The transaction's own. Nothing of it is left then.
    pub fn try_edit<E>(
        &mut self,
        transaction: impl FnOnce(&mut Edit<'_, S>) -> Result<(), E>,
    ) -> Result<Delta<S::Path, S::Payload>, E> {
        let mut delta = Delta::new();
        let mut edit = Edit::begin(&mut self.causal, self.id, &mut self.minted, &mut delta, true);
        if let Err(error) = transaction(&mut edit) {
            edit.roll_back();
            return Err(error);
        }
        drop(edit);
        self.made(&delta);
        Ok(delta)
    }

    fn made(&mut self, delta: &Delta<S::Path, S::Payload>) {
        let entries = self.causal.value().entries().len();
        delta.events().iter().for_each(|event| self.history.remember(event, entries));
    }

    /// Joins what another replica sent and says what changed. Late, twice, out of order or never are all safe.
    ///
    /// # Errors
    /// See [`JoinError`]; nothing changed then.
    pub fn join<'u>(
        &mut self,
        update: impl Into<UpdateRef<'u, S::Path, S::Payload>>,
    ) -> Result<Changes<S::Path>, JoinError>
    where
        S: 'u,
    {
        let update = update.into();
        self.admit_retired(update)?;
        let held = self.causal.value().entries().dots();
        self.budget.allow(&self.limits, held, self.causal.clock(), update)?;
        let receiver = Receiver { writer: self.id, minted: self.minted, believes_kills: true };
        let (history, entries) = (&mut self.history, self.causal.value().entries().len());
        self.causal.join(receiver, update, |event| history.remember(event, entries))
    }

    /// What a replica with this clock lacks: the missing events while they are remembered; else the entries of their paths,
    /// if each missing event is remembered or still lives; else a [`State`](crate::State), which leaves out
    /// the entries that did not change since. The second and the third walk all entries once.
    #[must_use]
    pub fn diff(&self, since: &CausalContext) -> Update<S::Path, S::Payload> {
        self.history.diff(&self.causal, since)
    }

    /// Takes in no event of a departed replica beyond those that all members know: what it did under its id after it was
    /// counted out is refused with [`JoinError::Retired`].
    ///
    /// # Errors
    /// It was retired at another count.
    pub fn retire(&mut self, retirement: Retirement) -> Result<(), RetireError> {
        self.retirements.retire(retirement)
    }

    fn admit_retired(&self, update: UpdateRef<'_, S::Path, S::Payload>) -> Result<(), JoinError> {
        if self.retirements.log().is_empty() {
            return Ok(());
        }
        let mut events = CausalContext::new();
        update.events(&mut events);
        for replica in events.replicas() {
            self.retirements.admit(replica, events.highest(replica)).map_err(JoinError::Retired)?;
        }
        Ok(())
    }
}
