//! The ids of an instance's replicas under short names, so that a dot takes 8 bytes instead of 24.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::num::NonZeroU16;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use syncline_clocks::{Dot, ReplicaId};

/// A replica's short name within one instance: its place in [`Names`], counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(NonZeroU16);

impl Name {
    pub(crate) fn place(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// A dot in 8 bytes: the replica's short name, and a sequence number below 2^48 in two parts, so that nothing needs
/// more than 4 bytes of alignment and the zero of the name is left to tell variants apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortDot {
    name: Name,
    high: u16,
    low: u32,
}

impl ShortDot {
    /// `None` when the number needs more than 48 bits.
    pub(crate) fn new(name: Name, sequence: u64) -> Option<Self> {
        let high = u16::try_from(sequence >> 32).ok()?;
        Some(Self { name, high, low: sequence as u32 })
    }

    pub(crate) fn name(self) -> Name {
        self.name
    }

    /// The same number under another instance's name.
    pub(crate) fn renamed(self, name: Name) -> Self {
        Self { name, ..self }
    }

    pub(crate) fn sequence(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

/// Which replica each short name stands for. A name stays when the last dot of its replica is gone; there are at most
/// 65,535, and dots of further replicas are held in full.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    ids: Vec<ReplicaId>,
    places: HashTable<Name>,
    hasher: FixedState,
    /// The name that was asked for last: mostly it is asked for again.
    last: Option<Name>,
}

impl Names {
    pub(crate) fn new(hasher: FixedState) -> Self {
        Self { ids: Vec::new(), places: HashTable::new(), hasher, last: None }
    }

    /// The same names, hashed otherwise.
    pub(crate) fn rehash(&mut self, hasher: FixedState) {
        self.hasher = hasher;
        let Self { ids, places, hasher, .. } = self;
        let names: Vec<Name> = places.drain().collect();
        let hash = |name: Name| hash(hasher, ids[name.place()]);
        names.into_iter().for_each(|name| {
            places.insert_unique(hash(name), name, |name| hash(*name));
        });
    }

    pub(crate) fn id(&self, name: Name) -> ReplicaId {
        self.ids[name.place()]
    }

    pub(crate) fn ids(&self) -> &[ReplicaId] {
        &self.ids
    }

    pub(crate) fn dot(&self, short: ShortDot) -> Dot {
        Dot::new(self.id(short.name), short.sequence()).expect("the number was a dot's")
    }

    /// The dot's short form, under a new name if need be.
    pub(crate) fn shorten(&mut self, dot: Dot) -> Option<ShortDot> {
        ShortDot::new(self.name(dot.replica())?, dot.sequence())
    }

    /// Whether this is the short form of the dot.
    pub(crate) fn is(&self, short: ShortDot, dot: Dot) -> bool {
        short.sequence() == dot.sequence() && self.id(short.name) == dot.replica()
    }

    /// The replica's name, if it has one.
    pub(crate) fn find(&self, id: ReplicaId) -> Option<Name> {
        self.places.find(hash(&self.hasher, id), |name| self.ids[name.place()] == id).copied()
    }

    /// The replica's name, a new one if it has none; `None` when there are no more.
    pub(crate) fn name(&mut self, id: ReplicaId) -> Option<Name> {
        if let Some(last) = self.last.filter(|last| self.id(*last) == id) {
            return Some(last);
        }
        let name = match self.find(id) {
            Some(name) => name,
            None => {
                let name = Name(NonZeroU16::new(u16::try_from(self.ids.len() + 1).ok()?)?);
                self.ids.push(id);
                let Self { ids, places, hasher, .. } = self;
                places.insert_unique(hash(hasher, id), name, |name| hash(hasher, ids[name.place()]));
                name
            }
        };
        self.last = Some(name);
        Some(name)
    }
}

fn hash(hasher: &FixedState, id: ReplicaId) -> u64 {
    hasher.hash_one(id.as_u128())
}
