//! Which part of an update may be joined, where payloads carry timestamps.

use alloc::vec::Vec;
use core::hash::Hash;

use syncline_clocks::{Dot, HybridTimestamp};

use crate::{Delta, Entries, Update};

/// What [`Update::admit`] lets through, and what it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted<P: Hash + Eq, V, E> {
    /// What may be joined; `None` where nothing may.
    pub update: Option<Update<P, V>>,
    /// The refused events, and why. They stay out of the clock, so they come again, and join once they are admitted.
    pub refused: Vec<(Dot, E)>,
}

impl<P: Hash + Eq, V> Update<P, (HybridTimestamp, V)> {
    /// Leaves out, one by one, the events whose timestamps `check` refuses: a value from the year 2500 would be read for
    /// as long as nobody who saw it writes. The rest joins. To be called before a join, with the bound of a
    /// `HybridClock`: `update.admit(|timestamp| clock.admit(now, timestamp))`.
    ///
    /// Of a delta the refused events are left out, of entries the paths where one lives, because an entry is joined whole. A
    /// state is admitted or refused as a whole: what it does not hold is dead, so nothing may be missing in it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use syncline_clocks::{HybridClock, HybridTimestamp, ReplicaId, WallTime};
    /// use syncline_crdt::{LwwRegister, Replica, Update};
    /// let [honest, skewed] = [1, 2].map(ReplicaId::from_u128);
    /// let now = WallTime::from_duration(Duration::from_secs(1_800_000_000));
    /// let clock = HybridClock::new(honest, Duration::from_secs(10));
    /// let year_2500 = WallTime::from_duration(Duration::from_secs(16_725_225_600));
    /// let far = HybridTimestamp { epoch: 0, time: year_2500, counter: 0, replica: skewed };
    /// let mut there: Replica<LwwRegister<&str>> = Replica::create(skewed);
    /// let delta = there.try_edit(|name| name.set("from the future", far)).unwrap();
    /// let admitted = Update::from(delta).admit(|timestamp| clock.admit(now, timestamp));
    /// assert_eq!(admitted.refused.len(), 1);
    /// assert!(admitted.update.is_none());
    /// ```
    pub fn admit<E>(
        self,
        mut check: impl FnMut(HybridTimestamp) -> Result<(), E>,
    ) -> Admitted<P, (HybridTimestamp, V), E> {
        let mut refused = Vec::new();
        let mut admits = |dot: Dot, timestamp: HybridTimestamp| {
            let checked = check(timestamp);
            let admits = checked.is_ok();
            refused.extend(checked.err().map(|error| (dot, error)));
            admits
        };
        let update = match self {
            Self::Delta(mut delta) => {
                delta.retain(|event| event.payload.as_ref().is_none_or(|(timestamp, _)| admits(event.dot, *timestamp)));
                (!Delta::is_empty(&delta)).then_some(Self::Delta(delta))
            }
            Self::Entries(mut entries) => {
                // Every live event of a path is asked about, so that each that is refused is named.
                entries.paths.retain(|(_, repair)| {
                    repair.entry.live().fold(true, |all, (dot, (timestamp, _))| admits(dot, *timestamp) && all)
                });
                let Entries { paths, .. } = &entries;
                (!paths.is_empty()).then_some(Self::Entries(entries))
            }
            Self::State(state) => {
                let live = state.entries().iter().flat_map(|(_, entry)| entry.live());
                let all = live.fold(true, |all, (dot, (timestamp, _))| admits(dot, *timestamp) && all);
                all.then_some(Self::State(state))
            }
        };
        Admitted { update, refused }
    }
}
