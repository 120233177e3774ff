//! One line of `MONITOR`: its parts, the words behind their quotes, and the command that they are.

/// The most words in a line; Redis's own limit for a command was the same for long.
const MAX_WORDS: usize = 1 << 20;
/// The longest client address: a unix socket's path has at most 108 bytes.
const MAX_CLIENT: usize = 256;
/// The longest part of a skipped command's name that is kept for the counts.
const MAX_NAME: usize = 64;

/// What a line should have held at the place where it stopped making sense.
pub(super) type Expected = &'static str;

/// A command that can be replayed, stripped to what matters to a replicated store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TraceCommand {
    /// `GET`, which reads a counter too.
    Get {
        /// The key of a string or a counter.
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
    /// The name under which [`MonitorTrace::commands`](crate::MonitorTrace::commands) counts it.
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
            // Redis logs a command before it finds that the amount is no integer: that client was refused.
            "INCRBY" => match amount(&words[0]) {
                Some(amount) => Self::Increment { key, amount },
                None => return Ok(None),
            },
            "DECRBY" => match amount(&words[0]).and_then(i64::checked_neg) {
                Some(amount) => Self::Increment { key, amount },
                None => return Ok(None),
            },
            "SADD" => Self::Add { key, members: words },
            "SREM" => Self::Remove { key, members: words },
            _ => Self::Members { key },
        }))
    }
}

/// A line, split into its parts.
pub(super) struct Line<'a> {
    /// Microseconds since 1970.
    pub(super) micros: u64,
    /// `address:port`, `unix:path`, or `lua` for the effect of a script.
    pub(super) client: &'a [u8],
    /// The command and its arguments, still quoted.
    words: &'a [u8],
}

impl<'a> Line<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Expected> {
        const TIMESTAMP: Expected = "a timestamp of seconds, a dot and six digits";
        const CLIENT: Expected = "a database and a client as in [0 127.0.0.1:60866]";
        let (stamp, rest) = split(text, b" ").ok_or(TIMESTAMP)?;
        let (seconds, fraction) = split(stamp, b".").ok_or(TIMESTAMP)?;
        let seconds = number(seconds).ok_or(TIMESTAMP)?;
        let fraction = number(fraction).filter(|_| fraction.len() == 6).ok_or(TIMESTAMP)?;
        let rest = rest.strip_prefix(b"[").ok_or(CLIENT)?;
        let (database, rest) = split(rest, b" ").ok_or(CLIENT)?;
        number(database).ok_or(CLIENT)?;
        // An IPv6 address has brackets of its own, so the field ends where the first word begins.
        let (client, words) = split(rest, b"] ").ok_or(CLIENT)?;
        if client.is_empty() || client.len() > MAX_CLIENT {
            return Err("a client address of 1 to 256 bytes");
        }
        Ok(Self { micros: seconds * 1_000_000 + fraction, client, words })
    }

    /// The command's name in capitals, and the command if it is one that is replayed.
    pub(super) fn command(&self) -> Result<(String, Option<TraceCommand>), Expected> {
        let mut rest = self.words;
        let name = take_word(&mut rest)?;
        let name = String::from_utf8_lossy(&name[..name.len().min(MAX_NAME)]).to_ascii_uppercase();
        let mut words = Vec::new();
        while !rest.is_empty() {
            rest = rest.strip_prefix(b" ").ok_or("a space between two words")?;
            if words.len() == MAX_WORDS {
                return Err("at most 1048576 words after the command");
            }
            words.push(take_word(&mut rest)?);
        }
        let command = TraceCommand::from_words(&name, words)?;
        Ok((name, command))
    }
}

/// Takes one quoted word off the front of `text` and undoes what `sdscatrepr` did to it.
fn take_word(text: &mut &[u8]) -> Result<Vec<u8>, Expected> {
    let mut rest = text.strip_prefix(b"\"").ok_or("a word in double quotes")?;
    let mut word = Vec::new();
    loop {
        let special = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or("a closing double quote")?;
        word.extend_from_slice(&rest[..special]);
        let quote = rest[special] == b'"';
        rest = &rest[special + 1..];
        if quote {
            *text = rest;
            return Ok(word);
        }
        let (byte, length) = match rest {
            [byte @ (b'\\' | b'"'), ..] => (*byte, 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b't', ..] => (b'\t', 1),
            [b'a', ..] => (0x07, 1),
            [b'b', ..] => (0x08, 1),
            [b'x', high, low, ..] => (hex(*high)? << 4 | hex(*low)?, 3),
            _ => return Err("one of the escapes \\\\ \\\" \\n \\r \\t \\a \\b \\xHH"),
        };
        word.push(byte);
        rest = &rest[length..];
    }
}

fn hex(digit: u8) -> Result<u8, Expected> {
    let value = char::from(digit).to_digit(16).ok_or("two hexadecimal digits after \\x")?;
    Ok(value as u8)
}

/// What stands before and after the first `separator`.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(separator.len()).position(|window| window == separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

/// A number of one to ten digits: as seconds, any time before the year 2286.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 10 {
        return None;
    }
    text.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

fn amount(word: &[u8]) -> Option<i64> {
    str::from_utf8(word).ok()?.parse().ok()
}
