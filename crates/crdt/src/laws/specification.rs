//! What each type must read, as a function of the operations that a replica has seen (Burckhardt et al. 2014,
//! section 4). No code of the types is used here.

use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

use syncline_clocks::ReplicaId;

use super::{Context, CounterOperation, SetOperation, Visible, Write};

/// An element is in if an insertion of it stands: add wins. Insertions and removals replace those of their element.
pub fn or_set<E: Ord + Clone>(context: &Context<'_, SetOperation<E>>) -> BTreeSet<E> {
    let standing = context.standing().filter_map(|performed| match &performed.operation {
        SetOperation::Insert(element) => Some(element.clone()),
        SetOperation::Remove(_) => None,
    });
    standing.collect()
}

/// Of the writes that stand, the one with the latest timestamp, then the highest writer. Every write replaces what its
/// writer had seen. A write's timestamp is as much as its clock is ahead later than the latest that stood there.
pub fn lww_register<V: Clone>(context: &Context<'_, Write<V>>) -> Option<V> {
    let mut times: Vec<u64> = Vec::new();
    for performed in context.execution().performed() {
        let latest = performed.replaces.iter().map(|index| times[index]).max().unwrap_or(0);
        times.push(latest + 1 + u64::from(performed.operation.ahead));
    }
    let standing = context.standing_operations().iter().map(|index| (index, &context.execution().performed()[index]));
    let latest = standing.max_by_key(|(index, performed)| (times[*index], performed.writer));
    latest.map(|(_, performed)| performed.operation.value.clone())
}

/// The values of all writes that stand, in order. A write (`Some`) and a clearing (`None`) replace what their writer had
/// seen.
pub fn mv_register<V: Ord + Clone>(context: &Context<'_, Option<V>>) -> Vec<V> {
    let mut values: Vec<V> = context.standing().filter_map(|performed| performed.operation.clone()).collect();
    values.sort();
    values
}

/// On if an enabling (`true`) stands. Both replace what their writer had seen.
#[must_use]
pub fn enable_wins_flag(context: &Context<'_, bool>) -> bool {
    context.standing().any(|performed| performed.operation)
}

/// The sum of the increments that no visible reset has seen. Seeing a writer's increment is seeing its earlier ones,
/// and seeing a reset is seeing the increments that it saw.
#[must_use]
pub fn resettable_counter(context: &Context<'_, CounterOperation>) -> i64 {
    let performed = context.execution().performed();
    let is_reset = |index: &usize| performed[*index].operation == CounterOperation::Reset;
    // For each reset, the increments that it covers.
    let mut covers: BTreeMap<usize, Visible> = BTreeMap::new();
    for index in (0..performed.len()).filter(is_reset) {
        let seen = performed[index].seen;
        let earlier = seen.iter().filter_map(|reset| covers.get(&reset));
        covers.insert(index, earlier.fold(context.close_writers(seen), |known, more| known.union(*more)));
    }
    let covered = context.visible().iter().filter_map(|reset| covers.get(&reset));
    let covered = covered.fold(Visible::default(), |covered, more| covered.union(*more));
    let counted = context.close_writers(context.visible()).subtract(covered).iter();
    let sum = counted.map(|index| match performed[index].operation {
        CounterOperation::Increment(amount) => i64::from(amount),
        CounterOperation::Reset => 0,
    });
    sum.sum()
}

/// The sum of all increments; seeing a writer's increment is seeing its earlier ones.
#[must_use]
pub fn g_counter(context: &Context<'_, u8>) -> u128 {
    told_by_running_totals(context, |amount| *amount > 0).map(u128::from).sum()
}

/// The sum of all increments; seeing a writer's increment is seeing its earlier ones of the same sign.
#[must_use]
pub fn pn_counter(context: &Context<'_, i8>) -> i128 {
    told_by_running_totals(context, |amount| amount.signum()).map(i128::from).sum()
}

/// The visible operations and with each the earlier ones of its writer in the same class: they share a running total.
/// (An increment by 0 changes no total, so it tells of no other.)
fn told_by_running_totals<O: Copy, C: Ord>(
    context: &Context<'_, O>,
    class: impl Fn(&O) -> C,
) -> impl Iterator<Item = O> {
    let mut last: BTreeMap<(ReplicaId, C), usize> = BTreeMap::new();
    let performed = context.execution().performed();
    for index in context.visible().iter() {
        last.insert((performed[index].writer, class(&performed[index].operation)), index);
    }
    let told = performed.iter().enumerate().filter(move |(index, performed)| {
        last.get(&(performed.writer, class(&performed.operation))).is_some_and(|last| index <= last)
    });
    told.map(|(_, performed)| performed.operation)
}

/// All elements.
pub fn g_set<E: Ord + Clone>(context: &Context<'_, E>) -> BTreeSet<E> {
    context.operations().map(|performed| performed.operation.clone()).collect()
}

/// The highest.
pub fn max_register<T: Ord + Clone>(context: &Context<'_, T>) -> Option<T> {
    context.operations().map(|performed| performed.operation.clone()).max()
}

/// The lowest.
pub fn min_register<T: Ord + Clone>(context: &Context<'_, T>) -> Option<T> {
    context.operations().map(|performed| performed.operation.clone()).min()
}
