//! What Redis has no words for, or few: levels, acknowledgements, concurrent versions.

use std::time::Duration;

use bytes::Bytes;
use syncline_replicas::{Command, Level, Value};

use crate::resp::arguments::{integer, is, number, shown};
use crate::resp::error::CommandError;
use crate::resp::frame::Frame;
use crate::resp::session::Session;
use crate::resp::table::{One, Outcome, Steps};

/// How long `WAIT` with a timeout of 0 waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// `WAIT`: waits until so many *other* replicas have the session's last write in each partition, and tells how many do.
pub(crate) fn wait(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        let others = number(&request[1])?;
        let timeout = integer(&request[2]).ok_or(CommandError::other("timeout is not an integer or out of range"))?;
        let timeout = u64::try_from(timeout).map_err(|_| CommandError::other("timeout is negative"))?;
        let patience = if timeout == 0 { LONGEST_WAIT } else { Duration::from_millis(timeout) };
        let copies = u8::try_from(others.saturating_add(1).clamp(1, 255)).unwrap_or(u8::MAX);
        let reached = session.wait_for(copies, patience.min(LONGEST_WAIT)).await;
        Ok(Frame::Integer(i64::from(reached.saturating_sub(1))))
    })
}

/// `SYNCLINE.ACK`: where the session's last write is known to be.
pub(crate) fn ack(session: &mut Session, _: &[Bytes]) -> Outcome {
    Ok(session.last_writes.last_achieved().map_or(Frame::Null, |achieved| {
        Frame::Map(vec![
            (Frame::bulk("copies"), Frame::Integer(achieved.copies.into())),
            (Frame::bulk("datacenters"), Frame::Integer(achieved.datacenters.into())),
        ])
    }))
}

/// `SYNCLINE.LEVEL`: tells how many replicas the session asks for, or sets it.
pub(crate) fn level(session: &mut Session, request: &[Bytes]) -> Outcome {
    if request.len() == 1 {
        let Level { read, write } = session.level;
        return Ok(Frame::Map(vec![
            (Frame::bulk("W"), Frame::Integer(write.into())),
            (Frame::bulk("R"), Frame::Integer(read.into())),
        ]));
    }
    let most = session.most_copies();
    let asked = asked_level(session.level, &request[1..], session.server.gateway.cluster().nodes)?;
    if let Some(impossible) = [asked.read, asked.write].into_iter().find(|asked| *asked == 0 || *asked > most) {
        let words = format_args!("a level of {impossible} is not between 1 and the partition's {most} replicas");
        return Err(CommandError::other(words));
    }
    session.level = asked;
    Ok(Frame::OK)
}

/// A level by a name, or by its numbers.
fn asked_level(mut level: Level, arguments: &[Bytes], nodes: u8) -> Result<Level, CommandError> {
    let majority = nodes / 2 + 1;
    let names = [
        // Of leaderless replication.
        ("ONE", 1, 1),
        ("QUORUM", majority, majority),
        ("ALL", nodes, nodes),
        // Of leader-follower replication: the leader alone, with one follower, with a majority.
        ("off", 1, 1),
        ("on", 1, 2),
        ("majority", majority, majority),
    ];
    if let [name] = arguments
        && let Some((_, read, write)) = names.into_iter().find(|(known, ..)| is(name, known))
    {
        return Ok(Level { read, write });
    }
    for argument in arguments {
        let unknown = || {
            let argument = shown(argument);
            CommandError::other(format_args!(
                "'{argument}' is no level: it is one of ONE, QUORUM, ALL, off, on, majority, or W=n R=n"
            ))
        };
        let count = argument.get(2..).and_then(integer).and_then(|count| u8::try_from(count).ok());
        match (argument.get(..2), count) {
            (Some(b"W=" | b"w="), Some(count)) => level.write = count,
            (Some(b"R=" | b"r="), Some(count)) => level.read = count,
            _ => return Err(unknown()),
        }
    }
    Ok(level)
}

/// `SYNCLINE.SIBLINGS`: all concurrent versions of a string. A write of the key that follows replaces them all.
pub(crate) fn siblings(_: &mut Session, request: &[Bytes]) -> Result<One, CommandError> {
    One::new(&request[1], Command::Get, |reply| match reply.value {
        Value::Register(versions) => {
            Ok(Frame::Array(versions.into_iter().map(|held| Frame::Bulk(held.value)).collect()))
        }
        other => Ok(Frame::Array(super::text(other)?.into_iter().map(Frame::Bulk).collect())),
    })
}

#[cfg(test)]
mod tests {
    use syncline_replicas::Level;

    use super::asked_level;

    #[test]
    fn levels_by_name_and_by_number() {
        let asked = |text: &str| {
            let arguments: Vec<bytes::Bytes> = text.split(' ').map(|part| part.to_string().into()).collect();
            asked_level(Level { read: 1, write: 3 }, &arguments, 5).map(|level| (level.read, level.write)).ok()
        };
        assert_eq!(asked("quorum"), Some((3, 3)));
        assert_eq!(asked("all"), Some((5, 5)));
        assert_eq!(asked("ON"), Some((1, 2)));
        assert_eq!(asked("R=2"), Some((2, 3)));
        assert_eq!(asked("w=1 R=4"), Some((4, 1)));
        for wrong in ["W=", "W=300", "ONE W=1", "X=1", "W", ""] {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
    }
}
