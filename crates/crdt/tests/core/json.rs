//! JSON takes every type, whatever its paths are.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use syncline_clocks::ReplicaId;
use syncline_crdt::{
    Edit, EnableWinsFlag, GCounter, GSet, MaxRegister, MinRegister, MvRegister, OrSet, PnCounter, Replica,
    ResettableCounter, Store,
};

const WRITER: ReplicaId = ReplicaId::from_u128(1);

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).expect("it has JSON");
    assert_eq!(serde_json::from_str::<T>(&json).expect("its own JSON"), *value, "{json}");
}

fn edited<S: Store + Serialize + DeserializeOwned + PartialEq + Debug>(edit: impl Fn(&mut Edit<'_, S>)) {
    let mut replica = Replica::<S>::create(WRITER);
    let _ = replica.edit(|transaction| edit(transaction));
    round_trip(replica.causal().value());
    round_trip(replica.causal());
}

#[test]
fn json_works_for_every_store() {
    edited::<OrSet<String>>(|set| set.insert("milk".to_string()));
    edited::<OrSet<(u8, u8)>>(|set| set.insert((1, 2)));
    edited::<MvRegister<Option<u8>>>(|register| register.set(Some(1)));
    edited::<EnableWinsFlag>(|flag| flag.enable());
    edited::<ResettableCounter>(|counter| counter.increment(3).expect("far from the limit"));
}

#[test]
fn json_works_for_every_lattice() {
    round_trip(&GCounter::default().increment(WRITER, 1).expect("far from the limit"));
    round_trip(&PnCounter::default().increment(WRITER, -1).expect("far from the limit"));
    round_trip(&GSet::default().insert((1_u8, 2_u8)).expect("it is new"));
    round_trip(&MaxRegister::default().set(1_u8).expect("it is the first"));
    round_trip(&MinRegister::default().set(1_u8).expect("it is the first"));
}
