//! The known events of one replica: disjoint runs of sequence numbers.
//!
//! A prefix and, beyond its gap, sorted runs in chunks of bounded length (a B-tree of two levels, wide enough that the
//! upper one stays small): an insertion into a million gaps moves a few kilobytes, not all of them, and a walk reads
//! memory in order. Where the chunks are cut depends on the history, so nothing outside may see it.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::slice;

/// A first and a last sequence number, both included.
pub(crate) type Run = (u64, u64);

/// The most runs in a chunk. Neighbours that together have at most half as many become one.
const CHUNK: usize = 256;

/// Runs that are 1 or greater, ascending, disjoint and never adjacent, so that equal sets have equal runs.
#[derive(Clone)]
pub(crate) struct Runs {
    // The run that begins with 1; (1, 0) when there is none.
    prefix: Run,
    // No chunk is empty, and all of them lie behind a gap behind the prefix.
    chunks: Vec<Vec<Run>>,
}

/// A place among the chunks: before the run at this index of this chunk.
type Place = (usize, usize);

impl Runs {
    pub(crate) const fn new() -> Self {
        Self { prefix: (1, 0), chunks: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.prefix.1 == 0 && self.chunks.is_empty()
    }

    /// How many runs there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.prefix.1 > 0) + self.chunks.iter().map(Vec::len).sum::<usize>()
    }

    /// The last number of the run that begins with 1, or 0.
    pub(crate) fn prefix(&self) -> u64 {
        self.prefix.1
    }

    /// The greatest number, or 0.
    pub(crate) fn highest(&self) -> u64 {
        self.chunks.last().and_then(|chunk| chunk.last()).unwrap_or(&self.prefix).1
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.covers((number, number))
    }

    /// Whether all numbers of the run are known: one search.
    pub(crate) fn covers(&self, (first, last): Run) -> bool {
        if first <= self.prefix.1 || self.chunks.is_empty() {
            return last <= self.prefix.1;
        }
        let (chunk, index) = self.place(|run| run.1 < first);
        self.chunks.get(chunk).is_some_and(|chunk| chunk[index].0 <= first && last <= chunk[index].1)
    }

    /// The place before which `holds` is true of every run and after which it is false.
    fn place(&self, holds: impl Fn(&Run) -> bool) -> Place {
        let chunk = self.chunks.partition_point(|chunk| chunk.last().is_some_and(&holds));
        (chunk, self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(&holds)))
    }

    /// Makes the numbers of the run known; false when all of them were. Costs a search and moves at most a chunk, and
    /// what it joins together.
    pub(crate) fn insert(&mut self, (first, last): Run) -> bool {
        if first <= self.prefix.1.saturating_add(1) {
            let is_new = last > self.prefix.1;
            self.prefix.1 = last.max(self.prefix.1);
            if is_new && !self.chunks.is_empty() {
                self.absorb_into_prefix();
            }
            return is_new;
        }
        if self.highest().saturating_add(1) < first {
            self.push_behind((first, last));
            return true;
        }
        // The runs that overlap or touch the new one stand side by side: they become one.
        let from = self.place(|run| run.1.saturating_add(1) < first);
        let next = &mut self.chunks[from.0][from.1];
        if next.0 <= first && last <= next.1 {
            return false;
        }
        if last.saturating_add(1) < next.0 {
            self.insert_at(from, (first, last));
            return true;
        }
        *next = (next.0.min(first), next.1.max(last));
        let end = next.1;
        let behind = (from.0, from.1 + 1);
        if self.run_at(behind).is_some_and(|run| run.0 <= end.saturating_add(1)) {
            let to = self.place(|run| run.0 <= end.saturating_add(1));
            self.chunks[from.0][from.1].1 = self.before(to).1.max(end);
            self.remove(behind, to);
        }
        true
    }

    /// The run at a place, or at the beginning of the next chunk when the place is the end of one.
    fn run_at(&self, (chunk, index): Place) -> Option<&Run> {
        self.chunks[chunk].get(index).or_else(|| self.chunks.get(chunk + 1)?.first())
    }

    /// Adds a run that is not below the last one: what it touches of it is joined.
    pub(crate) fn push(&mut self, run: Run) {
        let last = match self.chunks.last_mut() {
            Some(chunk) => chunk.last_mut().expect("no chunk is empty"),
            None => &mut self.prefix,
        };
        if run.0 <= last.1.saturating_add(1) {
            last.1 = run.1.max(last.1);
        } else {
            self.push_behind(run);
        }
    }

    /// Adds a run behind all others and behind a gap.
    fn push_behind(&mut self, run: Run) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(run),
            Some(_) => self.chunks.push(vec![run]),
            // Of many replicas with one gap each, nobody needs room for a second chunk.
            None => self.chunks = vec![vec![run]],
        }
    }

    fn absorb_into_prefix(&mut self) {
        let end = self.prefix.1;
        let to = self.place(|run| run.0 <= end.saturating_add(1));
        if to != (0, 0) {
            self.prefix.1 = self.before(to).1.max(end);
            self.remove((0, 0), to);
        }
    }

    /// The run before a place that has one before it.
    fn before(&self, (chunk, index): Place) -> Run {
        if index > 0 { self.chunks[chunk][index - 1] } else { self.chunks[chunk - 1][self.chunks[chunk - 1].len() - 1] }
    }

    fn insert_at(&mut self, (mut chunk, mut index): Place, run: Run) {
        if self.chunks[chunk].len() == CHUNK {
            let upper = self.chunks[chunk].split_off(CHUNK / 2);
            self.chunks.insert(chunk + 1, upper);
            if index > CHUNK / 2 {
                (chunk, index) = (chunk + 1, index - CHUNK / 2);
            }
        }
        self.chunks[chunk].insert(index, run);
    }

    /// Removes the runs between two places.
    fn remove(&mut self, from: Place, to: Place) {
        if from.0 == to.0 {
            self.chunks[from.0].drain(from.1..to.1);
        } else {
            self.chunks[from.0].truncate(from.1);
            if let Some(chunk) = self.chunks.get_mut(to.0) {
                chunk.drain(..to.1);
            }
            let kept = usize::from(from.1 > 0);
            self.chunks.drain(from.0 + kept..to.0);
        }
        // From behind, so that the places before stay what they are.
        for chunk in (from.0.saturating_sub(1)..=from.0 + 1).rev() {
            self.merge_chunks(chunk);
        }
    }

    /// Joins a chunk to the one behind it when both are small, so that memory follows the number of runs.
    fn merge_chunks(&mut self, chunk: usize) {
        if let Some([left, right]) = self.chunks.get_mut(chunk..chunk + 2)
            && left.len() + right.len() <= CHUNK / 2
        {
            left.append(right);
            self.chunks.remove(chunk + 1);
        }
    }

    /// The runs in ascending order.
    pub(crate) fn iter(&self) -> Iter<'_> {
        let now = if self.prefix.1 > 0 { slice::from_ref(&self.prefix) } else { &[] };
        let mut runs = Iter { now, later: &self.chunks };
        runs.settle();
        runs
    }
}

impl FromIterator<Run> for Runs {
    /// The runs have to ascend by their first numbers.
    fn from_iter<I: IntoIterator<Item = Run>>(ascending: I) -> Self {
        let mut runs = Self::new();
        ascending.into_iter().for_each(|run| runs.push(run));
        runs
    }
}

impl PartialEq for Runs {
    fn eq(&self, other: &Self) -> bool {
        let (mut left, mut right) = (self.iter(), other.iter());
        left.skip_common(&mut right);
        left.peek().is_none() && right.peek().is_none()
    }
}

impl Eq for Runs {}

impl Hash for Runs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        self.iter().for_each(|run| run.hash(state));
    }
}

/// The runs from some place on.
#[derive(Clone)]
pub(crate) struct Iter<'a> {
    // Empty only when no run is left.
    now: &'a [Run],
    later: &'a [Vec<Run>],
}

impl Iter<'_> {
    fn settle(&mut self) {
        if self.now.is_empty()
            && let [next, later @ ..] = self.later
        {
            (self.now, self.later) = (next, later);
        }
    }

    /// The next run, which stays the next.
    pub(crate) fn peek(&self) -> Option<Run> {
        self.now.first().copied()
    }

    /// Passes over the runs that end before `number`. Costs by the logarithm of how many these are.
    pub(crate) fn skip_before(&mut self, number: u64) {
        let ends_before = |run: &Run| run.1 < number;
        if self.now.last().is_some_and(ends_before) {
            let whole = self.later.partition_point(|chunk| chunk.last().is_some_and(ends_before));
            (self.now, self.later) = (&[], &self.later[whole..]);
            self.settle();
        }
        // Mostly it is one of the next few.
        let near = self.now.iter().take(4).position(|run| !ends_before(run));
        self.now = &self.now[near.unwrap_or_else(|| self.now.partition_point(ends_before))..];
    }

    /// Passes over the runs that come next in both.
    pub(crate) fn skip_common(&mut self, other: &mut Self) {
        loop {
            let common = self.now.iter().zip(other.now).take_while(|(left, right)| left == right).count();
            if common == 0 {
                return;
            }
            (self.now, other.now) = (&self.now[common..], &other.now[common..]);
            self.settle();
            other.settle();
        }
    }
}

impl Iterator for Iter<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let [run, now @ ..] = self.now else { return None };
        self.now = now;
        self.settle();
        Some(*run)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{CHUNK, Runs};

    /// Memory follows the runs that are there, not those that were.
    #[test]
    fn filled_gaps_leave_no_small_chunks_behind() {
        let mut runs = Runs::new();
        let gaps = 20 * CHUNK as u64;
        assert!((1..=gaps).all(|n| runs.insert((3 * n, 3 * n))));
        assert!(runs.chunks.len() <= 40);
        for gap in (1..gaps).filter(|gap| gap % 100 != 0) {
            // From both ends inward, so that chunks shrink on all sides.
            let n = if gap % 2 == 0 { gap } else { gaps - gap };
            assert!(runs.insert((3 * n + 1, 3 * n + 2)));
        }
        assert_eq!(runs.len(), runs.iter().count());
        assert!(runs.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK));
        let small = |pair: &[Vec<_>]| pair[0].len() + pair[1].len() <= CHUNK / 2;
        assert!(!runs.chunks.windows(2).any(small), "{:?}", runs.chunks.iter().map(Vec::len).collect::<Vec<_>>());
    }
}
