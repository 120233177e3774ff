//! Registers and counters: one request each.

use bytes::Bytes;
use syncline_replicas::{Command, Reply, SetCondition, SetExpiry, SetOptions, Value};

use super::{now, text};
use crate::resp::arguments::{is, number};
use crate::resp::error::CommandError;
use crate::resp::frame::Frame;
use crate::resp::session::Session;
use crate::resp::table::{One, Outcome, Steps};

type Prepared = Result<One, CommandError>;

fn value_of(reply: Reply) -> Outcome {
    text(reply.value).map(Frame::bulk_or_null)
}

/// A write that replies `OK`, whatever it changed.
fn done(_: Reply) -> Outcome {
    Ok(Frame::OK)
}

pub(crate) fn get(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Get, value_of)
}

pub(crate) fn strlen(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Get, |reply| Ok(Frame::count(text(reply.value)?.map_or(0, |value| value.len()))))
}

pub(crate) fn set(_: &mut Session, request: &[Bytes]) -> Prepared {
    let options = set_options(&request[3..])?;
    let command = Command::Set { value: request[2].to_vec(), options };
    if options.previous {
        return One::new(&request[1], command, value_of);
    }
    One::new(&request[1], command, |reply| Ok(if reply.changed == 0 { Frame::Null } else { Frame::OK }))
}

/// The options of `SET`, none against another. Of an option that is repeated, Redis takes the last.
fn set_options(mut arguments: &[Bytes]) -> Result<SetOptions, CommandError> {
    let mut options = SetOptions::default();
    let mut deadline: Option<(Unit, &[u8])> = None;
    while let [option, rest @ ..] = arguments {
        arguments = rest;
        let is_free = options.condition == SetCondition::Always;
        let is_open = |unit| options.expiry == SetExpiry::Clear && deadline.is_none_or(|(given, _)| given == unit);
        if is(option, "NX") && (is_free || options.condition == SetCondition::IfAbsent) {
            options.condition = SetCondition::IfAbsent;
        } else if is(option, "XX") && (is_free || options.condition == SetCondition::IfPresent) {
            options.condition = SetCondition::IfPresent;
        } else if is(option, "GET") {
            options.previous = true;
        } else if is(option, "KEEPTTL") && deadline.is_none() {
            options.expiry = SetExpiry::Keep;
        } else if let (Some(unit), [time, rest @ ..]) = (Unit::named(option), arguments)
            && is_open(unit)
        {
            deadline = Some((unit, time));
            arguments = rest;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if let Some((unit, time)) = deadline {
        options.expiry = SetExpiry::At(unit.deadline(time, "set")?);
    }
    Ok(options)
}

/// How a deadline is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
    AtSecond,
    AtMillisecond,
}

impl Unit {
    fn named(option: &[u8]) -> Option<Self> {
        let units = [
            ("EX", Self::Seconds),
            ("PX", Self::Milliseconds),
            ("EXAT", Self::AtSecond),
            ("PXAT", Self::AtMillisecond),
        ];
        units.into_iter().find(|(name, _)| is(option, name)).map(|(_, unit)| unit)
    }

    /// The deadline in milliseconds since the Unix epoch. Unlike `EXPIRE`, these commands take none before the epoch.
    fn deadline(self, time: &[u8], command: &'static str) -> Result<u64, CommandError> {
        let time = number(time)?;
        let milliseconds = match self {
            Self::Seconds | Self::AtSecond => time.checked_mul(1_000),
            Self::Milliseconds | Self::AtMillisecond => Some(time),
        };
        let at = milliseconds.filter(|_| time > 0).and_then(|milliseconds| match self {
            Self::Seconds | Self::Milliseconds => milliseconds.checked_add(now()),
            Self::AtSecond | Self::AtMillisecond => Some(milliseconds),
        });
        at.and_then(|at| u64::try_from(at).ok()).ok_or(CommandError::ExpireTime(command))
    }
}

pub(crate) fn setnx(_: &mut Session, request: &[Bytes]) -> Prepared {
    let options = SetOptions { condition: SetCondition::IfAbsent, ..SetOptions::default() };
    let command = Command::Set { value: request[2].to_vec(), options };
    One::new(&request[1], command, |reply| Ok(Frame::flag(reply.changed > 0)))
}

pub(crate) fn setex(_: &mut Session, request: &[Bytes]) -> Prepared {
    set_until(request, Unit::Seconds, "setex")
}

pub(crate) fn psetex(_: &mut Session, request: &[Bytes]) -> Prepared {
    set_until(request, Unit::Milliseconds, "psetex")
}

fn set_until(request: &[Bytes], unit: Unit, name: &'static str) -> Prepared {
    let expiry = SetExpiry::At(unit.deadline(&request[2], name)?);
    let options = SetOptions { expiry, ..SetOptions::default() };
    One::new(&request[1], Command::Set { value: request[3].to_vec(), options }, done)
}

pub(crate) fn getset(_: &mut Session, request: &[Bytes]) -> Prepared {
    let options = SetOptions { previous: true, ..SetOptions::default() };
    One::new(&request[1], Command::Set { value: request[2].to_vec(), options }, value_of)
}

pub(crate) fn getdel(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Delete { previous: true }, value_of)
}

pub(crate) fn incr(_: &mut Session, request: &[Bytes]) -> Prepared {
    add(request, 1)
}

pub(crate) fn decr(_: &mut Session, request: &[Bytes]) -> Prepared {
    add(request, -1)
}

pub(crate) fn incrby(_: &mut Session, request: &[Bytes]) -> Prepared {
    add(request, number(&request[2])?)
}

pub(crate) fn decrby(_: &mut Session, request: &[Bytes]) -> Prepared {
    let amount = number(&request[2])?;
    add(request, amount.checked_neg().ok_or(CommandError::DecrementOverflow)?)
}

fn add(request: &[Bytes], amount: i64) -> Prepared {
    One::new(&request[1], Command::Increment(amount), |reply| match reply.value {
        Value::Counter(number) => Ok(Frame::Integer(number)),
        _ => Err(CommandError::WrongType),
    })
}

/// `MGET` tells nothing of a key of another type, instead of refusing all.
fn value_or_null(reply: Reply) -> Frame {
    text(reply.value).map_or(Frame::Null, Frame::bulk_or_null)
}

pub(crate) fn mget_one(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Get, |reply| Ok(Frame::Array(vec![value_or_null(reply)])))
}

pub(crate) fn mget(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        let mut values = Vec::new();
        let reads = request.into_iter().skip(1).map(|key| (key.into(), Command::Get));
        let take = |reply| {
            values.push(value_or_null(reply));
            Ok(())
        };
        session.call_all(reads, take).await?;
        Ok(Frame::Array(values))
    })
}

pub(crate) fn mset_one(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::set(request[2].to_vec()), done)
}

pub(crate) fn mset(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        if request.len().is_multiple_of(2) {
            return Err(CommandError::Arity("mset".into()));
        }
        let mut parts = request.into_iter().skip(1);
        let writes = std::iter::from_fn(|| Some((parts.next()?.into(), Command::set(parts.next()?.into()))));
        session.call_all(writes, |_| Ok(())).await?;
        Ok(Frame::OK)
    })
}

#[cfg(test)]
mod tests {
    use syncline_replicas::{SetCondition, SetExpiry};

    use super::set_options;

    fn options(text: &str) -> Result<(SetCondition, SetExpiry, bool), String> {
        let arguments: Vec<bytes::Bytes> = text.split_whitespace().map(|part| part.to_string().into()).collect();
        let options = set_options(&arguments).map_err(|error| error.to_string())?;
        Ok((options.condition, options.expiry, options.previous))
    }

    #[test]
    fn options_of_set() {
        let at = |at| SetExpiry::At(at);
        assert_eq!(options(""), Ok((SetCondition::Always, SetExpiry::Clear, false)));
        assert_eq!(options("xx get keepttl"), Ok((SetCondition::IfPresent, SetExpiry::Keep, true)));
        assert_eq!(options("NX EXAT 7 GET"), Ok((SetCondition::IfAbsent, at(7_000), true)));
        assert_eq!(options("pxat 7"), Ok((SetCondition::Always, at(7), false)));
        for wrong in ["NX XX", "EX 1 PX 1", "KEEPTTL EX 1", "EX 1 KEEPTTL", "EX", "FOO"] {
            assert_eq!(options(wrong), Err("ERR syntax error".into()), "{wrong}");
        }
        for wrong in ["EX 0", "EX -1", "PX 9223372036854775807", "EX 9223372036854775807", "PXAT -5"] {
            assert_eq!(options(wrong), Err("ERR invalid expire time in 'set' command".into()), "{wrong}");
        }
        assert_eq!(options("EX a"), Err("ERR value is not an integer or out of range".into()));
    }
}
