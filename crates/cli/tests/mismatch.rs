//! Nodes that were told different things of their cluster notice, do not talk, and say what differs.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::time::{Duration, Instant};

mod cluster;

use cluster::{Cluster, Shape};

fn is_noticed(from: &str, to: &str, key: &str, of_others: &str, of_last: &str) {
    let mut cluster = Cluster::prepare(Shape { strategy: "leaderless", storage: "disk", nodes: 3, apart: false });
    cluster.change(2, from, to);
    (0..3).for_each(|node| cluster.restart(node));
    let says = |node: usize, text: &str| {
        let until = Instant::now() + Duration::from_secs(10);
        // More than one refusal, so that a log of each retry would show.
        while !cluster.get(node, "/ready").contains(text)
            || cluster.metric(node, "syncline_peer_configuration_mismatches_total", "") < 3
        {
            let (ready, log) = (cluster.get(node, "/ready"), cluster.log_of(node));
            assert!(Instant::now() < until, "node {node} does not say {text}, but {ready}; its log:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(cluster.get(node, "/ready").starts_with("HTTP/1.0 503"));
        assert_eq!(cluster.log_of(node).matches(text).count(), 1, "{}", cluster.log_of(node));
    };
    says(0, &format!("refuses this node: `{key}` is {of_last} at n2 and {of_others} at n0"));
    says(1, &format!("refuses this node: `{key}` is {of_last} at n2 and {of_others} at n1"));
    says(2, &format!("refuses this node: `{key}` is {of_others} at n0 and {of_last} at n2"));
    cluster.kill(2);
    cluster.change(2, to, from);
    // What was made under the wrong configuration; nothing was taken into it.
    cluster.lose_disk(2);
    cluster.restart(2);
    cluster.wait_until_ready();
}

#[test]
fn another_strategy_is_noticed() {
    is_noticed("'leaderless'", "'multi-leader'", "strategy", "leaderless", "multi-leader");
}

#[test]
fn another_number_of_partitions_is_noticed() {
    is_noticed("partitions = 2", "partitions = 3", "partitions", "2", "3");
}

#[test]
fn another_datacenter_is_noticed() {
    let at = |datacenter: &str| format!("\"n1\" in datacenter \"{datacenter}\"");
    is_noticed("'d1'", "'west'", "nodes[1]", &at("d1"), &at("west"));
}
