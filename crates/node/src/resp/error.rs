//! Why a command failed, in Redis's words where Redis has any.

use syncline_replicas::Refusal;

/// The longest name of an unknown command that is repeated to the client, and the most of its arguments.
const MOST_REPEATED: usize = 128;

/// A command's failure. All variants but [`Refused`](Self::Refused) and [`Busy`](Self::Busy) say that nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("ERR unknown command '{name}', with args beginning with: {arguments}")]
    UnknownCommand { name: String, arguments: String },
    #[error("ERR unknown subcommand '{subcommand}'. Try {command} HELP.")]
    UnknownSubcommand { command: String, subcommand: String },
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    #[error("ERR value is not a valid float")]
    NotAFloat,
    #[error("ERR increment would produce NaN or Infinity")]
    NotFinite,
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    #[error("ERR decrement would overflow")]
    DecrementOverflow,
    #[error("ERR value is out of range, must be positive")]
    NotPositive,
    #[error("ERR value is out of range, value must between -{0} and {0}")]
    OutOfRange(i64),
    #[error("ERR invalid expire time in '{0}' command")]
    ExpireTime(&'static str),

    #[error("ERR invalid cursor")]
    Cursor,
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPassword,
    #[error("NOPROTO unsupported protocol version")]
    NoProtocol,
    #[error("BUSY the key was changed by others again and again meanwhile; nothing was written: try again")]
    Busy,
    /// Anything else that Redis words for one command only.
    #[error("{0}")]
    Other(String),
    /// The partition refused.
    #[error("{}", worded(refusal, *needed, *is_read))]
    Refused {
        /// Why.
        refusal: Refusal,
        /// How many replicas were asked for.
        needed: u8,
        /// Whether the command only reads.
        is_read: bool,
    },
}

impl CommandError {
    /// An error with these words behind `ERR`.
    pub(crate) fn other(words: impl std::fmt::Display) -> Self {
        Self::Other(format!("ERR {words}"))
    }

    /// Nobody knows this command.
    pub(crate) fn unknown_command(request: &[bytes::Bytes]) -> Self {
        // Redis prints arguments as strings of C, which end with a zero, and stops once it has printed enough.
        let printed = |bytes: &[u8], most: usize| {
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(&text[..text.len().min(most)]).into_owned()
        };
        let mut arguments = String::new();
        for argument in &request[1..] {
            if arguments.len() >= MOST_REPEATED {
                break;
            }
            let argument = printed(argument, MOST_REPEATED - arguments.len());
            arguments.push_str(&format!("'{argument}' "));
        }
        Self::UnknownCommand { name: printed(&request[0], MOST_REPEATED), arguments }
    }
}

/// What a refusal is to a client of Redis. `NOQUORUM` begins what may be tried again when more replicas can be reached.
fn worded(refusal: &Refusal, needed: u8, is_read: bool) -> String {
    match refusal {
        Refusal::QuorumNotReached { achieved, needed } if is_read => {
            format!("NOQUORUM {} of {needed} replicas answered in time", achieved.copies)
        }
        Refusal::QuorumNotReached { achieved, needed } => {
            let copies = achieved.copies;
            format!("NOQUORUM {copies} of {needed} replicas answered in time; the write may or may not take effect")
        }
        Refusal::NotLeader { .. } => {
            format!("NOQUORUM 0 of {needed} replicas answered: the partition has no leader now; nothing was done")
        }
        Refusal::Unavailable => {
            format!("NOQUORUM 0 of {needed} replicas answered: this node does not serve the partition now")
        }
        Refusal::Overloaded => "BUSY too many requests are waiting; nothing was done: try again".to_string(),
        Refusal::WrongType => CommandError::WrongType.to_string(),
        Refusal::NotANumber => CommandError::NotAnInteger.to_string(),
        Refusal::Overflow => CommandError::Overflow.to_string(),
        refusal => format!("ERR {refusal}"),
    }
}

#[cfg(test)]
mod tests {
    use syncline_replicas::{Achieved, Refusal};

    use super::CommandError;

    #[test]
    fn a_write_without_a_quorum_is_said_to_be_indeterminate() {
        let achieved = Achieved { copies: 1, datacenters: 1 };
        let refusal = Refusal::QuorumNotReached { achieved, needed: 2 };
        let said = |is_read| CommandError::Refused { refusal: refusal.clone(), needed: 2, is_read }.to_string();
        assert_eq!(said(true), "NOQUORUM 1 of 2 replicas answered in time");
        assert_eq!(said(false), "NOQUORUM 1 of 2 replicas answered in time; the write may or may not take effect");
    }

    #[test]
    fn unknown_commands_are_repeated_in_part() {
        let said = |parts: &[&str]| {
            let request: Vec<bytes::Bytes> = parts.iter().map(|part| part.to_string().into()).collect();
            CommandError::unknown_command(&request).to_string()
        };
        assert_eq!(said(&["foo", "a", "b"]), "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
        assert_eq!(said(&["foo"]), "ERR unknown command 'foo', with args beginning with: ");
        let long = "x".repeat(300);
        let expected = format!("ERR unknown command '{0}', with args beginning with: '{0}' ", "x".repeat(128));
        assert_eq!(said(&[&long, &long, "b"]), expected);
    }
}
