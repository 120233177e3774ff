//! The laws of joins and the invariant of entries, on random traces of each type.
#![allow(missing_docs)]
use quickcheck::quickcheck;
use syncline_crdt::laws::{Grown, Laws, SetOperation, Subject, Trace};
use syncline_crdt::{GCounter, LwwRegister, OrSet, PnCounter, Replica, ResettableCounter};

#[test]
fn or_set() {
    let r = Laws::<Replica<OrSet<u8>>>::specified().assert(0..1000);
    println!("{r:?}");
}
#[test]
fn lww() {
    let r = Laws::<Replica<LwwRegister<u8>>>::specified().assert(0..1000);
    println!("{r:?}");
}
#[test]
fn rc() {
    let r = Laws::<Replica<ResettableCounter>>::specified().assert(0..1000);
    println!("{r:?}");
}
#[test]
fn gc() {
    let r = Laws::<Grown<GCounter>>::specified().assert(0..1000);
    println!("{r:?}");
}
#[test]
fn pn() {
    let r = Laws::<Grown<PnCounter>>::specified().assert(0..1000);
    println!("{r:?}");
}
