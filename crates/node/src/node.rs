//! A node, started and stopped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use syncline_replicas::{ClientId, NodeId, PartitionId};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, ConfigError, StorageKind};
use crate::flusher::Flusher;
use crate::gateway::{Cluster, Gateway};
use crate::handshake::Handshake;
use crate::metrics::Metrics;
use crate::peer::{Acceptor, Links};
use crate::shard::{Parts, Shard, ShardInput, inbox};
use crate::storage::power_cut::PowerCut;
use crate::storage::{self, OpenError, Storage};
use crate::{http, resp};

/// How long clients may take to hear their last answers when a node shuts down.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration can not be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The directory can not be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The directory was made for another number of partitions: keys would be looked for where they are not.
    #[error(
        "{} was made for {held} partitions, and the configuration says {configured}: their number is fixed when a cluster is \
         created; set `partitions = {held}`",
        directory.display()
    )]
    Partitions {
        /// The directory.
        directory: PathBuf,
        /// How many it was made for.
        held: String,
        /// How many the configuration has.
        configured: u32,
    },
    /// The directory can not be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A port can not be listened on.
    #[error(
        "{what} can not listen on {address}: {source}; is another node running, or does `{setting}` name the wrong port?"
    )]
    Listen {
        /// What was to listen.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// The setting that says so.
        setting: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A thread can not be started.
    #[error("a thread can not be started: {0}")]
    Thread(std::io::Error),
}

/// A running node. Dropping it leaves its threads running: [`shut_down`](Self::shut_down) it.
pub struct Node {
    gateway: Gateway,
    metrics: Arc<Metrics>,
    redis: SocketAddr,
    http: SocketAddr,
    shutdown: watch::Sender<bool>,
    tasks: JoinSet<()>,
    inboxes: Vec<crate::shard::ShardInbox>,
    shards: Vec<JoinHandle<()>>,
    flusher: Flusher,
    flushing: JoinHandle<()>,
}

impl Node {
    /// Opens the directory, listens, and begins to talk to the other nodes.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let index = config.index().ok_or_else(|| ConfigError::Unusable("`node` is none of `nodes`".into()))?;
        let own = &config.nodes[index as usize];
        // Listen first: a port that is taken is the likeliest mistake, and costs nothing to find.
        let peer_listener = listen("the peer port", "peer", own.peer).await?;
        let redis_listener = listen("the Redis port", "redis", config.redis).await?;
        let http_listener = listen("the HTTP port", "http", config.http).await?;
        let redis = redis_listener.local_addr().unwrap_or(config.redis);
        let http_address = http_listener.local_addr().unwrap_or(config.http);

        let engine = storage::open(&config.directory, &config.cluster, index)?;
        check_partitions(&config.directory, config.partitions)?;
        let storage: Arc<dyn Storage> = match config.storage {
            StorageKind::Disk => engine,
            StorageKind::PowerCut => Arc::new(PowerCut::new(engine)),
            StorageKind::PowerCutWithoutFlush => Arc::new(PowerCut::without_flush(engine)),
        };
        let metrics = Arc::new(Metrics::default());
        let (shutdown, stop) = watch::channel(false);
        let node = NodeId(index);
        let handshake = Handshake::new(&config, index);
        let links = Links::start(node, &config.nodes, &handshake, &metrics, &stop);

        let flusher = Flusher::default();
        let flushing = flusher.clone().start(storage.clone()).map_err(StartError::Thread)?;
        let random = uuid::Uuid::new_v4().as_u64_pair().0;
        let (inboxes, shards) = start_shards(&config, node, random, &storage, &flusher, &links, &metrics)?;

        let cluster = Cluster {
            name: config.cluster.clone(),
            node: index,
            nodes: u8::try_from(config.nodes.len()).unwrap_or(u8::MAX),
            strategy: config.strategy.into(),
            partitions: config.partitions,
            level: config.level(),
            patience: Duration::from_millis(config.patience_ms),
        };
        let gateway = Gateway::new(cluster, inboxes.clone(), random);
        let mut tasks = JoinSet::new();
        let acceptor = Acceptor {
            handshake,
            links: links.clone(),
            partitions: config.partitions,
            shards: inboxes.clone().into(),
            metrics: metrics.clone(),
        };
        tasks.spawn(acceptor.run(peer_listener, stop.clone()));
        let settings = resp::Settings { password: config.password.clone(), max_clients: config.max_clients };
        tasks.spawn(resp::serve(redis_listener, gateway.clone(), settings, metrics.clone(), stop.clone()));
        let (observed, needed) = (metrics.clone(), config.nodes.len() / 2);
        tasks.spawn(async move {
            let _ = http::serve(http_listener, observed, links, needed, stop).await;
        });
        Ok(Self { gateway, metrics, redis, http: http_address, shutdown, tasks, inboxes, shards, flusher, flushing })
    }

    /// The partitions, for an application that has the node inside.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Where Redis clients connect.
    #[must_use]
    pub fn redis_address(&self) -> SocketAddr {
        self.redis
    }

    /// Where `/health`, `/ready` and `/metrics` are.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Takes no more requests, answers those that were taken as far as that goes quickly, flushes, and ends.
    pub async fn shut_down(mut self) {
        let _ = self.shutdown.send(true);
        let answered = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_ANSWERS, answered).await.is_err() {
            self.tasks.abort_all();
        }
        for inbox in &self.inboxes {
            inbox.send_own(ShardInput::Stop);
        }
        let (shards, flusher, flushing) = (self.shards, self.flusher, self.flushing);
        let ended = tokio::task::spawn_blocking(move || {
            for shard in shards {
                let _ = shard.join();
            }
            flusher.stop();
            let _ = flushing.join();
        });
        let _ = ended.await;
    }
}

/// Holds the configured number of partitions against the one that the directory was made for.
fn check_partitions(directory: &Path, configured: u32) -> Result<(), StartError> {
    let path = directory.join("partitions");
    match std::fs::read_to_string(&path) {
        Ok(held) if held.trim() == configured.to_string() => Ok(()),
        Ok(held) => Err(StartError::Partitions {
            directory: directory.into(),
            held: held.trim().chars().take(20).collect(),
            configured,
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::write(&path, format!("{configured}\n")).map_err(|source| StartError::Write { path, source })
        }
        Err(source) => Err(StartError::Write { path, source }),
    }
}

type Started = (Vec<crate::shard::ShardInbox>, Vec<JoinHandle<()>>);

fn start_shards(
    config: &Config,
    node: NodeId,
    first_client: u64,
    storage: &Arc<dyn Storage>,
    flusher: &Flusher,
    links: &Links,
    metrics: &Arc<Metrics>,
) -> Result<Started, StartError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if config.threads == 0 { cores } else { config.threads };
    let count = u32::try_from(threads).unwrap_or(u32::MAX).min(config.partitions).max(1);
    // A restart has to have a higher number than the one before; the time does that without being kept.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let incarnation = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let names: Arc<[String]> = config.nodes.iter().map(|node| node.name.clone()).collect();
    for partition in 0..config.partitions {
        metrics.readiness.of_partition(PartitionId(partition), Some("has not begun yet".into()));
    }
    let (mut inboxes, mut handles) = (Vec::new(), Vec::new());
    for shard in 0..count {
        let (own, inputs) = inbox();
        let held = (0..config.partitions).filter(|partition| partition % count == shard);
        let parts = Parts {
            node,
            settings: config.settings(),
            partitions: held.map(|partition| (PartitionId(partition), config.bootstrap())).collect(),
            incarnation,
            client: ClientId(first_client.wrapping_sub(u64::from(shard) + 1)),
            rebuild_from: config.rebuild_from(),
            names: names.clone(),
            storage: storage.clone(),
            flusher: flusher.clone(),
            links: links.clone(),
            metrics: metrics.clone(),
            inbox: own.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("shard-{shard}"));
        handles.push(thread.spawn(move || Shard::new(parts).run(&inputs)).map_err(StartError::Thread)?);
        inboxes.push(own);
    }
    Ok((inboxes, handles))
}

async fn listen(what: &'static str, setting: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { what, address, setting, source })
}
