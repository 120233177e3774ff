//! Replaying what real clients did: the output of Redis's `MONITOR` as a source of commands.
//!
//! The format is that of Redis itself (`replicationFeedMonitors`, strings quoted by `sdscatrepr`), one command a line:
//!
//! ```text
//! 1339518083.107412 [0 127.0.0.1:60866] "set" "key" "val\x00\"ue"
//! ```
//!
//! Opening a trace reads the whole file once, checks every line and keeps an index of a few bytes a line, so a trace may
//! be larger than memory and nothing is left to fail at replay but the disk. Each connection is then read by its own
//! cursor, in its own order and at its own pace, as its client once sent it.
//!
//! Not replayed: expiry and conditions (`SET … EX … NX` is a plain write), replies, and what scripts did: the line of an
//! `EVAL` is skipped by name, the lines of its effects are counted by [`MonitorTrace::script_lines`]. Redis's numbered
//! databases are one key space here, and all clients of one unix socket, which `MONITOR` cannot tell apart, are one
//! connection.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest line, without its end, in bytes.
const MAX_LINE: usize = 64 << 20;
/// The most words in a line; Redis's own limit for a command was the same for long.
const MAX_WORDS: usize = 1 << 20;
/// The longest client address: a unix socket's path has at most 108 bytes.
const MAX_CLIENT: usize = 256;
/// The longest part of a skipped command's name that is kept for the counts.
const MAX_NAME: usize = 64;
/// The longest trace: a timestamp further from the first is taken for damage rather than waited for.
const MAX_MICROS: u64 = 366 * 24 * 60 * 60 * 1_000_000;
/// How much a cursor reads at once.
const WINDOW: usize = 4 << 10;

/// What a line should have held at the place where it stopped making sense.
type Expected = &'static str;

/// Why a trace cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be opened or read.
    #[error("cannot read the trace {}: {source}", path.display())]
    Read {
        /// The trace.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line is not one that `MONITOR` prints, or a replayed command has wrong arguments.
    #[error("{}:{line}: expected {expected}", path.display())]
    Malformed {
        /// The trace.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A line is longer than 64 MiB.
    #[error("{}:{line}: the line is longer than {MAX_LINE} bytes", path.display())]
    LineTooLong {
        /// The trace.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// No line holds a command that can be replayed.
    #[error("{} holds no command that can be replayed", path.display())]
    Empty {
        /// The trace.
        path: PathBuf,
    },
    /// A cursor found something else than what was there when the trace was opened.
    #[error("{} was changed since it was opened: no command at byte {offset}", path.display())]
    Changed {
        /// The trace.
        path: PathBuf,
        /// Where the line began.
        offset: u64,
    },
}

/// A command that can be replayed, stripped to what matters to a replicated store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TraceCommand {
    /// `GET`.
    Get {
        /// The string's key.
        key: Vec<u8>,
    },
    /// `SET`, `SETNX`, `GETSET`, `SETEX`, `PSETEX`, without condition, expiry or reply.
    Set {
        /// The string's key.
        key: Vec<u8>,
        /// The new value.
        value: Vec<u8>,
    },
    /// `INCR`, `DECR`, `INCRBY`, `DECRBY`.
    Increment {
        /// The counter's key.
        key: Vec<u8>,
        /// What is added; negative for a decrement.
        amount: i64,
    },
    /// `SADD`.
    Add {
        /// The set's key.
        key: Vec<u8>,
        /// At least one member.
        members: Vec<Vec<u8>>,
    },
    /// `SREM`.
    Remove {
        /// The set's key.
        key: Vec<u8>,
        /// At least one member.
        members: Vec<Vec<u8>>,
    },
    /// `DEL`, `UNLINK`.
    Delete {
        /// At least one key, of any type.
        keys: Vec<Vec<u8>>,
    },
    /// `SMEMBERS`, `SISMEMBER`, `SCARD`: a set is read.
    Members {
        /// The set's key.
        key: Vec<u8>,
    },
}

impl TraceCommand {
    /// The name under which [`MonitorTrace::commands`] counts it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Get { .. } => "get",
            Self::Set { .. } => "set",
            Self::Increment { .. } => "increment",
            Self::Add { .. } => "add",
            Self::Remove { .. } => "remove",
            Self::Delete { .. } => "delete",
            Self::Members { .. } => "members",
        }
    }

    /// The command of this name, in capitals, and these arguments; `None` if it is one that is not replayed.
    fn from_words(name: &str, mut words: Vec<Vec<u8>>) -> Result<Option<Self>, Expected> {
        let (fits, expected) = match name {
            "GET" | "SMEMBERS" | "SCARD" | "INCR" | "DECR" => (words.len() == 1, "one key after the command"),
            "SISMEMBER" => (words.len() == 2, "a key and one member"),
            "INCRBY" | "DECRBY" => (words.len() == 2, "a key and an amount"),
            "SETNX" | "GETSET" => (words.len() == 2, "a key and a value"),
            "SET" => (words.len() >= 2, "a key and a value"),
            "SETEX" | "PSETEX" => (words.len() == 3, "a key, a time to live and a value"),
            "SADD" | "SREM" => (words.len() >= 2, "a key and at least one member"),
            "DEL" | "UNLINK" => (!words.is_empty(), "at least one key"),
            _ => return Ok(None),
        };
        if !fits {
            return Err(expected);
        }
        if let "DEL" | "UNLINK" = name {
            return Ok(Some(Self::Delete { keys: words }));
        }
        let key = words.remove(0);
        Ok(Some(match name {
            "GET" => Self::Get { key },
            "SET" | "SETNX" | "GETSET" => Self::Set { key, value: words.swap_remove(0) },
            "SETEX" | "PSETEX" => Self::Set { key, value: words.swap_remove(1) },
            "INCR" => Self::Increment { key, amount: 1 },
            "DECR" => Self::Increment { key, amount: -1 },
            "INCRBY" => Self::Increment { key, amount: amount(&words[0])? },
            "DECRBY" => {
                let negated = amount(&words[0])?.checked_neg().ok_or("an amount whose negative has 64 bits too")?;
                Self::Increment { key, amount: negated }
            }
            "SADD" => Self::Add { key, members: words },
            "SREM" => Self::Remove { key, members: words },
            _ => Self::Members { key },
        }))
    }
}

/// One command of one connection, and when it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Nanoseconds since the trace's first line. Where the server's clock stepped back this stands still: it never
    /// falls along a connection, nor along the lines of the file.
    pub at_nanos: u64,
    /// What was sent.
    pub command: TraceCommand,
}

/// A checked and indexed trace. A clone is cheap: clones and cursors share one open file and one index.
#[derive(Clone, Debug)]
pub struct MonitorTrace {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    file: File,
    /// For each connection, in order of its first command, its replayed lines as pairs of numbers of variable length:
    /// how many bytes after its previous line the line begins, and how many microseconds later it was sent. That is
    /// four to six bytes a line in practice, and eight until a connection pauses for four minutes or 256 MiB.
    index: Vec<Box<[u8]>>,
    lines: u64,
    script_lines: u64,
    commands: BTreeMap<&'static str, u64>,
    skipped: BTreeMap<String, u64>,
}

impl MonitorTrace {
    /// Reads and checks the file at `path`, which must be a regular file that nobody changes while it is replayed.
    ///
    /// Lines are taken as `redis-cli MONITOR` prints them; a first line `OK` is skipped.
    ///
    /// # Errors
    /// [`TraceError`], with the number of the first line that is wrong.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let path = path.as_ref().to_path_buf();
        let file = match open_regular(&path) {
            Ok(file) => file,
            Err(source) => return Err(TraceError::Read { path, source }),
        };
        let mut shared = Shared {
            path,
            file,
            index: Vec::new(),
            lines: 0,
            script_lines: 0,
            commands: BTreeMap::new(),
            skipped: BTreeMap::new(),
        };
        shared.take_lines()?;
        if shared.index.is_empty() {
            return Err(TraceError::Empty { path: shared.path });
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How many connections sent a command that can be replayed; they are numbered from 0 in the order of their first.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.index.len()
    }

    /// How many lines the file has, those that are not replayed included.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.shared.lines
    }

    /// How many lines are effects of scripts, which are not replayed.
    #[must_use]
    pub fn script_lines(&self) -> u64 {
        self.shared.script_lines
    }

    /// How many commands are replayed, by [`TraceCommand::kind`].
    #[must_use]
    pub fn commands(&self) -> &BTreeMap<&'static str, u64> {
        &self.shared.commands
    }

    /// How many commands are not replayed, by their name in capitals.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<String, u64> {
        &self.shared.skipped
    }

    /// A cursor before the first command of a connection. It keeps 4 KiB of the file once it is used.
    ///
    /// # Errors
    /// `InvalidInput` if the trace has no connection of this number.
    pub fn cursor(&self, connection: usize) -> io::Result<ConnectionCursor> {
        if connection >= self.connections() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the trace has no connection of this number"));
        }
        let trace = Arc::clone(&self.shared);
        Ok(ConnectionCursor { trace, connection, read: 0, offset: 0, micros: 0, window: Vec::new(), window_at: 0 })
    }
}

/// Reads the commands of one connection in their order; see [`MonitorTrace::cursor`].
#[derive(Clone, Debug)]
pub struct ConnectionCursor {
    trace: Arc<Shared>,
    connection: usize,
    /// How many bytes of the connection's index are read.
    read: usize,
    /// The last line's beginning and time.
    offset: u64,
    micros: u64,
    /// Bytes of the file, from `window_at` on.
    window: Vec<u8>,
    window_at: u64,
}

impl ConnectionCursor {
    /// The next command, or `None` after the last.
    ///
    /// # Errors
    /// [`TraceError::Read`] if the disk fails and [`TraceError::Changed`] if the file is no longer the one that was
    /// opened. The cursor then stands behind the command that it could not read.
    #[allow(clippy::should_implement_trait, reason = "an iterator of results reads on after an error")]
    pub fn next(&mut self) -> Result<Option<Step>, TraceError> {
        let index = &self.trace.index[self.connection];
        if self.read == index.len() {
            return Ok(None);
        }
        self.offset += take_varint(index, &mut self.read);
        self.micros += take_varint(index, &mut self.read);
        let at_nanos = self.micros * 1000;
        let text = self.line().map_err(|source| TraceError::Read { path: self.trace.path.clone(), source })?;
        let command = match Line::parse(text).and_then(Line::command) {
            Ok((_, Some(command))) => command,
            _ => return Err(TraceError::Changed { path: self.trace.path.clone(), offset: self.offset }),
        };
        Ok(Some(Step { at_nanos, command }))
    }

    /// The line at `offset`, from the window or from the file; cut off where it is longer than any that was accepted.
    fn line(&mut self) -> io::Result<&[u8]> {
        let skip = self.offset.checked_sub(self.window_at).map_or(usize::MAX, |skip| skip as usize);
        let end = self.window.get(skip..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n'));
        if let Some(end) = end {
            return Ok(&self.window[skip..skip + end]);
        }
        self.window_at = self.offset;
        self.window.clear();
        self.window.shrink_to(WINDOW);
        while self.window.len() <= MAX_LINE {
            // As much again as there is already, so that a long line costs few reads and memory in its proportion.
            let filled = self.window.len();
            self.window.resize(filled + filled.max(WINDOW), 0);
            let taken = read_at(&self.trace.file, &mut self.window[filled..], self.offset + filled as u64);
            self.window.truncate(filled + *taken.as_ref().unwrap_or(&0));
            let fresh = &self.window[filled..];
            if let Some(end) = fresh.iter().position(|&byte| byte == b'\n') {
                return Ok(&self.window[..filled + end]);
            }
            if taken? == 0 {
                break;
            }
        }
        Ok(&self.window)
    }
}

impl Shared {
    /// Checks, counts and indexes every line.
    fn take_lines(&mut self) -> Result<(), TraceError> {
        let mut indexer = Indexer::default();
        let mut line = Vec::new();
        let mut offset = 0;
        loop {
            line.clear();
            let mut reader = indexer.reader(&self.file).take(MAX_LINE as u64 + 1);
        }
    }
}
