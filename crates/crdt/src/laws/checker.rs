//! Many traces, and the smallest that breaks a law.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::{String, ToString};

use quickcheck::Arbitrary;

use super::world::{Specification, World};
use super::{Law, Reached, Specified, Subject, Trace, Violation};

/// Up to how many steps the trace of a seed has.
const SIZE: usize = 60;
/// Shrinking ends by itself; this bounds it for a subject whose failure depends on what it must not depend on.
const MOST_SHRINKS: usize = 100_000;

/// The laws of one type.
pub struct Laws<T: Subject> {
    specification: Option<Specification<T>>,
    size: usize,
}

impl<T: Subject> Default for Laws<T> {
    fn default() -> Self {
        Self { specification: None, size: SIZE }
    }
}

impl<T: Subject + Specified<Operation = <T as Subject>::Operation>> Laws<T> {
    /// All laws, [`Law::Specification`] too.
    #[must_use]
    pub fn specified() -> Self {
        Self { specification: Some(Specification::of()), size: SIZE }
    }
}

impl<T: Subject> Laws<T> {
    /// The laws of every type that merges.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With traces of up to `size` steps instead of 60.
    #[must_use]
    pub fn with_size(self, size: usize) -> Self {
        Self { size, ..self }
    }

    /// Plays one trace.
    ///
    /// # Errors
    /// The first law that it breaks.
    pub fn play(&self, trace: &Trace<T::Operation>) -> Result<Reached, Violation> {
        let played = catch_unwind(AssertUnwindSafe(|| World::play(self.specification.as_ref(), trace)));
        played.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
            Err(Violation { law: Law::NoPanic, detail: said.to_string() })
        })
    }

    /// Plays the traces of these seeds.
    ///
    /// # Errors
    /// The first trace that breaks a law, shrunk to a smallest that breaks the same one.
    pub fn sweep(&self, seeds: Range<u64>) -> Result<Reached, Counterexample<T::Operation>> {
        let mut reached = Reached::default();
        for seed in seeds {
            let trace = Trace::from_seed(seed, self.size);
            match self.play(&trace) {
                Ok(more) => reached.add(&more),
                Err(violation) => return Err(self.shrink(Some(seed), trace, violation)),
            }
        }
        Ok(reached)
    }

    /// As [`sweep`](Self::sweep), for a test.
    ///
    /// # Panics
    /// With a [`Counterexample`], or as [`Reached::assert_all`] does.
    pub fn assert(&self, seeds: Range<u64>) {
        let traces = seeds.end.saturating_sub(seeds.start);
        let reached = self.sweep(seeds).unwrap_or_else(|counterexample| panic!("{counterexample}"));
        reached.assert_all(T::situations(), traces);
    }

    /// As [`sweep`](Self::sweep), for a trace from elsewhere: quickcheck or the bytes of a fuzzer.
    ///
    /// # Errors
    /// The trace shrunk.
    pub fn hold(&self, trace: Trace<T::Operation>) -> Result<Reached, Counterexample<T::Operation>> {
        self.play(&trace).map_err(|violation| self.shrink(None, trace, violation))
    }

    fn shrink(
        &self,
        seed: Option<u64>,
        trace: Trace<T::Operation>,
        violation: Violation,
    ) -> Counterexample<T::Operation> {
        let mut found = Counterexample { seed, trace, violation };
        let mut played = 0;
        loop {
            let smaller = found.trace.shrink().take(MOST_SHRINKS - played).find_map(|trace| {
                played += 1;
                let violation = self.play(&trace).err().filter(|smaller| smaller.law == found.violation.law)?;
                Some(Counterexample { seed, trace, violation })
            });
            match smaller {
                Some(smaller) => found = smaller,
                None => return found,
            }
        }
    }
}

/// A trace that breaks a law and of which no part does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample<O> {
    /// The seed whose trace was shrunk.
    pub seed: Option<u64>,
    /// The smallest trace that was found.
    pub trace: Trace<O>,
    /// The law that it breaks.
    pub violation: Violation,
}

impl<O: fmt::Debug> fmt::Display for Counterexample<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, trace, violation } = self;
        writeln!(f, "{violation}")?;
        let (operations, replicas) = (trace.operation_count(), trace.replicas);
        writeln!(f, "shrunk to {operations} operations at {replicas} replicas, which then repair one another:")?;
        write!(f, "{trace}")?;
        seed.map_or(Ok(()), |seed| writeln!(f, "the trace of seed {seed}"))
    }
}
