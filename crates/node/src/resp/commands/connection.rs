//! Commands about the connection itself.

use bytes::Bytes;

use crate::resp::REDIS_VERSION;
use crate::resp::arguments::{integer, is, number, shown};
use crate::resp::error::CommandError;
use crate::resp::frame::{Frame, Protocol};
use crate::resp::session::Session;
use crate::resp::table::Outcome;

pub(crate) fn ping(_: &mut Session, request: &[Bytes]) -> Outcome {
    match request {
        [_] => Ok(Frame::Simple("PONG")),
        [_, message] => Ok(Frame::bulk(message.to_vec())),
        _ => Err(CommandError::Arity("ping".into())),
    }
}

pub(crate) fn echo(_: &mut Session, request: &[Bytes]) -> Outcome {
    Ok(Frame::bulk(request[1].to_vec()))
}

pub(crate) fn quit(session: &mut Session, _: &[Bytes]) -> Outcome {
    session.is_leaving = true;
    Ok(Frame::OK)
}

pub(crate) fn reset(session: &mut Session, _: &[Bytes]) -> Outcome {
    session.reset();
    Ok(Frame::Simple("RESET"))
}

pub(crate) fn select(_: &mut Session, request: &[Bytes]) -> Outcome {
    match number(&request[1])? {
        0 => Ok(Frame::OK),
        _ => Err(CommandError::other("DB index is out of range")),
    }
}

pub(crate) fn auth(session: &mut Session, request: &[Bytes]) -> Outcome {
    let (user, password) = match request {
        [_, password] => {
            if session.server.settings.password.is_none() {
                return Err(CommandError::other(
                    "AUTH <password> called without any password configured for the default user. Are you sure your \
                     configuration is correct?",
                ));
            }
            (&b"default"[..], password)
        }
        [_, user, password] => (&user[..], password),
        _ => return Err(CommandError::Syntax),
    };
    log_in(session, user, password)?;
    Ok(Frame::OK)
}

/// There is one user, `default`; without a password any will do.
fn log_in(session: &mut Session, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    let expected = session.server.settings.password.as_deref();
    if user != b"default" || !expected.is_none_or(|expected| is_same(expected.as_bytes(), password)) {
        return Err(CommandError::WrongPassword);
    }
    session.is_known = true;
    Ok(())
}

/// Takes as long whatever the first difference is, so that time does not tell it.
fn is_same(expected: &[u8], given: &[u8]) -> bool {
    let differences = expected.iter().zip(given).fold(0, |found, (one, other)| found | (one ^ other));
    expected.len() == given.len() && differences == 0
}

pub(crate) fn hello(session: &mut Session, request: &[Bytes]) -> Outcome {
    let mut options = &request[1..];
    let mut protocol = session.protocol;
    if let [version, rest @ ..] = options {
        let not_a_version = CommandError::other("Protocol version is not an integer or out of range");
        protocol = match integer(version).ok_or(not_a_version)? {
            2 => Protocol::Resp2,
            3 => Protocol::Resp3,
            _ => return Err(CommandError::NoProtocol),
        };
        options = rest;
    }
    let (mut login, mut name) = (None, None);
    loop {
        options = match options {
            [] => break,
            [option, user, password, rest @ ..] if is(option, "AUTH") => {
                login = Some((user, password));
                rest
            }
            [option, given, rest @ ..] if is(option, "SETNAME") => {
                check_name(given)?;
                name = Some(given);
                rest
            }
            [option, ..] => {
                let option = shown(option);
                return Err(CommandError::other(format_args!("Syntax error in HELLO option '{option}'")));
            }
        };
    }
    if let Some((user, password)) = login {
        log_in(session, user, password)?;
    }
    if !session.is_known {
        return Err(CommandError::Other(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
                .into(),
        ));
    }
    if let Some(name) = name {
        session.name = Bytes::copy_from_slice(name);
    }
    session.protocol = protocol;
    Ok(greeting(session))
}

fn greeting(session: &Session) -> Frame {
    let version = match session.protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    Frame::Map(vec![
        (Frame::bulk("server"), Frame::bulk("redis")),
        (Frame::bulk("version"), Frame::bulk(REDIS_VERSION)),
        (Frame::bulk("proto"), Frame::Integer(version)),
        (Frame::bulk("id"), Frame::Integer(session.id.cast_signed())),
        (Frame::bulk("mode"), Frame::bulk("standalone")),
        (Frame::bulk("role"), Frame::bulk("master")),
        (Frame::bulk("modules"), Frame::Array(Vec::new())),
    ])
}

/// Never reached: the table wants a subcommand to be named.
pub(crate) fn no_subcommand(_: &mut Session, _: &[Bytes]) -> Outcome {
    Err(CommandError::Syntax)
}

fn check_name(name: &[u8]) -> Result<(), CommandError> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(());
    }
    Err(CommandError::other("Client names cannot contain spaces, newlines or special characters."))
}

pub(crate) fn client_setname(session: &mut Session, request: &[Bytes]) -> Outcome {
    check_name(&request[2])?;
    session.name = Bytes::copy_from_slice(&request[2]);
    Ok(Frame::OK)
}

pub(crate) fn client_getname(session: &mut Session, _: &[Bytes]) -> Outcome {
    Ok(if session.name.is_empty() { Frame::Null } else { Frame::bulk(session.name.to_vec()) })
}

/// What library the client is, which clients of Redis 7.2 say on connecting: taken and not kept.
pub(crate) fn client_setinfo(_: &mut Session, request: &[Bytes]) -> Outcome {
    if is(&request[2], "LIB-NAME") || is(&request[2], "LIB-VER") {
        return Ok(Frame::OK);
    }
    Err(CommandError::other(format_args!("Unrecognized option '{}'", shown(&request[2]))))
}

pub(crate) fn client_id(session: &mut Session, _: &[Bytes]) -> Outcome {
    Ok(Frame::Integer(session.id.cast_signed()))
}

/// Switches of what this server does not do anyway.
pub(crate) fn client_switch(_: &mut Session, request: &[Bytes]) -> Outcome {
    if is(&request[2], "ON") || is(&request[2], "OFF") { Ok(Frame::OK) } else { Err(CommandError::Syntax) }
}

/// `CLIENT INFO`, and `CLIENT LIST`, which tells of this connection alone.
pub(crate) fn client_info(session: &mut Session, _: &[Bytes]) -> Outcome {
    let address = session.address.map(|address| address.to_string()).unwrap_or_default();
    let version = if session.protocol == Protocol::Resp3 { 3 } else { 2 };
    let name = shown(&session.name);
    Ok(Frame::Text(format!("id={} addr={address} name={name} db=0 user=default resp={version}\n", session.id)))
}
