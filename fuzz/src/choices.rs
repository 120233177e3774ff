//! The fuzzer's bytes, read as choices.

use arbitrary::Unstructured;

/// A source of choices that ends: when the bytes are used up, every further choice is the first one.
#[derive(Debug)]
pub struct Choices<'a> {
    bytes: Unstructured<'a>,
}

impl<'a> Choices<'a> {
    /// Choices out of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Unstructured::new(bytes) }
    }

    /// Whether the bytes are used up.
    #[must_use]
    pub fn are_over(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.bytes.int_in_range(0..=count - 1).unwrap_or(0)
    }

    /// One of these.
    pub fn of<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }

    /// One of these, the later ones more often; `None` if there is none.
    pub fn recent<T: Clone>(&mut self, among: &[T]) -> Option<T> {
        let back = match self.below(4) {
            0 | 1 => 0,
            2 => self.below(4),
            _ => self.below(among.len().max(1)),
        };
        among.iter().rev().nth(back).cloned()
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// A number that is small, near a known one, near a limit, or anything.
    pub fn number(&mut self, near: u64) -> u64 {
        match self.below(10) {
            0..=2 => self.below(16) as u64,
            3 => near,
            4 => near.saturating_add(1),
            5 => near.saturating_sub(1),
            6 => near.saturating_add(self.below(64) as u64),
            7 => u64::MAX - self.below(3) as u64,
            8 => (1 << self.of(&[20u32, 31, 32, 62, 63])) + self.below(3) as u64 - 1,
            _ => self.bytes.arbitrary().unwrap_or(0),
        }
    }

    /// Up to `most` bytes, mostly few.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = if self.once_in(16) { self.below(most + 1) } else { self.below(most.min(4) + 1) };
        vec![self.below(4) as u8; length]
    }

    /// Flips, cuts and repeats parts of bytes.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.below(256) as u8,
                2 => bytes.truncate(at),
                3 => bytes.insert(at, 0xff),
                _ => {
                    let end = at + self.below(bytes.len() - at + 1);
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
    }
}
