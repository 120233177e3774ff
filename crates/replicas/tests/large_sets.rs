//! Sets with more members than one write takes out, and reads that do not read them whole.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use syncline_replicas::{Command, ExpireCondition, Refusal, Value};

mod support;

use support::pair::{DELETE, Pair, names, set};

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
