//! Real processes in datacenters that are 40 ms apart, one way: what an acknowledgement waits for, and that both sides may
//! change the same keys while the link between them is slow or cut. Only what the imposed delay
//! makes impossible is looked for, and nothing is said of how long anything takes at the most: no load can fail these tests.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redis::Commands;

mod cluster;

use cluster::agreement::{agreed, answers, connect};
use cluster::delay::Delays;
use cluster::{Cluster, Shape};

const ONE_WAY: Duration = Duration::from_millis(40);

fn start(strategy: &'static str) -> (Cluster, Delays) {
    let mut cluster = Cluster::prepare(Shape { strategy, storage: "disk", nodes: 3, apart: false });
    let delays = Delays::put_between(&cluster, ONE_WAY, 7);
    cluster.start_all();
    (cluster, delays)
}

/// A majority's acknowledgement comes from another datacenter: it can not be there before a message went and another came.
#[test]
fn a_majoritys_write_takes_a_round_trip_at_least() {
    for strategy in ["leader-follower", "leaderless"] {
        let (cluster, _delays) = start(strategy);
        for node in 0..3 {
            let mut connection = connect(&cluster, node, "W=2");
            for number in 0..5 {
                let began = Instant::now();
                let _: () = connection.set(format!("k{node}{number}"), "v").unwrap();
                let took = began.elapsed();
                assert!(took >= 2 * ONE_WAY, "{strategy}: W=2 at node {node} took {took:?}");
            }
        }
    }
}

/// A write that one replica acknowledges is answered although nothing of it can have reached another datacenter.
#[test]
fn a_local_write_is_answered_before_the_others_can_have_heard_of_it() {
    for (strategy, level) in [("multi-leader", ""), ("leaderless", "W=1 R=1")] {
        let (cluster, delays) = start(strategy);
        let (mut here, mut there) = (connect(&cluster, 0, level), connect(&cluster, 1, level));
        delays.cut(0, &[1, 2]);
        let _: () = here.set("cut", "v").unwrap();
        std::thread::sleep(4 * ONE_WAY);
        assert_eq!(there.get::<_, Option<String>>("cut").unwrap(), None, "{strategy}: the link was not cut");
        delays.heal();
        let seen = |there: &mut redis::Connection, key: &str| {
            let until = Instant::now() + Duration::from_secs(10);
            while there.get::<_, Option<String>>(key).unwrap().is_none() {
                assert!(Instant::now() < until, "{strategy}: {key} does not arrive");
            }
        };
        seen(&mut there, "cut");
        for number in 0..5 {
            let (key, began) = (format!("slow{number}"), Instant::now());
            let _: () = here.set(&key, "v").unwrap();
            seen(&mut there, &key);
            assert!(began.elapsed() >= ONE_WAY, "{strategy}: it was there after {:?}", began.elapsed());
        }
    }
}

/// What one side was told.
#[derive(Default)]
struct Told {
    added: BTreeSet<String>,
    /// Increments that were acknowledged, and those of which nothing is known.
    counted: (i64, i64),
    last_string: Option<String>,
}

/// One side's edits, the same keys as the other's.
fn edit(cluster: &Cluster, node: usize, level: &str, names: std::ops::Range<usize>, told: &mut Told) {
    let mut connection = connect(cluster, node, level);
    for name in names {
        let member = format!("{node}-{name}");
        if connection.sadd::<_, _, i64>("set", &member).is_ok() {
            told.added.insert(member.clone());
        }
        match connection.incr::<_, _, i64>("counter", 1) {
            Ok(_) => told.counted.0 += 1,
            Err(_) => told.counted.1 += 1,
        }
        if connection.set::<_, _, ()>("string", &member).is_ok() {
            told.last_string = Some(member);
        }
    }
}

/// Both sides at once.
fn edit_both(cluster: &Cluster, level: &str, names: std::ops::Range<usize>, told: &mut [Told; 2]) {
    let [left, right] = told;
    std::thread::scope(|scope| {
        let names_left = names.clone();
        scope.spawn(move || edit(cluster, 0, level, names_left, left));
        scope.spawn(move || edit(cluster, 1, level, names, right));
    });
}

/// Both sides change the same keys over slow links, then while node 0 is cut off, then over slow links again.
fn nothing_is_lost(strategy: &'static str, level: &str) -> [Told; 2] {
    let (cluster, delays) = start(strategy);
    let mut told = [Told::default(), Told::default()];
    edit_both(&cluster, level, 0..10, &mut told);
    let acknowledged = |told: &[Told; 2]| told.iter().flat_map(|told| &told.added).cloned().collect::<BTreeSet<_>>();
    // Whatever is to pass has passed.
    let before = acknowledged(&told);
    agreed(&cluster, level, |answers| answers.set.is_superset(&before));
    delays.cut(0, &[1, 2]);
    std::thread::sleep(2 * ONE_WAY);
    let passed = |other| delays.passed(0, other);
    let passed_before = (passed(1), passed(2));
    assert!(passed_before.0 > 0 && passed_before.1 > 0, "{strategy}: the nodes do not talk through the proxies");
    edit_both(&cluster, level, 10..12, &mut told);
    std::thread::sleep(4 * ONE_WAY);
    if strategy != "leader-follower" {
        // The control: the sides really did not hear each other, although there was time.
        let sides = [0, 1].map(|node| answers(&cluster, node, level).set);
        assert!(sides[0].contains("0-11") && !sides[0].contains("1-11"), "{strategy}: {sides:?}");
        assert!(sides[1].contains("1-11") && !sides[1].contains("0-11"), "{strategy}: {sides:?}");
    }
    assert_eq!((passed(1), passed(2)), passed_before, "{strategy}: something passed a link that was cut");
    delays.heal();
    edit_both(&cluster, level, 12..20, &mut told);

    let acknowledged = acknowledged(&told);
    let counted = told.iter().map(|told| told.counted.0).sum::<i64>();
    let maybe = told.iter().map(|told| told.counted.1).sum::<i64>();
    let all = agreed(&cluster, level, |answers| answers.set.is_superset(&acknowledged) && answers.counter >= counted);
    let most = counted + maybe;
    assert!(all.counter <= most, "{strategy}: counts {} of {counted} to {most} increments", all.counter);
    if maybe == 0 {
        assert!(told.iter().any(|told| told.last_string.as_ref() == Some(&all.string)), "{strategy}: {}", all.string);
    }
    if strategy != "leader-follower" {
        let conflicts = |node| cluster.metric(node, "syncline_replication_total", "outcome=\"conflict\"");
        assert!((0..3).map(conflicts).sum::<u64>() > 0, "{strategy}: no two edits were concurrent");
    }
    told
}

#[test]
fn multi_leader_takes_writes_on_both_sides_of_a_slow_link_and_loses_none() {
    let told = nothing_is_lost("multi-leader", "");
    assert!(told.iter().all(|told| told.counted == (20, 0) && told.added.len() == 20), "a local write was refused");
}

#[test]
fn leaderless_at_one_replica_takes_writes_on_both_sides_of_a_slow_link_and_loses_none() {
    let told = nothing_is_lost("leaderless", "W=1 R=1");
    assert!(told.iter().all(|told| told.counted == (20, 0) && told.added.len() == 20), "a local write was refused");
}

#[test]
fn leader_follower_serves_on_the_side_of_the_majority_and_loses_nothing_that_it_acknowledged() {
    let [left, right] = nothing_is_lost("leader-follower", "");
    assert!(left.counted.1 > 0, "the side of the minority was served");
    assert!(right.counted.0 >= 18, "the side of the majority was not served");
}
