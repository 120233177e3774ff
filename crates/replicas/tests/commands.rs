//! What commands mean, alone and when two leaders change one key at the same time.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use syncline_clocks::{ReplicaId, WallTime};
use syncline_replicas::{
    ClientId, Command, Configuration, Context, DatacenterId, Effect, Effects, Envelope, Epoch, ExpireCondition, Host,
    Input, KeyPage, Level, MAX_PATH, Member, Monotonic, NodeId, Now, PartitionId, Policies, Refusal, RegisterPolicy,
    Reply, Request, RequestId, SetCondition, SetExpiry, SetOptions, Settings, Strategy, Value, scan_keys,
};

mod support;

use support::Rows;

const PARTITION: PartitionId = PartitionId(0);
const START_MS: u64 = 1_000_000;

/// Two leaders whose messages wait until they are exchanged.
struct Pair {
    nodes: Vec<(Host, Rows)>,
    on_the_way: VecDeque<(NodeId, NodeId, Envelope)>,
    ms: u64,
    sequence: u64,
}

impl Pair {
    fn new() -> Self {
        let member = |node: u32| Member {
            node: NodeId(node),
            datacenter: DatacenterId(u16::try_from(node).unwrap()),
            replica: ReplicaId::from_u128(u128::from(node) + 1),
        };
        let bootstrap = Configuration {
            epoch: Epoch(1),
            strategy: Strategy::MultiLeader,
            members: (0..2).map(member).collect(),
            leader: None,
            policies: Policies {
                by_prefix: vec![(b"s:".to_vec(), RegisterPolicy::KeepSiblings)],
                ..Policies::default()
            },
        };
        let nodes = (0..2).map(|node| (Host::new(NodeId(node), Settings::default()), Rows::default())).collect();
        let mut pair = Self { nodes, on_the_way: VecDeque::new(), ms: START_MS, sequence: 0 };
        for node in 0..2 {
            let bootstrap = bootstrap.clone();
            pair.handle(node, Input::Boot { partition: PARTITION, incarnation: 1, bootstrap });
        }
        pair
    }

    fn now(&self) -> Now {
        Now { monotonic: Monotonic(self.ms * 1_000_000), wall: WallTime::from_nanos(self.ms * 1_000_000) }
    }

    fn handle(&mut self, node: usize, input: Input) -> Option<Result<Reply, Refusal>> {
        let now = self.now();
        let (host, rows) = &mut self.nodes[node];
        let mut effects = Effects::default();
        host.handle(now, input, rows, &mut effects);
        let mut answer = None;
        for effect in effects.drain() {
            match effect {
                Effect::Persist { batch, .. } => rows.apply(batch),
                Effect::Send { to, envelope, .. } => {
                    self.on_the_way.push_back((NodeId(u32::try_from(node).unwrap()), to, envelope));
                }
                Effect::Respond { response, .. } => answer = Some(response.outcome),
                _ => {}
            }
        }
        answer
    }

    fn ask_with(
        &mut self,
        node: usize,
        key: &str,
        command: Command,
        context: Option<Context>,
    ) -> Result<Reply, Refusal> {
        self.sequence += 1;
        self.ms += 1;
        let client = ClientId(7);
        let request = Request {
            id: RequestId { client, sequence: self.sequence },
            partition: PARTITION,
            epoch: Epoch(0),
            key: key.as_bytes().to_vec(),
            command,
            context,
            level: Level { read: 1, write: 1 },
            patience: Duration::from_secs(1),
        };
        self.handle(node, Input::Request { from: client, request }).expect("a leader answers at once")
    }

    fn ask(&mut self, node: usize, key: &str, command: Command) -> Result<Reply, Refusal> {
        self.ask_with(node, key, command, None)
    }

    fn exchange(&mut self) {
        while let Some((from, to, envelope)) = self.on_the_way.pop_front() {
            self.handle(to.0 as usize, Input::Message { from, envelope });
        }
    }

    /// What both show, in the end.
    fn text(&mut self, key: &str) -> Option<String> {
        self.exchange();
        let both = [0, 1].map(|node| self.ask(node, key, Command::Get).unwrap().value);
        assert_eq!(both[0], both[1], "the leaders differ at {key}");
        match &both[0] {
            Value::Absent => None,
            Value::Register(versions) => Some(String::from_utf8(versions.last().unwrap().value.clone()).unwrap()),
            Value::Counter(count) => Some(count.to_string()),
            other => panic!("{key} holds {other:?}"),
        }
    }

    fn members(&mut self, key: &str) -> Vec<String> {
        self.exchange();
        match self.ask(0, key, Command::Get).unwrap().value {
            Value::Set(members) => members.into_iter().map(|member| String::from_utf8(member).unwrap()).collect(),
            Value::Absent => Vec::new(),
            other => panic!("{key} holds {other:?}"),
        }
    }
}

fn set(value: &str) -> Command {
    Command::set(value.as_bytes().to_vec())
}

fn set_if(value: &str, condition: SetCondition) -> Command {
    Command::Set { value: value.as_bytes().to_vec(), options: SetOptions { condition, ..SetOptions::default() } }
}

fn set_until(value: &str, at: u64) -> Command {
    let options = SetOptions { expiry: SetExpiry::At(at), ..SetOptions::default() };
    Command::Set { value: value.as_bytes().to_vec(), options }
}

fn names(members: &[&str]) -> BTreeSet<Vec<u8>> {
    members.iter().map(|member| member.as_bytes().to_vec()).collect()
}

const DELETE: Command = Command::Delete { previous: false };

#[test]
fn increments_on_both_sides_of_one_version_add_up() {
    let mut pair = Pair::new();
    pair.ask(0, "k", set("5")).unwrap();
    pair.exchange();
    assert_eq!(pair.ask(0, "k", Command::Increment(1)).unwrap().value, Value::Counter(6));
    assert_eq!(pair.ask(1, "k", Command::Increment(1)).unwrap().value, Value::Counter(6));
    assert_eq!(pair.text("k").as_deref(), Some("7"));
    // Without a version to name they count from nothing.
    pair.ask(0, "n", Command::Increment(2)).unwrap();
    pair.ask(1, "n", Command::Increment(-5)).unwrap();
    assert_eq!(pair.text("n").as_deref(), Some("-3"));
}

#[test]
fn a_version_takes_the_increments_of_the_one_that_it_replaces_along() {
    let mut pair = Pair::new();
    pair.ask(0, "k", set("5")).unwrap();
    pair.exchange();
    pair.ask(0, "k", Command::Increment(10)).unwrap();
    pair.ask(1, "k", set("100")).unwrap();
    assert_eq!(pair.text("k").as_deref(), Some("100"), "the increment was based on 5");
    pair.ask(0, "k", Command::Increment(1)).unwrap();
    assert_eq!(pair.text("k").as_deref(), Some("101"));
    pair.ask(1, "k", set("x")).unwrap();
    assert_eq!(pair.text("k").as_deref(), Some("x"));
    let left = pair.nodes[0].1.rows.keys().filter(|row| row.starts_with(b"d")).count();
    assert_eq!(left, 1, "increments of versions that are gone are cleared away");
}

#[test]
fn what_is_no_number_or_would_overflow_is_refused_and_changes_nothing() {
    let mut pair = Pair::new();
    for (value, amount, refusal) in [
        ("x", 1, Refusal::NotANumber),
        ("1.5", 1, Refusal::NotANumber),
        (" 1", 1, Refusal::NotANumber),
        ("01", 1, Refusal::NotANumber),
        ("9223372036854775807", 1, Refusal::Overflow),
        ("-9223372036854775808", -1, Refusal::Overflow),
    ] {
        pair.ask(0, "k", set(value)).unwrap();
        assert_eq!(pair.ask(0, "k", Command::Increment(amount)), Err(refusal), "{value} + {amount}");
        assert_eq!(pair.text("k").as_deref(), Some(value));
    }
    pair.ask(0, "s", Command::Add(names(&["a"]))).unwrap();
    assert_eq!(pair.ask(0, "s", Command::Increment(1)), Err(Refusal::WrongType));
}

#[test]
fn set_takes_the_place_of_any_type_and_delete_removes_any() {
    let mut pair = Pair::new();
    pair.ask(0, "k", Command::Add(names(&["a", "b"]))).unwrap();
    assert_eq!(pair.ask(0, "k", set("v")).unwrap().changed, 1);
    assert_eq!(pair.ask(0, "k", Command::Add(names(&["c"]))), Err(Refusal::WrongType));
    assert_eq!(pair.text("k").as_deref(), Some("v"));
    assert_eq!(pair.ask(0, "k", DELETE).unwrap().changed, 1);
    assert_eq!(pair.ask(0, "k", DELETE).unwrap().changed, 0);
    assert_eq!(pair.text("k"), None);
    pair.ask(0, "k", Command::Increment(3)).unwrap();
    assert_eq!(pair.text("k").as_deref(), Some("3"), "neither the set nor the string is back");
    pair.ask(0, "k", set("v")).unwrap();
    pair.ask(0, "k", DELETE).unwrap();
    assert_eq!(pair.text("k"), None, "nor the counter");
}

#[test]
fn conditions_are_those_of_the_coordinator() {
    let mut pair = Pair::new();
    assert_eq!(pair.ask(0, "k", set_if("1", SetCondition::IfPresent)).unwrap().changed, 0);
    assert_eq!(pair.ask(0, "k", set_if("1", SetCondition::IfAbsent)).unwrap().changed, 1);
    assert_eq!(pair.ask(0, "k", set_if("2", SetCondition::IfAbsent)).unwrap().changed, 0);
    assert_eq!(pair.ask(0, "k", set_if("2", SetCondition::IfPresent)).unwrap().changed, 1);
    assert_eq!(pair.text("k").as_deref(), Some("2"));
    let previous = Command::Delete { previous: true };
    let held = pair.ask(0, "k", previous.clone()).unwrap().value;
    assert!(matches!(held, Value::Register(versions) if versions[0].value == b"2"));
    pair.ask(0, "s", Command::Add(names(&["a"]))).unwrap();
    assert_eq!(pair.ask(0, "s", previous), Err(Refusal::WrongType));
}

#[test]
fn compare_and_set_notices_every_change_since_the_read() {
    let mut pair = Pair::new();
    let unchanged = |pair: &mut Pair, context: &Context| {
        let command = set_if("new", SetCondition::IfUnchanged);
        pair.ask_with(0, "k", command, Some(context.clone())).unwrap().changed
    };
    let seen = |pair: &mut Pair| pair.ask(0, "k", Command::Get).unwrap().context;
    let nothing = seen(&mut pair);
    assert_eq!(unchanged(&mut pair, &nothing), 1);
    assert_eq!(unchanged(&mut pair, &nothing), 0, "it holds something now");
    for change in [set("7"), Command::Increment(1), DELETE, set("8"), set_until("9", START_MS * 2)] {
        let before = seen(&mut pair);
        pair.ask(0, "k", change.clone()).unwrap();
        assert_eq!(unchanged(&mut pair, &before), 0, "{change:?}");
    }
    let now = seen(&mut pair);
    assert_eq!(unchanged(&mut pair, &now), 1);
}

#[test]
fn a_key_that_has_expired_holds_nothing_and_is_removed_by_the_next_write() {
    let mut pair = Pair::new();
    let at = START_MS + 1_000;
    pair.ask(0, "k", set_until("5", at)).unwrap();
    pair.exchange();
    pair.ask(1, "k", Command::Increment(1)).unwrap();
    assert_eq!(pair.text("k").as_deref(), Some("6"), "an increment keeps the expiry");
    assert_eq!(pair.ask(1, "k", Command::Get).unwrap().expires, Some(at));
    pair.ms = at;
    assert_eq!(pair.text("k"), None);
    assert_eq!(pair.ask(0, "k", DELETE).unwrap().changed, 0);
    assert_eq!(pair.ask(0, "k", Command::Increment(1)).unwrap().value, Value::Counter(1));
    assert_eq!(pair.text("k").as_deref(), Some("1"));
    assert_eq!(pair.ask(0, "k", Command::Get).unwrap().expires, None, "the deadline went with the old value");
    // Sets and counters as well; a refusal does not remove what has expired.
    pair.ask(0, "s", Command::Add(names(&["a", "b"]))).unwrap();
    let expire = |at| Command::Expire { at, condition: ExpireCondition::Always };
    assert_eq!(pair.ask(0, "s", expire(Some(at + 5_000))).unwrap().changed, 1);
    pair.ms = at + 5_000;
    let rows = pair.nodes[0].1.rows.clone();
    let other = Context { key: b"other".to_vec(), ..Context::default() };
    assert_eq!(pair.ask_with(0, "s", set("v"), Some(other)), Err(Refusal::OtherKey));
    assert_eq!(pair.nodes[0].1.rows, rows);
    assert_eq!(pair.ask(0, "s", Command::Add(names(&["c"]))).unwrap().changed, 1);
    assert_eq!(pair.members("s"), ["c"]);
}

#[test]
fn a_deadline_ends_with_the_last_of_what_it_was_for() {
    let mut pair = Pair::new();
    let expire = Command::Expire { at: Some(START_MS + 10_000), condition: ExpireCondition::Always };
    for revive in [
        Command::Add(names(&["c"])),
        Command::Increment(1),
        Command::Set { value: b"v".to_vec(), options: SetOptions { expiry: SetExpiry::Keep, ..SetOptions::default() } },
    ] {
        pair.ask(0, "k", Command::Add(names(&["a", "b"]))).unwrap();
        pair.ask(0, "k", expire.clone()).unwrap();
        pair.ask(0, "k", Command::Remove(names(&["a"]))).unwrap();
        pair.ask(0, "k", Command::Add(names(&["x"]))).unwrap();
        let kept = pair.ask(0, "k", Command::Get).unwrap().expires;
        assert_eq!(kept, Some(START_MS + 10_000), "another member was there all the time");
        pair.ask(0, "k", Command::Remove(names(&["b", "x"]))).unwrap();
        pair.ask(0, "k", revive.clone()).unwrap();
        assert_eq!(pair.ask(0, "k", Command::Get).unwrap().expires, None, "{revive:?}");
        pair.ask(0, "k", DELETE).unwrap();
    }
}

#[test]
fn names_that_no_store_takes_are_refused() {
    let mut pair = Pair::new();
    let (long, half) = ("k".repeat(MAX_PATH + 1), "m".repeat(MAX_PATH / 2 + 1));
    for command in [Command::Get, set("v"), DELETE, Command::Increment(1), Command::Add(names(&["a"]))] {
        assert_eq!(pair.ask(0, &long, command), Err(Refusal::TooLarge));
    }
    for command in [Command::Add, Command::Remove, Command::Contains].map(|command| command(names(&[&half]))) {
        assert_eq!(pair.ask(0, &half, command), Err(Refusal::TooLarge));
    }
    let large = vec![0; 17 << 20];
    assert_eq!(pair.ask(0, "k", Command::set(large)), Err(Refusal::TooLarge));
    assert_eq!(pair.text("k"), None);
}

#[test]
fn a_change_that_an_expiry_has_not_seen_survives_it() {
    let mut pair = Pair::new();
    let at = START_MS + 1_000;
    pair.ask(0, "k", set_until("old", at)).unwrap();
    pair.exchange();
    pair.ask(1, "k", set("new")).unwrap();
    pair.ms = at + 1;
    // This leader still sees the deadline, and removes what it sees.
    assert_eq!(pair.ask(0, "k", DELETE).unwrap().changed, 0);
    assert_eq!(pair.text("k").as_deref(), Some("new"));
}

#[test]
fn expiries_have_conditions_and_the_past_removes() {
    use ExpireCondition::{Always, IfEarlier, IfLater, IfNone, IfSome};
    let mut pair = Pair::new();
    let expire = |pair: &mut Pair, at: Option<u64>, condition| {
        pair.ask(0, "k", Command::Expire { at, condition }).unwrap().changed
    };
    let far = START_MS + 100_000;
    assert_eq!(expire(&mut pair, Some(far), Always), 0, "there is no key");
    pair.ask(0, "k", set("v")).unwrap();
    for (at, condition, changed) in [
        (Some(far), IfSome, 0),
        (Some(far), IfLater, 0),
        (Some(far), IfNone, 1),
        (Some(far), IfNone, 0),
        (Some(far - 1), IfLater, 0),
        (Some(far + 1), IfLater, 1),
        (Some(far + 2), IfEarlier, 0),
        (Some(far), IfEarlier, 1),
        (None, Always, 1),
        (None, Always, 0),
        (Some(far), IfEarlier, 1),
        (Some(1), Always, 1),
    ] {
        assert_eq!(expire(&mut pair, at, condition), changed, "{at:?} {condition:?}");
    }
    assert_eq!(pair.text("k"), None);
}

#[test]
fn members_are_counted_as_the_coordinator_sees_them_and_an_addition_wins() {
    let mut pair = Pair::new();
    assert_eq!(pair.ask(0, "s", Command::Add(names(&["a", "b"]))).unwrap().changed, 2);
    assert_eq!(pair.ask(0, "s", Command::Add(names(&["b", "c"]))).unwrap().changed, 1);
    pair.exchange();
    let held = pair.ask(1, "s", Command::Contains(names(&["a", "x"]))).unwrap().value;
    assert_eq!(held, Value::Set(names(&["a"])));
    assert_eq!(pair.ask(0, "s", Command::Remove(names(&["a", "x"]))).unwrap().changed, 1);
    pair.ask(1, "s", Command::Add(names(&["a"]))).unwrap();
    assert_eq!(pair.members("s"), ["a", "b", "c"], "the addition had not been seen by the removal");
}

/// Concurrent writers that chose different types: all parts are kept, one is shown, and replication goes on.
#[test]
fn a_clash_of_types_keeps_all_parts_and_shows_one() {
    let mut pair = Pair::new();
    pair.ask(0, "k", Command::Add(names(&["a"]))).unwrap();
    pair.ask(1, "k", Command::Increment(2)).unwrap();
    assert_eq!(pair.text("k").as_deref(), Some("2"), "the counter hides the set");
    pair.ask(0, "k", DELETE).unwrap();
    assert_eq!(pair.text("k"), None, "a removal takes out what it sees of every part");
    pair.ask(0, "k", set("v")).unwrap();
    pair.ask(1, "k", Command::Add(names(&["b"]))).unwrap();
    assert_eq!(pair.text("k").as_deref(), Some("v"), "the register hides the set");
}

#[test]
fn siblings_are_kept_until_a_write_that_has_seen_them() {
    let mut pair = Pair::new();
    pair.ask(0, "s:k", set("a")).unwrap();
    pair.ask(1, "s:k", set("b")).unwrap();
    pair.exchange();
    let read = pair.ask(0, "s:k", Command::Get).unwrap();
    assert!(matches!(&read.value, Value::Register(versions) if versions.len() == 2));
    pair.ask_with(0, "s:k", set("c"), Some(read.context)).unwrap();
    assert_eq!(pair.text("s:k").as_deref(), Some("c"));
}

/// A set of so many members at leader 0.
fn fill(pair: &mut Pair, count: u16) {
    pair.ask(0, "k", Command::Add((0..count).map(|member| member.to_be_bytes().to_vec()).collect())).unwrap();
}

fn size(pair: &mut Pair) -> usize {
    match pair.ask(0, "k", Command::Get).unwrap().value {
        Value::Set(members) => members.len(),
        Value::Absent => 0,
        other => panic!("{other:?} is no set"),
    }
}

const SOME: Command = Command::RemoveSome { expired: false };
const SOME_EXPIRED: Command = Command::RemoveSome { expired: true };

#[test]
fn more_members_than_one_write_takes_out_are_taken_out_in_pieces() {
    let mut pair = Pair::new();
    fill(&mut pair, 2_100);
    for command in [DELETE, set("v"), Command::Expire { at: Some(0), condition: ExpireCondition::Always }] {
        let refusal = pair.ask(0, "k", command).unwrap_err();
        assert_eq!(refusal, Refusal::TooManyMembers { expired: false });
    }
    assert_eq!(pair.ask(0, "k", SOME_EXPIRED).unwrap().changed, 0);
    assert_eq!(size(&mut pair), 2_100, "a refusal changes nothing");
    assert_eq!(pair.ask(0, "k", SOME).unwrap().changed, 1_024);
    assert_eq!(pair.ask(0, "k", SOME).unwrap().changed, 1_024);
    assert_eq!(size(&mut pair), 52);
    // A member that is added at the same time elsewhere survives.
    pair.exchange();
    pair.ask(1, "k", Command::Add(names(&["new"]))).unwrap();
    assert_eq!(pair.ask(0, "k", DELETE).unwrap().changed, 1);
    assert_eq!(size(&mut pair), 0);
    assert_eq!(pair.ask(0, "k", SOME).unwrap().changed, 0);
    pair.exchange();
    for node in 0..2 {
        assert_eq!(pair.ask(node, "k", Command::Get).unwrap().value, Value::Set(names(&["new"])));
    }
}

#[test]
fn members_with_long_names_are_taken_out_by_their_bytes() {
    let mut pair = Pair::new();
    let long = |member: u16| [vec![b'x'; 16 << 10], member.to_be_bytes().to_vec()].concat();
    pair.ask(0, "k", Command::Add((0..400).map(long).collect())).unwrap();
    assert_eq!(pair.ask(0, "k", DELETE).unwrap_err(), Refusal::TooManyMembers { expired: false });
    let mut pieces = 0;
    while pair.ask(0, "k", DELETE).is_err() {
        let removed = pair.ask(0, "k", SOME).unwrap().changed;
        assert!((1..=100).contains(&removed), "{removed} at once");
        pieces += 1;
    }
    assert!(pieces > 1, "only {pieces}");
    assert_eq!(size(&mut pair), 0);
}

#[test]
fn a_large_set_that_has_expired_is_taken_out_before_anything_is_written() {
    let mut pair = Pair::new();
    fill(&mut pair, 2_000);
    let soon = Some(pair.ms + 5);
    pair.ask(0, "k", Command::Expire { at: soon, condition: ExpireCondition::Always }).unwrap();
    pair.ms += 10;
    assert_eq!(size(&mut pair), 0);
    for command in [Command::Add(names(&["new"])), set("v"), DELETE, Command::Increment(1)] {
        let refusal = pair.ask(0, "k", command).unwrap_err();
        assert_eq!(refusal, Refusal::TooManyMembers { expired: true });
    }
    assert_eq!(pair.ask(0, "k", SOME_EXPIRED).unwrap().changed, 1_024);
    pair.ask(0, "k", Command::Add(names(&["new"]))).unwrap();
    assert_eq!(pair.ask(0, "k", SOME_EXPIRED).unwrap().changed, 0, "the new set has not expired");
    pair.exchange();
    for node in 0..2 {
        let reply = pair.ask(node, "k", Command::Get).unwrap();
        assert_eq!((reply.value, reply.expires), (Value::Set(names(&["new"])), None));
    }
}

#[test]
fn a_peek_tells_what_there_is_but_not_all_of_it() {
    let mut pair = Pair::new();
    assert_eq!(pair.ask(0, "k", Command::Peek).unwrap().value, Value::Absent);
    fill(&mut pair, 700);
    let later = pair.ms + 1_000;
    pair.ask(0, "k", Command::Expire { at: Some(later), condition: ExpireCondition::Always }).unwrap();
    let reply = pair.ask(0, "k", Command::Peek).unwrap();
    assert!(matches!(&reply.value, Value::Set(members) if members.len() == 1), "{:?}", reply.value);
    assert_eq!(reply.expires, Some(later));
    // The register is found behind a set of any size.
    pair.ask(1, "k", set("v")).unwrap();
    pair.exchange();
    assert!(matches!(pair.ask(0, "k", Command::Peek).unwrap().value, Value::Register(_)));
}

#[test]
fn a_scan_finds_every_key_once() {
    let mut pair = Pair::new();
    for index in 0..300 {
        pair.ask(0, &format!("{index:b}"), set("v")).unwrap();
    }
    pair.ask(0, "set", Command::Add((0u16..500).map(|member| member.to_be_bytes().to_vec()).collect())).unwrap();
    pair.ask(0, "gone", set("v")).unwrap();
    pair.ask(0, "gone", DELETE).unwrap();
    pair.ask(0, "", set("v")).unwrap();
    for index in 0..600 {
        pair.ask(0, &format!("deleted {index}"), set("v")).unwrap();
        pair.ask(0, &format!("deleted {index}"), DELETE).unwrap();
    }
    for index in 0..5 {
        let value = Command::set(vec![0; 700 << 10]);
        pair.ask(0, &format!("large {index}"), value).unwrap();
    }
    let (mut found, mut from, mut pages) = (Vec::new(), None::<Vec<u8>>, 0);
    loop {
        let rows = &pair.nodes[0].1;
        let page = scan_keys(rows, PARTITION, &Policies::default(), pair.now(), from.as_deref(), 7);
        let KeyPage { keys, next } = page.unwrap();
        found.extend(keys.into_iter().map(|(key, _)| key));
        pages += 1;
        let Some(next) = next else { break };
        from = Some(next);
    }
    let distinct: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!((found.len(), distinct.len()), (307, 307));
    assert!(pages > 40 && !distinct.contains(b"gone".as_slice()));
}
