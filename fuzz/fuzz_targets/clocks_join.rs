//! What a peer may send, decoded and then observed, joined, compared: no panic, a refusal changes nothing, a join contains
//! both sides, and memory follows the sides.
#![no_main]

use std::fmt::Debug;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use syncline_clocks::{
    CausalContext, Causality, Dot, DottedVersionVector, DottedVersionVectorSet, HybridClock, HybridTimestamp, Interval,
    IntervalTreeClock, LamportClock, LamportTimestamp, Limits, ReplicaId, Retirement, Retirements,
    RetiringVersionVector, TruncatingVersionVector, VectorClock, VersionVector, WallTime,
};
use syncline_fuzz::{Choices, Watch};

/// A call may take this much beyond the sides' own memory, whatever they are.
const SLACK: usize = 4 << 10;

fn id(choices: &mut Choices) -> ReplicaId {
    ReplicaId::from_u128(choices.below(6) as u128)
}

fn dot(choices: &mut Choices) -> Dot {
    let replica = id(choices);
    Dot::new(replica, choices.number(3)).unwrap_or(Dot::first(replica))
}

fn vector(choices: &mut Choices) -> VersionVector {
    (0..choices.below(6)).map(|_| (id(choices), choices.number(3))).collect()
}

fn context(choices: &mut Choices) -> CausalContext {
    let mut context = CausalContext::new();
    for _ in 0..choices.below(8) {
        let (replica, first) = (id(choices), choices.number(3).max(1));
        let last = first.saturating_add(choices.number(3));
        context.insert_interval(Interval { replica, first, last });
    }
    context
}

/// The value that a peer would have sent as `raw`, if there is one.
fn sent<T: serde::de::DeserializeOwned>(raw: &impl serde::Serialize) -> Option<T> {
    postcard::from_bytes(&postcard::to_allocvec(raw).ok()?).ok()
}

fn set(choices: &mut Choices) -> DottedVersionVectorSet<u8> {
    let mut raw: Vec<(ReplicaId, u64, Vec<u8>)> =
        (0..choices.below(5)).map(|_| (id(choices), choices.number(3), choices.bytes(4))).collect();
    raw.sort();
    raw.dedup_by_key(|entry| entry.0);
    sent(&raw).unwrap_or_default()
}

fn id_tree(choices: &mut Choices, levels: usize) -> String {
    if levels > 0 && choices.once_in(2) {
        format!("({},{})", id_tree(choices, levels - 1), id_tree(choices, levels - 1))
    } else {
        choices.of(&["1", "0"]).to_owned()
    }
}

fn event_tree(choices: &mut Choices, levels: usize) -> String {
    let base = if choices.once_in(4) { choices.number(3) } else { choices.below(3) as u64 };
    if levels > 0 && choices.once_in(2) {
        // One half begins at 0, as the normal form wants it.
        let half = event_tree(choices, levels - 1);
        let leaf = choices.of(&["0", "(0,0,1)", "(0,(0,1,0),2)"]);
        if choices.once_in(2) { format!("({base},{half},{leaf})") } else { format!("({base},{leaf},{half})") }
    } else {
        base.to_string()
    }
}

fn stamp(choices: &mut Choices) -> IntervalTreeClock {
    let text = format!("{};{}", id_tree(choices, 4), event_tree(choices, 5));
    text.parse().unwrap_or_else(|_| IntervalTreeClock::seed())
}

/// A call that either succeeds or leaves its subject as it was. Says whether it succeeded.
fn unless_refused<T: Clone + PartialEq + Debug, R, E: Debug>(
    subject: &mut T,
    call: impl FnOnce(&mut T) -> Result<R, E>,
) -> bool {
    let before = subject.clone();
    let result = call(subject);
    assert!(result.is_ok() || *subject == before, "{:?} has changed {before:?} to {subject:?}", result.err());
    result.is_ok()
}

/// Takes in the other side, under watch.
fn joined<T: Clone>(left: &T, right: &T, join: impl FnOnce(&mut T, &T)) -> T {
    let watch = Watch::begin();
    let (mut result, other) = (left.clone(), right.clone());
    let sides = watch.peak();
    let watch = Watch::begin();
    join(&mut result, &other);
    assert!(watch.peak() <= 4 * sides + SLACK, "a join of {sides} bytes took {}", watch.peak());
    result
}

fn below(left: Causality) -> bool {
    matches!(left, Causality::Before | Causality::Equal)
}

fn clocks(choices: &mut Choices) {
    let mut lamport = LamportClock::new(id(choices), 1 << 32);
    let mut hybrid = HybridClock::new(id(choices), Duration::from_secs(1));
    let mut process = VectorClock::resume(id(choices), vector(choices));
    for _ in 0..16 {
        let (counter, replica) = (choices.number(lamport.last().counter), id(choices));
        let remote = LamportTimestamp { counter, replica };
        let before = lamport.last();
        if unless_refused(&mut lamport, |clock| clock.observe(remote)) {
            assert!(lamport.last() > before && lamport.last() > remote);
        }
        let last = hybrid.last();
        let (now, time) = (choices.number(last.time.as_nanos()), choices.number(last.time.as_nanos()));
        let (epoch, counter) = (choices.number(0) as u32, choices.number(u64::from(last.counter)) as u32);
        let remote = HybridTimestamp { epoch, time: WallTime::from_nanos(time), counter, replica: id(choices) };
        if hybrid.observe(WallTime::from_nanos(now), remote).is_ok() {
            assert!(hybrid.last() > last && hybrid.last() > remote);
        }
        let last = hybrid.last();
        assert!(
            hybrid.tick(WallTime::from_nanos(choices.number(now))).map_or(hybrid.last() == last, |next| next > last)
        );
        let message = vector(choices);
        let before = process.timestamp().clone();
        if unless_refused(&mut process, |clock| clock.receive(&message)) {
            assert_eq!(before.compare(process.timestamp()), Causality::Before);
            assert_eq!(message.compare(process.timestamp()), Causality::Before);
        }
    }
}

fn vectors(choices: &mut Choices) {
    let (left, right) = (vector(choices), vector(choices));
    let both = joined(&left, &right, |left, right| left.join(right));
    assert!(below(left.compare(&both)) && below(right.compare(&both)));
    assert_eq!(both, joined(&right, &left, |left, right| left.join(right)));
    let limits = Limits { replicas: choices.below(8), intervals: choices.below(12) };
    let mut bounded = left.clone();
    if unless_refused(&mut bounded, |mine| mine.try_join(&right, &limits)) {
        assert!(bounded == both && both.len() <= limits.replicas.max(left.len()));
    }
    let (left, right) = (context(choices), context(choices));
    let mut bounded = left.clone();
    let within = unless_refused(&mut bounded, |mine| mine.try_union(&right, &limits));
    let both = joined(&left, &right, |left, right| left.union(right));
    assert!(both.includes(&left) && both.includes(&right));
    assert!(!within || bounded == both);
    let missing = right.subtract(&left);
    assert!(missing.intersect(&left).is_empty() && right.includes(&missing));
    assert_eq!(joined(&left, &missing, |left, right| left.union(right)), both);
    assert_eq!(left.len() + missing.len(), both.len());
}

fn truncating(choices: &mut Choices) {
    let mut sides = [TruncatingVersionVector::new(), TruncatingVersionVector::new()];
    for side in &mut sides {
        for _ in 0..choices.below(6) {
            side.advance(id(choices), choices.number(3), WallTime::from_nanos(choices.number(3)));
        }
        let dropped = side.truncate(choices.below(6));
        assert_eq!(side.dropped(), dropped.len() as u64);
    }
    let [left, right] = &sides;
    let both = joined(left, right, |left, right| left.join(right));
    assert!(below(left.compare(&both)) && below(right.compare(&both)));
    assert_eq!(both, joined(right, left, |left, right| left.join(right)));
}

fn dotted(choices: &mut Choices) {
    let mut mine = set(choices);
    for _ in 0..8 {
        match choices.below(4) {
            0 => {
                let read = if choices.once_in(2) { mine.context() } else { vector(choices) };
                let replica = id(choices);
                let known = mine.context();
                if unless_refused(&mut mine, |set| set.update(&read, replica, 7)) {
                    assert_eq!(known.compare(&mine.context()), Causality::Before);
                }
            }
            1 => mine.discard(&vector(choices)),
            _ => {
                let theirs = set(choices);
                let both = joined(&mine, &theirs, |left, right| left.sync(right.clone()));
                assert!(below(mine.compare(&both)) && below(theirs.compare(&both)));
                assert!(both.len() <= mine.len() + theirs.len());
                mine = both;
            }
        }
        assert_eq!(mine.siblings().count(), mine.len());
        assert!(mine.siblings().all(|(dot, _)| mine.context().contains(dot)));
        assert_eq!(mine.is_empty(), mine.lww(|value| *value).is_none());
    }
    let mut stored: Vec<(DottedVersionVector, u8)> = Vec::new();
    for _ in 0..8 {
        let theirs = (0..choices.below(4))
            .filter_map(|value| Some((DottedVersionVector::new(dot(choices), vector(choices))?, value as u8)));
        let theirs: Vec<_> = theirs.collect();
        stored = DottedVersionVector::sync(stored, theirs);
        let read = DottedVersionVector::join(stored.iter().map(|(clock, _)| clock));
        if let Ok(clock) = DottedVersionVector::update(&read, stored.iter().map(|(clock, _)| clock), id(choices)) {
            assert!(stored.iter().all(|(held, _)| held.compare(&clock) == Causality::Before));
        }
    }
}

fn trees(choices: &mut Choices) {
    let (mut left, right) = (stamp(choices), stamp(choices));
    for _ in 0..8 {
        let before = left.clone();
        if unless_refused(&mut left, |stamp| stamp.event()) {
            assert_eq!(before.compare(&left), Causality::Before);
        }
        let before = left.clone();
        let both =
            joined(&left, &right.peek(), |left, right| left.join(right).expect("an anonymous stamp owns nothing"));
        assert!(left.leq(&both) && right.leq(&both));
        if unless_refused(&mut left, |stamp| stamp.join(&right)) {
            assert!(before.leq(&left) && right.leq(&left));
        }
        if let Ok(mut forked) = left.fork() {
            assert_eq!(forked.compare(&left), Causality::Equal);
            if choices.once_in(2) && forked.event().is_ok() {
                left.join(&forked).expect("a forked share is disjoint");
            }
        }
        assert_eq!(IntervalTreeClock::from_bytes(&left.to_bytes()).as_ref(), Ok(&left), "not in normal form");
    }
}

fn retirements(choices: &mut Choices) {
    let log: Vec<(ReplicaId, u64)> = (0..choices.below(3)).map(|_| (id(choices), choices.number(3))).collect();
    let mut log: Retirements = sent(&(log, Vec::<(ReplicaId, u64)>::new())).unwrap_or_default();
    let vector = |choices: &mut Choices| -> RetiringVersionVector {
        sent(&(choices.below(3) as u64, vector(choices))).unwrap_or_default()
    };
    let mut mine = vector(choices);
    for _ in 0..8 {
        let theirs = vector(choices);
        let before = mine.expand(&log);
        match choices.below(5) {
            0 => drop(log.freeze(id(choices), id(choices), &theirs)),
            1 => {
                let retirement: Option<Retirement> = sent(&(id(choices), choices.number(3)));
                retirement.into_iter().for_each(|retirement| {
                    unless_refused(&mut log, |log| log.retire(retirement));
                });
            }
            2 => {
                unless_refused(&mut mine, |mine| mine.advance(id(choices), choices.number(3), &log));
            }
            3 => {
                if unless_refused(&mut mine, |mine| mine.reduce(&log)) {
                    assert_eq!(mine.expand(&log), before);
                }
            }
            _ => {
                if unless_refused(&mut mine, |mine| mine.join(&theirs, &log)) {
                    let mut whole = before.expect("a vector that was joined was whole");
                    whole.join(&theirs.expand(&log).expect("so was the other"));
                    assert_eq!(mine.expand(&log), Ok(whole));
                    assert!(theirs.compare(&mine, &log).is_ok_and(below));
                }
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let choices = &mut Choices::new(bytes);
    match choices.below(6) {
        0 => clocks(choices),
        1 => vectors(choices),
        2 => truncating(choices),
        3 => dotted(choices),
        4 => trees(choices),
        _ => retirements(choices),
    }
});
