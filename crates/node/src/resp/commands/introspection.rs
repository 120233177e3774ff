//! What clients ask about the server: `COMMAND`, `INFO`, `CONFIG`.

use std::fmt::Write;

use bytes::Bytes;
use syncline_replicas::Strategy;

use crate::resp::REDIS_VERSION;
use crate::resp::arguments::{is, shown};
use crate::resp::decoder::MAX_BULK;
use crate::resp::error::CommandError;
use crate::resp::frame::Frame;
use crate::resp::glob;
use crate::resp::session::Session;
use crate::resp::table::{COMMANDS, Outcome, Spec, by_name};

/// What a section of `INFO` says: names and values.
type Lines = Vec<(&'static str, String)>;
/// A section: its name, and what it says of a session and its server.
type Section = (&'static str, fn(&Session) -> Lines);

pub(crate) fn command(_: &mut Session, _: &[Bytes]) -> Outcome {
    Ok(Frame::Array(COMMANDS.iter().map(describe).collect()))
}

fn describe(spec: &Spec) -> Frame {
    let flags = spec.flags.split(' ').filter(|flag| !flag.is_empty()).map(Frame::Simple).collect();
    let (first, last, step) = spec.keys;
    Frame::Array(vec![
        Frame::bulk(spec.name),
        Frame::Integer(spec.arity),
        Frame::Set(flags),
        Frame::Integer(first),
        Frame::Integer(last),
        Frame::Integer(step),
        // Categories of access control, tips and specifications of keys: there are none.
        Frame::Set(Vec::new()),
        Frame::Array(Vec::new()),
        Frame::Array(Vec::new()),
        Frame::Array(spec.subcommands.iter().map(describe).collect()),
    ])
}

pub(crate) fn command_count(_: &mut Session, _: &[Bytes]) -> Outcome {
    Ok(Frame::count(COMMANDS.len()))
}

pub(crate) fn command_info(session: &mut Session, request: &[Bytes]) -> Outcome {
    match &request[2..] {
        [] => command(session, request),
        names => Ok(Frame::Array(names.iter().map(|name| by_name(name).map_or(Frame::Null, describe)).collect())),
    }
}

/// No documents: clients that ask for them have their own, or do without.
pub(crate) fn command_docs(_: &mut Session, _: &[Bytes]) -> Outcome {
    Ok(Frame::Map(Vec::new()))
}

pub(crate) fn command_list(_: &mut Session, request: &[Bytes]) -> Outcome {
    match &request[2..] {
        [] => Ok(Frame::Array(COMMANDS.iter().map(|spec| Frame::bulk(spec.name)).collect())),
        _ => Err(CommandError::Syntax),
    }
}

pub(crate) fn info(session: &mut Session, request: &[Bytes]) -> Outcome {
    let all = ["default", "all", "everything"];
    let is_wanted = |section: &str| {
        let named = &request[1..];
        named.is_empty() || named.iter().any(|name| is(name, section) || all.iter().any(|all| is(name, all)))
    };
    let sections: [Section; 6] = [
        ("Server", server),
        ("Clients", clients),
        ("Persistence", |_| vec![("loading", "0".into())]),
        ("Stats", |session| vec![("total_commands_processed", session.server.metrics.commands().to_string())]),
        ("Replication", |_| vec![("role", "master".into()), ("connected_slaves", "0".into())]),
        ("Syncline", syncline),
    ];
    let mut text = String::new();
    for (name, lines) in sections.into_iter().filter(|(name, _)| is_wanted(name)) {
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        let mut section = format!("# {name}\r\n");
        for (name, value) in lines(session) {
            write!(section, "{name}:{value}\r\n").expect("a string takes what is written");
        }
        text.push_str(&section);
    }
    Ok(Frame::Text(text))
}

fn server(session: &Session) -> Lines {
    let uptime = session.server.began.elapsed().as_secs();
    vec![
        ("redis_version", REDIS_VERSION.into()),
        ("redis_mode", "standalone".into()),
        ("arch_bits", usize::BITS.to_string()),
        ("process_id", std::process::id().to_string()),
        ("uptime_in_seconds", uptime.to_string()),
        ("uptime_in_days", (uptime / 86_400).to_string()),
    ]
}

fn clients(session: &Session) -> Lines {
    vec![
        ("connected_clients", session.server.metrics.connected_clients().to_string()),
        ("maxclients", session.server.settings.max_clients.to_string()),
    ]
}

fn syncline(session: &Session) -> Lines {
    let cluster = session.server.gateway.cluster();
    let strategy = match cluster.strategy {
        Strategy::LeaderFollower => "leader-follower",
        Strategy::MultiLeader => "multi-leader",
        Strategy::Leaderless => "leaderless",
        _ => "another",
    };
    vec![
        ("syncline_version", env!("CARGO_PKG_VERSION").into()),
        ("cluster", cluster.name.clone()),
        ("strategy", strategy.into()),
        ("node", cluster.node.to_string()),
        ("nodes", cluster.nodes.to_string()),
        ("partitions", cluster.partitions.to_string()),
        ("level_write", session.level.write.to_string()),
        ("level_read", session.level.read.to_string()),
        ("patience_ms", cluster.patience.as_millis().to_string()),
    ]
}

/// What Redis's configuration would say of this server.
pub(crate) fn config_get(session: &mut Session, request: &[Bytes]) -> Outcome {
    let settings = [
        ("appendfsync", "always".to_string()),
        ("appendonly", "yes".into()),
        ("databases", "1".into()),
        ("maxclients", session.server.settings.max_clients.to_string()),
        ("maxmemory", "0".into()),
        ("maxmemory-policy", "noeviction".into()),
        ("proto-max-bulk-len", MAX_BULK.to_string()),
        ("save", String::new()),
        ("timeout", "0".into()),
    ];
    let is_asked = |name: &str| {
        let patterns = request[2..].iter().map(|pattern| pattern.to_ascii_lowercase());
        patterns.into_iter().any(|pattern| glob::matches(&pattern, name.as_bytes()))
    };
    let found = settings.into_iter().filter(|(name, _)| is_asked(name));
    Ok(Frame::Map(found.map(|(name, value)| (Frame::bulk(name), Frame::bulk(value))).collect()))
}

pub(crate) fn config_fixed(_: &mut Session, request: &[Bytes]) -> Outcome {
    let subcommand = shown(&request[1]).to_ascii_uppercase();
    let words = format_args!("CONFIG {subcommand} is not supported: a node is configured by its file, at its start");
    Err(CommandError::other(words))
}
