//! What commands mean, alone and when two leaders change one key at the same time.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeSet;

use syncline_replicas::{
    Command, Context, ExpireCondition, KeyPage, MAX_PATH, Policies, Refusal, SetCondition, SetExpiry, SetOptions,
    Value, scan_keys,
};
mod support;

use support::pair::{DELETE, PARTITION, Pair, START_MS, names, set, set_if, set_until};

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
