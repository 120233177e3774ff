//! A schedule against one type of `syncline-crdt`: the laws hold on whatever trace the bytes mean, and the value is the
//! specified one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syncline_crdt::laws::{Grown, Laws, Specified, Subject, Trace};
use syncline_crdt::{
    EnableWinsFlag, GCounter, GSet, LwwRegister, MaxRegister, MinRegister, MvRegister, OrSet, PnCounter, Replica,
    ResettableCounter,
};

fn hold<T: Subject + Specified<Operation = <T as Subject>::Operation>>(bytes: &[u8]) {
    if let Err(counterexample) = Laws::<T>::specified().hold(Trace::from_bytes(bytes)) {
        panic!("{counterexample}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    match choice % 10 {
        0 => hold::<Replica<OrSet<u8>>>(bytes),
        1 => hold::<Replica<LwwRegister<u8>>>(bytes),
        2 => hold::<Replica<MvRegister<u8>>>(bytes),
        3 => hold::<Replica<EnableWinsFlag>>(bytes),
        4 => hold::<Replica<ResettableCounter>>(bytes),
        5 => hold::<Grown<GCounter>>(bytes),
        6 => hold::<Grown<PnCounter>>(bytes),
        7 => hold::<Grown<GSet<u8>>>(bytes),
        8 => hold::<Grown<MaxRegister<u8>>>(bytes),
        _ => hold::<Grown<MinRegister<u8>>>(bytes),
    }
});
