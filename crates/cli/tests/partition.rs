//! A partition between real processes, cut with nftables in network namespaces of the test's own: what both sides change
//! at the same time comes together after the heal. Needs root, iproute2 and nftables.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use redis::Commands;

mod cluster;

use cluster::agreement::{Answers, agreed, answers, connect};
use cluster::{Cluster, Shape};

/// Node 0 is cut off from the others; both sides take writes at a level that needs one replica.
fn both_sides_change_the_same_keys(strategy: &'static str, level: &str) {
    let cluster = Cluster::start(Shape { strategy, storage: "disk", nodes: 3, apart: true });
    let network = cluster.network.as_ref().unwrap();
    let _: () = connect(&cluster, 0, level).set("based", 5).unwrap();
    let _: () = connect(&cluster, 0, level).sadd("set", "before").unwrap();
    agreed(&cluster, level, |answers| answers.set.len() == 1);
    network.cut(0, &[1, 2]);
    for (node, side) in [(0, "left"), (1, "right")] {
        let mut connection = connect(&cluster, node, level);
        for number in 0..100 {
            let _: i64 = connection.sadd("set", format!("{side}-{number}")).unwrap();
            let _: i64 = connection.incr("counter", 1).unwrap();
        }
        let _: i64 = connection.incr("based", 1).unwrap();
        let _: () = connection.set("string", side).unwrap();
    }
    // The control: the sides really did not hear each other.
    let seen = [0, 1].map(|node| answers(&cluster, node, level).set.len());
    assert_eq!(seen, [101, 101], "the link was not cut");
    network.heal();
    let Answers { set, counter, based, string } = agreed(&cluster, level, |answers| answers.set.len() > 101);
    assert_eq!((set.len(), counter, based), (201, 200, 7), "an addition or an increment was lost");
    assert_eq!(string, "right", "the later of two concurrent strings");
}

#[test]
fn multi_leader_takes_writes_on_both_sides_and_loses_none() {
    both_sides_change_the_same_keys("multi-leader", "");
}

#[test]
fn leaderless_at_one_replica_takes_writes_on_both_sides_and_loses_none() {
    both_sides_change_the_same_keys("leaderless", "W=1 R=1");
}

#[test]
fn a_quorum_refuses_on_the_side_of_the_minority_and_serves_on_the_other() {
    for strategy in ["leaderless", "leader-follower"] {
        let cluster = Cluster::start(Shape { strategy, storage: "disk", nodes: 3, apart: true });
        cluster.network.as_ref().unwrap().cut(0, &[1, 2]);
        let refused: redis::RedisResult<()> = connect(&cluster, 0, "").set("k", "left");
        let error = refused.expect_err("one of three is no majority").to_string();
        assert!(error.contains("NOQUORUM"), "{strategy}: {error}");
        let until = Instant::now() + Duration::from_secs(10);
        let mut connection = connect(&cluster, 1, "");
        while let Err(error) = connection.set::<_, _, ()>("k", "right") {
            assert!(Instant::now() < until, "{strategy}: the majority does not serve: {error}");
        }
        cluster.network.as_ref().unwrap().heal();
        let mut connection = connect(&cluster, 0, "");
        let until = Instant::now() + Duration::from_secs(10);
        while connection.get::<_, Option<String>>("k").ok().flatten().as_deref() != Some("right") {
            assert!(Instant::now() < until, "{strategy}: node 0 does not learn what was written");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
