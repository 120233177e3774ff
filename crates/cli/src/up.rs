//! `syncline up`: a real cluster of processes on this machine, for as long as the command runs.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use syncline_node::PROCESS_HEADER;
use syncline_node::config::{Config, NodeConfig, StorageKind, StrategyName};

use crate::serve::stopped;

mod directory;

use directory::{Directory, options};

/// How far behind a node's Redis port its HTTP port and its peer port are.
const HTTP: u16 = 100;
const PEER: u16 = 200;
/// How long nodes may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most that is read of an answer to `/ready`, in bytes.
const LONGEST_ANSWER: u64 = 64 << 10;

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
Node i listens for Redis clients on port PORT + i, for HTTP on PORT + 100 + i, for its peers on PORT + 200 + i; nothing else \
may listen there. Once all nodes are ready, the command says where they are. However it ends, also by kill -9, its nodes end \
with it.

With --dir, a cluster that was stopped goes on where it was: give the same --strategy, --nodes, --datacenters and \
--partitions; --port may be another. One `syncline up` at a time can use a directory. Without --dir, what was written is gone \
after Ctrl-C.

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

    /// Keep data here [default: a fresh directory, which is removed at the end].
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
        let datacenters = self.datacenters()?;
        // Dropped last, after the processes.
        let mut directory = Directory::open(self.dir.as_deref())?;
        let configs = self.configs(&directory, datacenters)?;
        configs.iter().try_for_each(ports_are_free)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        runtime.block_on(self.serve(configs, &mut directory))
    }

    async fn serve(&self, configs: Vec<Config>, directory: &mut Directory) -> Result<(), String> {
        // Before anything is started that has to be ended.
        let mut stopped = std::pin::pin!(stopped().map_err(|error| format!("no signals: {error}"))?);
        let mut processes = start(configs)?;
        tokio::select! {
            () = &mut stopped => return stop(processes).await,
            ready = wait_until_ready(&mut processes) => ready?,
        }
        self.announce(&processes, directory);
        tokio::select! {
            () = stopped => stop(processes).await,
            () = watch(&mut processes) => {
                directory.is_temporary = false;
                Err(format!("all nodes have ended; what they wrote is left in {}", directory.path.display()))
            }
        }
    }

    fn datacenters(&self) -> Result<u8, String> {
        let nodes = self.nodes;
        match (self.strategy, self.datacenters) {
            (Strategy::MultiLeader, Some(asked)) if asked != nodes => {
                Err(format!("multi-leader has one leader in each datacenter: leave --datacenters out, or give {nodes}"))
            }
            (_, Some(asked)) if asked > nodes => Err(format!(
                "{nodes} nodes can not stand in {asked} datacenters: give --nodes {asked} or more, or \
                 --datacenters {nodes} or fewer"
            )),
            (Strategy::MultiLeader, _) => Ok(nodes),
            (_, asked) => Ok(asked.unwrap_or(1)),
        }
    }

    fn configs(&self, directory: &Directory, datacenters: u8) -> Result<Vec<Config>, String> {
        let last = self.port.checked_add(PEER + u16::from(self.nodes)).filter(|_| u16::from(self.nodes) <= HTTP);
        if last.is_none() {
            return Err(format!("{} nodes do not fit above port {}: give a lower --port", self.nodes, self.port));
        }
        let strategy = StrategyName::from(self.strategy);
        let cluster = match directory.made()? {
            Some((made, cluster)) if made == options(strategy, self.nodes, datacenters, self.partitions) => cluster,
            Some((made, _)) => {
                let path = directory.path.display();
                return Err(format!("{path} was made with {made}: give the same, or another --dir"));
            }
            None => format!("up-{}", self.port),
        };
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
                "cluster = ''\nnode = 'node-{index}'\ndirectory = ''\nredis = '{}'\nhttp = '{}'\n\
                 strategy = 'leaderless'\nnodes = []\n",
                at(self.port + u16::from(index)),
                at(self.port + HTTP + u16::from(index)),
            );
            let defaults: Config = toml::from_str(&text).map_err(|error| error.to_string())?;
            let config = Config {
                cluster: cluster.clone(),
                directory: directory.path.join(format!("node-{index}")),
                strategy,
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

    fn announce(&self, processes: &[Process], directory: &Directory) {
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
        let kept = if directory.is_temporary { ", kept until Ctrl-C: give --dir to keep it" } else { "" };
        let strategy = StrategyName::from(self.strategy);
        println!("A {strategy} cluster of {} is up; data is in {}{kept}\n", self.nodes, directory.path.display());
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

/// Beside the node's directory.
fn file_of(config: &Config) -> PathBuf {
    config.directory.with_extension("toml")
}

/// A port that is taken is the likeliest mistake: it is found before anything was started.
fn ports_are_free(config: &Config) -> Result<(), String> {
    let peer = config.index().map(|index| config.nodes[index as usize].peer);
    let ports = [(Some(config.redis), "Redis clients"), (Some(config.http), "HTTP"), (peer, "its peers")];
    for (address, whom) in ports.iter().filter_map(|(address, whom)| Some(((*address)?, whom))) {
        TcpListener::bind(address).map_err(|error| {
            format!(
                "{address}, where {} would listen for {whom}: {error}; stop what listens there (another `syncline up`?), or \
                 give another --port",
                config.node
            )
        })?;
    }
    Ok(())
}

/// Starts a process for each node; those that were started end if one can not be.
fn start(configs: Vec<Config>) -> Result<Vec<Process>, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program can not be found: {error}"))?;
    for config in &configs {
        let file = file_of(config);
        let text = toml::to_string(config).map_err(|error| error.to_string())?;
        std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let start = |config: Config| {
        let mut command = Command::new(&program);
        // A node ends when this process does, because the pipe ends.
        command.arg("serve").arg("--until-stdin-ends").arg("--config").arg(file_of(&config));
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        own_group(&mut command);
        let child = command.spawn().map_err(|error| format!("a node can not be started: {error}"))?;
        Ok(Process { child, config })
    };
    configs.into_iter().map(start).collect()
}

/// Nodes that are to be told to stop by this command alone: Ctrl-C in a terminal goes to a whole group.
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

async fn wait_until_ready(processes: &mut [Process]) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut reason = None;
        for Process { child, config } in processes.iter_mut() {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("{} did not start ({status}): see above", config.node));
            }
            let missing = not_ready(config.http, child.id());
            reason = reason.or(missing.map(|reason| format!("{} is not ready: {reason}", config.node)));
        }
        match reason {
            None => return Ok(()),
            Some(reason) if Instant::now() > until => return Err(format!("after {} s {reason}", PATIENCE.as_secs())),
            Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Why a process is not ready, if it is not: only what it says itself counts, not what another says on its port.
fn not_ready(address: SocketAddr, process: u32) -> Option<String> {
    let second = Duration::from_secs(1);
    let mut answer = String::new();
    let asked = TcpStream::connect_timeout(&address, second).and_then(|mut stream| {
        stream.set_read_timeout(Some(second))?;
        stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n")?;
        stream.take(LONGEST_ANSWER).read_to_string(&mut answer)
    });
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let is_its_own = head.lines().any(|line| line == format!("{PROCESS_HEADER}: {process}"));
    match asked {
        Err(error) => Some(format!("{address}: {error}")),
        Ok(_) if !is_its_own => Some(format!("another process answers on {address}; give another --port")),
        Ok(_) => (!head.starts_with("HTTP/1.0 200")).then(|| body.trim().to_owned()),
    }
}

/// Says so if a node ends by itself, and goes on with the others, until none is left.
async fn watch(processes: &mut [Process]) {
    let mut gone = vec![false; processes.len()];
    while !gone.iter().all(|gone| *gone) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for (process, gone) in processes.iter_mut().zip(&mut gone) {
            if !*gone && let Ok(Some(status)) = process.child.try_wait() {
                *gone = true;
                let (node, file) = (&process.config.node, file_of(&process.config));
                eprintln!(
                    "syncline: {node} has ended ({status}). Start it again with: syncline serve --config {}",
                    file.display()
                );
            }
        }
    }
}

/// Lets the nodes end in order, and ends those that do not.
async fn stop(mut processes: Vec<Process>) -> Result<(), String> {
    processes.iter_mut().for_each(|process| drop(process.child.stdin.take()));
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && processes.iter_mut().any(|process| matches!(process.child.try_wait(), Ok(None))) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::not_ready;

    #[test]
    fn only_the_process_itself_can_say_that_it_is_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 1_000]);
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nx-syncline-process: 12\r\n\r\n");
            }
        });
        assert_eq!(not_ready(address, 12), None);
        for other in [1, 2, 120, 13] {
            assert!(not_ready(address, other).is_some_and(|reason| reason.contains("another process")), "{other}");
        }
    }
}
