//! An observed-remove set in which a removal has no dot of its own.
//!
//! That of the literature (Bieniusa et al. 2012; ORSWOT): sound as long as whole states are sent. As soon as repair
//! compares clocks, a removal whose delta was lost is found by nobody.

use crate::state_set::{Rules, Set};

pub(crate) struct Dotless;

impl Rules for Dotless {
    const REMOVALS_HAVE_DOTS: bool = false; // The mistake.
}

pub(crate) type Unnoticed = Set<Dotless>;
