//! Schedules and inputs that once lost writes, parted replicas, stopped service or cost out of proportion.
//!
//! Hosts of each strategy with messages delivered, dropped and forged by hand, found by review.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::cast_possible_truncation)]

use syncline_clocks::{CausalContext, HybridTimestamp, WallTime};
use syncline_replicas::{
    AntiEntropyMessage, Ballot, Body, Command, Configuration, Context, Delta, Envelope, Epoch, Event, Host, Input,
    LogEntry, LogMessage, MAX_MESSAGE, NodeId, Path, RegisterMessage, RegisterPolicy, Settings, Slot, Strategy, Update,
    Value, decode, encode,
};

mod support;

use support::world::{MS, ONE, P, TWO, WALL, World, all, ctx, dot, log_end, replica, set};

/// A state on its way hides unplaced events from the next repair: entries after it would cover events that they do not list.
#[test]
fn no_entries_follow_a_state_that_is_on_its_way() {
    {
        // A=0 keeps events whole; R=1 keeps paths only; T=2.
        let mut w = World::new(Strategy::MultiLeader, RegisterPolicy::default(), |id| Settings {
            whole_events: if id == 1 { 0 } else { 1000 },
            ..Settings::default()
        });
        // A adds x to the set; R and T have it.
        w.ask(0, b"s", Command::Add([b"x".to_vec()].into()), None, ONE);
        w.deliver(all);
        // N: A adds x again (replaces the dot). R gets it as a State, here because A is asked with a clock that an old message reported.
        w.ask(0, b"s", Command::Add([b"x".to_vec()].into()), None, ONE);
        w.wire.clear();
        // ... (an honest way to a State: old duplicate of a Clock after everybody has the first event)
        for (f, t) in [(1, 0), (2, 0)] {
            w.ask_clock(f, t);
            w.wire.clear();
        } // A learns that all hold event 1 and forgets it
        w.now = 1500 * MS;
        // the stale clock of R, from before event 1, arrives late. A answers with Delta{N} first (whole), which is lost; then again:
        let stale = AntiEntropyMessage::Clock { clock: CausalContext::new(), answer: false };
        w.hear(1, 0, Body::AntiEntropy(stale.clone()));
        w.wire.clear();
        w.hear(1, 0, Body::AntiEntropy(stale)); // a duplicate of it: N is on its way, so the rest goes as a State
        w.deliver(|f, t, _| f == 0 && t == 1);
        assert!(w.clock(1).contains(dot(0, 2)));
        // R removes x: kept by path alone.
        w.ask(1, b"other", Command::Add([b"y".to_vec()].into()), None, ONE);
        w.wire.clear();
        w.now = 3000 * MS;
        w.ask_clock(2, 1); // T compares with R: R sends a State (N is unplaced)
        w.wire.clear(); // it is lost
        w.ask(1, b"s", Command::Remove([b"x".to_vec()].into()), None, ONE);
        w.wire.clear(); // M kills N
        w.ask_clock(2, 1);
        w.deliver(|f, t, _| f == 1 && t == 2);
        // T compares with A: N comes as an event.
        w.now = 5000 * MS;
        w.ask_clock(2, 0);
        w.deliver(|f, t, _| f == 0 && t == 2);
        w.tick(20_000 * MS, all, &[0, 1, 2]);
        assert_eq!(w.clock(1), w.clock(2));
        assert_eq!(w.clock(0), w.clock(2));
        assert_eq!(w.value(1, b"s"), w.value(2, b"s"), "equal clocks, different states");
    }
}

/// Also where its coordinator lacks the version.
#[test]
fn a_delete_removes_what_its_client_read_elsewhere() {
    for policy in [RegisterPolicy::KeepSiblings, RegisterPolicy::LastWriterWins] {
        let mut w = World::new(Strategy::Leaderless, policy, |_| Settings::default());
        w.ask(1, b"k", set(b"v"), None, TWO);
        w.deliver(|f, t, _| f != 0 && t != 0);
        assert!(w.last().is_ok());
        w.ask(1, b"k", Command::Get, None, TWO);
        w.deliver(|f, t, _| f != 0 && t != 0);
        let context = w.last().as_ref().unwrap().context.clone();
        assert_eq!(context.seen.len(), 1);
        // The client goes to node 0, which has not heard of the version, and deletes.
        w.ask(0, b"k", Command::Delete { previous: false }, Some(context), TWO);
        w.deliver(all);
        assert!(w.last().is_ok());
        w.tick(5_000 * MS, all, &[0, 1, 2]);
        for n in 0..3 {
            assert_eq!(
                w.value(n, b"k"),
                Value::Absent,
                "{policy:?}: the acknowledged removal of what its client had read did nothing"
            );
        }
    }
}

/// Two forged contexts at two coordinators leave more kills than one coordinator takes.
#[test]
fn contexts_far_ahead_do_not_shut_a_key() {
    let mut w = World::new(Strategy::Leaderless, RegisterPolicy::KeepSiblings, |_| Settings::default());
    for node in [0, 1] {
        w.ask(
            node,
            b"k",
            set(b"forged"),
            Some(ctx(b"k", (0..1024).map(|n| dot(2, (1 << 62) + n + u64::from(node) * 5000)))),
            ONE,
        );
    }
    w.deliver(all);
    w.tick(5_000 * MS, all, &[0, 1, 2]);
    w.ask(2, b"k", Command::Get, None, TWO);
    w.deliver(all);
    let context = w.last().as_ref().unwrap().context.clone();
    for node in 0..3 {
        w.ask(node, b"k", set(b"honest"), Some(context.clone()), TWO);
        w.deliver(all);
        assert!(w.last().is_ok(), "node {node}: {:?}", w.last());
    }
}

/// Numbers that were killed before they were minted, under a long key.
#[test]
fn spent_numbers_cost_little() {
    let mut w = World::new(Strategy::MultiLeader, RegisterPolicy::default(), |_| Settings::default());
    let key = vec![7u8; 30 << 10];
    for node in [0, 1] {
        w.ask(
            node,
            &key,
            set(b"forged"),
            Some(ctx(&key, (0..1024).map(|n| dot(2, 1 + n + u64::from(node) * 1024)))),
            ONE,
        );
    }
    w.deliver(all);
    w.nodes[2].rows.written = 0;
    w.ask(2, &key, set(b"honest"), None, ONE);
    assert!(w.nodes[2].rows.written < 10 << 20);
}

/// A configuration of the last epoch, from a peer that dies then.
#[test]
fn one_message_uses_up_no_epochs() {
    let mut w = World::new(Strategy::LeaderFollower, RegisterPolicy::default(), |_| Settings::default());
    w.tick(500 * MS, all, &[0, 1, 2]);
    let lie = Configuration { epoch: Epoch(u64::MAX), leader: Some(NodeId(2)), ..w.bootstrap.clone() };
    w.hear(2, 0, Body::Configuration(lie));
    let honest = |f: u32, t: u32, _: &Body| f != 2 && t != 2; // node 2 is dead from here on
    w.tick(120_000 * MS, honest, &[0, 1]);
    w.ask(0, b"k", set(b"v"), None, TWO);
    w.tick(125_000 * MS, honest, &[0, 1]);
    let first = w.last().clone();
    w.ask(1, b"k", set(b"v"), None, TWO);
    w.tick(130_000 * MS, honest, &[0, 1]);
    assert!(first.is_ok() || w.last().is_ok(), "nobody leads for ever");
}

/// Each as far ahead as is allowed, to one of two honest members.
#[test]
fn two_prepares_do_not_part_the_rounds() {
    let mut w = World::new(Strategy::LeaderFollower, RegisterPolicy::default(), |_| Settings::default());
    w.tick(500 * MS, all, &[0, 1, 2]);
    w.now += 600 * MS; // node 1 has not heard the leader for a little more than half the detection timeout
    for round in [1 << 32, 1 << 33] {
        w.hear(2, 1, Body::Register(RegisterMessage::Prepare(Ballot { round, node: NodeId(2) })));
    }
    w.wire.clear();
    let honest = |f: u32, t: u32, _: &Body| f != 2 && t != 2;
    // The leader, node 0, restarts: it must be elected anew; node 2 is down.
    let bootstrap = w.bootstrap.clone();
    w.nodes[0].host = Host::new(NodeId(0), Settings::default());
    w.nodes[0].timers.clear();
    w.input(0, Input::Boot { partition: P, incarnation: 2, bootstrap });
    w.tick(300_000 * MS, honest, &[0, 1]);
    assert!(w.nodes[0].host.configuration(P).unwrap().epoch > Epoch(1), "no leader in five minutes");
}

/// As far ahead as is allowed.
#[test]
fn one_accept_each_uses_up_no_rounds() {
    let mut w = World::new(Strategy::LeaderFollower, RegisterPolicy::default(), |_| Settings::default());
    w.tick(500 * MS, all, &[0, 1, 2]);
    let config = w.bootstrap.clone();
    for to in [0, 1] {
        w.hear(
            2,
            to,
            Body::Register(RegisterMessage::Accept(Ballot { round: 1 << 32, node: NodeId(2) }, config.clone())),
        );
    }
    w.wire.clear();
    let honest = |f: u32, t: u32, _: &Body| f != 0 && t != 0; // the leader dies; the liar behaves from now on
    w.tick(300_000 * MS, honest, &[1, 2]);
    let honest = |f: u32, t: u32, _: &Body| f != 2 && t != 2;
    let mut w2 = World::new(Strategy::LeaderFollower, RegisterPolicy::default(), |_| Settings::default());
    w2.tick(500 * MS, all, &[0, 1, 2]);
    for to in [0, 1] {
        w2.hear(
            2,
            to,
            Body::Register(RegisterMessage::Accept(Ballot { round: 1 << 32, node: NodeId(2) }, config.clone())),
        );
    }
    w2.wire.clear();
    // 2 is down; 0 and 1 lose touch for 3 s
    w2.tick(3_500 * MS, |_, _, _| false, &[0, 1]);
    w2.tick(300_000 * MS, honest, &[0, 1]);
    assert!(w2.nodes[1].host.configuration(P).unwrap().epoch > Epoch(1), "no leader in five minutes");
}

/// Of an entry one event is stamped too far ahead for a follower.
#[test]
fn an_entry_is_taken_whole_or_not_at_all() {
    let mut w = World::new(Strategy::LeaderFollower, RegisterPolicy::default(), |_| Settings::default());
    w.nodes[0].skew = 500 * MS as i64; // within max_drift (1 s) of node 1
    w.nodes[1].skew = -300 * MS as i64;
    w.ask(0, b"k", set(b"v"), None, ONE);
    w.ask(0, b"k", Command::Delete { previous: false }, None, ONE);
    w.ask(0, b"k", Command::Add([b"x".to_vec()].into()), None, ONE);
    w.tick(300 * MS, all, &[0, 1, 2]);
    // A client claims to have seen the latest timestamp that the leader admits.
    let latest = HybridTimestamp {
        epoch: 0,
        time: WallTime::from_nanos(WALL + w.now + 999 * MS),
        counter: 0,
        replica: replica(2),
    };
    let context = Context { key: b"k".to_vec(), covers: w.clock(0), latest: Some(latest), ..Context::default() };
    w.ask(0, b"k", Command::Delete { previous: false }, Some(context), ONE);
    w.deliver(|f, t, _| f != 2 && t != 2);
    // The leader dies, 1 and 2 go on.
    let honest = |f: u32, t: u32, _: &Body| f != 0 && t != 0;
    w.tick(10_000 * MS, honest, &[1, 2]);
    w.ask(1, b"z", set(b"v"), None, TWO);
    w.tick(12_000 * MS, honest, &[1, 2]);
    // Then it comes back.
    w.tick(30_000 * MS, all, &[0, 1, 2]);
    assert_eq!(w.clock(1), w.clock(2));
    assert_eq!(w.value(1, b"k"), w.value(2, b"k"));
    assert_eq!(w.value(0, b"k"), w.value(2, b"k"));
}

/// R + W > N: better no answer than one that misses an acknowledged write.
#[test]
fn an_answer_of_which_something_was_left_out_does_not_count() {
    let mut w = World::new(Strategy::Leaderless, RegisterPolicy::default(), |_| Settings::default());
    w.nodes[0].skew = 100 * MS as i64; // node 0's wall clock is 100 ms ahead
    w.nodes[1].skew = 100 * MS as i64;
    w.nodes[2].skew = -500 * MS as i64;
    let latest =
        HybridTimestamp { epoch: 0, time: WallTime::from_nanos(WALL + 599 * MS), counter: 0, replica: replica(2) };
    w.ask(0, b"j", set(b"hostile"), Some(Context { latest: Some(latest), ..ctx(b"j", []) }), ONE);
    w.deliver(all);
    w.ask(0, b"k", set(b"honest"), None, TWO);
    w.deliver(|f, t, _| f != 2 && t != 2);
    assert!(w.last().is_ok());
    let before = w.replies.len();
    w.ask(2, b"k", Command::Get, None, TWO);
    w.deliver(all);
    w.tick(3_000 * MS, all, &[2]);
    assert!(w.replies.len() > before, "the read was not answered");
    let misses = w.last().as_ref().is_ok_and(|reply| reply.value == Value::Absent);
    assert!(!misses, "R + W > N: the read misses an acknowledged write: {:?}", w.last());
}

/// With its end in an epoch yet to come, a follower would take no snapshot of its leader any more.
#[test]
fn an_entry_of_a_far_epoch_is_not_taken() {
    let mut w = World::new(Strategy::LeaderFollower, RegisterPolicy::default(), |_| Settings::default());
    w.tick(300 * MS, all, &[0, 1, 2]);
    let end = log_end(&w, 1);
    let entry =
        LogEntry { epoch: Epoch(u64::MAX), request: None, delta: Delta::new(), value: Value::Absent, changed: 0 };
    w.hear(2, 1, Body::Log(LogMessage::Append { previous: end, entries: vec![entry], round: 0, everywhere: 0 }));
    w.wire.clear();
    w.ask(0, b"k", set(b"v"), None, TWO);
    w.tick(30_000 * MS, all, &[0, 1, 2]);
    assert_eq!(w.value(1, b"k"), w.value(0, b"k"), "node 1 follows nobody any more");
}

/// As above, with honest replicas and clients only.
#[test]
fn no_entries_follow_a_state_under_equal_settings() {
    let mut w = World::new(Strategy::MultiLeader, RegisterPolicy::default(), |_| Settings {
        whole_events: 1,
        ..Settings::default()
    });
    w.ask_clock(1, 0);
    w.wire.clear(); // (an empty clock that R reports now; a copy of it arrives late, below)
    let stale = AntiEntropyMessage::Clock { clock: w.clock(1), answer: false };
    w.ask(0, b"s", Command::Add([b"x".to_vec()].into()), None, ONE);
    w.deliver(all);
    for (f, t) in [(1, 0), (2, 0)] {
        w.ask_clock(f, t);
        w.wire.clear();
    } // A forgets event 1: everybody has it
    w.ask(0, b"s", Command::Add([b"x".to_vec()].into()), None, ONE);
    w.wire.clear(); // N; the pushes are lost
    w.now = 1500 * MS;
    w.hear(1, 0, Body::AntiEntropy(stale.clone()));
    w.wire.clear(); // late copies: N goes whole (lost), the rest as a state
    w.hear(1, 0, Body::AntiEntropy(stale));
    w.deliver(|f, t, _| f == 0 && t == 1);
    w.now = 3000 * MS;
    w.ask_clock(2, 1);
    w.wire.clear(); // T reports to R; R's state is lost
    w.ask(1, b"s", Command::Remove([b"x".to_vec()].into()), None, ONE);
    w.wire.clear(); // M kills N
    w.ask(1, b"other", Command::Add([b"z".to_vec()].into()), None, ONE);
    w.wire.clear(); // M is thinned to its path
    w.ask_clock(2, 1);
    w.deliver(|f, t, _| f + t == 3);
    w.ask_clock(2, 0);
    w.deliver(|f, t, _| f == 0 && t == 2);
    w.tick(20_000 * MS, all, &[0, 1, 2]);
    assert_eq!(w.clock(1), w.clock(2));
    assert_eq!(w.clock(0), w.clock(2));
    assert_eq!(w.value(1, b"s"), w.value(2, b"s"), "equal clocks, different states");
}

/// A log entry that no message carries would keep followers behind it for ever.
#[test]
fn spent_numbers_make_no_entry_that_can_not_be_sent() {
    let mut w = World::new(Strategy::LeaderFollower, RegisterPolicy::default(), |_| Settings::default());
    w.tick(100 * MS, all, &[0, 1, 2]);
    let key = vec![7u8; 30 << 10];
    w.ask(0, &key, set(b"forged"), Some(ctx(&key, (1..=1024).map(|n| dot(1, n)))), TWO);
    w.deliver(all);
    assert!(w.last().is_ok());
    // Node 0 dies, node 1 leads. The wire is the shipped one: what is too large does not arrive.
    let honest = |f: u32, t: u32, b: &Body| {
        f != 0 && t != 0 && encode(&Envelope { partition: P, epoch: Epoch(1), body: b.clone() }).len() <= MAX_MESSAGE
    };
    w.tick(4_000 * MS, honest, &[1, 2]);
    assert_eq!(w.nodes[1].host.configuration(P).unwrap().leader, Some(NodeId(1)));
    w.ask(1, b"a", set(b"v"), None, TWO);
    w.tick(5_000 * MS, honest, &[1, 2]);
    assert!(w.last().is_ok(), "before: {:?}", w.last());
    w.ask(1, &key, set(b"honest"), None, TWO);
    let largest = w.wire.iter().map(|(_, _, envelope)| encode(envelope).len()).max();
    assert!(largest.is_some_and(|bytes| bytes < 1 << 20), "an entry of {largest:?} bytes");
    w.tick(6_000 * MS, honest, &[1, 2]);
    w.ask(1, b"a", set(b"v2"), None, TWO);
    w.tick(8_200 * MS, honest, &[1, 2]);
    assert!(w.last().is_ok(), "an ordinary write of another key is never replicated: {:?}", w.last());
}

/// A peer missed 256 events of 300 KiB: together they are larger than a message.
#[test]
fn a_repair_is_cut_by_bytes() {
    let mut w = World::new(Strategy::MultiLeader, RegisterPolicy::default(), |_| Settings::default());
    for n in 0..256u32 {
        w.ask(0, &n.to_be_bytes(), set(&vec![1; 300 << 10]), None, ONE);
        w.wire.clear();
    } // node 1 is cut off
    w.ask_clock(1, 0);
    let sizes: Vec<_> = w.wire.iter().map(|(_, _, e)| (encode(e).len(), decode(&encode(e)).is_ok())).collect();
    assert!(sizes.iter().all(|(_, ok)| *ok), "the repair can never be received");
}

/// An event of one replica's future, told to another that repairs it.
#[test]
fn one_forged_event_stops_no_repairs() {
    let mut w = World::new(Strategy::MultiLeader, RegisterPolicy::default(), |_| Settings::default());
    let forged = Event {
        dot: dot(1, 1 << 40),
        path: Path { key: b"z".to_vec(), slot: Slot::Register },
        payload: None,
        kills: syncline_crdt::DotSet::new(),
    };
    w.hear(2, 0, Body::AntiEntropy(AntiEntropyMessage::Repair { update: Update::Delta(forged.into()), more: false }));
    w.wire.clear();
    w.ask(0, b"k", set(b"v"), None, ONE);
    w.wire.clear(); // the push is lost
    // Node 2 is silent from now on.
    w.tick(60_000 * MS, |f, t, _| f != 2 && t != 2, &[0, 1]);
    assert_ne!(w.value(1, b"k"), Value::Absent, "never repaired");
}

/// Kills of dots that have arrived, under other keys.
#[test]
fn stale_kept_kills_do_not_count() {
    let mut w = World::new(Strategy::MultiLeader, RegisterPolicy::default(), |_| Settings::default());
    w.ask(0, b"k", set(b"forged"), Some(ctx(b"k", (1..=1024).map(|n| dot(1, n)))), ONE);
    w.wire.clear();
    for n in 0..1024u32 {
        w.ask(1, &n.to_be_bytes(), set(b"v"), None, ONE);
    }
    w.deliver(all);
    assert!(w.clock(0).contains(dot(1, 1024)));
    w.ask(2, b"k", set(b"w"), None, ONE);
    let seen = w.last().as_ref().unwrap().events[0];
    w.wire.clear();
    w.ask(0, b"k", set(b"honest"), Some(ctx(b"k", [seen])), ONE);
    assert!(w.last().is_ok(), "{:?}", w.last());
}
