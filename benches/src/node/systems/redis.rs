//! Redis: a primary and two replicas that flush every write.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::resp::{Connection, Reply};
use super::{Cluster, Node, System};
use crate::load::AskError;
use crate::process::{self, Ports, Process, StartError, at};

/// Waits for one replica, without end. Redis 7.0 confirms what a replica has received, which may be before it flushed it.
const CONFIRMATION: &[&str] = &["WAIT", "1", "0"];

pub(super) async fn start(program: &Path, directory: &Path, ports: &mut Ports) -> Result<Cluster, StartError> {
    let primary = ports.take(3)?;
    let mut processes = Vec::new();
    for (index, port) in (primary..primary + 3).enumerate() {
        let name = format!("redis-{index}");
        let data = directory.join(&name);
        std::fs::create_dir(&data).map_err(|source| StartError::Directory { path: data.clone(), source })?;
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(&data);
        if index > 0 {
            command.args(["--replicaof", &format!("127.0.0.1 {primary}")]);
        }
        processes.push(Process::start(name, directory, command)?);
    }
    let replicated = async |_: &[Process]| {
        let mut connection = connect(at(primary)).await.ok()?;
        connection.command(&["WAIT", "2", "1000"], |reply| *reply == Reply::Integer(2)).await.ok()
    };
    process::until(&mut processes, replicated).await?;
    let nodes = vec![Node { name: "redis-0".to_owned(), pid: processes[0].pid(), address: at(primary) }];
    let version = process::version(program)?;
    Ok(Cluster { system: System::Redis, version, nodes, _processes: processes })
}

pub(super) async fn connect(address: SocketAddr) -> Result<Connection, AskError> {
    Connection::open(address, Some(CONFIRMATION)).await
}
