//! The real world around a [`Host`](syncline_replicas::Host): sockets, disks, clients.
//!
//! ```text
//! Redis clients ─▶ resp ─▶ gateway ─▶ shard (thread) ─▶ Host::handle ─▶ storage ─▶ flusher (thread)
//! peers ─────────▶ peer ────────────▶    │ ▲ └──────── Flushed ◀────────────────────────┘
//!                  peer ◀────────────────┘ └─ what waited for the flush leaves
//! ```
//!
//! The replicators are those of the simulator, unchanged; this crate obeys their effects on real sockets and disks. Group
//! commit: whatever waits while the disk flushes shares the next flush.
//!
//! Not here: authentication and encryption between nodes. Let only the cluster's nodes reach the peer ports.

pub mod config;
mod expiry;
mod flusher;
pub mod gateway;
mod handshake;
mod http;
pub mod metrics;
mod node;
mod peer;
mod readiness;
mod rebuild;
pub mod resp;
mod shard;
pub mod storage;

pub use http::PROCESS_HEADER;
pub use node::{Node, StartError};

/// Says something to whoever operates the node.
macro_rules! report {
    ($($part:tt)*) => {
        eprintln!("syncline: {}", format_args!($($part)*))
    };
}
pub(crate) use report;
