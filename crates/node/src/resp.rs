//! A front for clients of Redis: its protocol, in both versions, and the commands of its strings, counters and sets.
//!
//! ```text
//! socket ─▶ decoder ─▶ table ─▶ commands ─▶ session ─▶ gateway        (requests of a pipeline overlap)
//! socket ◀─ frame ◀─── connection's queue ◀───────────── answers      (replies leave in order)
//! ```
//!
//! What commands mean when both sides of a cluster write, and where they differ from those of Redis, is told in
//! `docs/redis.md`; that the rest is the same is tested against a real Redis in `tests/redis_differential.rs`.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::gateway::Gateway;
use crate::metrics::Metrics;

mod arguments;
mod commands;
mod connection;
mod contexts;
mod cursors;
mod decimal;
mod decoder;
mod error;
mod frame;
mod glob;
mod last_writes;
mod session;
mod table;

use connection::Connection;
use cursors::Cursors;
use session::Session;

/// The version of Redis that clients are told: the one that replies are compared with.
const REDIS_VERSION: &str = "7.0.15";

/// How long nothing is accepted after the system could not give a socket.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What the front has to be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A password that clients have to give.
    pub password: Option<String>,
    /// The most clients at a time.
    pub max_clients: usize,
}

/// What all connections share.
struct Server {
    gateway: Gateway,
    settings: Settings,
    metrics: Arc<Metrics>,
    cursors: Mutex<Cursors>,
    began: Instant,
    last_session: AtomicU64,
}

impl Server {
    /// The table of cursors. A panic of another connection leaves it whole.
    fn cursors(&self) -> MutexGuard<'_, Cursors> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves Redis clients until `shutdown` says so and what they had asked is answered. Dropping it ends all connections.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    settings: Settings,
    metrics: Arc<Metrics>,
    mut shutdown: watch::Receiver<bool>,
) {
    let server = Arc::new(Server {
        gateway,
        settings,
        metrics,
        cursors: Mutex::default(),
        began: Instant::now(),
        last_session: AtomicU64::new(0),
    });
    let mut connections = JoinSet::new();
    let stop = shutdown.clone();
    loop {
        let is_over = async {
            let _ = shutdown.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    // Those that have ended, whether well or not, make room.
                    while connections.try_join_next().is_some() {}
                    if connections.len() >= server.settings.max_clients {
                        turn_away(stream);
                    } else {
                        connections.spawn(attend(server.clone(), stream, address, stop.clone()));
                    }
                }
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            },
            Some(_) = connections.join_next() => {}
            () = is_over => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Says why there is no place. A client that does not take a line in its empty buffer is not waited for.
fn turn_away(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(b"-ERR max number of clients reached\r\n");
    }
}

async fn attend(server: Arc<Server>, stream: TcpStream, address: SocketAddr, shutdown: watch::Receiver<bool>) {
    // Replies leave as soon as they are complete; without this, some would wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let id = server.last_session.fetch_add(1, Ordering::Relaxed) + 1;
    let counted = Counted::begin(server.metrics.clone());
    let session = Session::new(server, id, Some(address));
    // A client that can not be reached any more needs no answer.
    let _ = Connection::new(stream, session).run(shutdown).await;
    drop(counted);
}

/// One connection in the metrics, however it ends.
struct Counted(Arc<Metrics>);

impl Counted {
    fn begin(metrics: Arc<Metrics>) -> Self {
        metrics.connections(1);
        Self(metrics)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections(-1);
    }
}
