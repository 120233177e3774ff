//! `syncline up` and what may be in its way: other processes on its ports, other clusters in its directory, `kill -9`.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::Commands;

mod cluster;

use cluster::free_ports_for_up;

/// A running `syncline up`, ended as by Ctrl-C when it is dropped.
struct Up {
    child: Child,
    nodes: Vec<serde_json::Value>,
}

fn command(port: u16, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
    command.args(["up", "--strategy", "leaderless", "--port", &port.to_string()]).args(more);
    command
}

impl Up {
    fn start(port: u16, more: &[&str]) -> Self {
        let mut child = command(port, more).arg("--json").stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(3);
        let nodes: Vec<_> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        assert_eq!(nodes.len(), 3, "the cluster is not up");
        Self { child, nodes }
    }

    fn pids(&self) -> impl Iterator<Item = u64> {
        self.nodes.iter().map(|node| node["pid"].as_u64().unwrap())
    }

    fn connect(&self, node: usize) -> redis::Connection {
        let address = self.nodes[node]["redis"].as_str().unwrap();
        redis::Client::open(format!("redis://{address}")).unwrap().get_connection().unwrap()
    }

    /// Ctrl-C.
    fn stop(&mut self) {
        interrupt(&self.child);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            interrupt(&self.child);
            self.child.wait().unwrap();
        }
    }
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn is_running(pid: u64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// It ends, starts nothing, and says what to do.
fn refuses(port: u16, more: &[&str], advice: &[&str]) {
    let output = command(port, more).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(
        output.stdout.is_empty() && advice.iter().all(|word| said.contains(word)),
        "{said:?} does not say {advice:?}"
    );
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("syncline-up-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn its_nodes_end_with_it_also_by_kill_9() {
    let scratch = Scratch::new("killed");
    let port = free_ports_for_up();
    let mut up = Up::start(port, &["--dir", scratch.text()]);
    assert!(up.pids().all(is_running));
    let _: () = up.connect(0).set("k", "v").unwrap();
    up.child.kill().unwrap();
    up.child.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while up.pids().any(is_running) {
        assert!(Instant::now() < until, "a node is left running");
        std::thread::sleep(Duration::from_millis(20));
    }
    // In order: the directory can be used again at once, and nothing is lost.
    let up = Up::start(port, &["--dir", scratch.text()]);
    assert_eq!(up.connect(2).get::<_, String>("k").unwrap(), "v");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let scratch = Scratch::new("ports");
    let first = free_ports_for_up();
    for port in [first + 1, first + 102, first + 200] {
        let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        refuses(first, &["--dir", scratch.text()], &[&format!("127.0.0.1:{port}"), "--port"]);
    }
    assert!(!scratch.0.join("node-0").exists(), "a node was started although a port of another is taken");
}

#[test]
fn a_directory_is_for_one_cluster_of_one_shape() {
    let scratch = Scratch::new("shape");
    let (port, other_port) = (free_ports_for_up(), free_ports_for_up());
    let mut up = Up::start(port, &["--dir", scratch.text(), "--partitions", "2"]);
    let _: () = up.connect(0).set("k", "v").unwrap();
    refuses(other_port, &["--dir", scratch.text(), "--partitions", "2"], &[scratch.text(), "in use", "another --dir"]);
    refuses(port, &[], &[&format!("127.0.0.1:{port}"), "another `syncline up`"]);
    up.stop();
    let made = "--strategy leaderless --nodes 3 --datacenters 1 --partitions 2";
    for other in ["--partitions 3", "--partitions 2 --nodes 5", "--partitions 2 --datacenters 3"] {
        let other = ["--dir", scratch.text()].into_iter().chain(other.split(' ')).collect::<Vec<_>>();
        refuses(port, &other, &[scratch.text(), made]);
    }
    // It goes on where it was, on other ports if these are asked for.
    let up = Up::start(other_port, &["--dir", scratch.text(), "--partitions", "2"]);
    assert_eq!(up.connect(2).get::<_, String>("k").unwrap(), "v");
}

#[test]
fn what_it_made_for_itself_goes_with_it_and_it_says_so() {
    let mut child = command(free_ports_for_up(), &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut banner = String::new();
    said.read_line(&mut banner).unwrap();
    let path = banner.split("data is in ").nth(1).and_then(|rest| rest.split(", kept until Ctrl-C").next());
    let path = PathBuf::from(path.unwrap());
    assert!(banner.contains("--dir") && path.join("node-2").is_dir(), "{banner}");
    interrupt(&child);
    assert!(child.wait().unwrap().success());
    assert!(!path.exists(), "{} is left", path.display());
}
