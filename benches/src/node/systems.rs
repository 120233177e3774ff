//! The systems under measurement: how each is started, and how its clients ask.

mod etcd;
mod postgresql;
mod redis;
mod resp;
mod syncline;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::load::{AskError, KEYS, Request, Work};
use crate::process::{self, Ports, Process, StartError};

/// How many keys one client writes when a store is filled.
const FILL: u32 = 1_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum System {
    /// Syncline: W = 2 of 3, clients at the leader's node.
    LeaderFollower,
    /// Syncline: N = 3, W = 2, clients at all nodes.
    Leaderless,
    /// A primary and two replicas, all with `appendfsync always`; each write is followed by `WAIT 1 0`.
    Redis,
    /// Three members, clients at the leader.
    Etcd,
    /// A primary and two standbys, of which any one has flushed what is committed.
    Postgresql,
}

impl System {
    pub(crate) const ALL: [Self; 5] =
        [Self::LeaderFollower, Self::Leaderless, Self::Redis, Self::Etcd, Self::Postgresql];

    /// What it is called on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LeaderFollower => "leader-follower",
            Self::Leaderless => "leaderless",
            Self::Redis => "redis",
            Self::Etcd => "etcd",
            Self::Postgresql => "postgresql",
        }
    }

    /// Whether its reads are measured, too.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::LeaderFollower | Self::Leaderless | Self::Redis)
    }

    /// Its program, or where its programs are.
    pub(crate) fn find(self) -> Result<PathBuf, StartError> {
        match self {
            Self::LeaderFollower | Self::Leaderless => syncline::find(),
            Self::Redis => process::find("redis-server", "redis-server", &[]),
            Self::Etcd => process::find("etcd", "etcd-server", &[]),
            Self::Postgresql => postgresql::find(),
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A node that clients or we look at.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) pid: u32,
    address: SocketAddr,
}

/// A system that is up; its processes end when this is dropped.
pub(crate) struct Cluster {
    pub(crate) system: System,
    pub(crate) version: String,
    nodes: Vec<Node>,
    _processes: Vec<Process>,
}

impl Cluster {
    /// Starts three nodes and waits until they replicate.
    pub(crate) async fn start(
        system: System,
        programs: &Path,
        directory: &Path,
        ports: &mut Ports,
    ) -> Result<Self, StartError> {
        match system {
            System::LeaderFollower | System::Leaderless => syncline::start(system, programs, directory, ports).await,
            System::Redis => redis::start(programs, directory, ports).await,
            System::Etcd => etcd::start(programs, directory, ports).await,
            System::Postgresql => postgresql::start(programs, directory, ports).await,
        }
    }

    /// The nodes whose idleness is of interest: ours.
    pub(crate) fn watched(&self) -> impl Iterator<Item = &Node> {
        let is_ours = matches!(self.system, System::LeaderFollower | System::Leaderless);
        self.nodes.iter().filter(move |_| is_ours)
    }

    /// Writes every key once where reads are measured, so that all that is read later is there.
    pub(crate) async fn fill(&self) -> Result<(), AskError> {
        if !self.system.is_read() {
            return Ok(());
        }
        let mut filling = JoinSet::new();
        for first in (0..KEYS).step_by(FILL as usize) {
            if let Client::Resp(mut connection) = self.connect(Work::Write, 0).await? {
                filling.spawn(async move { connection.fill(first..KEYS.min(first + FILL)).await });
            }
        }
        while let Some(filled) = filling.join_next().await {
            filled.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        }
        Ok(())
    }

    /// Connects the client of this number.
    pub(crate) async fn connect(&self, work: Work, client: usize) -> Result<Client, AskError> {
        let first = self.nodes[0].address;
        Ok(match self.system {
            System::LeaderFollower => Client::Resp(syncline::connect(first).await?),
            // Reads of one node stand beside those of one redis-server.
            System::Leaderless if work == Work::Read => Client::Resp(syncline::connect(first).await?),
            System::Leaderless => Client::Resp(syncline::connect(self.nodes[client % self.nodes.len()].address).await?),
            System::Redis => Client::Resp(redis::connect(first).await?),
            System::Etcd => Client::Etcd(etcd::connect(self.nodes.iter().map(|node| node.address)).await?),
            System::Postgresql => Client::Postgresql(postgresql::connect(first).await?),
        })
    }
}

/// A client's connection.
pub(crate) enum Client {
    Resp(resp::Connection),
    Etcd(etcd::Connection),
    Postgresql(postgresql::Connection),
}

impl Client {
    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<(), AskError> {
        match self {
            Self::Resp(connection) => connection.ask(request).await,
            Self::Etcd(connection) => connection.put(request).await,
            Self::Postgresql(connection) => connection.put(request).await,
        }
    }
}
