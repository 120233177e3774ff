//! A node whose directory was lost fetches its data from the others, and takes part again under its old identity without
//! contradicting anybody. Nothing has to be said to it: it asks whether the cluster is new, and waits for the answer.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redis::Commands;

mod cluster;

use cluster::{Cluster, Shape};

fn connect(cluster: &Cluster, node: usize) -> redis::Connection {
    let client = redis::Client::open(format!("redis://{}", cluster.redis(node))).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match client.get_connection_with_timeout(Duration::from_secs(1)) {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < until, "node {node} does not answer: {error}"),
        }
    }
}

fn add(cluster: &Cluster, node: usize, names: std::ops::Range<usize>) {
    let mut connection = connect(cluster, node);
    for name in names {
        let _: i64 = connection.sadd("set", format!("m{name}")).unwrap();
        let _: () = connection.set(format!("k{name}"), name).unwrap();
        let _: i64 = connection.incr("count", 1).unwrap();
    }
}

/// Waits until a node answers with all members and the whole count.
fn has_all(cluster: &Cluster, node: usize, count: usize) {
    let expected: BTreeSet<String> = (0..count).map(|name| format!("m{name}")).collect();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let mut connection = connect(cluster, node);
        let held: BTreeSet<String> = connection.smembers("set").unwrap_or_default();
        let counted: usize = connection.get("count").unwrap_or_default();
        let last: Option<usize> = connection.get(format!("k{}", count - 1)).unwrap_or_default();
        if held == expected && counted == count && last == Some(count - 1) {
            return;
        }
        assert!(
            Instant::now() < until,
            "node {node} holds {} members and counts {counted} of {count}; its log:\n{}",
            held.len(),
            cluster.log_of(node)
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn a_lost_directory_is_rebuilt(strategy: &'static str) {
    let mut cluster = Cluster::start(Shape { strategy, storage: "disk", nodes: 3, apart: false });
    // Node 0 leads at first, so it is the one whose return as if nothing had happened would be worst.
    add(&cluster, 0, 0..100);
    has_all(&cluster, 1, 100);
    has_all(&cluster, 2, 100);
    cluster.kill(0);
    let mut connection = connect(&cluster, 1);
    let until = Instant::now() + Duration::from_secs(10);
    while let Err(error) = connection.set::<_, _, ()>("warm", 1) {
        assert!(Instant::now() < until, "the others do not serve: {error}");
    }
    add(&cluster, 1, 100..200);
    cluster.lose_disk(0);
    cluster.restart(0);
    has_all(&cluster, 0, 200);
    add(&cluster, 0, 200..300);
    (0..3).for_each(|node| has_all(&cluster, node, 300));
    assert!(cluster.log_of(0).contains("was rebuilt"), "{}", cluster.log_of(0));
    for node in 0..3 {
        let refused = cluster.metric(node, "syncline_replication_total", "outcome=\"update_refused\"");
        assert_eq!(refused, 0, "node {node}: an identity was used twice");
    }
}

#[test]
fn leader_follower_rebuilds_a_lost_directory() {
    a_lost_directory_is_rebuilt("leader-follower");
}

#[test]
fn multi_leader_rebuilds_a_lost_directory() {
    a_lost_directory_is_rebuilt("multi-leader");
}

#[test]
fn leaderless_rebuilds_a_lost_directory() {
    a_lost_directory_is_rebuilt("leaderless");
}

const STRATEGIES: [&str; 3] = ["leader-follower", "multi-leader", "leaderless"];

fn shape(strategy: &'static str) -> Shape {
    Shape { strategy, storage: "disk", nodes: 3, apart: false }
}

/// Waits until `/ready` refuses with these words.
fn is_not_ready(cluster: &Cluster, node: usize, words: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let ready = cluster.get(node, "/ready");
        if ready.starts_with("HTTP/1.0 503") && ready.contains(words) {
            return;
        }
        assert!(Instant::now() < until, "node {node} says {ready:?}; its log:\n{}", cluster.log_of(node));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// It neither takes writes nor answers reads as if it was new.
fn does_not_serve(cluster: &Cluster, node: usize) {
    let mut connection = connect(cluster, node);
    let written: redis::RedisResult<()> = connection.set("early", 1);
    assert!(written.expect_err("it took a write").to_string().contains("does not serve"));
    let _: String = redis::cmd("SYNCLINE.LEVEL").arg("W=1").arg("R=1").query(&mut connection).unwrap();
    let read: redis::RedisResult<Option<String>> = connection.get("early");
    assert!(read.expect_err("it answered a read").to_string().contains("does not serve"));
    let keys: redis::RedisResult<Vec<String>> = connection.keys("*");
    keys.expect_err("it listed its keys");
}

#[test]
fn a_node_of_a_new_cluster_may_start_later() {
    for strategy in STRATEGIES {
        let mut cluster = Cluster::prepare(shape(strategy));
        cluster.change(1, "patience_ms = 2000", "patience_ms = 20000");
        cluster.restart(0);
        cluster.restart(1);
        is_not_ready(&cluster, 0, "waits to hear from n2, whether this cluster is new");
        does_not_serve(&cluster, 0);
        // Whoever has the patience is served.
        let redis = cluster.redis(1);
        let early = std::thread::spawn(move || -> redis::RedisResult<()> {
            redis::Client::open(format!("redis://{redis}"))?.get_connection()?.set("early", 1)
        });
        std::thread::sleep(Duration::from_millis(1_000));
        cluster.restart(2);
        early.join().unwrap().unwrap();
        cluster.wait_until_ready();
        for node in 0..3 {
            add(&cluster, node, node * 10..node * 10 + 10);
        }
        (0..3).for_each(|node| has_all(&cluster, node, 30));
        for node in 0..3 {
            let log = cluster.log_of(node);
            assert!(!log.contains("rebuilt"), "{strategy}: a new node took itself for a lost one:\n{log}");
        }
        let said = cluster.log_of(0).matches("partition 0 waits to hear from n2").count();
        assert_eq!(said, 1, "{strategy}:\n{}", cluster.log_of(0));
    }
}

#[test]
fn a_lost_node_alone_does_not_begin_anew_and_says_why() {
    for strategy in STRATEGIES {
        let mut cluster = Cluster::start(shape(strategy));
        add(&cluster, 0, 0..20);
        (0..3).for_each(|node| has_all(&cluster, node, 20));
        (0..3).for_each(|node| cluster.kill(node));
        cluster.lose_disk(0);
        cluster.restart(0);
        is_not_ready(&cluster, 0, "waits to hear from n1 and n2, whether this cluster is new");
        does_not_serve(&cluster, 0);
        // One of the others has lost its directory too: it holds nothing either, but that does not make the cluster new.
        cluster.lose_disk(1);
        cluster.restart(1);
        is_not_ready(&cluster, 0, "waits to hear from n2, whether this cluster is new");
        cluster.restart(2);
        cluster.wait_until_ready();
        (0..2).for_each(|node| add(&cluster, node, 20 + node * 10..30 + node * 10));
        (0..3).for_each(|node| has_all(&cluster, node, 40));
    }
}
