//! When keys expire.

use bytes::Bytes;
use syncline_replicas::{Command, ExpireCondition, Reply, Value};

use super::now;
use crate::resp::arguments::{is, number, shown};
use crate::resp::error::CommandError;
use crate::resp::frame::Frame;
use crate::resp::session::Session;
use crate::resp::table::{One, Outcome, Steps};

type Prepared = Result<One, CommandError>;

/// How a command gives the deadline.
#[derive(Clone, Copy)]
struct Unit {
    command: &'static str,
    milliseconds: i64,
    is_from_now: bool,
}

const EXPIRE: Unit = Unit { command: "expire", milliseconds: 1_000, is_from_now: true };
const PEXPIRE: Unit = Unit { command: "pexpire", milliseconds: 1, is_from_now: true };
const EXPIREAT: Unit = Unit { command: "expireat", milliseconds: 1_000, is_from_now: false };
const PEXPIREAT: Unit = Unit { command: "pexpireat", milliseconds: 1, is_from_now: false };

impl Unit {
    fn deadline(self, time: &[u8]) -> Result<u64, CommandError> {
        let base = if self.is_from_now { now() } else { 0 };
        let at = number(time)?.checked_mul(self.milliseconds).and_then(|time| {
            // A deadline long past is as good as any that has passed.
            if time > 0 { time.checked_add(base) } else { Some(time.saturating_add(base)) }
        });
        let at = at.ok_or(CommandError::ExpireTime(self.command))?;
        Ok(u64::try_from(at).unwrap_or(0))
    }

    fn one(self, request: &[Bytes]) -> Prepared {
        let at = Some(self.deadline(&request[2])?);
        let command = Command::Expire { at, condition: ExpireCondition::Always };
        One::new(&request[1], command, has_changed)
    }

    async fn conditional(self, session: &mut Session, request: Vec<Bytes>) -> Outcome {
        let conditions = Conditions::parse(&request[3..])?;
        let at = Some(self.deadline(&request[2])?);
        let key = &request[1];
        // Both conditions are met by what expires later than now asked: no request says that in one.
        if conditions.if_some && conditions.condition == ExpireCondition::IfEarlier {
            let held = session.call(key, Command::Peek).await?;
            if held.expires.is_none() {
                return Ok(Frame::Integer(0));
            }
        }
        let command = Command::Expire { at, condition: conditions.condition };
        has_changed(session.call(key, command).await?)
    }
}

/// `NX`, `XX`, `GT`, `LT`, and which of them go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Conditions {
    condition: ExpireCondition,
    /// Beside the condition, only a key that expires is meant.
    if_some: bool,
}

impl Conditions {
    fn parse(options: &[Bytes]) -> Result<Self, CommandError> {
        let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
        for option in options {
            match () {
                () if is(option, "NX") => nx = true,
                () if is(option, "XX") => xx = true,
                () if is(option, "GT") => gt = true,
                () if is(option, "LT") => lt = true,
                () => return Err(CommandError::other(format_args!("Unsupported option {}", shown(option)))),
            }
        }
        if nx && (xx || gt || lt) {
            let words = "NX and XX, GT or LT options at the same time are not compatible";
            return Err(CommandError::other(words));
        }
        let condition = match (nx, gt, lt) {
            (_, true, true) => {
                return Err(CommandError::other("GT and LT options at the same time are not compatible"));
            }
            (true, ..) => ExpireCondition::IfNone,
            // What does not expire never expires later: this needs no XX.
            (_, true, _) => ExpireCondition::IfLater,
            (_, _, true) => ExpireCondition::IfEarlier,
            _ if xx => ExpireCondition::IfSome,
            _ => ExpireCondition::Always,
        };
        Ok(Self { condition, if_some: xx })
    }
}

fn has_changed(reply: Reply) -> Outcome {
    Ok(Frame::flag(reply.changed > 0))
}

pub(crate) fn expire(_: &mut Session, request: &[Bytes]) -> Prepared {
    EXPIRE.one(request)
}

pub(crate) fn expire_if(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(EXPIRE.conditional(session, request))
}

pub(crate) fn pexpire(_: &mut Session, request: &[Bytes]) -> Prepared {
    PEXPIRE.one(request)
}

pub(crate) fn pexpire_if(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(PEXPIRE.conditional(session, request))
}

pub(crate) fn expireat(_: &mut Session, request: &[Bytes]) -> Prepared {
    EXPIREAT.one(request)
}

pub(crate) fn expireat_if(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(EXPIREAT.conditional(session, request))
}

pub(crate) fn pexpireat(_: &mut Session, request: &[Bytes]) -> Prepared {
    PEXPIREAT.one(request)
}

pub(crate) fn pexpireat_if(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(PEXPIREAT.conditional(session, request))
}

pub(crate) fn persist(_: &mut Session, request: &[Bytes]) -> Prepared {
    let command = Command::Expire { at: None, condition: ExpireCondition::Always };
    One::new(&request[1], command, has_changed)
}

/// Tells when a key expires: -2 of one that holds nothing, -1 of one that does not expire.
fn tell(reply: &Reply, of_deadline: impl FnOnce(i64) -> i64) -> Outcome {
    Ok(Frame::Integer(match (&reply.value, reply.expires) {
        (Value::Absent, _) => -2,
        (_, None) => -1,
        (_, Some(at)) => of_deadline(i64::try_from(at).unwrap_or(i64::MAX)),
    }))
}

fn in_seconds(milliseconds: i64) -> i64 {
    milliseconds.saturating_add(500) / 1_000
}

fn left(at: i64) -> i64 {
    (at - now()).max(0)
}

pub(crate) fn ttl(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Peek, |reply| tell(&reply, |at| in_seconds(left(at))))
}

pub(crate) fn pttl(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Peek, |reply| tell(&reply, left))
}

pub(crate) fn expiretime(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Peek, |reply| tell(&reply, in_seconds))
}

pub(crate) fn pexpiretime(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Peek, |reply| tell(&reply, |at| at))
}

#[cfg(test)]
mod tests {
    use syncline_replicas::ExpireCondition;

    use super::{Conditions, EXPIRE, PEXPIREAT};

    #[test]
    fn conditions_that_go_together() {
        let parse = |text: &str| {
            let options: Vec<bytes::Bytes> = text.split(' ').map(|part| part.to_string().into()).collect();
            Conditions::parse(&options).map_err(|error| error.to_string())
        };
        assert_eq!(parse("nx"), Ok(Conditions { condition: ExpireCondition::IfNone, if_some: false }));
        assert_eq!(parse("xx lt"), Ok(Conditions { condition: ExpireCondition::IfEarlier, if_some: true }));
        assert_eq!(parse("XX GT"), Ok(Conditions { condition: ExpireCondition::IfLater, if_some: true }));
        assert_eq!(parse("gt lt"), Err("ERR GT and LT options at the same time are not compatible".into()));
        assert_eq!(parse("a"), Err("ERR Unsupported option a".into()));
    }

    #[test]
    fn deadlines_may_be_long_past_but_not_past_the_end_of_time() {
        assert_eq!(PEXPIREAT.deadline(b"-5"), Ok(0));
        assert_eq!(EXPIRE.deadline(b"-9223372036854775"), Ok(0));
        for time in ["9223372036854775807", "-9223372036854775808", "9223372036854775"] {
            let error = EXPIRE.deadline(time.as_bytes()).map_err(|error| error.to_string());
            assert_eq!(error, Err("ERR invalid expire time in 'expire' command".into()));
        }
    }
}
