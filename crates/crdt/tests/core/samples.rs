//! One replica of each type, as the tests of bytes write and read them.

use syncline_clocks::{CausalContext, Freeze, HybridTimestamp, ReplicaId, Retirement, WallTime};
use syncline_crdt::{
    Delta, Edit, EnableWinsFlag, Entries, LwwRegister, MvRegister, OrSet, Replica, ResettableCounter, Saved, Settings,
    State, Store, StoredEnd, Update,
};

/// What is written of a type: one of each kind.
pub struct Samples<S: Store> {
    pub value: S,
    pub delta: Delta<S::Path, S::Payload>,
    pub entries: Entries<S::Path, S::Payload>,
    pub state: State<S::Path, S::Payload>,
    /// One for a receiver that has an early part of it, where that takes a state.
    pub state_since: Option<State<S::Path, S::Payload>>,
    pub saved: Saved<S>,
}

/// An id with no byte like another.
const LONG: ReplicaId = ReplicaId::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);

impl<S: Store> Samples<S> {
    /// Of two replicas that changed their copies at the same time. One has joined a later event of the other and not the
    /// earlier ones, so its clock has a gap, and it keeps kills if the later event has some.
    fn of(change: impl Fn(&mut Edit<'_, S>, u64)) -> Self {
        let forgetful = Settings { history: 0, ..Settings::default() };
        let mut here = Replica::<S>::create(ReplicaId::from_u128(7));
        let mut there = Replica::<S>::with_settings(LONG, forgetful);
        let _ = here.edit(|edit| change(edit, 0));
        let _ = there.edit(|edit| change(edit, 1));
        let early = there.clock().clone();
        let _ = there.edit(|edit| change(edit, 2));
        let late = there.edit(|edit| change(edit, 3));
        here.join(&late).expect("an honest event");
        // It remembers the other's events and not its own, which live.
        let remembering = Settings { history: late.len(), ..forgetful };
        let mut third = Replica::<S>::with_settings(ReplicaId::from_u128(9), remembering);
        let _ = third.edit(|edit| change(edit, 0));
        third.join(&late).expect("an honest event");
        let _ = here.edit(|edit| change(edit, 4));
        let [old, gone] = [300, 8].map(ReplicaId::from_u128);
        let freeze = Freeze { member: here.id(), replica: gone, length: 5 };
        here.retire(Retirement::agree(gone, [here.id()], &[freeze]).expect("all froze it")).expect("the first time");
        let nothing = CausalContext::new();
        let Update::Delta(delta) = here.diff(&nothing) else { panic!("events that are remembered") };
        let Update::Entries(entries) = third.diff(&nothing) else { panic!("paths that live or are remembered") };
        let state_since = if let Update::State(state) = there.diff(&early) { Some(state) } else { None };
        let moved = Replica::resume(here.save(), StoredEnd::Uncertain { new_id: old }, Settings::default());
        Self { value: (*here).clone(), delta, entries, state: here.causal().state(), state_since, saved: moved.save() }
    }
}

pub fn or_set() -> Samples<OrSet<String>> {
    Samples::<OrSet<String>>::of(|set, step| match step {
        0 => ["milk", "tea"].into_iter().for_each(|element| set.insert(element.to_owned())),
        1 => ["milk", "ℵ", ""].into_iter().for_each(|element| set.insert(element.to_owned())),
        2 => set.insert("milk".to_owned()),
        3 => {
            set.remove("milk");
            set.insert("bread".to_owned());
        }
        _ => set.remove("tea"),
    })
}

pub fn set_of_pairs() -> Samples<OrSet<(u8, Option<bool>)>> {
    Samples::<OrSet<(u8, Option<bool>)>>::of(|set, step| match step {
        0 | 1 => [(1, None), (2, Some(true))].into_iter().for_each(|element| set.insert(element)),
        2 | 3 => set.insert((step as u8, None)),
        _ => set.clear(),
    })
}

pub fn lww_register() -> Samples<LwwRegister<String>> {
    Samples::<LwwRegister<String>>::of(|register, step| {
        let time = WallTime::from_nanos(1_700_000_000_000_000_000 + step);
        let stamp = HybridTimestamp { epoch: 1, time, counter: 9, replica: register.writer() };
        register.set(format!("value {step}"), stamp).expect("later than all before");
    })
}

pub fn mv_register() -> Samples<MvRegister<Option<u32>>> {
    Samples::<MvRegister<Option<u32>>>::of(|register, step| match step {
        4 => {}
        step => register.set((step > 0).then_some(step as u32 * 100)),
    })
}

pub fn enable_wins_flag() -> Samples<EnableWinsFlag> {
    Samples::<EnableWinsFlag>::of(|flag, step| if step == 2 { flag.disable() } else { flag.enable() })
}

pub fn resettable_counter() -> Samples<ResettableCounter> {
    Samples::<ResettableCounter>::of(|counter, step| match step {
        2 => counter.reset(),
        step => counter.increment(1_000 * step as i64 - 500).expect("far from the limit"),
    })
}

/// Calls a generic function with the samples of each type.
macro_rules! each_store {
    ($call:ident) => {
        $call("or_set", samples::or_set());
        $call("or_set_of_pairs", samples::set_of_pairs());
        $call("lww_register", samples::lww_register());
        $call("mv_register", samples::mv_register());
        $call("enable_wins_flag", samples::enable_wins_flag());
        $call("resettable_counter", samples::resettable_counter());
    };
}
pub(crate) use each_store;
