//! What two replicas' sets of runs give together: union, difference, intersection, each in ascending order.
//!
//! All of them pass over what is equal or far behind without taking it up run by run, so that they cost by the runs in
//! which the two differ, times a logarithm, beside a plain comparison of memory.

use super::runs::{Iter, Run, Runs};

/// The numbers of the left runs that the right runs lack.
pub(crate) struct Difference<'a> {
    left: Iter<'a>,
    right: Iter<'a>,
    // What remains of a run of the left side of which a part was dealt with.
    rest: Option<Run>,
}

impl<'a> Difference<'a> {
    pub(crate) fn new(left: &'a Runs, right: &'a Runs) -> Self {
        Self { left: left.iter(), right: right.iter(), rest: None }
    }
}

impl Iterator for Difference<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        loop {
            if self.rest.is_none() {
                self.left.skip_common(&mut self.right);
            }
            let (first, last) = self.rest.take().or_else(|| self.left.next())?;
            self.right.skip_before(first);
            match self.right.peek() {
                Some((known, end)) if known <= last => {
                    if end < last {
                        self.rest = Some((end + 1, last));
                    }
                    if first < known {
                        return Some((first, known - 1));
                    }
                    if end > last {
                        self.left.skip_before(end);
                        // That run may reach beyond the known one: its known part is dealt with in the next turn.
                    }
                }
                _ => return Some((first, last)),
            }
        }
    }
}

/// The numbers in both.
pub(crate) struct Intersection<'a> {
    left: Iter<'a>,
    right: Iter<'a>,
}

impl<'a> Intersection<'a> {
    pub(crate) fn new(left: &'a Runs, right: &'a Runs) -> Self {
        Self { left: left.iter(), right: right.iter() }
    }
}

impl Iterator for Intersection<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        loop {
            let ((first, last), (begin, end)) = (self.left.peek()?, self.right.peek()?);
            if last < begin {
                self.left.skip_before(begin);
            } else if end < first {
                self.right.skip_before(first);
            } else {
                if last <= end {
                    self.left.next();
                } else {
                    self.right.next();
                }
                return Some((first.max(begin), last.min(end)));
            }
        }
    }
}

/// The runs of both, ascending by their first numbers; they may overlap and touch.
pub(crate) struct Merge<'a> {
    left: Iter<'a>,
    right: Iter<'a>,
}

impl<'a> Merge<'a> {
    pub(crate) fn new(left: &'a Runs, right: &'a Runs) -> Self {
        Self { left: left.iter(), right: right.iter() }
    }
}

impl Iterator for Merge<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        match (self.left.peek(), self.right.peek()) {
            (Some(left), Some(right)) if right < left => self.right.next(),
            (None, _) => self.right.next(),
            _ => self.left.next(),
        }
    }
}
