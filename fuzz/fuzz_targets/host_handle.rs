//! A schedule of hostile clients, hostile peers, crashes and wrong timers against one host of each strategy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_fuzz::{Choices, World};

/// Longer schedules find little more and are slow.
const STEPS: usize = 200;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    let mut world = World::new(&mut choices);
    for _ in 0..STEPS {
        if choices.are_over() {
            break;
        }
        world.step(&mut choices);
    }
    world.check_store();
});
