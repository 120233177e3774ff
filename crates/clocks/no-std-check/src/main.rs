//! Uses `syncline-clocks` in a program without `std`: it links with the allocator and the panic handler below, which it
//! could not if anything in it named `std`, because that brings its own. It ends with 0, or with the number of the check
//! that failed. The C library is linked for `memcpy` and its like, and for the start of the process.
//!
//! This program alone has unsafe code, because an allocator is an unsafe trait; the crate under check forbids it.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::ToString;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use syncline_clocks::{CausalContext, Causality, Dot, HybridTimestamp, ReplicaId, VersionVector, WallTime};

/// Hands out a block from its start to its end and takes nothing back.
struct Bump {
    block: UnsafeCell<Block>,
    used: AtomicUsize,
}

const SIZE: usize = 1 << 20;

#[repr(align(64))]
struct Block(#[expect(dead_code, reason = "it is read and written through pointers")] [u8; SIZE]);

// SAFETY: the block is only touched through pointers that `alloc` gave out, and those are to disjoint parts of it.
unsafe impl Sync for Bump {}

// SAFETY: `alloc` gives out disjoint ranges: `used` only grows, and `fetch_update` gives each caller a range of its own.
// A range lies within the block, begins at a multiple of its alignment (the block's own is 64, greater ones are
// refused), and stays valid because nothing is taken back.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let end = |used: usize| {
            let start = used.next_multiple_of(layout.align());
            start.checked_add(layout.size()).filter(|end| *end <= SIZE && layout.align() <= 64)
        };
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end) {
            // SAFETY: the end is within the block (checked above), so its start is too.
            Ok(used) => unsafe { self.block.get().cast::<u8>().add(used.next_multiple_of(layout.align())) },
            Err(_) => null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Bump = Bump { block: UnsafeCell::new(Block([0; SIZE])), used: AtomicUsize::new(0) };

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(99)
}

#[link(name = "c")]
unsafe extern "C" {
    safe fn exit(code: i32) -> !;
}

/// `alloc` as it is shipped was compiled to unwind and names this symbol, which `std` would define; with `panic = "abort"`
/// it is never called.
// SAFETY: nothing else in the program defines the name, which the linker would refuse.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

// SAFETY: the C library's start calls the one function of this name, with arguments that may be left alone.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let checks = [names, version_vectors, causal_contexts, timestamps];
    checks.iter().zip(1..).find(|(check, _)| !check()).map_or(0, |(_, number)| number)
}

fn names() -> bool {
    let id = ReplicaId::from_name(ReplicaId::from_u128(1), "node-1");
    let dot = Dot::first(id);
    dot.to_string().parse() == Ok(dot) && id.to_string().parse() == Ok(id)
}

fn version_vectors() -> bool {
    let vector = |lengths: [u64; 2]| -> VersionVector {
        lengths.into_iter().zip(1..).map(|(length, id)| (ReplicaId::from_u128(id), length)).collect()
    };
    let mut joined = vector([1, 3]);
    joined.join(&vector([2, 1]));
    joined == vector([2, 3]) && vector([1, 3]).compare(&vector([2, 1])) == Causality::Concurrent
}

fn causal_contexts() -> bool {
    let replica = ReplicaId::from_u128(1);
    let odd: CausalContext = (0..1_000).filter_map(|n| Dot::new(replica, 2 * n + 1)).collect();
    let mut all = odd.clone();
    (1..=1_000).filter_map(|n| Dot::new(replica, 2 * n)).for_each(|dot| {
        all.insert(dot);
    });
    all.interval_count() == 1 && all.subtract(&odd).interval_count() == 1_000 && all.includes(&odd)
}

fn timestamps() -> bool {
    let replica = ReplicaId::from_u128(1);
    let stamp = HybridTimestamp { epoch: 0, time: WallTime::from_nanos(5), counter: 9, replica };
    HybridTimestamp::from_bytes(stamp.to_bytes()) == stamp && stamp.to_string().parse() == Ok(stamp)
}
