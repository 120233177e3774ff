//! A counter whose reset leaves exactly the increments that the resetter had not seen.

use alloc::collections::BTreeMap;
use core::fmt;

use syncline_clocks::{Dot, ReplicaId};

use crate::{DotSet, Edit, EntryMap, EntryRef, Overflow, Store};

/// Running totals of one writer: what it ever added and what it ever took away. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Totals {
    /// Sum of the increments.
    pub added: u64,
    /// Sum of the decrements.
    pub taken: u64,
}

impl Totals {
    fn max(self, other: Self) -> Self {
        Self { added: self.added.max(other.added), taken: self.taken.max(other.taken) }
    }

    fn beyond(self, baseline: Self) -> i128 {
        let part = |total: u64, seen: u64| i128::from(total.saturating_sub(seen));
        part(self.added, baseline.added) - part(self.taken, baseline.taken)
    }
}

/// What lives under a dot of a resettable counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CounterPayload {
    /// The running totals of the dot's writer; its next increment kills them.
    Running(Totals),
    /// The totals that a reset saw, by writer; a reset that sees it kills it.
    Baseline(
        #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::unique_map::deserialize"))]
        BTreeMap<ReplicaId, Totals>,
    ),
}

/// A counter read from the live payloads of one entry, wherever they are stored.
///
/// The value is the sum over writers of the running total less the highest baseline for that writer. A writer's
/// running total is in its own live dot or, after a reset, in a baseline: so a reset kills the totals it saw, and the
/// size is bounded by the writers and the concurrent resets, never by the increments.
///
/// ```
/// use syncline_clocks::{Dot, ReplicaId};
/// use syncline_crdt::{CounterPayload, CounterView, Totals};
/// let dot = Dot::first(ReplicaId::from_u128(1));
/// let payload = CounterPayload::Running(Totals { added: 5, taken: 2 });
/// let view = CounterView::read([(dot, &payload)].into_iter());
/// assert_eq!((view.value(), view.is_set()), (3, true));
/// let (more, kills) = view.increment(dot.replica(), 4).unwrap();
/// assert_eq!((more, kills), (CounterPayload::Running(Totals { added: 9, taken: 2 }), dot.into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CounterView {
    dots: DotSet,
    running: BTreeMap<Dot, Totals>,
    baseline: BTreeMap<ReplicaId, Totals>,
}

impl CounterView {
    /// Reads the live payloads.
    pub fn read<'a>(live: impl Iterator<Item = (Dot, &'a CounterPayload)>) -> Self {
        let mut view = Self::default();
        for (dot, payload) in live {
            view.dots.insert(dot);
            match payload {
                CounterPayload::Running(totals) => {
                    view.running.insert(dot, *totals);
                }
                CounterPayload::Baseline(seen) => {
                    for (writer, totals) in seen {
                        let known = view.baseline.entry(*writer).or_default();
                        *known = known.max(*totals);
                    }
                }
            }
        }
        view
    }

    /// Each writer's running total and the baseline that a reset saw of it.
    fn totals(&self) -> BTreeMap<ReplicaId, (Totals, Totals)> {
        let mut totals: BTreeMap<ReplicaId, (Totals, Totals)> = BTreeMap::new();
        for (writer, baseline) in &self.baseline {
            totals.insert(*writer, (*baseline, *baseline));
        }
        for (dot, running) in &self.running {
            let (total, _) = totals.entry(dot.replica()).or_default();
            *total = total.max(*running);
        }
        totals
    }

    /// The counter's value, held within the range of `i64`.
    #[must_use]
    pub fn value(&self) -> i64 {
        let sum: i128 = self.totals().values().map(|(total, baseline)| total.beyond(*baseline)).sum();
        sum.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// Whether some change is not covered by a reset: false for a counter that was never touched and for one that was
    /// reset, true for one that was counted up and down again to 0.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.totals().values().any(|(total, baseline)| total != baseline)
    }

    /// The payload that adds `amount` for `writer`, and the dots that it kills: the writer's own running totals. `None`
    /// when a running total would pass 2^64 - 1.
    #[must_use]
    pub fn increment(&self, writer: ReplicaId, amount: i64) -> Option<(CounterPayload, DotSet)> {
        let (seen, _) = self.totals().remove(&writer).unwrap_or_default();
        let (up, down) = if amount < 0 { (0, amount.unsigned_abs()) } else { (amount.unsigned_abs(), 0) };
        let added = seen.added.checked_add(up)?;
        let taken = seen.taken.checked_add(down)?;
        let own = self.running.keys().filter(|dot| dot.replica() == writer).copied();
        Some((CounterPayload::Running(Totals { added, taken }), own.collect()))
    }

    /// The payload that resets everything seen, and the dots that it kills: all. `None` when there is nothing to reset.
    #[must_use]
    pub fn reset(&self) -> Option<(CounterPayload, DotSet)> {
        let seen = self.totals().into_iter().map(|(writer, (total, _))| (writer, total)).collect();
        (!self.dots.is_empty()).then(|| (CounterPayload::Baseline(seen), self.dots.clone()))
    }
}

/// A counter that can be reset: what a replicated partition holds.
///
#[doc = include_str!("../docs/both_sides/resettable_counter.md")]
///
/// A reset covers the increments that its writer had seen.
///
/// Seeing a writer's later increment is having seen its earlier ones. It holds one dot for each writer since the last
/// reset and one for each concurrent reset, which names every writer that it saw: its size is bounded by its writers,
/// however much they count, and while a member is away.
///
/// No paper's: a running total for each writer is [`GCounter`](crate::GCounter)'s, the baseline is what makes a reset of
/// it sound. It knows no bound, and shows its value within the range of `i64`.
///
/// ```
/// use syncline_clocks::ReplicaId;
/// use syncline_crdt::{Replica, ResettableCounter};
/// let mut here: Replica<ResettableCounter> = Replica::create(ReplicaId::from_u128(1));
/// let mut there: Replica<ResettableCounter> = Replica::create(ReplicaId::from_u128(2));
/// there.join(&here.try_edit(|counter| counter.increment(1))?)?;
/// let reset = there.edit(|counter| counter.reset());
/// here.try_edit(|counter| counter.increment(2))?;     // at the same time
/// here.join(&reset)?;
/// assert_eq!(here.value(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ResettableCounter {
    totals: EntryMap<(), CounterPayload>,
}

impl ResettableCounter {
    /// The value, held within the range of `i64`.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.view().value()
    }

    fn view(&self) -> CounterView {
        CounterView::read(self.totals.get(&()).into_iter().flat_map(EntryRef::live))
    }
}

impl Store for ResettableCounter {
    type Path = ();
    type Payload = CounterPayload;

    fn entries(&self) -> &EntryMap<(), CounterPayload> {
        &self.totals
    }

    fn entries_mut(&mut self) -> &mut EntryMap<(), CounterPayload> {
        &mut self.totals
    }

    fn value_eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl Edit<'_, ResettableCounter> {
    /// Adds `amount`, which may be negative.
    ///
    /// # Errors
    /// [`Overflow`], and no change, if what this writer ever added, or took away, would pass 2^64 - 1.
    pub fn increment(&mut self, amount: i64) -> Result<(), Overflow> {
        let (payload, kills) = self.view().increment(self.writer(), amount).ok_or(Overflow)?;
        self.change((), Some(payload), kills);
        Ok(())
    }

    /// Sets to 0 what this replica has seen.
    pub fn reset(&mut self) {
        if let Some((payload, kills)) = self.view().reset() {
            self.change((), Some(payload), kills);
        }
    }
}

impl fmt::Debug for ResettableCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResettableCounter").field("value", &self.value()).field("totals", &self.totals).finish()
    }
}
