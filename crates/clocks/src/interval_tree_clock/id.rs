//! Which parts of the interval a stamp owns (the paper's `i`, §5).

use alloc::boxed::Box;

/// An id tree in normal form: no node has two halves that are both nothing or both everything.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Id {
    /// Nothing of this part.
    Zero,
    /// All of this part.
    One,
    /// The halves.
    Node(Box<(Self, Self)>),
}

impl Id {
    /// The paper's `norm`.
    pub(super) fn node(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Zero, Self::Zero) => Self::Zero,
            (Self::One, Self::One) => Self::One,
            halves => Self::Node(Box::new(halves)),
        }
    }

    /// Two disjoint ids, neither of them nothing unless this one is, that together are this one.
    pub(super) fn split(&self) -> (Self, Self) {
        match self {
            Self::Zero => (Self::Zero, Self::Zero),
            Self::One => (Self::node(Self::One, Self::Zero), Self::node(Self::Zero, Self::One)),
            Self::Node(halves) => match &**halves {
                (Self::Zero, right) => {
                    let (first, second) = right.split();
                    (Self::node(Self::Zero, first), Self::node(Self::Zero, second))
                }
                (left, Self::Zero) => {
                    let (first, second) = left.split();
                    (Self::node(first, Self::Zero), Self::node(second, Self::Zero))
                }
                (left, right) => (Self::node(left.clone(), Self::Zero), Self::node(Self::Zero, right.clone())),
            },
        }
    }

    /// What the two own together; `None` if they own a part in common.
    pub(super) fn sum(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Zero, id) | (id, Self::Zero) => Some(id.clone()),
            (Self::Node(mine), Self::Node(theirs)) => Some(Self::node(mine.0.sum(&theirs.0)?, mine.1.sum(&theirs.1)?)),
            (Self::One, _) | (_, Self::One) => None,
        }
    }

    /// How many nodes lie above the deepest leaf.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Zero | Self::One => 0,
            Self::Node(halves) => 1 + halves.0.depth().max(halves.1.depth()),
        }
    }
}
