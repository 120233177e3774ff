//! What all nodes of a cluster have to answer alike in the end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redis::Commands;

use super::Cluster;

/// A connection to a node, at a level as `SYNCLINE.LEVEL` takes it; none for the configuration's.
pub fn connect(cluster: &Cluster, node: usize, level: &str) -> redis::Connection {
    let client = redis::Client::open(format!("redis://{}", cluster.redis(node))).unwrap();
    let mut connection = client.get_connection_with_timeout(Duration::from_secs(5)).unwrap();
    let mut command = redis::cmd("SYNCLINE.LEVEL");
    level.split(' ').filter(|word| !word.is_empty()).for_each(|word| {
        command.arg(word);
    });
    if !level.is_empty() {
        let _: String = command.query(&mut connection).unwrap();
    }
    connection
}

/// What a node says of a set, a counter, a counter with a base, and a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    pub set: BTreeSet<String>,
    pub counter: i64,
    pub based: i64,
    pub string: String,
}

pub fn answers(cluster: &Cluster, node: usize, level: &str) -> Answers {
    let mut connection = connect(cluster, node, level);
    Answers {
        set: connection.smembers("set").unwrap_or_default(),
        counter: connection.get("counter").unwrap_or_default(),
        based: connection.get("based").unwrap_or_default(),
        string: connection.get("string").unwrap_or_default(),
    }
}

/// Waits until all nodes answer the same, and it is enough.
pub fn agreed(cluster: &Cluster, level: &str, is_enough: impl Fn(&Answers) -> bool) -> Answers {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let all: Vec<_> = (0..cluster.shape.nodes).map(|node| answers(cluster, node, level)).collect();
        if all.windows(2).all(|pair| pair[0] == pair[1]) && is_enough(&all[0]) {
            return all[0].clone();
        }
        assert!(Instant::now() < until, "the nodes do not agree, or on too little: {all:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
