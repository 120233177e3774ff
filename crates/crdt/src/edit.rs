//! The transaction that edits a value.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::Hash;
use core::ops::Deref;

use syncline_clocks::{Dot, Interval, ReplicaId};

use crate::{Causal, Delta, DotSet, Entry, EntryRef, Event, Store};

/// One transaction: reads see its own changes. It mints an event for each change, and changes what it did before where a
/// change replaces only that: a thousand increments are one event.
///
/// Each type of this crate adds its own verbs: `insert` and `remove` of [`OrSet`](crate::OrSet), `set` of
/// [`LwwRegister`](crate::LwwRegister), `increment` of [`ResettableCounter`](crate::ResettableCounter). Those of your own
/// [`Store`] are functions, or a trait, that call [`change`](Self::change), [`replace`](Self::replace) and
/// [`erase`](Self::erase).
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{Replica, ResettableCounter};
/// let mut counter: Replica<ResettableCounter> = Replica::create(ReplicaId::from_u128(1));
/// let delta = counter.edit(|counter| {
///     for _ in 0..1_000 {
///         counter.increment(1).expect("far from the end");
///     }
///     assert_eq!(counter.value(), 1_000);             // reads see what was done
/// });
/// assert_eq!(delta.len(), 1);
/// ```
#[derive(Debug)]
pub struct Edit<'a, S: Store> {
    causal: &'a mut Causal<S>,
    writer: ReplicaId,
    // How many events the writer has made, this transaction's only once they are in the clock.
    minted: &'a mut u64,
    // The number of the transaction's first event; the others follow one by one, in the order of the delta.
    first: u64,
    delta: &'a mut Delta<S::Path, S::Payload>,
    undo: Undo<S>,
}

/// What stood at a path before each change, where a transaction can fail.
type Undo<S> = Option<Vec<(<S as Store>::Path, Entry<<S as Store>::Payload>)>>;

impl<S: Store> Deref for Edit<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.causal.value
    }
}

impl<'a, S: Store> Edit<'a, S> {
    /// A transaction of `writer`, which has minted so many events.
    pub(crate) fn begin(
        causal: &'a mut Causal<S>,
        writer: ReplicaId,
        minted: &'a mut u64,
        delta: &'a mut Delta<S::Path, S::Payload>,
        can_fail: bool,
    ) -> Self {
        let first = minted.checked_add(1).expect("a replica makes fewer than 2^64 events");
        Self { causal, writer, minted, first, delta, undo: can_fail.then(Vec::new) }
    }

    /// The replica that edits.
    #[must_use]
    pub fn writer(&self) -> ReplicaId {
        self.writer
    }

    /// Lets `payload` live at `path` and kills the given dots, which this replica has seen there and nowhere else.
    ///
    /// # Panics
    /// If a dot of this transaction is killed at another path than its own, and after 2^64 - 1 events of this replica. An
    /// earlier dot of another path is not noticed, and must not be given: replicas would differ by the order in which they
    /// hear of it.
    pub fn change(&mut self, path: S::Path, payload: Option<S::Payload>, kills: DotSet) {
        let (writer, first) = (self.writer, self.first);
        let entries = self.causal.value.entries_mut();
        if let Some(undo) = &mut self.undo {
            undo.push((path.clone(), entries.get(&path).map(EntryRef::to_entry).unwrap_or_default()));
        }
        let is_own = |dot: Dot| dot.replica() == writer && dot.sequence() >= first;
        let clock = &self.causal.clock;
        let covers = |dot| is_own(dot) || clock.contains(dot);
        let place = |dot: Dot| usize::try_from(dot.sequence() - first).expect("the delta fits into memory");
        let event_of = |dot| self.delta.events().get(place(dot));
        let mut own = (&kills).into_iter().filter(|dot| is_own(*dot));
        let is_here = |dot| event_of(dot).is_some_and(|event| event.path == path);
        assert!(own.clone().all(is_here), "a change kills dots of its own path");
        // Only what lives here still: an event that another one of the transaction has killed would be dead to the others.
        let lives = |dot: &Dot| entries.get(&path).is_some_and(|entry| entry.get(*dot).is_some());
        let replaced = own.next().filter(|_| own.next().is_none()).filter(lives);
        drop(own);
        if let Some(dot) = replaced {
            let event = &mut self.delta.events_mut()[place(dot)];
            event.payload = payload;
            event.kills.extend(kills.iter().filter(|kill| *kill != dot));
            entries.forget(&path, dot);
            entries.join_event(covers, event);
            return;
        }
        let event = Event { dot: next(writer, first, self.delta.len()), path, payload, kills };
        entries.join_event(covers, &event);
        self.delta.push(event);
    }

    /// The events of the transaction as they stand now.
    #[cfg(feature = "laws")]
    pub(crate) fn events_so_far(&self) -> Vec<Event<S::Path, S::Payload>> {
        self.delta.events().to_vec()
    }

    /// Lets `payload` live at `path` in place of everything that this replica sees there.
    ///
    /// # Panics
    /// As [`change`](Self::change).
    pub fn replace(&mut self, path: S::Path, payload: S::Payload) {
        let is_plain = self.is_plain();
        let entries = self.causal.value.entries_mut();
        if is_plain {
            let dot = next(self.writer, self.first, 0);
            let kills = entries.replace(&path, dot, &payload);
            self.delta.push(Event { dot, path, payload: Some(payload), kills });
        } else {
            let seen = entries.get(&path).map(EntryRef::live_dots).unwrap_or_default();
            self.change(path, Some(payload), seen);
        }
    }

    /// Takes out everything that this replica sees at `path`; where nothing lives it costs no event.
    ///
    /// # Panics
    /// As [`change`](Self::change).
    pub fn erase<Q>(&mut self, path: &Q)
    where
        S::Path: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let is_plain = self.is_plain();
        let entries = self.causal.value.entries_mut();
        if is_plain {
            if let Some((path, kills)) = entries.clear(path) {
                let dot = next(self.writer, self.first, 0);
                self.delta.push(Event { dot, path, payload: None, kills });
            }
        } else if let Some((path, entry)) = entries.get_path_value(path).filter(|(_, entry)| entry.is_live()) {
            let (path, seen) = (path.clone(), entry.live_dots());
            self.change(path, None, seen);
        }
    }

    /// Whether a change needs no look at what the transaction did before, and none back.
    fn is_plain(&self) -> bool {
        self.delta.is_empty() && self.undo.is_none()
    }

    /// Undoes the transaction: its numbers were never told to anybody, and will be minted for something else.
    pub(crate) fn roll_back(mut self) {
        for (path, entry) in self.undo.take().into_iter().flatten().rev() {
            self.causal.value.entries_mut().insert(path, entry);
        }
        *self.delta = Delta::new();
    }
}

/// Ends the transaction. What it did before it panicked is done; those events are nowhere but in the value and its clock,
/// where `diff` finds what is missing elsewhere.
impl<S: Store> Drop for Edit<'_, S> {
    fn drop(&mut self) {
        if !self.delta.is_empty() {
            let last = self.first + (self.delta.len() as u64 - 1);
            self.causal.clock.insert_interval(Interval { replica: self.writer, first: self.first, last });
            *self.minted = last;
        }
    }
}

/// The dot of a transaction's next event.
fn next(writer: ReplicaId, first: u64, before: usize) -> Dot {
    let sequence = first.checked_add(before as u64).expect("a replica makes fewer than 2^64 events");
    Dot::new(writer, sequence).expect("numbers begin at 1")
}
