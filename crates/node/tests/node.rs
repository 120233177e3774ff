//! A node and what it is given: directories, ports, records, peers. Each mistake is a clear error or a bound.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use redis::Commands;
use syncline_node::config::{Config, NodeConfig};
use syncline_node::storage::{self, Storage};
use syncline_node::{Node, StartError};
use syncline_replicas::{Batch, BatchNumber, PartitionId, StoreRead};

mod support;

use support::config;

/// Runs a node for as long as `work` takes.
fn with_node<T>(config: Config, work: impl FnOnce(SocketAddr, SocketAddr) -> T) -> Result<T, StartError> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let node = runtime.block_on(Node::start(config))?;
    let done = work(node.redis_address(), node.http_address());
    runtime.block_on(node.shut_down());
    Ok(done)
}

fn refuses(config: Config, advice: &str) {
    let error = with_node(config, |_, _| ()).expect_err("it can not start").to_string();
    assert!(error.contains(advice) && error.lines().count() == 1, "{error:?} does not say {advice:?}");
}

fn connect(address: SocketAddr) -> redis::Connection {
    redis::Client::open(format!("redis://{address}")).unwrap().get_connection().unwrap()
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// How many rows of entries a node left on its disk.
fn entries(directory: &Path) -> usize {
    let store = storage::open(directory, "test", 0).unwrap();
    (0..2).map(|partition| store.scan(PartitionId(partition), b"d", b"d", 1_000).unwrap().len()).sum()
}

#[test]
fn what_is_not_free_or_not_its_own_is_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(directory.path());
    refuses(Config { redis: taken.local_addr().unwrap(), ..config.clone() }, "`redis`");
    refuses(Config { http: taken.local_addr().unwrap(), ..config.clone() }, "`http`");
    with_node(config.clone(), |_, _| refuses(config.clone(), "in use")).unwrap();
    refuses(Config { cluster: "another".into(), ..config.clone() }, "another");
    refuses(Config { partitions: 5, ..config.clone() }, "`partitions = 2`");
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    refuses(Config { directory: file, ..config }, "file");
}

#[test]
fn what_has_expired_leaves_the_disk_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    with_node(config.clone(), |redis, _| {
        let mut connection = connect(redis);
        for key in ["a", "b", "c"] {
            let _: () = redis::cmd("SET").arg(key).arg("v").arg("PX").arg(200).query(&mut connection).unwrap();
        }
        let _: i64 = connection.sadd("set", &["x", "y"]).unwrap();
        let _: bool = connection.pexpire("set", 200).unwrap();
        let _: () = redis::cmd("SET").arg("later").arg("v").arg("PX").arg(1_200).query(&mut connection).unwrap();
        std::thread::sleep(Duration::from_millis(700));
    })
    .unwrap();
    assert_eq!(
        entries(directory.path()),
        2,
        "of what expired in time something is left, or of the rest something is not"
    );
    with_node(config, |_, _| std::thread::sleep(Duration::from_millis(1_500))).unwrap();
    assert_eq!(entries(directory.path()), 0, "what expired after the restart is left");
}

#[test]
fn a_corrupt_record_stops_its_partition_and_says_which_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    with_node(config.clone(), |_, _| ()).unwrap();
    let store = storage::open(directory.path(), "test", 0).unwrap();
    let writes = vec![(b"m".to_vec(), Some(b"nonsense".to_vec()))];
    store.write(PartitionId(0), &Batch { number: BatchNumber(1), writes }).unwrap();
    store.flush().unwrap();
    drop(store);
    let patience = Config { patience_ms: 300, ..config };
    with_node(patience, |redis, http| {
        let until = Instant::now() + Duration::from_secs(5);
        while !get(http, "/health").starts_with("HTTP/1.0 500") {
            assert!(Instant::now() < until, "the node says that it is well");
        }
        assert!(get(http, "/ready").starts_with("HTTP/1.0 503"));
        let mut connection = connect(redis);
        let outcomes: Vec<redis::RedisResult<()>> = (0..40).map(|key| connection.set(key, "v")).collect();
        let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        assert!(refused > 0 && refused < 40, "one partition of two is not served: {refused} of 40 were refused");
    })
    .unwrap();
}

/// Two nodes of different clusters that think they are peers, and a stranger.
#[test]
fn strangers_are_turned_away_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let port = |_| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let peers = [port(0), port(1)];
    let node = |name: &str, cluster: &str| {
        let nodes = ["a", "b"].iter().zip(peers).map(|(name, peer)| NodeConfig {
            name: (*name).into(),
            datacenter: "d".into(),
            peer,
        });
        let config = config(&directory.path().join(name));
        Config { cluster: cluster.into(), node: name.into(), nodes: nodes.collect(), patience_ms: 200, ..config }
    };
    with_node(node("a", "one"), |redis, http| {
        let mut stranger = TcpStream::connect(peers[0]).unwrap();
        stranger.write_all(&[0, 9, b'n', b'o', b'n', b's', b'e', b'n', b's', b'e', b'!']).unwrap();
        assert_eq!(stranger.read_to_end(&mut Vec::new()).ok(), Some(0), "it was not turned away");
        let refused = || {
            let metrics = get(http, "/metrics");
            let line = metrics.lines().find(|line| line.starts_with("syncline_peer_connections_refused_total"));
            line.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        };
        assert!(refused() > 0);
        let before = refused();
        with_node(node("b", "two"), |_, _| {
            let until = Instant::now() + Duration::from_secs(5);
            while refused() == before {
                assert!(Instant::now() < until, "a node of another cluster was not turned away");
                std::thread::sleep(Duration::from_millis(20));
            }
        })
        .unwrap();
        let outcome: redis::RedisResult<()> = connect(redis).set("k", "v");
        assert!(outcome.unwrap_err().to_string().contains("NOQUORUM"), "it took a stranger for a peer");
    })
    .unwrap();
}
