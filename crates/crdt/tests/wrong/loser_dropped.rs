//! A register whose resolver drops the loser of two concurrent writes from the state, in place of only not reading it.
//!
//! Any last-writer-wins store with siblings. A write with a slow clock that saw the winner kills it, and whoever had
//! dropped the loser differs from whoever had not: the join is not associative.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{Context, Specified, Subject, Violation, Write};

type Dot = (ReplicaId, u64);

#[derive(Clone)]
pub(crate) struct Register {
    writer: ReplicaId,
    minted: u64,
    live: BTreeMap<Dot, Write<u8>>,
    killed: BTreeSet<Dot>,
}

impl Subject for Register {
    type Operation = Write<u8>;
    type Update = Self;

    fn create(writer: ReplicaId) -> Self {
        Self { writer, minted: 0, live: BTreeMap::new(), killed: BTreeSet::new() }
    }

    fn edit(&mut self, write: &Write<u8>) -> Self {
        self.minted += 1;
        let live = BTreeMap::from([((self.writer, self.minted), write.clone())]);
        let delta = Self { live, killed: self.live.keys().copied().collect(), ..*self };
        self.join(&delta).expect("it refuses nothing");
        delta
    }

    fn join(&mut self, other: &Self) -> Result<(), Violation> {
        self.live.extend(other.live.clone());
        self.killed.extend(&other.killed);
        self.live.retain(|dot, _| !self.killed.contains(dot));
        let winner = self.live.iter().map(|(dot, write)| (write.ahead, *dot)).max();
        self.live.retain(|dot, write| Some((write.ahead, *dot)) == winner); // The mistake.
        Ok(())
    }

    fn state(&self) -> Self {
        self.clone()
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{:?}", (&self.live, &self.killed)).into_bytes()
    }
}

impl Specified for Register {
    type Operation = Write<u8>;
    type Value = Option<u8>;

    fn value(&self) -> Option<u8> {
        self.live.values().next().map(|write| write.value)
    }

    fn replaces(_later: &Write<u8>, _earlier: &Write<u8>) -> bool {
        true
    }

    fn expected(context: &Context<'_, Write<u8>>) -> Option<u8> {
        let standing = context.standing();
        let latest = standing.max_by_key(|performed| (performed.operation.ahead, performed.writer));
        latest.map(|performed| performed.operation.value)
    }
}
