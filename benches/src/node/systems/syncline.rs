//! Syncline, as `syncline up` starts it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::resp::{Connection, Reply};
use super::{Cluster, Node, System};
use crate::load::AskError;
use crate::process::{self, Ports, Process, StartError};

const NODES: usize = 3;
/// `syncline up` puts nodes' HTTP ports 100 and their peer ports 200 behind those for clients.
const PORTS: u16 = 203;

/// What `syncline up --json` says of a node.
#[derive(Deserialize)]
struct Announced {
    name: String,
    pid: u32,
    redis: SocketAddr,
}

/// The program that was built into the same target directory as this one.
pub(super) fn find() -> Result<PathBuf, StartError> {
    let program = std::env::current_exe().map(|program| program.with_file_name("syncline"));
    let program = program.map_err(|source| StartError::Run { name: "syncline".to_owned(), source })?;
    if program.is_file() {
        return Ok(program);
    }
    let log = "benches/run builds it".to_owned();
    Err(StartError::Failed { name: program.display().to_string(), what: "is not there".to_owned(), log })
}

pub(super) async fn start(
    system: System,
    program: &Path,
    directory: &Path,
    ports: &mut Ports,
) -> Result<Cluster, StartError> {
    let mut command = Command::new(program);
    command.args(["up", "--json", "--strategy", system.name(), "--port", &ports.take(PORTS)?.to_string(), "--dir"]);
    command.arg(directory);
    let mut processes = vec![Process::start(format!("syncline-{system}"), directory, command)?];
    let printed = async |processes: &[Process]| {
        let lines = processes[0].output();
        (lines.lines().count() >= NODES && lines.ends_with('\n')).then_some(lines)
    };
    let lines = process::until(&mut processes, printed).await?;
    let parse = |line: &str| {
        let said: Result<Announced, _> = serde_json::from_str(line);
        let unexpected = |_| StartError::Unexpected { name: "syncline up".to_owned(), said: line.to_owned() };
        said.map(|Announced { name, pid, redis }| Node { name, pid, address: redis }).map_err(unexpected)
    };
    let nodes = lines.lines().map(parse).collect::<Result<Vec<Node>, _>>()?;
    processes[0].children = nodes.iter().map(|node| node.pid).collect();
    let first = nodes[0].address;
    process::until(&mut processes, async |_| serves(first).await.ok()).await?;
    let version = process::version(program)?;
    Ok(Cluster { system, version, nodes, _processes: processes })
}

/// Whether all partitions have begun: so many keys, written one after the other, are in each of them.
async fn serves(address: SocketAddr) -> Result<(), AskError> {
    let mut connection = connect(address).await?;
    for key in 0..64 {
        connection.fill(key..key + 1).await?;
    }
    Ok(())
}

/// Connects at a level of W = 2 and R = 1.
pub(super) async fn connect(address: SocketAddr) -> Result<Connection, AskError> {
    let mut connection = Connection::open(address, None).await?;
    connection.command(&["SYNCLINE.LEVEL", "W=2", "R=1"], |reply| *reply == Reply::Simple("OK")).await?;
    Ok(connection)
}
