//! How much of the heap a value takes, counted by the allocator.

use peak_alloc::PeakAlloc;

/// The allocator that counts; a program that counts memory names it as its global one.
pub use peak_alloc::PeakAlloc as Heap;

/// The bytes that what `build` returns keeps in use, without those that building it needed for a while.
pub(crate) fn held<T>(build: impl FnOnce() -> T) -> u64 {
    let before = PeakAlloc.current_usage();
    let value = build();
    let after = PeakAlloc.current_usage();
    drop(value);
    after.saturating_sub(before) as u64
}
