//! Replaying what real clients did: the output of Redis's `MONITOR` as a source of commands.
//!
//! The format is that of Redis itself (`replicationFeedMonitors`, strings quoted by `sdscatrepr`), one command a line:
//!
//! ```text
//! 1339518083.107412 [0 127.0.0.1:60866] "set" "key" "val\x00\"ue"
//! ```
//!
//! Opening a trace reads the whole file once, checks every line and keeps an index of a few bytes a line, so a trace
//! may be larger than memory and nothing is left to fail at replay but the disk. Each connection is then read by its
//! own cursor, in its own order and at its own pace, as its client once sent it.
//!
//! Not replayed: expiry and conditions (`SET … EX … NX` is a plain write), replies, and what scripts did: the line of
//! an `EVAL` is skipped by name, the lines of its effects are counted by [`MonitorTrace::script_lines`]. Redis's
//! numbered databases are one key space here, and all clients of one unix socket, which `MONITOR` cannot tell apart,
//! are one connection.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod line;

use line::{Expected, Line};

pub use line::TraceCommand;

/// The longest line, without its end, in bytes.
const MAX_LINE: usize = 64 << 20;
/// The longest trace: a timestamp further from the first is taken for damage rather than waited for.
const MAX_MICROS: u64 = 366 * 24 * 60 * 60 * 1_000_000;
/// How much a cursor reads at once.
const WINDOW: usize = 4 << 10;

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

/// One command of one connection, and when it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Nanoseconds since the trace's first line. It never falls from one line of the file to the next: where the
    /// server's clock stepped back, it stands still.
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
    index: Index,
}

impl MonitorTrace {
    /// Reads and checks the file at `path`, which must be a regular file that nobody changes while it is replayed.
    ///
    /// Lines are taken as `redis-cli MONITOR` prints them; a first line `OK` is skipped.
    ///
    /// # Errors
    /// [`TraceError`], with the number of the first line that is wrong.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let path = path.as_ref();
        let file = open_regular(path).map_err(|source| TraceError::Read { path: path.to_path_buf(), source })?;
        let index = Index::of(path, &file)?;
        if index.connections.is_empty() {
            return Err(TraceError::Empty { path: path.to_path_buf() });
        }
        Ok(Self { shared: Arc::new(Shared { path: path.to_path_buf(), file, index }) })
    }

    /// How many connections sent a command that can be replayed; they are numbered from 0 in the order of their first.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.index.connections.len()
    }

    /// How many lines the file has, those that are not replayed included.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.shared.index.lines
    }

    /// The time from the first line to the last, in nanoseconds.
    #[must_use]
    pub fn duration_nanos(&self) -> u64 {
        self.shared.index.micros * 1_000
    }

    /// How many lines are effects of scripts, which are not replayed.
    #[must_use]
    pub fn script_lines(&self) -> u64 {
        self.shared.index.script_lines
    }

    /// How many commands are replayed, by [`TraceCommand::kind`].
    #[must_use]
    pub fn commands(&self) -> &BTreeMap<&'static str, u64> {
        &self.shared.index.commands
    }

    /// How many commands are not replayed, by their name in capitals.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<String, u64> {
        &self.shared.index.skipped
    }

    /// A cursor before the first command of a connection. Once used it holds 4 KiB of the file, or its longest line.
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
    /// Where the last line begins, and its time.
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
    /// [`TraceError::Read`] if the disk fails, [`TraceError::Changed`] if the file is no longer the one that was
    /// opened. The cursor then stands behind the command that it could not read.
    #[expect(clippy::should_implement_trait, reason = "no item is an error, and `?` reads better than a transposition")]
    pub fn next(&mut self) -> Result<Option<Step>, TraceError> {
        let index = &self.trace.index.connections[self.connection];
        if self.read == index.len() {
            return Ok(None);
        }
        self.offset += take_varint(index, &mut self.read);
        self.micros += take_varint(index, &mut self.read);
        let parsed = match self.line() {
            Ok(text) => Line::parse(text).and_then(|line| line.command()),
            Err(source) => return Err(TraceError::Read { path: self.trace.path.clone(), source }),
        };
        match parsed {
            Ok((_, Some(command))) => Ok(Some(Step { at_nanos: self.micros * 1000, command })),
            _ => Err(TraceError::Changed { path: self.trace.path.clone(), offset: self.offset }),
        }
    }

    /// The line at `offset`, from the window or from the file; cut off where it is longer than any that was accepted.
    fn line(&mut self) -> io::Result<&[u8]> {
        let skip = usize::try_from(self.offset - self.window_at).unwrap_or(usize::MAX);
        let end = self.window.get(skip..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n'));
        if let Some(end) = end {
            return Ok(&self.window[skip..skip + end]);
        }
        self.window_at = self.offset;
        self.window.clear();
        self.window.shrink_to(WINDOW);
        while self.window.len() <= MAX_LINE {
            // As much again as there is already: few reads for a long line, and memory in its proportion.
            let filled = self.window.len();
            self.window.resize((2 * filled).clamp(WINDOW, MAX_LINE + 1), 0);
            let taken = self.trace.file.read_at(&mut self.window[filled..], self.offset + filled as u64);
            self.window.truncate(filled + taken.as_ref().map_or(0, |&taken| taken));
            match taken {
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(_) => {
                    if let Some(end) = self.window[filled..].iter().position(|&byte| byte == b'\n') {
                        return Ok(&self.window[..filled + end]);
                    }
                }
            }
        }
        Ok(&self.window)
    }
}

/// What one pass over the file leaves behind.
#[derive(Debug, Default)]
struct Index {
    /// For each connection its replayed lines, each as two numbers of variable length: how many bytes after the one
    /// before it begins, and how many microseconds later it was sent. That is four to six bytes a line in practice,
    /// and eight until a connection pauses for more than four minutes or 256 MiB.
    connections: Vec<Vec<u8>>,
    lines: u64,
    /// From the first line to the last.
    micros: u64,
    script_lines: u64,
    commands: BTreeMap<&'static str, u64>,
    skipped: BTreeMap<String, u64>,
}

/// What is needed of a client only while the index grows.
struct Client {
    connection: usize,
    last_offset: u64,
    last_micros: u64,
}

impl Index {
    /// Checks, counts and indexes every line.
    fn of(path: &Path, file: &File) -> Result<Self, TraceError> {
        let path = || path.to_path_buf();
        let mut reader = BufReader::with_capacity(64 << 10, file);
        let mut index = Self::default();
        let mut clients = BTreeMap::new();
        let (mut offset, mut clock) = (0, None);
        let mut text = Vec::new();
        loop {
            let taken = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut text);
            let taken = taken.map_err(|source| TraceError::Read { path: path(), source })?;
            if taken == 0 {
                break;
            }
            index.lines += 1;
            text.pop_if(|byte| *byte == b'\n');
            if text.len() > MAX_LINE {
                return Err(TraceError::LineTooLong { path: path(), line: index.lines });
            }
            if index.lines > 1 || text != b"OK" {
                let added = index.add(&text, offset, &mut clock, &mut clients);
                added.map_err(|expected| TraceError::Malformed { path: path(), line: index.lines, expected })?;
            }
            offset += taken as u64;
            text.clear();
        }
        index.connections.iter_mut().for_each(Vec::shrink_to_fit);
        Ok(index)
    }

    /// Takes up the line that begins at `offset`. The clock is the first line's timestamp and the time since then.
    fn add(
        &mut self,
        text: &[u8],
        offset: u64,
        clock: &mut Option<(u64, u64)>,
        clients: &mut BTreeMap<Vec<u8>, Client>,
    ) -> Result<(), Expected> {
        let line = Line::parse(text)?;
        let (first, now) = clock.get_or_insert((line.micros, 0));
        *now = line.micros.saturating_sub(*first).max(*now);
        self.micros = *now;
        if *now > MAX_MICROS {
            return Err("a timestamp within a year of the first line's");
        }
        let (name, command) = line.command()?;
        if line.client == b"lua" {
            self.script_lines += 1;
            return Ok(());
        }
        let Some(command) = command else {
            *self.skipped.entry(name).or_default() += 1;
            return Ok(());
        };
        *self.commands.entry(command.kind()).or_default() += 1;
        if !clients.contains_key(line.client) {
            let client = Client { connection: self.connections.len(), last_offset: 0, last_micros: 0 };
            clients.insert(line.client.to_vec(), client);
            self.connections.push(Vec::new());
        }
        let client = clients.get_mut(line.client).expect("the client was inserted above if it was not there");
        put_varint(&mut self.connections[client.connection], offset - client.last_offset);
        put_varint(&mut self.connections[client.connection], *now - client.last_micros);
        (client.last_offset, client.last_micros) = (offset, *now);
        Ok(())
    }
}

/// Opens a file that can be read at any place: a pipe would block here, or fail only at replay.
fn open_regular(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}

/// Appends a number in groups of seven bits, the lowest first; a set high bit says that more follow (LEB128).
fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
        shift += 7;
    }
}
