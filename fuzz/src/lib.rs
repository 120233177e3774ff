//! What the fuzz targets share: choices drawn from the fuzzer's bytes, hostile inputs made of them, and a world around
//! one host that holds every effect against its contract.
//!
//! A target's input is a schedule. Bytes are read as choices rather than as serialized steps: every input is then a
//! valid schedule, and a choice can refer to what the host did before (a ballot it proposed, the end of its log), which
//! bytes fixed in advance never hit.

mod choices;
mod hostile;
mod memory;
mod rows;
mod world;

pub use choices::Choices;
pub use hostile::{Hostile, Knowledge};
pub use memory::Watch;
pub use rows::Rows;
pub use world::{PARTITION, World};
