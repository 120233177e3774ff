//! How much memory a call takes at its peak.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Watches the allocations from here on.
#[derive(Debug)]
pub struct Watch {
    before: usize,
}

impl Watch {
    /// Begins to watch. Targets are single-threaded, so only their own allocations count.
    #[must_use]
    pub fn begin() -> Self {
        MEMORY.reset_peak_usage();
        Self { before: MEMORY.current_usage() }
    }

    /// The most bytes that were allocated at once since the watch began, beyond those that were allocated then.
    #[must_use]
    pub fn peak(&self) -> usize {
        MEMORY.peak_usage().saturating_sub(self.before)
    }
}
