//! Nothing that can be seen depends on the history of a state, on hash seeds, or on what the table once held.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use quickcheck::{Arbitrary, Gen};
use serde::{Serialize, de::DeserializeOwned};
use syncline_clocks::{CausalContext, HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{
    Changes, Delta, Edit, EnableWinsFlag, Encoded, Event, Limits, LwwRegister, MvRegister, OrSet, Replica,
    ResettableCounter, Settings, State, Store,
};

const SEEDS: [u64; 4] = [0, 1, 0x9e37_79b9_7f4a_7c15, u64::MAX];

fn settings(hash_seed: u64) -> Settings {
    Settings { hash_seed, ..Settings::default() }
}

/// All that can be seen of a replica's value and clock.
fn seen<S>(replica: &Replica<S>) -> (Vec<u8>, String, String, Vec<S::Path>, u64)
where
    S: Store<Path: Serialize + DeserializeOwned + Debug, Payload: Serialize + DeserializeOwned + Hash + Debug>
        + Serialize
        + Debug,
{
    let mut hasher = DefaultHasher::new();
    replica.causal().state().hash(&mut hasher);
    (
        replica.causal().state().encode().unwrap(),
        format!("{:?} {:?} {:?}", replica.causal(), replica.causal().state(), replica.entries().dots()),
        serde_json::to_string(replica.causal()).unwrap(),
        replica.entries().iter().map(|(path, _)| path.clone()).collect(),
        hasher.finish(),
    )
}

fn shuffled<T>(g: &mut Gen, mut items: Vec<T>) -> Vec<T> {
    for at in (1..items.len()).rev() {
        items.swap(at, usize::arbitrary(g) % (at + 1));
    }
    items
}

/// Three writers under different hash seeds, who hear some of what the others did; then readers, to whom all of it comes
/// in different orders and forms.
fn traces<S>(change: impl Fn(&mut Edit<'_, S>, u8, u8))
where
    S: Store<Path: Serialize + DeserializeOwned + Debug, Payload: Serialize + DeserializeOwned + Hash + Debug>
        + Serialize
        + PartialEq
        + Debug,
{
    let mut kept_kills = 0;
    for seed in 0..200 {
        let mut g = Gen::from_size_and_seed(40, seed);
        let mut writers: Vec<Replica<S>> = (1..4u8)
            .map(|id| Replica::with_settings(ReplicaId::from_u128(u128::from(id)), settings(SEEDS[usize::from(id)])))
            .collect();
        let mut events: Vec<Event<S::Path, S::Payload>> = Vec::new();
        for _ in 0..30 {
            let at = usize::arbitrary(&mut g) % 3;
            let (choice, argument) = (u8::arbitrary(&mut g), u8::arbitrary(&mut g));
            events.extend(writers[at].edit(|edit| change(edit, choice, argument)));
            if bool::arbitrary(&mut g) && !events.is_empty() {
                let heard = events[usize::arbitrary(&mut g) % events.len()].clone();
                writers[usize::arbitrary(&mut g) % 3].join(&Delta::from(heard)).unwrap();
            }
        }
        // Up to some event, so that kept kills and gaps are among what is compared.
        let known = usize::arbitrary(&mut g) % (events.len() + 1);
        let events = shuffled(&mut g, events)[..known].to_vec();
        let reader = |id: u128, hash_seed| Replica::<S>::with_settings(ReplicaId::from_u128(id), settings(hash_seed));
        let mut readers = Vec::new();
        for (id, hash_seed) in (100..).zip(SEEDS) {
            let mut reader = reader(id, hash_seed);
            let order = shuffled(&mut g, events.clone());
            let (single, rest) = order.split_at(usize::arbitrary(&mut g) % (order.len() + 1));
            single.iter().for_each(|event| drop(reader.join(&Delta::from(event.clone())).unwrap()));
            reader.join(&Delta::from(rest.to_vec())).unwrap();
            readers.push(reader);
        }
        let mut by_state = reader(200, 77);
        by_state.join(&readers[0].causal().state()).unwrap();
        let mut by_diff = reader(201, 78);
        by_diff.join(&readers[1].diff(&CausalContext::new())).unwrap();
        readers.extend([by_state, by_diff]);
        let expected = seen(&readers[0]);
        for reader in &readers {
            assert_eq!(seen(reader), expected, "seed {seed}");
            assert_eq!(reader.causal(), readers[0].causal());
        }
        let read = State::<S::Path, S::Payload>::decode(&expected.0, &Limits::default()).unwrap();
        assert_eq!(read.encode().unwrap(), expected.0);
        kept_kills += usize::from(readers[0].entries().iter().any(|(_, entry)| !entry.kept_kills().is_empty()));
    }
    assert!(kept_kills > 20, "{kept_kills} of 200");
}

#[test]
fn sets() {
    traces::<OrSet<u8>>(|set, choice, argument| match choice % 4 {
        0 => set.remove(&(argument % 6)),
        1 if argument == 0 => set.clear(),
        _ => set.insert(argument % 6),
    });
}

#[test]
fn registers_flags_and_counters() {
    traces::<LwwRegister<u8>>(|register, choice, argument| {
        let latest = register.versions().map(|(_, stamp, _)| stamp.time.as_nanos()).max().unwrap_or(0);
        let time = WallTime::from_nanos(latest + 1 + u64::from(choice));
        let stamp = HybridTimestamp { epoch: 0, time, counter: 0, replica: register.writer() };
        register.set(argument, stamp).unwrap();
    });
    traces::<MvRegister<u8>>(|register, choice, argument| match choice % 4 {
        0 => register.clear(),
        _ => register.set(argument),
    });
    traces::<EnableWinsFlag>(|flag, choice, _| if choice % 2 == 0 { flag.enable() } else { flag.disable() });
    traces::<ResettableCounter>(|counter, choice, argument| match choice % 4 {
        0 => counter.reset(),
        _ => counter.increment(i64::from(argument) - 100).unwrap(),
    });
}

/// A table that held twenty thousand elements and holds forty is, to all who look, one that never held more.
#[test]
fn growth_and_shrinkage_leave_no_trace() {
    let writer = ReplicaId::from_u128(1);
    let mut grown = Replica::<OrSet<u32>>::with_settings(writer, settings(5));
    let _ = grown.edit(|set| (0..20_000).for_each(|element| set.insert(element)));
    let mut follower = Replica::<OrSet<u32>>::with_settings(ReplicaId::from_u128(2), settings(6));
    follower.join(&grown.causal().state()).unwrap();
    let removals =
        grown.edit(|set| (0..20_000).filter(|element| element % 500 != 7).for_each(|element| set.remove(&element)));
    follower.join(&removals).unwrap();
    let mut fresh = Replica::<OrSet<u32>>::with_settings(ReplicaId::from_u128(3), settings(7));
    fresh.join(&grown.causal().state()).unwrap();
    assert_eq!(grown.len(), 40);
    assert!(grown.iter().copied().eq((0..40).map(|n| n * 500 + 7)), "in the order of the additions");
    assert_eq!(seen(&grown), seen(&follower));
    assert_eq!(seen(&grown), seen(&fresh));
}

/// What a join returns, what a transaction returns, what `diff` answers: the same under every hash seed, step by step.
#[test]
fn replicas_of_different_hash_seeds_behave_the_same() {
    type Step = (Delta<u8, ()>, Changes<u8>, Vec<u8>, usize);
    let run = |hash_seed: u64| -> Vec<Step> {
        let mut g = Gen::from_size_and_seed(40, 11);
        let few = Settings { history: 4, ..settings(hash_seed) };
        let mut here = Replica::<OrSet<u8>>::with_settings(ReplicaId::from_u128(1), few);
        let mut there = Replica::<OrSet<u8>>::with_settings(ReplicaId::from_u128(2), few);
        let mut steps = Vec::new();
        for _ in 0..400 {
            let (choice, argument) = (u8::arbitrary(&mut g), u8::arbitrary(&mut g) % 50);
            let delta = here.edit(|set| match choice % 8 {
                0..4 => (argument..argument + 3).for_each(|element| set.insert(element)),
                4..7 => set.remove(&argument),
                _ => set.clear(),
            });
            let _ = there.edit(|set| set.insert(argument.wrapping_mul(7) % 50));
            let mut changes = Changes::default();
            if choice % 3 == 0 {
                changes = here.join(&there.diff(here.clock())).unwrap();
                there.join(&here.diff(there.clock())).unwrap();
            }
            let repair = here.diff(there.clock()).encode().unwrap();
            steps.push((delta, changes, repair, here.iter().count()));
        }
        steps
    };
    let expected = run(SEEDS[0]);
    SEEDS[1..].iter().for_each(|seed| assert!(run(*seed) == expected, "{seed}"));
}
