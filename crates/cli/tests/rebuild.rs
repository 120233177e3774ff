//! A node that lost its disk fetches its data from the others, and takes part again under its old identity without
//! contradicting anybody.
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

fn a_lost_disk_is_rebuilt(strategy: &'static str) {
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
    cluster.set(0, "rebuild = true");
    cluster.restart(0);
    has_all(&cluster, 0, 200);
    add(&cluster, 0, 200..300);
    (0..3).for_each(|node| has_all(&cluster, node, 300));
    assert!(cluster.log_of(0).contains("was rebuilt"), "{}", cluster.log_of(0));
    for node in 0..3 {
        let metrics = cluster.get(node, "/metrics");
        let refused = metrics.lines().find(|line| line.contains("outcome=\"update_refused\""));
        assert_eq!(refused, None, "node {node}: an identity was used twice");
    }
}

#[test]
fn leader_follower_rebuilds_a_lost_disk() {
    a_lost_disk_is_rebuilt("leader-follower");
}

#[test]
fn multi_leader_rebuilds_a_lost_disk() {
    a_lost_disk_is_rebuilt("multi-leader");
}

#[test]
fn leaderless_rebuilds_a_lost_disk() {
    a_lost_disk_is_rebuilt("leaderless");
}
