//! A deterministic world for the replicators of `syncline-replicas`: the shipped code, run on virtual time, a network
//! that delays, loses, doubles and cuts off messages, disks that forget what was not flushed, clocks that disagree, and
//! clients that retry. Checkers watch from outside. Every run follows from one seed; the same scenario gives the same
//! report, to the byte, on every platform and in every build.
//!
//! ```
//! use syncline_replicas::{Level, Strategy};
//! use syncline_sim::Scenario;
//! let report = Scenario::new(7, Strategy::Leaderless, Level { read: 2, write: 2 }).run()?;
//! assert_eq!((report.findings.stale_reads, report.findings.diverged), (0, 0));
//! # Ok::<(), syncline_sim::TraceError>(())
//! ```

mod checkers;
mod client;
pub mod comparison;
mod disk;
mod measures;
mod monitor;
mod network;
mod oracle;
mod rng;
mod scenario;
mod workload;
mod world;

pub use checkers::Findings;
pub use client::Patience;
pub use measures::{Latencies, Measures, Served};
pub use monitor::{ConnectionCursor, MonitorTrace, Step, TraceCommand, TraceError};
pub use network::{Delay, Topology};
pub use oracle::Reached;
pub use scenario::{Fault, Report, Sabotage, Scenario};
pub use syncline_replicas::{DatacenterId, Level, NodeId, Policies, RegisterPolicy, Settings, Strategy};
pub use workload::{Mix, Workload};
