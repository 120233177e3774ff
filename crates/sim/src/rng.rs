//! Random draws from one seed: each concern has a stream of its own, so that a change in one leaves the others alone.
//!
//! Transcendental functions come from `libm`, so that a seed means the same on every platform and in every build.

use rand_core::{Rng as _, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A deterministic source of random draws.
#[derive(Clone, Debug)]
pub(crate) struct Rng(Pcg64Mcg);

impl Rng {
    /// The stream of this number under a seed.
    #[must_use]
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.rotate_left(32)))
    }

    /// A number from [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product is uniform up to a bias of bound / 2^64.
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Whether an event of this probability happens.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// A draw from an exponential distribution.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// A draw from a Pareto distribution.
    pub(crate) fn pareto(&mut self, minimum: f64, alpha: f64) -> f64 {
        minimum / libm::pow(1.0 - self.unit(), 1.0 / alpha)
    }
}

/// Ranks drawn with probability in proportion to `1 / rank^exponent`.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    /// A distribution over `count` ranks, at least one.
    #[must_use]
    pub(crate) fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut weights = (1..=count.max(1)).map(|rank| 1.0 / libm::pow(rank as f64, exponent));
        let mut cumulative = Vec::new();
        for weight in &mut weights {
            sum += weight;
            cumulative.push(sum);
        }
        Self { cumulative }
    }

    /// A rank from 0.
    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let sum = self.cumulative.last().copied().unwrap_or(1.0);
        let drawn = rng.unit() * sum;
        self.cumulative.partition_point(|cumulative| *cumulative <= drawn).min(self.cumulative.len() - 1)
    }
}
