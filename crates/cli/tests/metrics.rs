//! `/metrics`: everything that is promised is there from the beginning, and moves when what it counts happens.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use redis::Commands;

mod cluster;

use cluster::agreement::connect;
use cluster::delay::Delays;
use cluster::{Cluster, Shape};

fn shape(strategy: &'static str) -> Shape {
    Shape { strategy, storage: "disk", nodes: 3, apart: false }
}

fn start_with_delays(strategy: &'static str) -> (Cluster, Delays) {
    let mut cluster = Cluster::prepare(shape(strategy));
    let delays = Delays::put_between(&cluster, Duration::from_millis(20), 11);
    cluster.start_all();
    (cluster, delays)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what}: it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn replication(cluster: &Cluster, node: usize, outcome: &str) -> u64 {
    cluster.metric(node, "syncline_replication_total", &format!("outcome=\"{outcome}\""))
}

fn requests(cluster: &Cluster, node: usize, outcome: &str) -> u64 {
    cluster.metric(node, "syncline_requests_total", &format!("outcome=\"{outcome}\""))
}

#[test]
fn leaderless_counts_quorums_reached_and_missed_and_read_repairs() {
    let mut cluster = Cluster::prepare(shape("leaderless"));
    // So that reads have something to repair.
    (0..3).for_each(|node| cluster.change(node, "anti_entropy_ms = 100", "anti_entropy_ms = 600000"));
    cluster.start_all();
    let text = cluster.get(0, "/metrics");
    for name in ["reached", "quorum_missed"] {
        assert!(text.contains(&format!("syncline_requests_total{{outcome=\"{name}\"}} 0\n")), "{name}:\n{text}");
    }
    for name in ["conflict", "passed_over", "suffix_discarded", "read_repaired", "leader_changed", "quorum_missed"] {
        assert!(text.contains(&format!("syncline_replication_total{{outcome=\"{name}\"}} 0\n")), "{name}:\n{text}");
    }

    let mut connection = connect(&cluster, 0, "");
    cluster.kill(2);
    let _: () = connection.set("k", "v").unwrap();
    assert!(requests(&cluster, 0, "reached") > 0 && requests(&cluster, 0, "quorum_missed") == 0);
    cluster.restart(2);
    cluster.wait_until_ready();
    wait_until("a read repairs", || {
        let _: String = connection.get("k").unwrap();
        replication(&cluster, 0, "read_repaired") > 0
    });
    let mut repaired = connect(&cluster, 2, "R=1");
    wait_until("what was repaired is there", || repaired.get::<_, Option<String>>("k").unwrap().is_some());

    cluster.kill(1);
    cluster.kill(2);
    let (reached, seen) = (requests(&cluster, 0, "reached"), cluster.metric(0, "syncline_request_seconds_count", ""));
    connection.set::<_, _, ()>("k", "w").expect_err("one of three is no majority");
    assert_eq!(requests(&cluster, 0, "quorum_missed"), 1);
    assert!(replication(&cluster, 0, "quorum_missed") > 0);
    assert_eq!(requests(&cluster, 0, "reached"), reached);
    assert_eq!(cluster.metric(0, "syncline_request_seconds_count", ""), seen + 1);
}

#[test]
fn multi_leader_counts_conflicts_and_the_lag_of_each_peer() {
    let (cluster, delays) = start_with_delays("multi-leader");
    let lag = |peer: usize| cluster.metric(0, "syncline_peer_lag_events", &format!("peer=\"{peer}\""));
    let (mut here, mut there) = (connect(&cluster, 0, ""), connect(&cluster, 1, ""));
    let mut seen = [false; 2];
    wait_until("each peer lags while there are writes", || {
        let _: () = here.set("k", "v").unwrap();
        seen = [seen[0] || lag(1) > 0, seen[1] || lag(2) > 0];
        seen == [true, true]
    });
    wait_until("no peer lags when all is quiet", || lag(1) == 0 && lag(2) == 0);
    delays.cut(0, &[1, 2]);
    let all = |outcome| (0..3).map(|node| replication(&cluster, node, outcome)).sum::<u64>();
    assert_eq!((all("conflict"), all("passed_over")), (0, 0));
    let _: () = here.set("k", "here").unwrap();
    let _: () = there.set("k", "there").unwrap();
    delays.heal();
    wait_until("the conflict is counted, and what was passed over", || all("conflict") > 0 && all("passed_over") > 0);
}

#[test]
fn leader_follower_counts_changes_of_leader_and_what_a_deposed_one_discards() {
    let (cluster, delays) = start_with_delays("leader-follower");
    // Node 0 leads, unless the start was slow: then another does.
    let leads = |node: usize| {
        delays.cut(node, &[0, 1, 2].into_iter().filter(|other| *other != node).collect::<Vec<_>>());
        connect(&cluster, node, "W=1").set::<_, _, ()>("k", "alone").is_ok()
    };
    let leader = (0..6).map(|attempt| attempt % 3).find(|node| {
        leads(*node) || {
            delays.heal();
            false
        }
    });
    let leader = leader.expect("one of three leads");
    let mut successor = connect(&cluster, (leader + 1) % 3, "");
    wait_until("another leads", || successor.set::<_, _, ()>("k", "v").is_ok());
    assert!((0..3).any(|node| replication(&cluster, node, "leader_changed") > 0));
    delays.heal();
    wait_until("the suffix is discarded", || replication(&cluster, leader, "suffix_discarded") > 0);
    let mut deposed = connect(&cluster, leader, "");
    wait_until("it follows", || deposed.get::<_, Option<String>>("k").ok().flatten().as_deref() == Some("v"));
}
