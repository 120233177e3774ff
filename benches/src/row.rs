//! What a group declares: rows of work, each with its reference and the ratio that is promised.

use criterion::Bencher;

use crate::{BenchError, Figure};

/// Rows that are measured and printed together by `benches/run NAME`, and whose timed ones are measured by the bench
/// target of the same name.
pub struct Group {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is set beside what, in one line.
    pub about: &'static str,
    /// The rows, in the order of the table.
    pub rows: fn() -> Vec<Row>,
}

/// The highest ratio of ours to the reference that is promised; `None` where a row only informs.
pub type Reach = Option<f64>;

/// A routine with its fixture, to be handed to criterion as often as it asks.
pub type Routine = Box<dyn FnMut(&mut Bencher<'_>)>;

/// Builds a routine's fixture, once and untimed.
pub type Prepare = fn() -> Routine;

/// One piece of work and how it is measured.
pub struct Row {
    /// What is done, by what: unique within the group.
    pub work: String,
    /// How both sides are measured.
    pub measure: Measure,
    /// What is promised.
    pub reach: Reach,
}

/// How ours and the reference are measured.
pub enum Measure {
    /// The time of one iteration, by criterion.
    Time {
        /// Ours.
        ours: Prepare,
        /// The reference.
        reference: Prepare,
    },
    /// Encoded bytes, counted.
    Bytes {
        /// Ours.
        ours: fn() -> u64,
        /// The reference.
        reference: fn() -> u64,
    },
    /// Bytes of the heap that are in use for a value: counted by [`Heap`](crate::Heap), which has to be the program's
    /// allocator.
    Memory {
        /// Builds ours and returns what it takes.
        ours: fn() -> u64,
        /// Builds the reference and returns what it takes.
        reference: fn() -> u64,
    },
    /// How many of the workload's `updates` had no effect in the end, counted. The reference is a negative control:
    /// a workload on which it loses nothing shows nothing.
    Lost {
        /// How many updates the workload makes.
        updates: u64,
        /// Ours.
        ours: fn() -> u64,
        /// The reference.
        reference: fn() -> u64,
    },
}

impl Row {
    /// A row of times.
    #[must_use]
    pub fn time(work: String, ours: Prepare, reference: Prepare, reach: Reach) -> Self {
        Self { work, measure: Measure::Time { ours, reference }, reach }
    }

    /// A row of encoded bytes.
    #[must_use]
    pub fn bytes(work: String, ours: fn() -> u64, reference: fn() -> u64, reach: Reach) -> Self {
        Self { work, measure: Measure::Bytes { ours, reference }, reach }
    }

    /// A row of bytes in use on the heap.
    #[must_use]
    pub fn memory(work: String, ours: fn() -> u64, reference: fn() -> u64, reach: Reach) -> Self {
        Self { work, measure: Measure::Memory { ours, reference }, reach }
    }

    /// A row of updates lost, of so many: ours may lose none, and the reference must lose some.
    #[must_use]
    pub fn lost(work: String, updates: u64, ours: fn() -> u64, reference: fn() -> u64) -> Self {
        Self { work, measure: Measure::Lost { updates, ours, reference }, reach: Some(0.0) }
    }

    /// The row's name among criterion's benchmarks, and of its directory there: letters, digits and dashes.
    #[must_use]
    pub fn slug(&self, group: &Group) -> String {
        let text = format!("{} {}", group.name, self.work);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
    }

    /// The figure of a row that is counted; `None` for one that has to be timed.
    ///
    /// # Errors
    /// [`BenchError::NothingLost`], when the negative control of a row of losses fails.
    pub fn count(&self) -> Result<Option<Figure>, BenchError> {
        let (unit, ours, reference) = match self.measure {
            Measure::Time { .. } => return Ok(None),
            Measure::Bytes { ours, reference } | Measure::Memory { ours, reference } => {
                ("B".to_owned(), ours(), reference())
            }
            Measure::Lost { updates, ours, reference } => (format!("of {updates}"), ours(), reference()),
        };
        if reference == 0 && matches!(self.measure, Measure::Lost { .. }) {
            return Err(BenchError::NothingLost { work: self.work.clone() });
        }
        Ok(Some(Figure::new(self, unit, ours as f64, reference as f64)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::{BenchError, GROUPS, Row};

    /// Beyond this length criterion cuts a directory's name.
    const LONGEST: usize = 64;

    #[test]
    fn every_row_has_a_directory_of_its_own() {
        let mut slugs = BTreeSet::new();
        for group in GROUPS {
            for row in (group.rows)() {
                let slug = row.slug(group);
                assert!(slug.len() <= LONGEST, "{slug} is too long");
                assert!(slugs.insert(slug), "two rows of {} are called {}", group.name, row.work);
            }
        }
    }

    #[test]
    fn a_workload_on_which_the_reference_loses_nothing_is_refused() {
        let row = |ours: fn() -> u64, reference| Row::lost("work".to_owned(), 9, ours, reference);
        assert!(matches!(row(|| 0, || 0).count(), Err(BenchError::NothingLost { .. })));
        let met = |row: Row| row.count().ok().flatten().is_some_and(|figure| figure.is_met());
        assert!(met(row(|| 0, || 5)));
        assert!(!met(row(|| 1, || 5)));
    }
}
