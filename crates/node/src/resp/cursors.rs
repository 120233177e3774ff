//! What the numbers mean that `SCAN` hands out.
//!
//! A place among the keys is a partition and the last key that was looked at, which no number of 64 bits can hold, so
//! the node keeps a table. It is bounded: the places of scans that were left long ago are forgotten, and going on with
//! one of them is told to be an invalid cursor. A cursor can be used more than once, and on any connection of the node
//! that handed it out.

use std::collections::{HashMap, VecDeque};

use syncline_replicas::PartitionId;

/// How many places are remembered.
const MOST_PLACES: usize = 10_000;
/// How many bytes their keys may take.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Where a scan goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The partition.
    pub(crate) partition: PartitionId,
    /// The last of its keys that was looked at.
    pub(crate) after: Option<Vec<u8>>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    // Looked up by number only: its order shows nowhere.
    places: HashMap<u64, Place>,
    order: VecDeque<u64>,
    bytes: usize,
    last: u64,
}

impl Cursors {
    /// The place that a cursor stands for; 0 is the beginning. `None` if it was never handed out, or long ago.
    pub(crate) fn find(&self, cursor: u64) -> Option<Place> {
        match cursor {
            0 => Some(Place { partition: PartitionId(0), after: None }),
            _ => self.places.get(&cursor).cloned(),
        }
    }

    /// A cursor for a place.
    pub(crate) fn keep(&mut self, place: Place) -> u64 {
        self.last += 1;
        self.bytes += bytes_of(&place);
        self.places.insert(self.last, place);
        self.order.push_back(self.last);
        while self.order.len() > MOST_PLACES || (self.bytes > MOST_BYTES && self.order.len() > 1) {
            let oldest = self.order.pop_front().and_then(|oldest| self.places.remove(&oldest));
            self.bytes -= oldest.as_ref().map_or(0, bytes_of);
        }
        self.last
    }
}

fn bytes_of(place: &Place) -> usize {
    place.after.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use syncline_replicas::PartitionId;

    use super::{Cursors, MOST_BYTES, MOST_PLACES, Place};

    fn place(length: usize) -> Place {
        Place { partition: PartitionId(1), after: Some(vec![0; length]) }
    }

    #[test]
    fn bounded_in_number_and_in_bytes() {
        let mut cursors = Cursors::default();
        for _ in 0..=MOST_PLACES {
            cursors.keep(place(1));
        }
        assert_eq!((cursors.find(1), cursors.find(2)), (None, Some(place(1))));
        let large = cursors.keep(place(MOST_BYTES + 1));
        assert_eq!((cursors.places.len(), cursors.bytes), (1, MOST_BYTES + 1));
        assert!(cursors.find(large).is_some() && cursors.find(large).is_some());
        let small = cursors.keep(place(1));
        assert_eq!((cursors.find(large), cursors.find(small), cursors.bytes), (None, Some(place(1)), 1));
    }
}
