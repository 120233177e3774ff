//! Sets: one request for each.

use std::collections::BTreeSet;

use bytes::Bytes;
use syncline_replicas::{Command, Reply};

use super::members;
use crate::resp::arguments::{is, number, shown};
use crate::resp::error::CommandError;
use crate::resp::frame::Frame;
use crate::resp::glob;
use crate::resp::session::Session;
use crate::resp::table::{One, Outcome, Steps};

/// The most members that `SRANDMEMBER` draws with repetition.
const MOST_DRAWN: u64 = 1_000_000;

type Prepared = Result<One, CommandError>;
type Members = BTreeSet<Vec<u8>>;

fn named(arguments: &[Bytes]) -> Members {
    arguments.iter().map(|member| member.to_vec()).collect()
}

fn how_many(reply: Reply) -> Outcome {
    Ok(Frame::Integer(i64::try_from(reply.changed).unwrap_or(i64::MAX)))
}

fn as_set(members: Members) -> Frame {
    Frame::Set(members.into_iter().map(Frame::Bulk).collect())
}

fn as_array(members: impl IntoIterator<Item = Vec<u8>>) -> Frame {
    Frame::Array(members.into_iter().map(Frame::Bulk).collect())
}

pub(crate) fn sadd(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Add(named(&request[2..])), how_many)
}

pub(crate) fn srem(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Remove(named(&request[2..])), how_many)
}

/// How many members one request adds or removes. With more, others are served in between.
pub(crate) const MOST_AT_ONCE: usize = 256;

pub(crate) fn sadd_many(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(change(session, request, Command::Add))
}

pub(crate) fn srem_many(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(change(session, request, Command::Remove))
}

/// Changes the members of a set by several requests. After a failure some of them may have been changed.
async fn change(session: &mut Session, request: Vec<Bytes>, command: fn(Members) -> Command) -> Outcome {
    let mut members = named(&request[2..]).into_iter().peekable();
    let pieces = std::iter::from_fn(|| {
        members.peek()?;
        Some((request[1].to_vec(), command(members.by_ref().take(MOST_AT_ONCE).collect())))
    });
    let mut changed = 0;
    let take = |reply: Reply| {
        changed += reply.changed;
        Ok(())
    };
    session.call_all(pieces, take).await?;
    Ok(Frame::Integer(i64::try_from(changed).unwrap_or(i64::MAX)))
}

pub(crate) fn sismember(_: &mut Session, request: &[Bytes]) -> Prepared {
    let command = Command::Contains(named(&request[2..]));
    One::new(&request[1], command, |reply| Ok(Frame::flag(!members(reply.value)?.is_empty())))
}

pub(crate) fn smismember(_: &mut Session, request: &[Bytes]) -> Prepared {
    let asked = request[2..].to_vec();
    One::new(&request[1], Command::Contains(named(&asked)), move |reply| {
        let held = members(reply.value)?;
        Ok(Frame::Array(asked.iter().map(|member| Frame::flag(held.contains(&member[..]))).collect()))
    })
}

pub(crate) fn smembers(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Get, |reply| members(reply.value).map(as_set))
}

pub(crate) fn scard(_: &mut Session, request: &[Bytes]) -> Prepared {
    One::new(&request[1], Command::Get, |reply| Ok(Frame::count(members(reply.value)?.len())))
}

pub(crate) fn srandmember(session: &mut Session, request: &[Bytes]) -> Prepared {
    let mut random = session.random.fork();
    let [_, key, counts @ ..] = request else { return Err(CommandError::Syntax) };
    let count = match counts {
        [] => {
            return One::new(key, Command::Get, move |reply| {
                let held = Vec::from_iter(members(reply.value)?);
                Ok(Frame::bulk_or_null(random.choice(held)))
            });
        }
        [count] => number(count)?,
        _ => return Err(CommandError::Syntax),
    };
    if count == i64::MIN {
        return Err(CommandError::OutOfRange(i64::MAX));
    }
    if count < 0 && count.unsigned_abs() > MOST_DRAWN {
        return Err(CommandError::other("value is out of range"));
    }
    One::new(key, Command::Get, move |reply| {
        let held = Vec::from_iter(members(reply.value)?);
        let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if count >= 0 {
            return Ok(as_array(random.choose_multiple(held, wanted)));
        }
        let drawn = (0..wanted).filter_map(|_| random.choice(&held).cloned());
        Ok(as_array(drawn))
    })
}

/// All members at once: the cursor that it tells is always 0. Like Redis, this looks at the options only if there is a
/// set.
pub(crate) fn sscan(_: &mut Session, request: &[Bytes]) -> Prepared {
    let mut options = ScanOptions::from_cursor(&request[2])?;
    let given = request[3..].to_vec();
    One::new(&request[1], Command::Get, move |reply| {
        let mut held = members(reply.value)?;
        if !held.is_empty() {
            options.take(&given, false)?;
            held.retain(|member| options.matches(member));
        }
        Ok(Frame::Array(vec![Frame::bulk("0"), as_array(held)]))
    })
}

/// What `SCAN` and `SSCAN` are asked for.
pub(crate) struct ScanOptions {
    pub(crate) cursor: u64,
    pattern: Option<Bytes>,
    pub(crate) count: usize,
    pub(crate) kind: Option<String>,
}

impl ScanOptions {
    pub(crate) fn from_cursor(cursor: &[u8]) -> Result<Self, CommandError> {
        let cursor = std::str::from_utf8(cursor).ok().and_then(|cursor| cursor.parse().ok());
        Ok(Self { cursor: cursor.ok_or(CommandError::Cursor)?, pattern: None, count: 10, kind: None })
    }

    pub(crate) fn take(&mut self, mut options: &[Bytes], takes_type: bool) -> Result<(), CommandError> {
        while let [option, value, rest @ ..] = options {
            options = rest;
            match () {
                () if is(option, "COUNT") => {
                    let count = number(value)?;
                    let count = usize::try_from(count).ok().filter(|count| *count > 0);
                    self.count = count.ok_or(CommandError::Syntax)?;
                }
                () if is(option, "MATCH") => self.pattern = Some(value.clone()),
                () if is(option, "TYPE") && takes_type => {
                    self.kind = Some(shown(value).to_ascii_lowercase());
                }
                () => return Err(CommandError::Syntax),
            }
        }
        if options.is_empty() { Ok(()) } else { Err(CommandError::Syntax) }
    }

    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, name))
    }
}

pub(crate) fn sunion(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(combine(session, request, |union, next| union.extend(next)))
}

pub(crate) fn sinter(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(combine(session, request, |common, next| common.retain(|member| next.contains(member))))
}

pub(crate) fn sdiff(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(combine(session, request, |left, next| left.retain(|member| !next.contains(member))))
}

/// Reads all sets, and combines the first with each of the others.
async fn combine(session: &mut Session, request: Vec<Bytes>, with: fn(&mut Members, Members)) -> Outcome {
    let mut combined: Option<Members> = None;
    let reads = request.into_iter().skip(1).map(|key| (key.into(), Command::Get));
    let take = |reply: Reply| {
        let next = members(reply.value)?;
        match &mut combined {
            None => combined = Some(next),
            Some(combined) => with(combined, next),
        }
        Ok(())
    };
    session.call_all(reads, take).await?;
    Ok(as_set(combined.unwrap_or_default()))
}
