//! A routine for work that changes what it works on.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Routine;

/// So many inputs are made at a time: few enough to stay in the processor's cache, as what was just received or read does,
/// and enough to hide the clock's reading.
const CHUNK: u64 = 64;

/// Steps on a value that is built anew after `room` of them, so that it stays near the size at which it is measured.
///
/// Only the steps are timed: building the value, making the `n`th input, and dropping values, inputs and outputs are not.
/// Nothing is built before the first step, so that a row that is filtered out costs nothing.
pub(crate) fn course<V: 'static, I: 'static, O: 'static>(
    room: u64,
    mut build: impl FnMut() -> V + 'static,
    mut input: impl FnMut(u64) -> I + 'static,
    mut step: impl FnMut(&mut V, &I) -> O + 'static,
) -> Routine {
    let (mut standing, mut done) = (None, 0);
    Box::new(move |bencher| {
        bencher.iter_custom(|steps| {
            let (mut left, mut time) = (steps, Duration::ZERO);
            while left > 0 {
                if done == room {
                    standing = None;
                    done = 0;
                }
                let value = standing.get_or_insert_with(&mut build);
                let count = left.min(room - done).min(CHUNK);
                let inputs: Vec<I> = (done..done + count).map(&mut input).collect();
                let mut outputs: Vec<O> = Vec::with_capacity(inputs.len());
                let start = Instant::now();
                for input in black_box(&inputs) {
                    outputs.push(step(black_box(&mut *value), input));
                }
                black_box(&outputs);
                time += start.elapsed();
                (done, left) = (done + count, left - count);
            }
            time
        });
    })
}
