//! Types made of entries as subjects: a [`Replica`] of one is held against the definition of its state, which is the
//! join of the events in its clock.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::format;
use std::hash::Hash;
use std::string::{String, ToString};
use std::vec::Vec;

use quickcheck::Arbitrary;
use serde::Serialize;
use serde::de::DeserializeOwned;
use syncline_clocks::{CausalContext, Dot, ReplicaId};

use super::{Backup, Context, Diff, Law, Reached, Situation, Specified, Subject, Violation};
use crate::{Change, ChangeKind, Delta, Edit, Encoded, EntryRef, Event, Replica, Settings, Store, StoredEnd, Update};

/// A type made of entries, and how an operation edits it.
///
/// ```
/// use syncline_crdt::laws::{Editable, Laws};
/// use syncline_crdt::{Edit, EntryMap, Replica, Store};
///
/// /// Grades by pupil; concurrent ones stay beside one another.
/// #[derive(Clone, Default)]
/// struct Grades {
///     entries: EntryMap<u8, u8>,
/// }
///
/// impl Store for Grades {
///     type Path = u8;
///     type Payload = u8;
///
///     fn entries(&self) -> &EntryMap<u8, u8> {
///         &self.entries
///     }
///
///     fn entries_mut(&mut self) -> &mut EntryMap<u8, u8> {
///         &mut self.entries
///     }
///
///     fn value_eq(&self, other: &Self) -> bool {
///         self.entries == other.entries
///     }
/// }
///
/// impl Editable for Grades {
///     type Operation = (u8, Option<u8>);
///
///     fn perform(edit: &mut Edit<'_, Self>, (pupil, grade): &Self::Operation) {
///         match grade {
///             Some(grade) => edit.replace(pupil % 4, *grade),
///             None => edit.erase(&(pupil % 4)),
///         }
///     }
/// }
///
/// Laws::<Replica<Grades>>::new().assert(0..100);
/// ```
pub trait Editable:
    Store<Path: Debug + Serialize + DeserializeOwned + 'static, Payload: Debug + Serialize + DeserializeOwned + 'static>
    + 'static
{
    /// What a user does to it.
    type Operation: Arbitrary + Debug;

    /// Performs the operation.
    fn perform(edit: &mut Edit<'_, Self>, operation: &Self::Operation);
}

impl<S: Editable> Subject for Replica<S> {
    type Operation = S::Operation;
    type Update = Update<S::Path, S::Payload>;

    fn create(replica: ReplicaId) -> Self {
        Self::with_settings(replica, settings(replica))
    }

    fn edit(&mut self, operation: &S::Operation) -> Self::Update {
        Update::Delta(self.edit(|edit| S::perform(edit, operation)))
    }

    /// One update for each event, so that they arrive one by one. An event conveys the operations that made or changed
    /// it.
    fn transact(&mut self, operations: &[S::Operation]) -> Vec<(Self::Update, Vec<usize>)> {
        let mut conveyed: BTreeMap<Dot, Vec<usize>> = BTreeMap::new();
        let delta = self.edit(|edit| {
            let mut before = edit.events_so_far();
            for (index, operation) in operations.iter().enumerate() {
                S::perform(edit, operation);
                let after = edit.events_so_far();
                let changed = after.iter().filter(|event| !before.contains(event));
                changed.for_each(|event| conveyed.entry(event.dot).or_default().push(index));
                before = after;
            }
        });
        let alone = |event: Event<_, _>| {
            let operations = conveyed.remove(&event.dot).expect("an operation made the event");
            (Update::Delta(Delta::from(event)), operations)
        };
        delta.into_iter().map(alone).collect()
    }

    /// The changes that it reports must lead from what lived before to what lives now.
    fn join(&mut self, update: &Self::Update) -> Result<(), Violation> {
        let before = live::<S>(self);
        let changes = Self::join(self, update).map_err(|error| Violation::refused(error.to_string()))?;
        let held = lead(changes.iter(), before, &live::<S>(self));
        held.map_err(|wrong| Violation { law: Law::Changes, detail: format!("{wrong}: {changes:?}") })
    }

    fn state(&self) -> Self::Update {
        Update::State(self.causal().state())
    }

    fn bytes(&self) -> Vec<u8> {
        self.causal().state().encode().expect("paths and payloads have bytes")
    }

    /// # Panics
    /// If the repair does not convey exactly what the receiver lacks.
    fn diff(&self, receiver: &Self, keep: Option<usize>) -> Diff<Self::Update> {
        let mut update = Self::diff(self, receiver.clock());
        let mut conveyed = CausalContext::new();
        update.events(&mut conveyed);
        let whole = if matches!(update, Update::State(_)) { self.clock().clone() } else { Default::default() };
        let gap = self.clock().subtract(receiver.clock());
        assert!(conveyed == gap || conveyed == whole, "{conveyed:?} is conveyed and {gap:?} is lacking");
        let (kind, length) = match &update {
            Update::Delta(delta) => (Situation::DeltaRepair, delta.len()),
            Update::Entries(entries) => (Situation::EntriesRepair, entries.paths.len()),
            Update::State(_) => (Situation::StateRepair, 0),
        };
        let keep = keep.unwrap_or(length).min(length);
        match &mut update {
            Update::Delta(delta) => delta.truncate(keep),
            Update::Entries(entries) => entries.paths.truncate(keep),
            Update::State(_) => {}
        }
        Diff { update, kind, cut_short: keep < length }
    }

    fn covers(&self, update: &Self::Update) -> Option<bool> {
        Some(events(update).iter().all(|event| self.clock().contains(event.dot)))
    }

    fn back_up(&self) -> Backup<Self> {
        let saved = self.save();
        Box::new(move |new_id| Ok(Self::resume(saved.clone(), StoredEnd::Uncertain { new_id }, settings(new_id))))
    }

    fn restart(&mut self) {
        *self = Self::resume(self.save(), StoredEnd::Certain, settings(self.id()));
    }

    /// For each path, the live dots are those of its events in the clock, less what these kill; the kept kills are
    /// what they kill and the clock does not cover.
    fn invariant(&self, made: &[&Self::Update], reached: &mut Reached) -> Result<(), String> {
        let joined = || made.iter().flat_map(|update| events(update)).filter(|event| self.clock().contains(event.dot));
        let mut killed: Vec<Dot> = joined().flat_map(kills).collect();
        killed.sort_unstable();
        let mut live = 0;
        for event in joined().filter(|event| killed.binary_search(&event.dot).is_err()) {
            let Some(payload) = &event.payload else { continue };
            live += 1;
            let held = self.entries().get(&event.path).and_then(|entry| entry.get(event.dot));
            if held != Some(payload) {
                return Err(format!("at {:?}, {:?} holds {held:?}, not {payload:?}", event.path, event.dot));
            }
        }
        let mut kept: Vec<(&S::Path, Dot)> = Vec::new();
        for event in joined() {
            for dot in kills(event).filter(|dot| !self.clock().contains(*dot)) {
                if !kept.contains(&(&event.path, dot)) {
                    kept.push((&event.path, dot));
                }
                if !self.entries().get(&event.path).is_some_and(|entry| entry.kept_kills().contains(&dot)) {
                    return Err(format!("at {:?}, {dot:?} is killed and no kill is kept", event.path));
                }
            }
        }
        reached.count_if(Situation::KeptKill, !kept.is_empty());
        let mut held = (0, 0);
        for (_, entry) in self.entries().iter() {
            held = (held.0 + entry.live().len(), held.1 + entry.kept_kills().len());
        }
        let expected = (live, kept.len());
        let differs = || format!("(live, kept kills) are {held:?} in number, not {expected:?}");
        if held == expected { Ok(()) } else { Err(differs()) }
    }

    fn situations() -> &'static [Situation] {
        Situation::all()
    }
}

impl<S: Store + Specified> Specified for Replica<S> {
    type Operation = S::Operation;
    type Value = S::Value;

    fn value(&self) -> S::Value {
        S::value(self)
    }

    fn replaces(later: &S::Operation, earlier: &S::Operation) -> bool {
        S::replaces(later, earlier)
    }

    fn expected(context: &Context<'_, S::Operation>) -> S::Value {
        S::expected(context)
    }
}

/// Some remember many events, some few, some none: so that every kind of repair comes up.
fn settings(replica: ReplicaId) -> Settings {
    Settings { history: [64, 2, 0][(replica.as_u128() % 3) as usize], ..Settings::default() }
}

/// Whether these changes, one after the other, lead from what lived to what lives now.
fn lead<'c, P: PartialEq + Clone + Debug + 'c>(
    changes: impl Iterator<Item = &'c Change<P>>,
    mut lives: Vec<(P, Dot)>,
    now: &[(P, Dot)],
) -> Result<(), String> {
    for Change { path, kind, dots } in changes {
        let is_live = |lives: &[(P, Dot)]| lives.iter().any(|(live, _)| live == path);
        let before = is_live(&lives);
        lives.retain(|(at, dot)| at != path || !dots.died.contains(*dot));
        lives.extend(dots.born.iter().map(|dot| (path.clone(), dot)));
        let is_so = match kind {
            ChangeKind::Added => !before && is_live(&lives),
            ChangeKind::Removed => before && !is_live(&lives),
            ChangeKind::Updated => before && is_live(&lives),
        };
        if !is_so {
            return Err(format!("{path:?} is not {kind:?}"));
        }
    }
    let is_same = now.len() == lives.len() && now.iter().all(|place| lives.contains(place));
    if is_same { Ok(()) } else { Err(format!("these lead to {lives:?}, and {now:?} lives")) }
}

fn live<S: Store>(store: &S) -> Vec<(S::Path, Dot)> {
    let dots = |(path, entry): (&S::Path, EntryRef<'_, S::Payload>)| {
        entry.live().map(|(dot, _)| (path.clone(), dot)).collect::<Vec<_>>()
    };
    store.entries().iter().flat_map(dots).collect()
}

fn events<P: Hash + Eq, V>(update: &Update<P, V>) -> &[Event<P, V>] {
    if let Update::Delta(delta) = update { delta.events() } else { &[] }
}

fn kills<P, V>(event: &Event<P, V>) -> impl Iterator<Item = Dot> {
    event.kills.iter()
}
