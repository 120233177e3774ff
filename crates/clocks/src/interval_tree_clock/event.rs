//! How high each part of the interval has been counted (the paper's `e`, §5).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::IntervalTreeEventError;
use super::id::Id;

/// An event tree in normal form: of two halves at least one begins at 0, and they are not equal leaves. The sum from
/// the root to any leaf fits in 64 bits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Event {
    /// How high all of this part has been counted, beyond what the nodes above say. In normal form it is the part's
    /// minimum.
    pub(super) base: u64,
    /// How high each half has been counted beyond that; nothing if both halves are at `base`.
    pub(super) halves: Option<Box<(Self, Self)>>,
}

/// What recording an event at a place costs: new nodes first, then depth. The paper adds up `N` for a node and 1 for a
/// level, with an `N` greater than any depth.
type Cost = (usize, usize);

impl Event {
    pub(super) const fn leaf(base: u64) -> Self {
        Self { base, halves: None }
    }

    /// How high the highest part has been counted (the paper's `max`).
    fn height(&self) -> u64 {
        self.base + self.halves.as_ref().map_or(0, |halves| halves.0.height().max(halves.1.height()))
    }

    /// The paper's `norm`, given that the halves are in normal form. Constant.
    fn normalize(&mut self) {
        let Some(halves) = &mut self.halves else { return };
        let (left, right) = &mut **halves;
        let common = left.base.min(right.base);
        self.base += common;
        left.base -= common;
        right.base -= common;
        if left.halves.is_none() && right.halves.is_none() && left.base == right.base {
            self.halves = None;
        }
    }

    /// Whether every part is counted at most as high as in the other.
    pub(super) fn leq(&self, other: &Self) -> bool {
        self.leq_above(0, other, 0)
    }

    /// `leq` of this tree on top of `above` and the other on top of `other_above`.
    fn leq_above(&self, above: u64, other: &Self, other_above: u64) -> bool {
        let (mine, theirs) = (above + self.base, other_above + other.base);
        let level = Self::leaf(0);
        mine <= theirs
            && match (&self.halves, &other.halves) {
                (None, _) => true,
                (Some(halves), None) => {
                    halves.0.leq_above(mine, &level, theirs) && halves.1.leq_above(mine, &level, theirs)
                }
                (Some(halves), Some(others)) => {
                    halves.0.leq_above(mine, &others.0, theirs) && halves.1.leq_above(mine, &others.1, theirs)
                }
            }
    }

    /// Every part as high as in the higher of the two.
    pub(super) fn join(&self, other: &Self) -> Self {
        self.join_above(0, other, 0)
    }

    /// `join` of this tree on top of `above` and the other on top of `other_above`.
    fn join_above(&self, above: u64, other: &Self, other_above: u64) -> Self {
        let (mine, theirs) = (above + self.base, other_above + other.base);
        if self.halves.is_none() && other.halves.is_none() {
            return Self::leaf(mine.max(theirs));
        }
        let level = (Self::leaf(0), Self::leaf(0));
        let halves = self.halves.as_deref().unwrap_or(&level);
        let others = other.halves.as_deref().unwrap_or(&level);
        let base = mine.min(theirs);
        let (mine, theirs) = (mine - base, theirs - base);
        let left = halves.0.join_above(mine, &others.0, theirs);
        let right = halves.1.join_above(mine, &others.1, theirs);
        let mut joined = Self { base, halves: Some(Box::new((left, right))) };
        joined.normalize();
        joined
    }

    /// The paper's `fill`: counts up what `id` owns wherever that makes the tree simpler. False if there is no such
    /// place, and nothing changed.
    pub(super) fn fill(&mut self, id: &Id) -> bool {
        match (id, &mut self.halves) {
            (Id::Zero, _) | (_, None) => false,
            (Id::One, Some(_)) => self.raise(0),
            (Id::Node(ids), Some(halves)) => {
                let (left, right) = &mut **halves;
                let filled = match &**ids {
                    (Id::One, id) => {
                        let filled = right.fill(id);
                        left.raise(right.base) || filled
                    }
                    (id, Id::One) => {
                        let filled = left.fill(id);
                        right.raise(left.base) || filled
                    }
                    (left_id, right_id) => {
                        let filled = left.fill(left_id);
                        right.fill(right_id) || filled
                    }
                };
                if filled {
                    self.normalize();
                }
                filled
            }
        }
    }

    /// Levels this part at its height, and at least at `least`; false if it was so already.
    fn raise(&mut self, least: u64) -> bool {
        let level = Self::leaf(self.height().max(least));
        let raised = *self != level;
        *self = level;
        raised
    }

    /// The paper's `grow`: counts up one place that `id` owns, the cheapest. Comes after `fill` found nothing, and
    /// keeps the normal form for that reason: what an id owns whole is a leaf by then, and not below its other half.
    pub(super) fn grow(&mut self, id: &Id) -> Result<(), IntervalTreeEventError> {
        let (_, mut path) = growth(Some(self), id).ok_or(IntervalTreeEventError::Anonymous)?;
        path.reverse();
        if self.count_at(&path).checked_add(1).is_none() {
            return Err(IntervalTreeEventError::Exhausted);
        }
        let mut place = self;
        for right in path {
            let halves = place.halves.get_or_insert_with(|| Box::new((Self::leaf(0), Self::leaf(0))));
            place = if right { &mut halves.1 } else { &mut halves.0 };
        }
        place.base += 1;
        Ok(())
    }

    fn count_at(&self, path: &[bool]) -> u64 {
        let mut place = Some(self);
        let mut count = 0;
        let mut turns = path.iter();
        while let Some(event) = place {
            count += event.base;
            place = match (turns.next(), &event.halves) {
                (Some(right), Some(halves)) => Some(if *right { &halves.1 } else { &halves.0 }),
                _ => None,
            };
        }
        count
    }
}

/// The cheapest place to grow that `id` owns and the way there, from its end: true is right. `None` for the event is a
/// leaf that does not exist yet; the result is `None` if the id owns nothing.
fn growth(event: Option<&Event>, id: &Id) -> Option<(Cost, Vec<bool>)> {
    let Id::Node(ids) = id else {
        return matches!(id, Id::One).then(|| ((0, 0), Vec::new()));
    };
    let halves = event.and_then(|event| event.halves.as_deref());
    let left = growth(halves.map(|halves| &halves.0), &ids.0);
    let right = growth(halves.map(|halves| &halves.1), &ids.1);
    // Of equally cheap places the right one, as in the paper.
    let goes_right = match (&left, &right) {
        (Some(left), Some(right)) => right.0 <= left.0,
        (left, _) => left.is_none(),
    };
    let ((nodes, depth), mut path) = if goes_right { right } else { left }?;
    path.push(goes_right);
    Some(((nodes + usize::from(halves.is_none()), depth + 1), path))
}
