//! Pipelines of many connections at once, at the leader and at a node that passes requests on: every command is answered as
//! if it were alone, and those of one connection take effect in order.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod cluster;

use cluster::{Cluster, Shape};

const CONNECTIONS: usize = 10;
const COMMANDS: usize = 200;
const ROUNDS: usize = 5;

fn pipelines(cluster: &Cluster, node: usize, name: usize) {
    let client = redis::Client::open(format!("redis://{}", cluster.redis(node))).unwrap();
    let mut connection = client.get_connection().unwrap();
    for round in 0..ROUNDS {
        let mut pipeline = redis::pipe();
        for number in 0..COMMANDS {
            pipeline.set(format!("key:{name}:{}", number % 50), round * COMMANDS + number).ignore();
        }
        pipeline.get(format!("key:{name}:49"));
        let (last,): (usize,) = pipeline.query(&mut connection).unwrap();
        assert_eq!(last, round * COMMANDS + COMMANDS - 1, "the last of the pipeline did not come last");
    }
}

#[test]
fn pipelines_are_answered_in_full_and_in_order() {
    for strategy in ["leader-follower", "multi-leader", "leaderless"] {
        let cluster = Cluster::start(Shape { strategy, storage: "disk", nodes: 3, apart: false });
        for node in [0, 1] {
            std::thread::scope(|scope| {
                for name in 0..CONNECTIONS {
                    let cluster = &cluster;
                    scope.spawn(move || pipelines(cluster, node, node * CONNECTIONS + name));
                }
            });
        }
    }
}
