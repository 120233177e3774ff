//! PostgreSQL: a primary and two standbys, one of which has flushed a row's write-ahead log before it is committed.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use tokio_postgres::{NoTls, Statement};

use super::{Cluster, Node, System};
use crate::load::{AskError, Request};
use crate::process::{self, Ports, Process, StartError, at};

/// Where Debian puts each major version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The directory that holds the newest version's programs.
pub(super) fn find() -> Result<PathBuf, StartError> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path()).collect();
    versions.sort_by_key(|version| version.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let directories: Vec<PathBuf> = versions.into_iter().rev().map(|version| version.join("bin")).collect();
    let postgres = process::find("postgres", "postgresql", &directories)?;
    Ok(postgres.parent().unwrap_or(Path::new("/")).to_owned())
}

/// The user that the server runs as.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// `postgres` if this program runs as root, which the server refuses to; otherwise whoever runs this program.
    fn find() -> Result<Option<Self>, StartError> {
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if !is_root {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let postgres = users.lines().find_map(|line| line.strip_prefix("postgres:")?.split_once(':'));
        let mut numbers = postgres.into_iter().flat_map(|(_, rest)| rest.split(':')).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(uid)), Some(Ok(gid))) => Ok(Some(Self { uid, gid })),
            _ => Err(StartError::NoUser),
        }
    }
}

/// Where the programs are, and as whom they run.
struct Programs<'a> {
    directory: &'a Path,
    user: Option<User>,
}

impl Programs<'_> {
    fn command(&self, program: &str, current: &Path) -> Command {
        let mut command = Command::new(self.directory.join(program));
        command.current_dir(current);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn server(&self, name: &str, directory: &Path, port: u16, settings: &[&str]) -> Result<Process, StartError> {
        let mut command = self.command("postgres", directory);
        command.arg("-D").arg(directory.join(name));
        let port = format!("port={port}");
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", &port].iter().chain(settings) {
            command.args(["-c", setting]);
        }
        Process::start(name.to_owned(), directory, command)
    }
}

pub(super) async fn start(programs: &Path, directory: &Path, ports: &mut Ports) -> Result<Cluster, StartError> {
    let primary = ports.take(3)?;
    let programs = Programs { directory: programs, user: User::find()? };
    if let Some(User { uid, gid }) = programs.user {
        let owned = chown(directory, Some(uid), Some(gid));
        owned.map_err(|source| StartError::Directory { path: directory.to_owned(), source })?;
    }
    let mut initdb = programs.command("initdb", directory);
    initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"]);
    process::run("initdb", initdb.arg(directory.join("primary")))?;
    let settings = ["synchronous_standby_names=ANY 1 (*)", "synchronous_commit=on"];
    let mut processes = vec![programs.server("primary", directory, primary, &settings)?];
    process::until(&mut processes, async |_| session(at(primary)).await.ok()).await?;
    for (port, name) in [(primary + 1, "standby-1"), (primary + 2, "standby-2")] {
        let mut copy = programs.command("pg_basebackup", directory);
        copy.args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--no-sync",
            "--checkpoint=fast",
            "--write-recovery-conf",
        ]);
        copy.args([format!("--port={primary}"), format!("--pgdata={name}")]);
        process::run("pg_basebackup", &mut copy)?;
        processes.push(programs.server(name, directory, port, &[])?);
    }
    process::until(&mut processes, async |_| prepare(at(primary)).await.ok().filter(|ready| *ready)).await?;
    let nodes = vec![Node { name: "primary".to_owned(), pid: processes[0].pid(), address: at(primary) }];
    let version = process::version(&programs.directory.join("postgres"))?;
    Ok(Cluster { system: System::Postgresql, version, nodes, _processes: processes })
}

/// Creates the table once both standbys follow, of which any one makes a quorum.
async fn prepare(primary: SocketAddr) -> Result<bool, AskError> {
    let client = session(primary).await?;
    let followers = "select count(*) from pg_stat_replication where state = 'streaming' and sync_state = 'quorum'";
    let followers: i64 = client.query_one(followers, &[]).await.map_err(told)?.get(0);
    if followers == 2 {
        client
            .batch_execute("create table if not exists kv (k text primary key, v text not null)")
            .await
            .map_err(told)?;
    }
    Ok(followers == 2)
}

async fn session(address: SocketAddr) -> Result<tokio_postgres::Client, AskError> {
    let mut config = tokio_postgres::Config::new();
    config.host(address.ip().to_string()).port(address.port()).user("postgres").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.map_err(told)?;
    // It ends with the client; what breaks it, the client's next request tells.
    tokio::spawn(connection);
    Ok(client)
}

/// A session with its prepared statement.
pub(crate) struct Connection {
    client: tokio_postgres::Client,
    upsert: Statement,
}

pub(super) async fn connect(address: SocketAddr) -> Result<Connection, AskError> {
    let client = session(address).await?;
    let upsert = "insert into kv (k, v) values ($1, $2) on conflict (k) do update set v = excluded.v";
    let upsert = client.prepare(upsert).await.map_err(told)?;
    Ok(Connection { client, upsert })
}

impl Connection {
    pub(crate) async fn put(&mut self, request: &Request) -> Result<(), AskError> {
        let value = std::str::from_utf8(&request.value).map_err(AskError::unexpected)?;
        match self.client.execute(&self.upsert, &[&request.key, &value]).await.map_err(told)? {
            1 => Ok(()),
            rows => Err(AskError::unexpected(rows)),
        }
    }
}

fn told(error: tokio_postgres::Error) -> AskError {
    match error.as_db_error() {
        Some(refusal) => AskError::Refused(refusal.to_string()),
        None => AskError::Broken(io::Error::other(error)),
    }
}
