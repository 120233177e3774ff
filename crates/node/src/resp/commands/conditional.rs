//! Commands that read, compute, and write if nothing has changed meanwhile.
//!
//! What their replies tell is what they did, once: a write that finds the key changed is computed again from what it
//! holds now. `changed` tells, as the coordinator of the write sees it; on another replica the same may be done
//! concurrently.

use bytes::Bytes;
use syncline_replicas::{Command, Reply, SetCondition, SetExpiry, SetOptions};

use super::{members, text};
use crate::resp::arguments::number;
use crate::resp::decimal;

use crate::resp::error::CommandError;
use crate::resp::frame::Frame;
use crate::resp::session::Session;
use crate::resp::table::{Outcome, Steps};

/// How often a command tries before it gives up against other writers.
const MOST_TRIES: usize = 100;

pub(crate) fn append(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        let written = update(session, &request[1], |held| {
            let mut value = held.unwrap_or_default();
            value.extend_from_slice(&request[2]);
            Ok(value)
        });
        Ok(Frame::count(written.await?.len()))
    })
}

pub(crate) fn incrbyfloat(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        let written = update(session, &request[1], |held| {
            let held = held.as_deref().unwrap_or(b"0");
            let held = decimal::parse(held).ok_or(CommandError::NotAFloat)?;
            let amount = decimal::parse(&request[2]).ok_or(CommandError::NotAFloat)?;
            let sum = decimal::add(&held, &amount).ok_or(CommandError::NotFinite)?;
            Ok(decimal::format(&sum).into_bytes())
        });
        written.await.map(Frame::Bulk)
    })
}

/// Replaces a string by what is computed from it; its expiry stays. Tells what was written.
async fn update(
    session: &mut Session,
    key: &[u8],
    compute: impl Fn(Option<Vec<u8>>) -> Result<Vec<u8>, CommandError>,
) -> Result<Vec<u8>, CommandError> {
    let options = SetOptions { condition: SetCondition::IfUnchanged, expiry: SetExpiry::Keep, ..SetOptions::default() };
    for _ in 0..MOST_TRIES {
        let held = session.call(key, Command::Get).await?;
        let value = compute(text(held.value)?)?;
        let command = Command::Set { value: value.clone(), options };
        if session.call_with(key, command, held.context).await?.changed > 0 {
            return Ok(value);
        }
    }
    Err(CommandError::Busy)
}

pub(crate) fn spop(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        match &request[2..] {
            [] => pop_one(session, &request[1]).await,
            [count] => {
                let count = number(count).ok().and_then(|count| usize::try_from(count).ok());
                let count = count.ok_or(CommandError::NotPositive)?;
                pop_many(session, &request[1], count).await
            }
            _ => Err(CommandError::Syntax),
        }
    })
}

async fn pop_one(session: &mut Session, key: &[u8]) -> Outcome {
    for _ in 0..MOST_TRIES {
        let held = Vec::from_iter(members(session.call(key, Command::Get).await?.value)?);
        let Some(member) = session.random.choice(held) else { return Ok(Frame::Null) };
        let removal = Command::Remove([member.clone()].into());
        if session.call(key, removal).await?.changed > 0 {
            return Ok(Frame::Bulk(member));
        }
    }
    Err(CommandError::Busy)
}

/// Each member is removed by itself, since only so it is known which of them others have taken meanwhile.
async fn pop_many(session: &mut Session, key: &[u8], count: usize) -> Outcome {
    let mut popped = Vec::new();
    for _ in 0..MOST_TRIES {
        let held = session.call(key, Command::Get).await?.value;
        let held = Vec::from_iter(members(held)?);
        if held.is_empty() || popped.len() == count {
            break;
        }
        let drawn = session.random.choose_multiple(held, count - popped.len());
        let removals = drawn.clone().into_iter().map(|member| (key.to_vec(), Command::Remove([member].into())));
        let mut drawn = drawn.into_iter();
        let take = |reply: Reply| {
            popped.extend(drawn.next().filter(|_| reply.changed > 0).map(Frame::Bulk));
            Ok(())
        };
        session.call_all(removals, take).await?;
        if popped.len() == count {
            break;
        }
    }
    Ok(Frame::Set(popped))
}
