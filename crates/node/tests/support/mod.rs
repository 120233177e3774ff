//! A node of its own for a test, in the test's process.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use std::net::SocketAddr;
use std::path::PathBuf;

use syncline_node::Node;
use syncline_node::config::Config;

/// A running node; it ends, and its directory goes, when this is dropped.
pub struct Running {
    pub redis: SocketAddr,
    pub http: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    directory: PathBuf,
}

/// The configuration of a cluster of one node, on ports that the system chooses.
pub fn config(directory: &std::path::Path) -> Config {
    let text = format!(
        "cluster = 'test'\nnode = 'a'\ndirectory = '{}'\nredis = '127.0.0.1:0'\nhttp = '127.0.0.1:0'\n\
         strategy = 'leaderless'\npartitions = 2\n[[nodes]]\nname = 'a'\ndatacenter = 'd'\npeer = '127.0.0.1:0'\n",
        directory.display()
    );
    toml::from_str(&text).expect("it is a configuration")
}

/// Starts a node and waits until it serves.
pub fn start_node() -> Running {
    start_node_with(|_| ())
}

/// The same, of a configuration that is changed first.
pub fn start_node_with(change: impl FnOnce(&mut Config)) -> Running {
    let directory = tempfile::tempdir().expect("the temporary directory can be written").keep();
    let mut config = config(&directory);
    change(&mut config);
    let (started, addresses) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        runtime.block_on(async {
            let node = Node::start(config).await.expect("the node starts");
            started.send((node.redis_address(), node.http_address())).expect("the test waits");
            let _ = stopped.await;
            node.shut_down().await;
        });
    });
    let (redis, http) = addresses.recv().expect("the node starts");
    Running { redis, http, stop: Some(stop), thread: Some(thread), directory }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
