//! A cluster of real processes for tests: started, killed and restarted by id, ended when it is dropped.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub mod agreement;
pub mod delay;
pub mod network;

use network::Network;

/// How the nodes are made.
#[derive(Clone, Copy)]
pub struct Shape {
    pub strategy: &'static str,
    pub storage: &'static str,
    pub nodes: usize,
    /// Whether each node is in a network namespace of its own.
    pub apart: bool,
}

pub struct Cluster {
    pub shape: Shape,
    directory: PathBuf,
    redis: Vec<SocketAddr>,
    http: Vec<SocketAddr>,
    peers: Vec<SocketAddr>,
    processes: Vec<Option<Child>>,
    pub network: Option<Network>,
}

/// A port that nobody listens on now, below those that the system gives to connections: one of these could take it until a
/// killed node comes back.
fn free_port() -> u16 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    loop {
        let asked = std::process::id().wrapping_mul(131).wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + u16::try_from(asked % 10_000).expect("below 10,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A port for `syncline up`, with two more behind it, and three each behind the hundredth and the two hundredth, that nobody
/// listens on now. Above those of [`free_port`].
pub fn free_ports_for_up() -> u16 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    loop {
        let asked = std::process::id().wrapping_mul(7).wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        let first = 20_000 + 300 * u16::try_from(asked % 40).expect("below 40");
        let mut ports = [0, 100, 200].into_iter().flat_map(|class| (0..3).map(move |node| first + class + node));
        if ports.all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return first;
        }
    }
}

impl Cluster {
    /// Starts all nodes and waits until they are ready.
    pub fn start(shape: Shape) -> Self {
        let mut cluster = Self::prepare(shape);
        cluster.start_all();
        cluster
    }

    /// A new cluster of which no node was started yet.
    pub fn prepare(shape: Shape) -> Self {
        let unique = format!("syncline-test-{}-{:?}", std::process::id(), Instant::now());
        let directory = std::env::temp_dir().join(unique.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        std::fs::create_dir_all(&directory).expect("the temporary directory can be written");
        let network = shape.apart.then(|| Network::new(shape.nodes));
        let addresses = |port: u16| {
            let address = |node| match &network {
                Some(network) => SocketAddr::new(IpAddr::V4(network.address(node)), port),
                None => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port()),
            };
            (0..shape.nodes).map(address).collect::<Vec<_>>()
        };
        let (redis, http, peers) = (addresses(7400), addresses(7500), addresses(7600));
        for node in 0..shape.nodes {
            let mut text = format!(
                "cluster = 'test'\nnode = 'n{node}'\ndirectory = '{}'\nredis = '{}'\nhttp = '{}'\nstrategy = '{}'\n\
                 partitions = 2\npatience_ms = 2000\nstorage = '{}'\n[timing]\nheartbeat_ms = 50\ndetection_ms = 400\n\
                 stagger_ms = 150\nanti_entropy_ms = 100\n",
                directory.join(format!("n{node}")).display(),
                redis[node],
                http[node],
                shape.strategy,
                shape.storage,
            );
            for (other, peer) in peers.iter().enumerate() {
                text += &format!("[[nodes]]\nname = 'n{other}'\ndatacenter = 'd{other}'\npeer = '{peer}'\n");
            }
            std::fs::write(directory.join(format!("n{node}.toml")), text).expect("a file can be written");
        }
        let processes = (0..shape.nodes).map(|_| None).collect();
        Self { shape, directory, redis, http, peers, processes, network }
    }

    /// Starts all nodes and waits until they are ready.
    pub fn start_all(&mut self) {
        (0..self.shape.nodes).for_each(|node| self.restart(node));
        self.wait_until_ready();
    }

    /// Where the other nodes connect to a node.
    pub fn peer(&self, node: usize) -> SocketAddr {
        self.peers[node]
    }

    /// Where clients of a node connect.
    pub fn redis(&self, node: usize) -> SocketAddr {
        self.redis[node]
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.redis.clone()
    }

    pub fn restart(&mut self, node: usize) {
        let config = self.directory.join(format!("n{node}.toml"));
        let program = env!("CARGO_BIN_EXE_syncline");
        let mut command = match &self.network {
            Some(network) => network.command(node, program),
            None => Command::new(program),
        };
        command.arg("serve").arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::null());
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.log(node));
        command.stderr(log.expect("a file can be written"));
        self.processes[node] = Some(command.spawn().expect("the program runs"));
    }

    /// `kill -9`.
    pub fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.processes[node].take() {
            child.kill().expect("it is this test's child");
            child.wait().expect("it was killed");
        }
    }

    /// A node's directory is gone.
    pub fn lose_disk(&self, node: usize) {
        std::fs::remove_dir_all(self.directory.join(format!("n{node}"))).expect("it was there");
    }

    /// Changes a node's configuration, for its next start.
    pub fn change(&self, node: usize, from: &str, to: &str) {
        let file = self.directory.join(format!("n{node}.toml"));
        let text = std::fs::read_to_string(&file).expect("it was written");
        assert!(text.contains(from), "{text} has no {from}");
        std::fs::write(&file, text.replace(from, to)).expect("a file can be written");
    }

    pub fn wait_until_ready(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        for node in 0..self.shape.nodes {
            while !self.get(node, "/ready").starts_with("HTTP/1.0 200") {
                assert!(Instant::now() < until, "node {node} is not ready; its log:\n{}", self.log_of(node));
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// The answer to a GET, with its headers; empty if there is none.
    pub fn get(&self, node: usize, path: &str) -> String {
        use std::io::{Read, Write};
        let mut text = String::new();
        if let Ok(mut stream) = std::net::TcpStream::connect_timeout(&self.http[node], Duration::from_secs(1)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let _ = stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
            let _ = stream.read_to_string(&mut text);
        }
        text
    }

    /// What a node counts under a name: the sum over the lines with this label.
    pub fn metric(&self, node: usize, name: &str, label: &str) -> u64 {
        let text = self.get(node, "/metrics");
        let lines =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        let values = lines.filter(|line| line.contains(label)).filter_map(|line| line.rsplit(' ').next());
        values.map(|value| value.parse::<u64>().expect("it is a number")).sum()
    }

    fn log(&self, node: usize) -> PathBuf {
        self.directory.join(format!("n{node}.log"))
    }

    pub fn log_of(&self, node: usize) -> String {
        std::fs::read_to_string(self.log(node)).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        (0..self.shape.nodes).for_each(|node| self.kill(node));
        // The directory stays for whoever looks into a failure.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}
