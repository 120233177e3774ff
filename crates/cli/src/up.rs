//! `syncline up`: a real cluster of processes on this machine, for as long as the command runs.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use syncline_node::config::{Config, NodeConfig, StorageKind, StrategyName};

use crate::serve::stopped;

/// How far behind a node's Redis port its HTTP port and its peer port are.
const HTTP: u16 = 100;
const PEER: u16 = 200;
/// How long nodes may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, ValueEnum)]
enum Strategy {
    LeaderFollower,
    MultiLeader,
    Leaderless,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Storage {
    #[default]
    Disk,
    PowerCut,
    PowerCutWithoutFlush,
}

/// The options of `syncline up`.
#[derive(Args)]
#[command(after_help = "\
Node i listens for Redis clients on port PORT + i, for HTTP on PORT + 100 + i, for its peers on PORT + 200 + i. With
--dir, a cluster that was stopped goes on where it was.

Examples:
  syncline up --strategy leaderless
  redis-cli -p 7400 SET greeting hello; redis-cli -p 7401 GET greeting
  redis-cli -p 7401 SYNCLINE.LEVEL W=3 R=1     what this connection asks for
  curl -s localhost:7500/metrics")]
pub(crate) struct Up {
    /// How the nodes replicate.
    #[arg(long, value_enum)]
    strategy: Strategy,

    /// How many nodes there are.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=64))]
    nodes: u8,

    /// Over how many datacenters they are dealt [default: 1; multi-leader: one for each node].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    datacenters: Option<u8>,

    /// The first node's port.
    #[arg(long, default_value_t = 7400, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    port: u16,

    /// Keep data here [default: a fresh directory, which is named].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Into how many partitions keys are dealt: each is handled by one thread of a node, and three nodes on few cores are
    /// quickest with one.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    partitions: u32,

    /// Where writes go; the others are for tests.
    #[arg(long, value_enum, default_value_t, hide = true)]
    storage: Storage,

    /// Print one line of JSON for each node, and nothing else.
    #[arg(long)]
    json: bool,
}

/// One process, ended when this is dropped.
struct Process {
    child: Child,
    config: Config,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Up {
    pub(crate) fn run(&self) -> Result<(), String> {
        let directory = self.directory()?;
        let configs = self.configs(&directory)?;
        let program = std::env::current_exe().map_err(|error| format!("this program can not be found: {error}"))?;
        let mut processes = Vec::new();
        for config in configs {
            let file = directory.join(format!("{}.toml", config.node));
            let text = toml::to_string(&config).map_err(|error| error.to_string())?;
            std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
            let mut command = Command::new(&program);
            command.arg("serve").arg("--config").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
            own_group(&mut command);
            let child = command.spawn().map_err(|error| format!("a node can not be started: {error}"))?;
            processes.push(Process { child, config });
        }
        wait_until_ready(&mut processes)?;
        self.announce(&processes, &directory);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        runtime.block_on(watch(&mut processes))?;
        stop(processes);
        Ok(())
    }

    fn directory(&self) -> Result<PathBuf, String> {
        let fresh = || {
            let unique = format!("syncline-{}-{}", std::process::id(), uuid::Uuid::new_v4().simple());
            std::env::temp_dir().join(unique)
        };
        let directory = self.dir.clone().unwrap_or_else(fresh);
        std::fs::create_dir_all(&directory)
            .map_err(|error| format!("{}: {error}; give another --dir", directory.display()))?;
        std::path::absolute(&directory).map_err(|error| error.to_string())
    }

    fn configs(&self, directory: &Path) -> Result<Vec<Config>, String> {
        let datacenters = match (self.strategy, self.datacenters) {
            (Strategy::MultiLeader, Some(asked)) if asked != self.nodes => {
                return Err(format!(
                    "multi-leader has one leader in each datacenter: leave --datacenters out, or give {}",
                    self.nodes
                ));
            }
            (Strategy::MultiLeader, _) => self.nodes,
            (_, asked) => asked.unwrap_or(1).min(self.nodes),
        };
        let last = self.port.checked_add(PEER + u16::from(self.nodes)).filter(|_| u16::from(self.nodes) <= HTTP);
        if last.is_none() {
            return Err(format!("{} nodes do not fit above port {}: give a lower --port", self.nodes, self.port));
        }
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let nodes: Vec<NodeConfig> = (0..self.nodes)
            .map(|index| NodeConfig {
                name: format!("node-{index}"),
                datacenter: format!("dc-{}", index % datacenters),
                peer: at(self.port + PEER + u16::from(index)),
            })
            .collect();
        let config = |index: u8| -> Result<Config, String> {
            // What is not said here is as in a configuration that leaves it out.
            let text = format!(
                "cluster = 'up-{}'\nnode = 'node-{index}'\ndirectory = ''\nredis = '{}'\nhttp = '{}'\n\
                 strategy = 'leaderless'\nnodes = []\n",
                self.port,
                at(self.port + u16::from(index)),
                at(self.port + HTTP + u16::from(index)),
            );
            let defaults: Config = toml::from_str(&text).map_err(|error| error.to_string())?;
            let config = Config {
                directory: directory.join(format!("node-{index}")),
                strategy: self.strategy.into(),
                partitions: self.partitions,
                storage: self.storage.into(),
                nodes: nodes.clone(),
                ..defaults
            };
            config.check().map_err(|error| error.to_string())?;
            Ok(config)
        };
        (0..self.nodes).map(config).collect()
    }

    fn announce(&self, processes: &[Process], directory: &Path) {
        if self.json {
            for Process { child, config } in processes {
                let line = serde_json::json!({
                    "name": config.node, "pid": child.id(), "redis": config.redis.to_string(),
                    "http": config.http.to_string(), "directory": config.directory,
                });
                println!("{line}");
            }
            return;
        }
        println!("A {} cluster of {} is up; data is in {}\n", self.strategy.name(), self.nodes, directory.display());
        for Process { child, config } in processes {
            println!(
                "  {}  redis-cli -p {}   http://{}/metrics   pid {}",
                config.node,
                config.redis.port(),
                config.http,
                child.id()
            );
        }
        let (first, last) = (self.port, self.port + u16::from(self.nodes) - 1);
        println!(
            "\nTry:\n  redis-cli -p {first} SET greeting hello\n  redis-cli -p {last} GET greeting\n\nCtrl-C ends all of it."
        );
    }
}

/// Nodes that are to be told to stop by this command alone: Ctrl-C in a terminal goes to a whole group.
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

fn wait_until_ready(processes: &mut [Process]) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    for Process { child, config } in processes {
        // A node listens for Redis clients once it has opened its directory.
        while !is_ready(config.http) {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("{} did not start ({status}): see above", config.node));
            }
            if Instant::now() > until {
                return Err(format!("{} is not ready after {} s: see its log above", config.node, PATIENCE.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// Whether `/ready` answers 200.
fn is_ready(address: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let second = Duration::from_secs(1);
    let Ok(mut stream) = TcpStream::connect_timeout(&address, second) else { return false };
    let asked = stream
        .set_read_timeout(Some(second))
        .and_then(|()| stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n"))
        .and_then(|()| {
            let mut start = [0; 12];
            stream.read_exact(&mut start).map(|()| start)
        });
    asked.is_ok_and(|start| start.ends_with(b" 200"))
}

/// Waits for a signal; says so if a node ends by itself, and goes on with the others.
async fn watch(processes: &mut [Process]) -> Result<(), String> {
    let mut gone = vec![false; processes.len()];
    let mut stop = std::pin::pin!(stopped());
    loop {
        tokio::select! {
            stopped = &mut stop => return stopped.map_err(|error| format!("no signals: {error}")),
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        for (process, gone) in processes.iter_mut().zip(&mut gone) {
            if !*gone && let Ok(Some(status)) = process.child.try_wait() {
                *gone = true;
                eprintln!(
                    "syncline: {} has ended ({status}). Start it again with: syncline serve --config {}",
                    process.config.node,
                    process.config.directory.with_extension("toml").display()
                );
            }
        }
        if gone.iter().all(|gone| *gone) {
            return Err("all nodes have ended".into());
        }
    }
}

/// Lets the nodes end in order, and ends those that do not.
fn stop(mut processes: Vec<Process>) {
    for process in &processes {
        // `kill` is there wherever signals are; a node that has ended does not need it.
        let _ = Command::new("kill").arg("-TERM").arg(process.child.id().to_string()).stderr(Stdio::null()).status();
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && processes.iter_mut().any(|process| matches!(process.child.try_wait(), Ok(None))) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Strategy {
    fn name(self) -> &'static str {
        match self {
            Self::LeaderFollower => "leader-follower",
            Self::MultiLeader => "multi-leader",
            Self::Leaderless => "leaderless",
        }
    }
}

impl From<Strategy> for StrategyName {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::LeaderFollower => Self::LeaderFollower,
            Strategy::MultiLeader => Self::MultiLeader,
            Strategy::Leaderless => Self::Leaderless,
        }
    }
}

impl From<Storage> for StorageKind {
    fn from(storage: Storage) -> Self {
        match storage {
            Storage::Disk => Self::Disk,
            Storage::PowerCut => Self::PowerCut,
            Storage::PowerCutWithoutFlush => Self::PowerCutWithoutFlush,
        }
    }
}
