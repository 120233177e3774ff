//! Each CRDT beside a last-writer-wins register that holds the same value.
//!
//! The register is written as an application without CRDTs would: read the value, change it, set the whole of it under
//! a timestamp of a hybrid clock. Both sides are in the same state when they are measured, made by three replicas one
//! after the other; for the register that is the best case, a single version.
//!
//! Where the ratios come from, so that nobody reads more into them:
//! - `GCounter`, `PnCounter`, `GSet`, `MaxRegister` and `MinRegister` stand alone, without the clock and the history that
//!   a [`Replica`] keeps of everything else, the register included. What they save is that bookkeeping, and what they lack
//!   is `diff` and a way back.
//! - `MvRegister` and `EnableWinsFlag` keep the same books as the register. What they save is its clock and its timestamp.
//! - An OR-set pays for each element with a dot and gains by never copying or sending the whole, so it is measured
//!   small and large. It gains that much on *this* register, which copies its value several times for each change.

mod peers;
mod register;
mod workload;

use std::hint::black_box;
use std::marker::PhantomData;

use serde::Serialize;
use syncline_crdt::{
    EnableWinsFlag, GCounter, GSet, MaxRegister, MinRegister, MvRegister, OrSet, PnCounter, Replica, ResettableCounter,
};

use crate::course::course;
use crate::{Group, Reach, Routine, Row};
use peers::{Alone, Count, Elements, Extreme, Flag, Peer, Toggle, Written};
use register::{LwwCount, LwwElements, LwwFlag};
use workload::{
    UPDATES, counting_up, further_out, switched, up_and_down, with_insertions, with_removals, with_reset, written_over,
};

/// Group `lww`.
pub const GROUP: Group =
    Group { name: "lww", about: "each CRDT (ours) beside an LwwRegister of the same value (reference)", rows };

fn rows() -> Vec<Row> {
    // Times have room for a noisy machine, bytes for a field or two.
    let reaches = |update, join, delta, state| Reaches { update, join, delta, state };
    let g_counter = reaches(Some(0.15), Some(0.25), Some(0.3), Some(0.6));
    let pn_counter = reaches(Some(0.2), Some(0.3), Some(0.3), Some(0.6));
    let resettable = reaches(Some(4.0), Some(3.5), Some(0.75), Some(1.25));
    let small = reaches(Some(1.0), Some(1.0), Some(0.6), Some(1.3));
    let large = reaches(Some(0.05), Some(0.05), Some(0.025), Some(1.6));
    let small_g_set = reaches(Some(0.2), Some(0.2), Some(0.05), Some(0.2));
    let large_g_set = reaches(Some(0.005), Some(0.01), Some(0.003), Some(1.0));
    let extreme = || reaches(Some(0.02), Some(0.03), Some(0.06), Some(0.04));
    let mv_register = reaches(Some(0.8), Some(1.5), Some(0.65), Some(0.85));
    let flag = reaches(Some(0.8), Some(1.5), Some(0.65), Some(0.85));
    let mut rows = Vec::new();
    rows.extend(beside::<Counting<Alone<GCounter>>, Counting<LwwCount>>("GCounter", g_counter));
    rows.extend(beside::<Counting<Alone<PnCounter>>, Counting<LwwCount>>("PnCounter", pn_counter));
    rows.extend(beside::<Counting<Replica<ResettableCounter>>, Counting<LwwCount>>("ResettableCounter", resettable));
    rows.extend(beside::<Toggling<Replica<OrSet<u64>>, 16>, Toggling<LwwElements, 16>>("OrSet of 16", small));
    rows.extend(beside::<Toggling<Replica<OrSet<u64>>, 1024>, Toggling<LwwElements, 1024>>("OrSet of 1024", large));
    rows.extend(beside::<Adding<Alone<GSet<u64>>, 16>, Adding<LwwElements, 16>>("GSet of 16", small_g_set));
    rows.extend(beside::<Adding<Alone<GSet<u64>>, 1024>, Adding<LwwElements, 1024>>("GSet of 1024", large_g_set));
    rows.extend(beside::<Offering<Alone<MaxRegister<i64>>, 1>, Offering<LwwCount, 1>>("MaxRegister", extreme()));
    rows.extend(beside::<Offering<Alone<MinRegister<i64>>, -1>, Offering<LwwCount, -1>>("MinRegister", extreme()));
    rows.extend(beside::<Writing<Replica<MvRegister<i64>>>, Writing<LwwCount>>("MvRegister", mv_register));
    rows.extend(beside::<Switching<Replica<EnableWinsFlag>>, Switching<LwwFlag>>("EnableWinsFlag", flag));
    rows.extend([
        lost("GCounter", counting_up::<Alone<GCounter>>, counting_up::<LwwCount>),
        lost("PnCounter", up_and_down::<Alone<PnCounter>>, up_and_down::<LwwCount>),
        lost("ResettableCounter", with_reset::<Replica<ResettableCounter>>, with_reset::<LwwCount>),
        lost("OrSet", with_removals::<Replica<OrSet<u64>>>, with_removals::<LwwElements>),
        lost("GSet", with_insertions::<Alone<GSet<u64>>>, with_insertions::<LwwElements>),
        lost("MaxRegister", further_out::<Alone<MaxRegister<i64>>, 1>, further_out::<LwwCount, 1>),
        lost("MinRegister", further_out::<Alone<MinRegister<i64>>, -1>, further_out::<LwwCount, -1>),
        lost("MvRegister", written_over::<Replica<MvRegister<i64>>>, written_over::<LwwCount>),
        lost("EnableWinsFlag", switched::<Replica<EnableWinsFlag>>, switched::<LwwFlag>),
    ]);
    rows
}

/// The promises of one type, in the order of its rows.
struct Reaches {
    update: Reach,
    join: Reach,
    delta: Reach,
    state: Reach,
}

/// The same work done by two types.
fn beside<Ours: Work + 'static, Reference: Work + 'static>(name: &str, reaches: Reaches) -> [Row; 4] {
    let named = |work: &str| format!("{name}: {work}");
    [
        Row::time(named("local update"), update::<Ours>, update::<Reference>, reaches.update),
        Row::time(named("join of a delta"), join::<Ours>, join::<Reference>, reaches.join),
        Row::bytes(named("bytes of a delta"), delta_bytes::<Ours>, delta_bytes::<Reference>, reaches.delta),
        Row::bytes(named("bytes of the state"), state_bytes::<Ours>, state_bytes::<Reference>, reaches.state),
    ]
}

fn lost(name: &str, ours: fn() -> u64, reference: fn() -> u64) -> Row {
    Row::lost(format!("{name}: updates lost"), UPDATES, ours, reference)
}

/// Work that a type can do again and again.
trait Work {
    type Peer: Peer + 'static;

    /// So many updates, after which the value would have grown too much.
    const ROOM: u64 = u64::MAX;

    /// Three replicas of one state.
    fn settled() -> [Self::Peer; 3];

    /// The `n`th update after that.
    fn update(peer: &mut Self::Peer, n: u64) -> <Self::Peer as Peer>::Sent;
}

/// Increments by one.
struct Counting<C>(PhantomData<C>);

impl<C: Count + 'static> Work for Counting<C> {
    type Peer = C;

    fn settled() -> [C; 3] {
        let peers = settle(300, |peer: &mut C, _| peer.add(1));
        assert!(peers.iter().all(|peer| peer.value() == 300), "increments made one after the other all count");
        peers
    }

    fn update(peer: &mut C, _: u64) -> C::Sent {
        peer.add(1)
    }
}

/// Puts elements in that are out and takes elements out that are in, in turn, so that the set stays at `N`.
struct Toggling<S, const N: u64>(PhantomData<S>);

impl<S: Toggle + 'static, const N: u64> Work for Toggling<S, N> {
    type Peer = S;

    fn settled() -> [S; 3] {
        let peers = settle(N, |peer: &mut S, n| peer.toggle(2 * n));
        let evens = (0..N).map(|n| 2 * n);
        assert!(peers.iter().all(|peer| peer.elements().into_iter().eq(evens.clone())), "all elements are in");
        peers
    }

    fn update(peer: &mut S, n: u64) -> S::Sent {
        peer.toggle(n % (2 * N))
    }
}

/// Puts new elements in, until a set of `N` has grown by a quarter.
struct Adding<S, const N: u64>(PhantomData<S>);

impl<S: Elements + 'static, const N: u64> Work for Adding<S, N> {
    type Peer = S;

    const ROOM: u64 = N / 4;

    fn settled() -> [S; 3] {
        let peers = settle(N, |peer: &mut S, n| peer.insert(n));
        assert!(peers.iter().all(|peer| peer.elements().into_iter().eq(0..N)), "all elements are in");
        peers
    }

    fn update(peer: &mut S, n: u64) -> S::Sent {
        peer.insert(N + n)
    }
}

/// Offers numbers further and further out.
struct Offering<R, const SIGN: i64>(PhantomData<R>);

impl<R: Extreme<SIGN> + 'static, const SIGN: i64> Work for Offering<R, SIGN> {
    type Peer = R;

    fn settled() -> [R; 3] {
        let peers = settle(300, |peer: &mut R, n| peer.offer(SIGN * n as i64));
        assert!(peers.iter().all(|peer| peer.extreme() == Some(SIGN * 299)), "the last was the furthest out");
        peers
    }

    fn update(peer: &mut R, n: u64) -> R::Sent {
        peer.offer(SIGN * (300 + n as i64))
    }
}

/// Writes one number after the other.
struct Writing<R>(PhantomData<R>);

impl<R: Written + 'static> Work for Writing<R> {
    type Peer = R;

    fn settled() -> [R; 3] {
        let peers = settle(300, |peer: &mut R, n| peer.set(n as i64));
        assert!(peers.iter().all(|peer| peer.read() == [299]), "each write had seen the one before");
        peers
    }

    fn update(peer: &mut R, n: u64) -> R::Sent {
        peer.set(300 + n as i64)
    }
}

/// Enables and disables in turn, beginning with an enable of a flag that is enabled.
struct Switching<F>(PhantomData<F>);

impl<F: Flag + 'static> Work for Switching<F> {
    type Peer = F;

    fn settled() -> [F; 3] {
        let peers = settle(301, |peer: &mut F, n| peer.put(n.is_multiple_of(2)));
        assert!(peers.iter().all(Flag::is_enabled), "the last one enabled it");
        peers
    }

    fn update(peer: &mut F, n: u64) -> F::Sent {
        peer.put(n.is_multiple_of(2))
    }
}

/// Three replicas after updates made by each in turn, each update seen by all before the next.
fn settle<P: Peer>(updates: u64, update: impl Fn(&mut P, u64) -> P::Sent) -> [P; 3] {
    let mut peers = peers::three::<P>();
    for n in 0..updates {
        peers.rotate_left(1);
        let [writer, others @ ..] = &mut peers;
        let sent = update(writer, n);
        others.iter_mut().for_each(|other| other.join(&sent));
    }
    peers
}

/// An edit that returns its delta, which is dropped.
fn update<W: Work + 'static>() -> Routine {
    course(W::ROOM, W::settled, |n| n, |[peer, ..], n| drop(black_box(W::update(peer, *n))))
}

/// The join of one delta that the receiver lacks and whose predecessors it has.
fn join<W: Work + 'static>() -> Routine {
    let mut senders = None;
    let make = move |n| {
        // Before the first update the receiver is built anew, so its senders are too.
        if n == 0 {
            senders = None;
        }
        let [sender, ..] = senders.get_or_insert_with(W::settled);
        W::update(sender, n)
    };
    course(W::ROOM, W::settled, make, |[_, receiver, _], sent| receiver.join(sent))
}

fn delta_bytes<W: Work>() -> u64 {
    let [mut peer, ..] = W::settled();
    encoded(&W::update(&mut peer, 0))
}

fn state_bytes<W: Work>() -> u64 {
    let [peer, ..] = W::settled();
    encoded(peer.state())
}

fn encoded(value: &impl Serialize) -> u64 {
    let bytes = postcard::to_allocvec(value).expect("values of these types have lengths and no foreign Serialize");
    bytes.len() as u64
}
