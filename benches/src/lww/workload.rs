//! Concurrent updates whose effects can be told apart in the final value, and the count of those that are missing.
//!
//! In each round each of three replicas makes one update without having seen the others', then all exchange them.
//! Every update has a *mark*, a number of its own below 60: on a counter it adds or takes 2^mark, in a set it puts the
//! element `mark` in. So the final value tells exactly which updates took effect.
//!
//! Where later updates replace earlier ones, as in a register, what the value says after each round is counted instead.

use std::collections::BTreeSet;

use super::peers::{Count, Elements, Extreme, Flag, Peer, Reset, Toggle, Written, three};

const ROUNDS: u64 = 20;
const WRITERS: u64 = 3;

/// How many updates the workload makes.
pub(crate) const UPDATES: u64 = ROUNDS * WRITERS;

/// Marks as the bits of a number.
type Marks = u64;

/// Whose turn it is.
#[derive(Clone, Copy)]
struct Turn {
    round: u64,
    writer: u64,
}

impl Turn {
    fn mark(self) -> u64 {
        self.round * WRITERS + self.writer
    }

    /// 2^mark.
    fn amount(self) -> i64 {
        1 << self.mark()
    }
}

/// What an update is for.
enum Aim {
    /// That this turn's mark is in.
    Put(Turn),
    /// That these marks, which its writer saw, are out.
    Clear(Marks),
}

/// Increments.
pub(crate) fn counting_up<C: Count>() -> u64 {
    let update = |counter: &mut C, turn: Turn| (counter.add(turn.amount()), Aim::Put(turn));
    lost(update, |counter| counter.value().cast_unsigned())
}

/// Increments and decrements, in turn.
pub(crate) fn up_and_down<C: Count>() -> u64 {
    let is_down = |mark: u64| mark % 2 == 1;
    let downs: Marks = (0..UPDATES).filter(|mark| is_down(*mark)).map(|mark| 1 << mark).sum();
    let update = |counter: &mut C, turn: Turn| {
        let amount = if is_down(turn.mark()) { -turn.amount() } else { turn.amount() };
        (counter.add(amount), Aim::Put(turn))
    };
    // The value and all decrements: what was counted up and the decrements that are missing.
    lost(update, move |counter| (counter.value().cast_unsigned().wrapping_add(downs)) ^ downs)
}

/// Increments, and half way a reset at one replica while the others increment.
pub(crate) fn with_reset<C: Reset>() -> u64 {
    let marks = |counter: &C| counter.value().cast_unsigned();
    let update = |counter: &mut C, turn: Turn| {
        if turn.round == ROUNDS / 2 && turn.writer == 0 {
            let seen = marks(counter);
            (counter.reset(), Aim::Clear(seen))
        } else {
            (counter.add(turn.amount()), Aim::Put(turn))
        }
    };
    lost(update, marks)
}

/// Insertions, and in each round after the first a removal of the lowest element at one replica.
pub(crate) fn with_removals<S: Toggle>() -> u64 {
    let update = |set: &mut S, turn: Turn| {
        let lowest = set.elements().first().copied().filter(|_| turn.round % WRITERS == turn.writer);
        match lowest {
            Some(element) => (set.toggle(element), Aim::Clear(1 << element)),
            None => (set.toggle(turn.mark()), Aim::Put(turn)),
        }
    };
    lost(update, |set| set.elements().into_iter().map(|element| 1 << element).sum())
}

/// Insertions.
pub(crate) fn with_insertions<S: Elements>() -> u64 {
    let update = |set: &mut S, turn: Turn| (set.insert(turn.mark()), Aim::Put(turn));
    lost(update, |set| set.elements().into_iter().map(|element| 1 << element).sum())
}

/// Numbers further and further out, of which each round's furthest is offered by another writer each time. One is lost
/// when the extreme is not that far out after its round.
pub(crate) fn further_out<R: Extreme<SIGN>, const SIGN: i64>() -> u64 {
    let number = |Turn { round, writer }| SIGN * (WRITERS * round + (round + writer) % WRITERS) as i64;
    let is_missed = |register: &R, turn| register.extreme().is_none_or(|held| SIGN * held < SIGN * number(turn));
    missed(|register: &mut R, turn| register.offer(number(turn)), is_missed)
}

/// Writes of different numbers. One is lost when it is not read after its round: no writer has seen it and replaced it.
pub(crate) fn written_over<R: Written>() -> u64 {
    let number = |turn: Turn| turn.mark() as i64;
    let is_missed = |register: &R, turn| !register.read().contains(&number(turn));
    missed(|register: &mut R, turn| register.set(number(turn)), is_missed)
}

/// In three of four rounds one enables and the others disable, in the fourth all disable. An enable is lost when the flag is
/// not enabled after its round, because who disabled had not seen it; a disable, when nobody enabled and the flag is.
pub(crate) fn switched<F: Flag>() -> u64 {
    let enables = |Turn { round, writer }: Turn| (round + writer) % 4 == 0;
    let is_missed = |flag: &F, turn: Turn| {
        let is_enabled_by_one = turns(turn.round).any(enables);
        flag.is_enabled() != is_enabled_by_one && enables(turn) == is_enabled_by_one
    };
    missed(|flag: &mut F, turn| flag.put(enables(turn)), is_missed)
}

/// One update of each, none of whom has seen the others'; then all join them.
fn exchange<P: Peer, A>(peers: &mut [P; 3], round: u64, update: impl Fn(&mut P, Turn) -> (P::Sent, A)) -> Vec<A> {
    let updates = turns(round).zip(peers.iter_mut()).map(|(turn, peer)| update(peer, turn));
    let (sent, results): (Vec<_>, Vec<_>) = updates.unzip();
    for (to, peer) in peers.iter_mut().enumerate() {
        let others = sent.iter().enumerate().filter(|(from, _)| *from != to);
        others.for_each(|(_, sent)| peer.join(sent));
    }
    results
}

fn turns(round: u64) -> impl Iterator<Item = Turn> {
    (0..WRITERS).map(move |writer| Turn { round, writer })
}

/// Runs the workload and counts the updates that some replica misses after their round.
fn missed<P: Peer>(update: impl Fn(&mut P, Turn) -> P::Sent, is_missed: impl Fn(&P, Turn) -> bool) -> u64 {
    let mut peers = three::<P>();
    let in_rounds = (0..ROUNDS).map(|round| {
        exchange(&mut peers, round, |peer, turn| (update(peer, turn), ()));
        turns(round).filter(|turn| peers.iter().any(|peer| is_missed(peer, *turn))).count() as u64
    });
    in_rounds.sum()
}

/// Runs the workload and counts the updates that missed their aim. A mark that some update cleared may be in or out:
/// if it is in, the clearing was lost.
fn lost<P: Peer>(update: impl Fn(&mut P, Turn) -> (P::Sent, Aim), marks: impl Fn(&P) -> Marks) -> u64 {
    let mut peers = three::<P>();
    let mut aims = Vec::new();
    for round in 0..ROUNDS {
        aims.extend(exchange(&mut peers, round, &update));
    }
    let values: BTreeSet<Marks> = peers.iter().map(&marks).collect();
    let [value] = values.into_iter().collect::<Vec<_>>()[..] else { panic!("replicas of the same events agree") };
    let cleared = aims.iter().fold(0, |all, aim| if let Aim::Clear(marks) = aim { all | marks } else { all });
    let missed = aims.iter().filter(|aim| match aim {
        Aim::Put(turn) => (value | cleared) & (1 << turn.mark()) == 0,
        Aim::Clear(marks) => value & marks != 0,
    });
    missed.count() as u64
}
