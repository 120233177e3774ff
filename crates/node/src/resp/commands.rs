//! What each command does. Every function here is named in the [table](super::table).

pub(crate) mod conditional;
pub(crate) mod connection;
pub(crate) mod consistency;
pub(crate) mod expiry;
pub(crate) mod introspection;
pub(crate) mod keys;
pub(crate) mod scans;
pub(crate) mod sets;
pub(crate) mod strings;

use syncline_replicas::Value;

use super::error::CommandError;

/// What a string is to a client: of a register the version that was written last, of a counter its decimal text.
pub(crate) fn text(value: Value) -> Result<Option<Vec<u8>>, CommandError> {
    match value {
        Value::Absent => Ok(None),
        Value::Register(mut siblings) => Ok(siblings.pop().map(|version| version.value)),
        Value::Counter(number) => Ok(Some(number.to_string().into_bytes())),
        _ => Err(CommandError::WrongType),
    }
}

/// The members of a set; none if there is none.
pub(crate) fn members(value: Value) -> Result<std::collections::BTreeSet<Vec<u8>>, CommandError> {
    match value {
        Value::Absent => Ok(Default::default()),
        Value::Set(members) => Ok(members),
        _ => Err(CommandError::WrongType),
    }
}

/// A value's type, by its name.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Absent => "none",
        Value::Register(_) | Value::Counter(_) => "string",
        _ => "set",
    }
}

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
