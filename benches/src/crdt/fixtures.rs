//! The same history in every shape that is measured.
//!
//! Elements and ids are the outputs of splitmix64 (Steele, Lea and Flood 2014) after a fixed seed, the elements cut to 56
//! bits: as random as a hash or an id, and the same on both sides and in every run.
//!
//! Everything that depends on how `syncline-crdt` spells an update stands here.

use std::collections::{HashMap, VecDeque};

use crdts::{CmRDT, Orswot, orswot};
use syncline_clocks::{Dot, ReplicaId};
use syncline_crdt::{Changes, Delta, Encoded, Event, OrSet, Replica, Settings, State, UpdateRef};

/// A set of ours with its history.
pub(super) type Set = Replica<OrSet<u64>>;

/// What one replica sends another of what it did.
pub(super) type Sent = Delta<u64, ()>;

/// The plainest map from an element to the one event that put it in.
pub(super) type Hashed = HashMap<u64, (u128, u64)>;

/// The set of `crdts`.
pub(super) type Theirs = Orswot<u64, u128>;

fn splitmix64(n: u64) -> u64 {
    let mut mixed = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The `n`th id.
pub(super) fn id(n: u64) -> u128 {
    let at = u64::MAX / 2 + 2 * n;
    u128::from(splitmix64(at)) << 64 | u128::from(splitmix64(at + 1))
}

/// The `n`th element.
pub(super) fn element(n: u64) -> u64 {
    splitmix64(n) >> 8
}

/// The name of an event.
#[derive(Clone, Copy)]
pub(super) struct Name {
    writer: u64,
    sequence: u64,
}

impl Name {
    /// Of the `n`th event, where so many replicas make one each in turn.
    pub(super) fn nth(n: u64, replicas: u64) -> Self {
        Self { writer: n % replicas, sequence: n / replicas + 1 }
    }

    /// The same of replicas that are numbered from `first` on.
    pub(super) fn with_replicas_from(self, first: u64) -> Self {
        Self { writer: first + self.writer, ..self }
    }

    fn dot(self) -> Dot {
        Dot::new(ReplicaId::from_u128(id(self.writer)), self.sequence).expect("sequences begin with 1")
    }

    pub(super) fn pair(self) -> (u128, u64) {
        (id(self.writer), self.sequence)
    }
}

/// An element put in or taken out.
#[derive(Clone, Copy)]
pub(super) struct Step {
    name: Name,
    element: u64,
    /// Which addition is taken out; none for an addition.
    removes: Option<Name>,
}

impl Step {
    pub(super) fn add(element: u64, name: Name) -> Self {
        Self { name, element, removes: None }
    }

    /// The `n`th addition, of the `n`th element, where so many replicas make one each in turn.
    pub(super) fn nth(n: u64, replicas: u64) -> Self {
        Self::add(element(n), Name::nth(n, replicas))
    }

    /// The removal of what this step added.
    pub(super) fn undone(self, name: Name) -> Self {
        Self { name, element: self.element, removes: Some(self.name) }
    }

    /// The element and the name of its addition, as a [`Hashed`] holds them.
    pub(super) fn pair(self) -> (u64, (u128, u64)) {
        (self.element, self.name.pair())
    }

    fn event(self) -> Event<u64, ()> {
        Event {
            dot: self.name.dot(),
            path: self.element,
            payload: self.removes.is_none().then_some(()),
            kills: self.removes.map(Name::dot).into_iter().collect(),
        }
    }
}

/// The steps as one delta.
pub(super) fn sent(steps: impl Iterator<Item = Step>) -> Sent {
    steps.map(Step::event).collect()
}

const RULES_KEPT: &str = "every event is made once and by a replica other than the receiver";

/// Joins what another replica sent.
pub(super) fn join<'u>(set: &mut Set, sent: impl Into<UpdateRef<'u, u64, ()>>) -> Changes<u64> {
    set.join(sent).expect(RULES_KEPT)
}

/// Puts an element in and returns the delta.
pub(super) fn insert(set: &mut Set, element: u64) -> Sent {
    set.edit(|set| set.insert(element))
}

/// Everything that a set holds.
pub(super) fn state(set: &Set) -> State<u64, ()> {
    set.causal().state()
}

/// How many bytes a set's whole state takes on the wire, in its envelope.
pub(super) fn state_bytes(set: &Set) -> u64 {
    state(set).encode().expect("a state has lengths and no foreign Serialize").len() as u64
}

/// An id that makes no step.
fn bystander() -> ReplicaId {
    ReplicaId::from_u128(id(u64::from(u32::MAX)))
}

/// A replica that makes nothing itself and knows nothing.
pub(super) fn receiver() -> Set {
    Set::create(bystander())
}

/// A value and its clock alone: a replica that keeps no history.
pub(super) fn alone() -> Set {
    Set::with_settings(bystander(), Settings { history: 0, ..Settings::default() })
}

/// Joins the steps, some hundreds at a time.
pub(super) fn joined(mut set: Set, mut steps: impl Iterator<Item = Step>) -> Set {
    loop {
        let some: Vec<Step> = steps.by_ref().take(256).collect();
        if some.is_empty() {
            return set;
        }
        join(&mut set, &sent(some.into_iter()));
    }
}

/// The first of so many replicas that added one element each in turn.
pub(super) fn writer(elements: u64, replicas: u64) -> Set {
    let mut set = Set::create(ReplicaId::from_u128(id(0)));
    for n in (0..elements).step_by(replicas as usize) {
        insert(&mut set, element(n));
        if replicas > 1 {
            join(&mut set, &sent((n + 1..elements.min(n + replicas)).map(|n| Step::nth(n, replicas))));
        }
    }
    set
}

/// The same elements, put in one after the other.
pub(super) fn hashed(elements: u64, replicas: u64) -> Hashed {
    let mut map = Hashed::new();
    for n in 0..elements {
        let (element, name) = Step::nth(n, replicas).pair();
        map.insert(element, name);
    }
    map
}

/// Puts the additions into a set of `crdts`.
pub(super) fn theirs(steps: impl Iterator<Item = Step>) -> Theirs {
    let mut set = Theirs::new();
    for (element, (actor, counter)) in steps.map(Step::pair) {
        set.apply(orswot::Op::Add { dot: crdts::Dot { actor, counter }, members: vec![element] });
    }
    set
}

/// The two halves of a history that parted: both hold the first half of `elements` of 16 replicas, and each as many more,
/// which 8 others put in at its side.
pub(super) fn parted(elements: u64) -> [Vec<Step>; 2] {
    let half = elements / 2;
    [0, 1].map(|side| {
        let shared = (0..half).map(|n| Step::nth(n, 16));
        let own = (0..half).map(|n| Step::add(element(elements + side * half + n), own_name(n, side)));
        shared.chain(own).collect()
    })
}

fn own_name(n: u64, side: u64) -> Name {
    Name::nth(n, 8).with_replicas_from(16 + 8 * side)
}

/// Each element put in by two replicas that had not seen one another.
pub(super) fn twice(elements: u64) -> impl Iterator<Item = Step> {
    (0..elements).flat_map(|n| {
        let name = Name::nth(n, 8);
        [Step::add(element(n), name), Step::add(element(n), name.with_replicas_from(8))]
    })
}

/// A million additions and removals of 16 replicas that leave 100 elements: the oldest go, first whenever there are `most`,
/// and in the end all but those 100.
pub(super) fn churn(most: usize) -> impl Iterator<Item = Step> {
    const LEFT: usize = 100;
    const ADDED: u64 = 500_050;
    let (mut made, mut added) = (0.., 0);
    let mut live = VecDeque::new();
    std::iter::from_fn(move || {
        let name = Name::nth(made.next()?, 16);
        if live.len() < most && added < ADDED {
            let step = Step::add(element(added), name);
            added += 1;
            live.push_back(step);
            return Some(step);
        }
        // With room for `most` again, an addition follows.
        let is_over = added == ADDED && live.len() == LEFT;
        if is_over { None } else { live.pop_front().map(|oldest: Step| oldest.undone(name)) }
    })
}

/// Changes the order into one that the seed decides alone (Fisher and Yates).
pub(super) fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, (splitmix64(last as u64) % (last as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Set, alone, churn, hashed, joined, parted, receiver, state, state_bytes, theirs, twice, writer};
    use super::{Step, join, shuffle};

    fn elements(set: &Set) -> BTreeSet<u64> {
        set.iter().copied().collect()
    }

    #[test]
    fn every_shape_holds_the_same_elements() {
        for replicas in [1, 16] {
            let steps = || (0..1_000).map(|n| Step::nth(n, replicas));
            let made: BTreeSet<u64> = steps().map(|step| step.element).collect();
            assert_eq!(made.len(), 1_000);
            assert_eq!(elements(&writer(1_000, replicas)), made);
            assert_eq!(elements(&joined(receiver(), steps())), made);
            assert_eq!(writer(1_000, replicas).causal(), joined(receiver(), steps()).causal());
            assert_eq!(hashed(1_000, replicas).into_keys().collect::<BTreeSet<_>>(), made);
            assert_eq!(theirs(steps()).read().val.into_iter().collect::<BTreeSet<_>>(), made);
        }
    }

    #[test]
    fn parted_histories_have_half_in_common() {
        let [left, right] = parted(1_000).map(|steps| joined(receiver(), steps.into_iter()));
        assert_eq!(elements(&left).intersection(&elements(&right)).count(), 500);
        let mut both = joined(receiver(), parted(1_000)[0].iter().copied());
        join(&mut both, &state(&right));
        assert_eq!(elements(&both).len(), 1_500);
    }

    #[test]
    fn an_element_put_in_twice_has_two_dots() {
        let set = joined(alone(), twice(100));
        assert_eq!((elements(&set).len(), set.clock().len()), (100, 200));
        assert!(state_bytes(&set) > state_bytes(&joined(alone(), (0..100).map(|n| Step::nth(n, 16)))));
    }

    #[test]
    fn churn_is_a_million_steps_and_leaves_a_hundred() {
        for most in [100, usize::MAX] {
            let (count, removals) = churn(most)
                .fold((0, 0), |(all, removals), step| (all + 1, removals + u32::from(step.removes.is_some())));
            assert_eq!((count, removals), (1_000_000, 499_950));
        }
        assert_eq!(elements(&joined(alone(), churn(100))).len(), 100);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<u32> = (0..1_000).collect();
        shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert!(items.into_iter().eq(0..1_000));
    }
}
