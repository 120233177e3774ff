//! What two replicas' sets of runs give together: union, difference, intersection, each in ascending order.
//!
//! All of them pass over what is equal or far behind without taking it up run by run, so that they cost by the runs in
//! which the two differ, times a logarithm, beside a plain comparison of memory.

use core::iter;

use super::runs::{Run, Runs};

/// The numbers of the left runs that the right runs lack.
pub(crate) fn difference<'a>(left: &'a Runs, right: &'a Runs) -> impl Iterator<Item = Run> + 'a {
    let (mut left, mut right) = (left.iter(), right.iter());
    // What remains of a run of the left side of which a part was dealt with.
    let mut rest: Option<Run> = None;
    iter::from_fn(move || {
        loop {
            if rest.is_none() {
                left.skip_common(&mut right);
            }
            let (first, last) = rest.take().or_else(|| left.next())?;
            right.skip_before(first);
            match right.peek() {
                Some((known, end)) if known <= last => {
                    if end < last {
                        rest = Some((end + 1, last));
                    } else {
                        // The next run may begin in the known one and reach beyond it: it is dealt with in its turn.
                        left.skip_before(end);
                    }
                    if first < known {
                        return Some((first, known - 1));
                    }
                }
                _ => return Some((first, last)),
            }
        }
    })
}

/// The numbers in both.
pub(crate) fn intersection<'a>(left: &'a Runs, right: &'a Runs) -> impl Iterator<Item = Run> + 'a {
    let (mut left, mut right) = (left.iter(), right.iter());
    iter::from_fn(move || {
        loop {
            let ((first, last), (begin, end)) = (left.peek()?, right.peek()?);
            if last < begin {
                left.skip_before(begin);
            } else if end < first {
                right.skip_before(first);
            } else {
                if last <= end {
                    left.next();
                } else {
                    right.next();
                }
                return Some((first.max(begin), last.min(end)));
            }
        }
    })
}

/// The runs of both, ascending by their first numbers; they may overlap and touch.
pub(crate) fn merge<'a>(left: &'a Runs, right: &'a Runs) -> impl Iterator<Item = Run> + 'a {
    let (mut left, mut right) = (left.iter(), right.iter());
    iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some(next), Some(other)) if other < next => right.next(),
        (None, _) => right.next(),
        _ => left.next(),
    })
}
