//! Slow links between the nodes of a test: each node reaches each other one through a proxy of the test's own, which holds
//! every piece back for a while, keeps their order, and can be cut.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Cluster;

/// The links between all nodes of a cluster; they end when this is dropped.
pub struct Delays {
    links: BTreeMap<(usize, usize), Link>,
    _runtime: Runtime,
}

struct Link {
    is_cut: watch::Sender<bool>,
    passed: Arc<AtomicU64>,
}

/// One way of one connection.
#[derive(Clone)]
struct Line {
    delay: Duration,
    seed: u64,
    is_cut: watch::Receiver<bool>,
    passed: Arc<AtomicU64>,
}

impl Delays {
    /// Puts the proxies between the nodes of a cluster that was not started yet. Each piece is held back for `delay`, and up to
    /// a quarter longer.
    pub fn put_between(cluster: &Cluster, delay: Duration, seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let mut links = BTreeMap::new();
        let nodes = 0..cluster.shape.nodes;
        for (from, to) in nodes.clone().flat_map(|from| nodes.clone().map(move |to| (from, to))) {
            if from == to {
                continue;
            }
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
            let (target, proxy) = (cluster.peer(to), listener.local_addr().expect("it listens"));
            cluster.change(from, &format!("peer = '{target}'"), &format!("peer = '{proxy}'"));
            let (is_cut, watched) = watch::channel(false);
            let passed = Arc::new(AtomicU64::new(0));
            let seed = seed.wrapping_mul(1_000) + (from * 10 + to) as u64;
            runtime.spawn(serve(listener, target, Line { delay, seed, is_cut: watched, passed: passed.clone() }));
            links.insert((from, to), Link { is_cut, passed });
        }
        Self { links, _runtime: runtime }
    }

    /// From now on nothing passes between a node and these others; what was under way waits.
    pub fn cut(&self, node: usize, others: &[usize]) {
        for other in others {
            self.links[&(node, *other)].is_cut.send_replace(true);
            self.links[&(*other, node)].is_cut.send_replace(true);
        }
    }

    /// All links work again, and what waited arrives.
    pub fn heal(&self) {
        for link in self.links.values() {
            link.is_cut.send_replace(false);
        }
    }

    /// How many pieces have passed between two nodes.
    pub fn passed(&self, one: usize, other: usize) -> u64 {
        let passed = |from, to| self.links[&(from, to)].passed.load(Ordering::Relaxed);
        passed(one, other) + passed(other, one)
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, mut line: Line) {
    while let Ok((dialler, _)) = listener.accept().await {
        line.seed += 100;
        let mut line = line.clone();
        tokio::spawn(async move {
            if line.is_cut.wait_for(|is_cut| !is_cut).await.is_err() {
                return;
            }
            // A target that is down ends the dialler's connection too.
            let Ok(target) = TcpStream::connect(target).await else { return };
            let _ = (dialler.set_nodelay(true), target.set_nodelay(true));
            let ((from_dialler, to_dialler), (from_target, to_target)) = (dialler.into_split(), target.into_split());
            tokio::join!(pass(from_dialler, to_target, line.clone()), pass(from_target, to_dialler, line));
        });
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: Line) {
    let (under_way, mut arriving) = mpsc::channel(1024);
    let depart = async move {
        let (mut random, mut due) = (line.seed, Instant::now());
        loop {
            let mut piece = vec![0; 16 << 10];
            let Ok(length @ 1..) = from.read(&mut piece).await else { return };
            piece.truncate(length);
            // Knuth's MMIX.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let jitter = line.delay / 4 * u32::try_from(random >> 48).expect("16 bits") / (1 << 16);
            due = due.max(Instant::now() + line.delay + jitter);
            if under_way.send((due, piece)).await.is_err() {
                return;
            }
        }
    };
    let arrive = async move {
        while let Some((due, piece)) = arriving.recv().await {
            tokio::time::sleep_until(due).await;
            if line.is_cut.wait_for(|is_cut| !is_cut).await.is_err() || to.write_all(&piece).await.is_err() {
                return;
            }
            line.passed.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::join!(depart, arrive);
}
