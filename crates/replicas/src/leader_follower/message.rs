//! What the members say about the log.

use serde::{Deserialize, Serialize};
use syncline_crdt::State;

use crate::log::{LogEntry, Position};
use crate::value::{Path, Payload};
use crate::{Applied, ClientId, Configuration};

/// What the members say about the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LogMessage {
    /// "After this entry come these." Without entries: "I still lead."
    Append {
        /// The entry before the first of these.
        previous: Position,
        /// The entries.
        entries: Vec<LogEntry>,
        /// Answers carry it back: they confirm that the sender led when it sent this.
        round: u64,
        /// Every member holds the entries up to here: drop them.
        everywhere: u64,
    },
    /// "My log agrees with yours up to here, and that is flushed."
    Appended {
        /// The index of the last agreeing entry.
        index: u64,
        /// The round of the append.
        round: u64,
    },
    /// "My log does not continue there; this is its end."
    Mismatch {
        /// The end of the follower's log.
        end: Position,
        /// The round of the append.
        round: u64,
    },
    /// "This configuration was decided: where does your log end?"
    Seal {
        /// The configuration, whose leader asks.
        configuration: Configuration,
    },
    /// "It ends here, and I follow nobody older than you."
    Sealed {
        /// The end of the log.
        end: Position,
    },
    /// "Your log is longer than mine: what comes after this?"
    Fetch {
        /// The end of the asker's log.
        after: Position,
    },
    /// "These entries come after it."
    Fetched {
        /// The entry that was asked about.
        previous: Position,
        /// The entries after it.
        entries: Vec<LogEntry>,
    },
    /// "Replace all you have by this."
    Snapshot {
        /// The last entry that the state holds.
        position: Position,
        /// Everything.
        state: State<Path, Payload>,
        /// The clients' last writes.
        applied: Vec<(ClientId, Applied)>,
    },
}
