//! What a set takes on the heap and on the wire.

use super::fixtures;
use super::sets::{REPLICAS, nth, received};
use crate::memory::held;

/// The value with its clock, grown by single additions.
pub(super) fn heap<const N: u64>() -> u64 {
    held(|| fixtures::joined(fixtures::alone(), (0..N).map(nth)))
}

pub(super) fn heap_twice<const N: u64>() -> u64 {
    held(|| fixtures::joined(fixtures::alone(), fixtures::twice(N)))
}

/// The whole replica, with as much history as it keeps unless it is told otherwise.
pub(super) fn heap_kept<const N: u64>() -> u64 {
    held(received::<N>)
}

pub(super) fn hash_heap<const N: u64>() -> u64 {
    held(|| fixtures::hashed(N, REPLICAS))
}

pub(super) fn churned<const MOST: usize>() -> u64 {
    held(|| fixtures::joined(fixtures::alone(), fixtures::churn(MOST)))
}

const ENCODED: u64 = 10_000;

pub(super) fn encoded<const R: u64>() -> u64 {
    fixtures::state_bytes(&fixtures::writer(ENCODED, R))
}

/// Of each element its 8 bytes, a byte for its replica's place in a list and two of a number; of each replica its id.
pub(super) fn plainly_encoded<const R: u64>() -> u64 {
    ENCODED * (8 + 1 + 2) + 16 * R
}
