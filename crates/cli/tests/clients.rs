//! `syncline up` for each strategy, and clients as they are published: redis-cli, redis-py, ioredis, node-redis, connected
//! with their defaults, writing to one node and reading from another.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

mod cluster;

/// A cluster of `syncline up`, ended by a signal as Ctrl-C does.
struct Up {
    child: Child,
    nodes: Vec<serde_json::Value>,
}

impl Up {
    fn start(strategy: &str, port: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
        command.args(["up", "--json", "--strategy", strategy, "--port", &port.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(3);
        let nodes: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        assert_eq!(nodes.len(), 3, "{strategy}: the cluster is not up");
        Self { child, nodes }
    }

    fn port(&self, node: usize) -> String {
        let address = self.nodes[node]["redis"].as_str().unwrap();
        address.rsplit(':').next().unwrap().to_string()
    }

    /// Ctrl-C; every process of the cluster has ended when this returns.
    fn stop(mut self) {
        signal("-INT", self.child.id());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "up ended with {status}");
        for node in &self.nodes {
            let pid = node["pid"].as_u64().unwrap();
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{} is left running", node["name"]);
            let directory = PathBuf::from(node["directory"].as_str().unwrap());
            assert!(!directory.exists(), "what was only lent is left");
        }
    }
}

fn signal(which: &str, pid: u32) {
    assert!(Command::new("kill").args([which, &pid.to_string()]).status().unwrap().success());
}

fn run(command: &mut Command) -> String {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; ./test installs what is missing"));
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed:\n{said}\n{complained}");
    said.into_owned()
}

fn installed() -> PathBuf {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients");
    assert!(clients.join("complete").exists(), "the clients for Python and Node.js are not installed: run ./test");
    clients
}

fn clients_of(strategy: &str) {
    let up = Up::start(strategy, cluster::free_ports_for_up());
    let (first, last) = (up.port(0), up.port(2));
    let cli = |port: &str, words: &[&str]| run(Command::new("redis-cli").args(["-p", port]).args(words));
    assert_eq!(cli(&first, &["SET", "greeting", "hello"]), "OK\n");
    let until = Instant::now() + Duration::from_secs(10);
    while cli(&last, &["GET", "greeting"]) != "hello\n" {
        assert!(Instant::now() < until, "{strategy}: the last node does not have what was written to the first");
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let clients = installed();
    run(Command::new(clients.join("python/bin/python")).arg(scripts.join("redis_py.py")).args([&first, &last]));
    let modules = clients.join("node_modules");
    run(Command::new("node").env("NODE_PATH", modules).arg(scripts.join("node_clients.js")).args([&first, &last]));
    up.stop();
}

#[test]
fn published_clients_talk_to_leader_follower() {
    clients_of("leader-follower");
}

#[test]
fn published_clients_talk_to_multi_leader() {
    clients_of("multi-leader");
}

#[test]
fn published_clients_talk_to_leaderless() {
    clients_of("leaderless");
}
