//! The measurements behind the figures in the documents.
//!
//! A [`Group`] is a list of [`Row`]s, and a row sets a piece of work of ours beside the same work done by a reference.
//! Times are measured by criterion in the group's bench target, ours and the reference's one right after the other,
//! and read back from criterion's estimates; bytes and losses are counted. `benches/run` prints the table.
//!
//! It does not compare runs with one another: only ratios from one run on one machine are promised.

pub mod clocks;
mod course;
pub mod crdt;
mod figure;
pub mod lww;
mod memory;
mod row;
mod timing;

pub use figure::{Figure, matrix, table};
pub use memory::Heap;
pub use row::{Group, Measure, Prepare, Reach, Routine, Row};
pub use timing::{BenchError, estimate, forget, measure};

/// Every group, in the order in which they are listed.
pub const GROUPS: &[Group] = &[lww::GROUP, crdt::GROUP, clocks::GROUP];
