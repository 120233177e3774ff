//! Random schedules with a shared history, from bytes: the one generator of quickcheck, the fuzzer and the sweeps.

use std::boxed::Box;
use std::fmt;
use std::vec::Vec;

use quickcheck::{Arbitrary, Gen};

use super::Visible;

/// What one choice costs a generator: the bytes that a step takes, at most.
const BYTES_PER_STEP: usize = 5;
/// More steps than this are not read from bytes, however many there are.
const MOST_STEPS: usize = 120;
/// Up to so many operations, shrinking tries to leave out any two.
const SMALL: usize = 10;
const NAMES: [char; 5] = ['A', 'B', 'C', 'D', 'E'];

/// Replicas, and what happens to them, one after the other. Any trace can be played: what refers to nothing does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace<O> {
    /// How many: 2 to 5.
    pub replicas: u8,
    /// What happens. Then all replicas repair one another.
    pub steps: Vec<Step<O>>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<O> {
    /// A user's transaction. Its updates stay at hand and are delivered only by other steps.
    Edit {
        /// The replica.
        at: u8,
        /// What the user does, mostly one thing.
        operations: Vec<O>,
    },
    /// An update of an edit arrives: late, again, out of order; or there is no such step and it never does.
    Deliver {
        /// The edit, counted from 0.
        edit: u8,
        /// Which of its updates.
        part: u8,
        /// The receiver.
        to: u8,
    },
    /// One replica sends another what that one lacks.
    Repair {
        /// The sender.
        from: u8,
        /// The receiver.
        to: u8,
        /// Cut short after so many parts.
        keep: Option<u8>,
        /// Whether it does not arrive now.
        lost: bool,
    },
    /// An earlier repair arrives (again) where it was sent.
    Again {
        /// The repair, counted from 0.
        repair: u8,
    },
    /// A replica ends and comes back, with all that it did.
    Restart {
        /// The replica.
        at: u8,
    },
    /// A replica is backed up.
    BackUp {
        /// The replica.
        at: u8,
    },
    /// A replica comes back from its last backup (from nothing, if there is none), under a new id.
    Restore {
        /// The replica.
        at: u8,
    },
}

impl<O: Arbitrary> Trace<O> {
    /// The trace that these bytes mean. Total and bounded: any bytes mean one, a long input is read as far as 120 steps.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut bytes = bytes.iter().copied();
        let replicas = 2 + bytes.next().unwrap_or(0) % 4;
        let mut trace = Self { replicas, steps: Vec::new() };
        let (mut edits, mut repairs, mut operations) = (0, 0, 0);
        while let Some(choice) = bytes.next().filter(|_| trace.steps.len() < MOST_STEPS) {
            let mut next = || bytes.next().unwrap_or(0);
            let replica = |raw: u8| raw % replicas;
            let step = match choice % 16 {
                0..5 if operations + 3 <= Visible::CAPACITY => {
                    // One in four is a transaction of two or three.
                    let count = [1, 1, 1, 1, 1, 1, 2, 3][usize::from(choice / 16 % 8)];
                    let at = replica(next());
                    (edits, operations) = (edits + 1, operations + count);
                    Step::Edit { at, operations: (0..count).map(|_| operation(next())).collect() }
                }
                5..10 if edits > 0 => {
                    Step::Deliver { edit: next() % edits, part: choice / 16 % 3, to: replica(next()) }
                }
                10..13 => {
                    let (from, shift, how) = (next(), next(), next());
                    let to = (replica(from) + 1 + shift % (replicas - 1)) % replicas;
                    repairs += 1;
                    let keep = (how % 4 == 0).then_some(how / 4 % 4);
                    Step::Repair { from: replica(from), to, keep, lost: how / 16 % 4 == 0 }
                }
                13 if repairs > 0 => Step::Again { repair: next() % repairs },
                14 if choice / 16 % 4 == 0 => Step::Restart { at: replica(next()) },
                14 => Step::BackUp { at: replica(next()) },
                15 => Step::Restore { at: replica(next()) },
                _ => continue,
            };
            trace.steps.push(step);
        }
        trace
    }

    /// The trace of a seed, of up to `size` steps.
    #[must_use]
    pub fn from_seed(seed: u64, size: usize) -> Self {
        Self::arbitrary(&mut Gen::from_size_and_seed(size, seed))
    }
}

impl<O> Trace<O> {
    /// How many operations users perform: what a counterexample's size is measured by.
    #[must_use]
    pub fn operation_count(&self) -> usize {
        let count = |step: &Step<O>| if let Step::Edit { operations, .. } = step { operations.len() } else { 0 };
        self.steps.iter().map(count).sum()
    }
}

/// A byte is an operation, so that the fuzzer can keep what is interesting in it.
fn operation<O: Arbitrary>(byte: u8) -> O {
    O::arbitrary(&mut Gen::from_size_and_seed(8, u64::from(byte)))
}

impl<O: Arbitrary> Arbitrary for Trace<O> {
    fn arbitrary(g: &mut Gen) -> Self {
        let steps = 1 + usize::arbitrary(g) % g.size().clamp(1, MOST_STEPS);
        let words = (steps * BYTES_PER_STEP).div_ceil(8);
        let bytes: Vec<u8> = (0..words).flat_map(|_| u64::arbitrary(g).to_le_bytes()).collect();
        let mut trace = Self::from_bytes(&bytes);
        trace.steps.truncate(steps);
        trace
    }

    /// Fewer steps, then fewer replicas, then simpler steps, then two operations fewer at once, for what depends on two
    /// replicas doing as much. What refers to a step that is gone goes with it.
    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let (long, few, simple, paired) = (self.clone(), self.clone(), self.clone(), self.clone());
        let sizes = core::iter::successors(Some(self.steps.len().div_ceil(2)), |size| (*size > 1).then(|| size / 2));
        let chunks = sizes.filter(|size| *size > 0).flat_map(move |size| {
            let long = long.clone();
            (0..long.steps.len()).step_by(size).map(move |from| long.without(from, size))
        });
        let fewer = (2..self.replicas).map(move |replicas| Self { replicas, steps: few.steps.clone() });
        let simpler = (0..self.steps.len()).flat_map(move |index| simple.simplify(index));
        let is_small = self.operation_count() <= SMALL;
        let singles = core::iter::once(paired).filter(move |_| is_small).flat_map(|trace| trace.one_operation_fewer());
        let pairs = singles.flat_map(|trace| trace.one_operation_fewer());
        Box::new(chunks.chain(fewer).chain(simpler).chain(pairs))
    }
}

impl<O: Arbitrary> Trace<O> {
    fn without(&self, from: usize, count: usize) -> Self {
        let (mut edits, mut repairs) = (Vec::new(), Vec::new());
        let mut kept = (0_u8, 0_u8);
        let mut steps = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let stays = !(from..from + count).contains(&index);
            let named = |names: &[Option<u8>], name: u8| names.get(usize::from(name)).copied().flatten();
            let step = match step {
                Step::Edit { .. } => {
                    edits.push(stays.then_some(kept.0));
                    kept.0 += u8::from(stays);
                    Some(step.clone())
                }
                Step::Repair { .. } => {
                    repairs.push(stays.then_some(kept.1));
                    kept.1 += u8::from(stays);
                    Some(step.clone())
                }
                Step::Deliver { edit, part, to } => {
                    named(&edits, *edit).map(|edit| Step::Deliver { edit, part: *part, to: *to })
                }
                Step::Again { repair } => named(&repairs, *repair).map(|repair| Step::Again { repair }),
                Step::Restart { .. } | Step::BackUp { .. } | Step::Restore { .. } => Some(step.clone()),
            };
            steps.extend(step.filter(|_| stays));
        }
        Self { replicas: self.replicas, steps }
    }

    fn one_operation_fewer(&self) -> Vec<Self> {
        let without = |index: usize| match &self.steps[index] {
            Step::Edit { operations, .. } if operations.len() > 1 => self.with_fewer_operations(index).collect(),
            Step::Edit { .. } => Vec::from([self.without(index, 1)]),
            _ => Vec::new(),
        };
        (0..self.steps.len()).flat_map(without).collect()
    }

    fn simplify(&self, index: usize) -> Vec<Self> {
        let simpler: Vec<Step<O>> = match &self.steps[index] {
            Step::Edit { at, operations } => {
                let smaller = operations.iter().enumerate().flat_map(|(at, operation)| {
                    operation.shrink().map(move |smaller| {
                        let mut operations = operations.clone();
                        operations[at] = smaller;
                        operations
                    })
                });
                smaller.map(|operations| Step::Edit { at: *at, operations }).collect()
            }
            Step::Deliver { edit, part: 1.., to } => Vec::from([Step::Deliver { edit: *edit, part: 0, to: *to }]),
            Step::Repair { from, to, keep, lost } => {
                let whole = keep.map(|_| Step::Repair { from: *from, to: *to, keep: None, lost: *lost });
                let arrives = lost.then_some(Step::Repair { from: *from, to: *to, keep: *keep, lost: false });
                whole.into_iter().chain(arrives).collect()
            }
            _ => Vec::new(),
        };
        let replace = |step| {
            let mut trace = self.clone();
            trace.steps[index] = step;
            trace
        };
        self.with_fewer_operations(index).chain(simpler.into_iter().map(replace)).collect()
    }

    /// An edit without each of its operations; the updates behind it move up, as they do where each makes one.
    fn with_fewer_operations(&self, index: usize) -> impl Iterator<Item = Self> {
        let is_edit = |step: &&Step<O>| matches!(step, Step::Edit { .. });
        let name = self.steps[..index].iter().filter(is_edit).count();
        let count = if let Step::Edit { operations, .. } = &self.steps[index] { operations.len() } else { 0 };
        (0..count).filter(move |_| count > 1).map(move |out| {
            let mut trace = self.clone();
            for step in &mut trace.steps[index..] {
                if let Step::Deliver { edit, part, .. } = step {
                    *part -= u8::from(usize::from(*edit) == name && usize::from(*part) > out);
                }
            }
            if let Step::Edit { operations, .. } = &mut trace.steps[index] {
                operations.remove(out);
            }
            trace
        })
    }
}

impl<O: fmt::Debug> fmt::Display for Trace<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |index: &u8| NAMES[usize::from(index % self.replicas.clamp(1, 5))];
        let (mut edits, mut repairs) = (0, 0);
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "{:>3}. ", index + 1)?;
            match step {
                Step::Edit { at, operations } => {
                    writeln!(f, "edit {edits}: {} performs {operations:?}", name(at))?;
                    edits += 1;
                }
                Step::Deliver { edit, part: 0, to } => writeln!(f, "{} receives edit {edit}", name(to))?,
                Step::Deliver { edit, part, to } => writeln!(f, "{} receives edit {edit}, part {part}", name(to))?,
                Step::Repair { from, to, keep, lost } => {
                    write!(f, "repair {repairs}: {} sends {} what it lacks", name(from), name(to))?;
                    keep.map_or(Ok(()), |keep| write!(f, ", cut short after {keep} parts"))?;
                    writeln!(f, "{}", if *lost { ", and it is lost" } else { "" })?;
                    repairs += 1;
                }
                Step::Again { repair } => writeln!(f, "repair {repair} arrives again")?,
                Step::Restart { at } => writeln!(f, "{} restarts", name(at))?,
                Step::BackUp { at } => writeln!(f, "{} is backed up", name(at))?,
                Step::Restore { at } => writeln!(f, "{} is restored from its last backup, under a new id", name(at))?,
            }
        }
        Ok(())
    }
}
