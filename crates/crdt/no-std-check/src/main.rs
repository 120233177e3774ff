//! Uses `syncline-crdt` in a program without `std`: it links with the allocator and the panic handler below, which it
//! could not if anything in it named `std`, because that brings its own. It ends with 0, or with the number of the check
//! that failed. The C library is linked for `memcpy` and its like, and for the start of the process.
//!
//! This program alone has unsafe code, because an allocator is an unsafe trait; the crate under check forbids it.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::String;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use syncline_clocks::{HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{
    Encoded, GCounter, GSet, Lattice, Limits, LwwRegister, OrSet, Replica, ResettableCounter, Saved, Settings, Store,
    StoredEnd, Update,
};

/// Hands out a block from its start to its end and takes nothing back.
struct Bump {
    block: UnsafeCell<Block>,
    used: AtomicUsize,
}

const SIZE: usize = 4 << 20;

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
    let checks = [sets, registers, counters, lattices, bytes];
    checks.iter().zip(1..).find(|(check, _)| !check()).map_or(0, |(_, number)| number)
}

fn two<S: Store>() -> (Replica<S>, Replica<S>) {
    (Replica::create(ReplicaId::from_u128(1)), Replica::create(ReplicaId::from_u128(2)))
}

fn sets() -> bool {
    let (mut here, mut there) = two::<OrSet<String>>();
    let added = here.edit(|set| set.insert("milk".into()));
    let joined = there.join(&added).is_ok();
    let removed = there.edit(|set| set.remove("milk"));
    let _ = here.edit(|set| set.insert("milk".into()));
    joined && here.join(&removed).is_ok() && here.contains("milk") && !there.contains("milk")
}

fn registers() -> bool {
    let (mut here, mut there) = two::<LwwRegister<u8>>();
    let at = |nanos, replica| HybridTimestamp { epoch: 0, time: WallTime::from_nanos(nanos), counter: 0, replica };
    let (a, b) = (at(5, here.id()), at(7, there.id()));
    let set =
        here.try_edit(|register| register.set(1, a)).is_ok() && there.try_edit(|register| register.set(2, b)).is_ok();
    set && here.join(&there.diff(here.clock())).is_ok() && here.get() == Some(&2) && here.versions().count() == 2
}

fn counters() -> bool {
    let (mut here, mut there) = two::<ResettableCounter>();
    let joined = there.join(&here.edit(|counter| _ = counter.increment(3))).is_ok();
    let reset = there.edit(|counter| counter.reset());
    let _ = here.edit(|counter| _ = counter.increment(2));
    joined && here.join(&reset).is_ok() && here.value() == 2
}

fn lattices() -> bool {
    let (mut counter, mut set) = (GCounter::default(), GSet::default());
    let mut other = counter.clone();
    let counted = counter.increment(ReplicaId::from_u128(1), 3).is_ok_and(|delta| other.join(&delta));
    counted && other.value() == 3 && set.insert(1).is_some() && set.insert(1).is_none()
}

fn bytes() -> bool {
    let (mut here, mut there) = two::<OrSet<u32>>();
    let _ = here.edit(|set| (0..100).for_each(|element| set.insert(element)));
    let read = here.diff(there.clock()).encode().ok();
    let read = read.and_then(|bytes| Update::<u32, ()>::decode(&bytes, &Limits::default()).ok());
    let joined = read.is_some_and(|update| there.join(&update).is_ok());
    let saved = there.save().encode().ok();
    let saved = saved.and_then(|bytes| Saved::<OrSet<u32>>::decode(&bytes, &Limits::default()).ok());
    let resumed = saved.map(|saved| Replica::resume(saved, StoredEnd::Certain, Settings::default()));
    joined && resumed.is_some_and(|resumed| resumed.causal() == here.causal() && resumed.id() == there.id())
}
