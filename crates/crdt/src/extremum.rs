//! Registers that keep the greatest, or the least, of all values they were ever given.

use crate::Lattice;

macro_rules! extremum {
    ($(#[$doc:meta])* $name:ident, $better:tt, $extreme:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name<T> {
            #[cfg_attr(
                feature = "serde",
                serde(
                    with = "crate::none_or_one",
                    bound(serialize = "T: serde::Serialize", deserialize = "T: serde::Deserialize<'de>")
                )
            )]
            value: Option<T>,
        }

        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self { value: None }
            }
        }

        impl<T> $name<T> {
            #[doc = concat!("The ", $extreme, " value it was given; none before the first.")]
            #[must_use]
            pub fn get(&self) -> Option<&T> {
                self.value.as_ref()
            }
        }

        impl<T: Ord + Clone> $name<T> {
            #[doc = concat!("Takes the value in if it is the ", $extreme, ", and returns the part that changed; `None` if it is not.")]
            pub fn set(&mut self, value: T) -> Option<Self> {
                let offered = Self { value: Some(value) };
                self.join(&offered).then_some(offered)
            }
        }

        impl<T: Ord + Clone> Lattice for $name<T> {
            fn join(&mut self, other: &Self) -> bool {
                let is_better = match (&self.value, &other.value) {
                    (_, None) => false,
                    (None, Some(_)) => true,
                    (Some(mine), Some(theirs)) => theirs $better mine,
                };
                if is_better {
                    self.value.clone_from(&other.value);
                }
                is_better
            }
        }
    };
}

extremum! {
    /// A register that keeps the greatest value it was ever given: a high-water mark, a highest bid. The join-semilattice of
    /// a total order (Shapiro et al. 2011, section 2.3).
    ///
    #[doc = include_str!("../docs/both_sides/max_register.md")]
    ///
    /// It can not go back: a value too great, once told, stays. Equal values have to be alike: where `Ord` takes two
    /// values for equal that differ otherwise, replicas may keep different ones.
    ///
    /// ```
    /// use syncline_crdt::{Lattice, MaxRegister};
    /// let (mut here, mut there) = (MaxRegister::default(), MaxRegister::default());
    /// let delta = here.set(3).expect("it is the first");
    /// there.set(2);
    /// assert!(there.join(&delta));
    /// assert_eq!(there.get(), Some(&3));
    /// ```
    MaxRegister, >, "greatest"
}

extremum! {
    /// A register that keeps the least value it was ever given: a lowest price, a first sight. The join-semilattice of
    /// a total order the other way round (Shapiro et al. 2011, section 2.3).
    ///
    #[doc = include_str!("../docs/both_sides/min_register.md")]
    ///
    /// It can not go back: a value too small, once told, stays. Equal values have to be alike: where `Ord` takes two
    /// values for equal that differ otherwise, replicas may keep different ones.
    ///
    /// ```
    /// use syncline_crdt::{Lattice, MinRegister};
    /// let (mut here, mut there) = (MinRegister::default(), MinRegister::default());
    /// let delta = here.set(2).expect("it is the first");
    /// there.set(3);
    /// assert!(there.join(&delta));
    /// assert_eq!(there.get(), Some(&2));
    /// ```
    MinRegister, <, "least"
}
