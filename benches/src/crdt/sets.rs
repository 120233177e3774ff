//! What is timed of a set, and the same of its references.

use std::hint::black_box;
use std::rc::Rc;

use crdts::{CmRDT, CvRDT};

use super::fixtures::{self, Hashed, Name, Sent, Set, Step, Theirs};
use crate::Routine;
use crate::course::course;

/// Steps until a value of `size` has to be built anew.
const fn room(size: u64) -> u64 {
    size / 10
}

/// Puts new elements in, each in a transaction of its own, at the first of `R` replicas.
pub(super) fn add<const N: u64, const R: u64>() -> Routine {
    course(
        room(N),
        || fixtures::writer(N, R),
        |n| fixtures::element(N + n),
        |set, element| fixtures::insert(set, *element),
    )
}

/// Puts new elements into a map, each with an event's name.
pub(super) fn hash_add<const N: u64>() -> Routine {
    let map = once(|| fixtures::hashed(N, REPLICAS));
    course(room(N), map, |n| Step::nth(N + n, REPLICAS).pair(), |map, (element, name)| map.insert(*element, *name))
}

/// All additions that make a set, with all the times that it grows.
pub(super) fn grow<const N: u64>() -> Routine {
    let elements: Vec<u64> = (0..N).map(fixtures::element).collect();
    course(
        1,
        fixtures::receiver,
        |_| (),
        move |set, ()| {
            for element in &elements {
                black_box(fixtures::insert(set, *element));
            }
        },
    )
}

pub(super) fn hash_grow<const N: u64>() -> Routine {
    let pairs: Vec<(u64, (u128, u64))> = (0..N).map(|n| Step::nth(n, 1).pair()).collect();
    course(
        1,
        Hashed::new,
        |_| (),
        move |map, ()| {
            for (element, name) in &pairs {
                black_box(map.insert(*element, *name));
            }
        },
    )
}

/// The context, the operation and its application.
pub(super) fn crdts_add<const N: u64, const R: u64>() -> Routine {
    let set = once(|| fixtures::theirs((0..N).map(|n| Step::nth(n, R))));
    let actor = fixtures::id(0);
    course(
        room(N),
        set,
        |n| fixtures::element(N + n),
        move |set: &mut Theirs, element| {
            let context = set.read_ctx().derive_add_ctx(actor);
            set.apply(set.add(*element, context));
        },
    )
}

/// Builds once and clones from then on.
fn once<V: Clone>(build: impl Fn() -> V) -> impl FnMut() -> V {
    let mut built = None;
    move || built.get_or_insert_with(&build).clone()
}

/// How many replicas made what is joined.
pub(super) const REPLICAS: u64 = 16;

pub(super) fn nth(n: u64) -> Step {
    Step::nth(n, REPLICAS)
}

pub(super) fn received<const N: u64>() -> Set {
    fixtures::joined(fixtures::receiver(), (0..N).map(nth))
}

fn one(step: Step) -> Sent {
    fixtures::sent(std::iter::once(step))
}

/// Deltas of one new element each, as they follow.
pub(super) fn join<const N: u64>() -> Routine {
    course(room(N), received::<N>, |n| one(nth(N + n)), |set, delta| fixtures::join(set, delta))
}

/// Deltas that arrived before, in an order that jumps about.
pub(super) fn rejoin<const N: u64>() -> Routine {
    // A prime greater than any size here: every place comes up once.
    course(u64::MAX, received::<N>, |n| one(nth(n % N * 2_147_483_647 % N)), |set, delta| fixtures::join(set, delta))
}

/// Deltas that take one element out each, the oldest first: the elements themselves jump about.
pub(super) fn join_removal<const N: u64>() -> Routine {
    course(
        room(N),
        received::<N>,
        |n| one(nth(n).undone(Name::nth(N + n, REPLICAS))),
        |set, delta| fixtures::join(set, delta),
    )
}

pub(super) fn hash_remove<const N: u64>() -> Routine {
    let map = once(|| fixtures::hashed(N, REPLICAS));
    course(room(N), map, fixtures::element, |map, element| map.remove(element))
}

const MERGED: u64 = 10_000;

pub(super) fn join_state() -> Routine {
    let [left, right] = fixtures::parted(MERGED);
    let right = fixtures::state(&fixtures::joined(fixtures::receiver(), right.into_iter()));
    let left = move || fixtures::joined(fixtures::receiver(), left.iter().copied());
    course(1, left, |_| (), move |left, ()| fixtures::join(left, &right))
}

pub(super) fn hash_union() -> Routine {
    let [left, right]: [Hashed; 2] = fixtures::parted(MERGED).map(|steps| {
        let mut map = Hashed::new();
        steps.into_iter().map(Step::pair).for_each(|(element, name)| {
            map.insert(element, name);
        });
        map
    });
    course(1, move || left.clone(), |_| (), move |left, ()| left.extend(&right))
}

pub(super) fn crdts_merge() -> Routine {
    let [left, right]: [Theirs; 2] = fixtures::parted(MERGED).map(|steps| fixtures::theirs(steps.into_iter()));
    let both = move || (left.clone(), Some(right.clone()));
    // It takes its argument, so that taking it apart is part of the work.
    course(1, both, |_| (), |(left, right), ()| right.take().map(|right| left.merge(right)))
}

/// A hundred thousand deltas of one event each, and with `REMOVALS` every third takes out what the one before put in.
fn deltas<const REMOVALS: bool>() -> Vec<Sent> {
    let event = |n| {
        let name = Name::nth(n, REPLICAS);
        if REMOVALS && n % 3 == 2 { nth(n - 1).undone(name) } else { nth(n) }
    };
    (0..100_000).map(|n| one(event(n))).collect()
}

pub(super) fn in_order<const REMOVALS: bool>() -> Routine {
    joining_all(deltas::<REMOVALS>)
}

pub(super) fn shuffled<const REMOVALS: bool>() -> Routine {
    joining_all(|| {
        let mut deltas = deltas::<REMOVALS>();
        fixtures::shuffle(&mut deltas);
        deltas
    })
}

fn joining_all(deltas: impl Fn() -> Vec<Sent> + 'static) -> Routine {
    let mut made = None;
    let build = move || (fixtures::receiver(), Rc::clone(made.get_or_insert_with(|| deltas().into())));
    course(
        1,
        build,
        |_| (),
        |(set, deltas): &mut (Set, Rc<[Sent]>), ()| {
            deltas.iter().map(|delta| fixtures::join(set, delta).len()).sum::<usize>()
        },
    )
}
