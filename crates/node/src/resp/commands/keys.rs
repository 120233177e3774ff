//! Keys of any type: one request for each.

use bytes::Bytes;
use syncline_replicas::{Command, Reply, Value};

use crate::resp::error::CommandError;
use crate::resp::frame::Frame;
use crate::resp::session::Session;
use crate::resp::table::{One, Steps};

const REMOVE: Command = Command::Delete { previous: false };

fn holds_something(reply: &Reply) -> bool {
    reply.value != Value::Absent
}

pub(crate) fn del(_: &mut Session, request: &[Bytes]) -> Result<One, CommandError> {
    One::new(&request[1], REMOVE, |reply| Ok(Frame::flag(reply.changed > 0)))
}

pub(crate) fn del_many(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(count(session, request, REMOVE, |reply| reply.changed > 0))
}

pub(crate) fn exists(_: &mut Session, request: &[Bytes]) -> Result<One, CommandError> {
    One::new(&request[1], Command::Peek, |reply| Ok(Frame::flag(holds_something(&reply))))
}

pub(crate) fn exists_many(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(count(session, request, Command::Peek, holds_something))
}

/// Asks the same of all keys, and counts of how many it is so.
async fn count(
    session: &mut Session,
    request: Vec<Bytes>,
    command: Command,
    is_so: fn(&Reply) -> bool,
) -> Result<Frame, CommandError> {
    let mut counted = 0;
    let requests = request.into_iter().skip(1).map(|key| (key.into(), command.clone()));
    let take = |reply| {
        counted += usize::from(is_so(&reply));
        Ok(())
    };
    session.call_all(requests, take).await?;
    Ok(Frame::count(counted))
}

pub(crate) fn kind(_: &mut Session, request: &[Bytes]) -> Result<One, CommandError> {
    One::new(&request[1], Command::Peek, |reply| Ok(Frame::Simple(super::kind(&reply.value))))
}
