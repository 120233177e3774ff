//! Which part of an update may be joined, where payloads carry timestamps.

use alloc::vec::Vec;
use core::hash::Hash;

use syncline_clocks::{CausalContext, Dot, HybridTimestamp};

use crate::{Delta, Entries, Update};

/// What [`Update::admit`] lets through, and what it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted<P: Hash + Eq, V, E> {
    /// What may be joined; `None` where nothing may.
    pub update: Option<Update<P, V>>,
    /// The refused events, and why. They stay out of the clock, so they come again, and join once they are admitted.
    pub refused: Vec<(Dot, E)>,
    /// The latest timestamp of what may be joined: what the own clock has to observe, so that the next write is later.
    pub latest: Option<HybridTimestamp>,
}

impl<P: Hash + Eq, V> Update<P, (HybridTimestamp, V)> {
    /// Leaves out, one by one, the events whose timestamps `check` refuses: a value from the year 2500 would be read for
    /// as long as nobody who saw it writes. The rest joins. To be called before a join, with the receiver's clock, whose
    /// events were admitted before and are not asked about, and with the bound of a `HybridClock`.
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
    /// let mut clock = HybridClock::new(honest, Duration::from_secs(10));
    /// let year_2500 = WallTime::from_duration(Duration::from_secs(16_725_225_600));
    /// let far = HybridTimestamp { epoch: 0, time: year_2500, counter: 0, replica: skewed };
    /// let mut there: Replica<LwwRegister<&str>> = Replica::create(skewed);
    /// let delta = there.try_edit(|name| name.set("from the future", far)).unwrap();
    /// let mut here: Replica<LwwRegister<&str>> = Replica::create(honest);
    /// let admitted = Update::from(delta).admit(here.clock(), |timestamp| clock.admit(now, timestamp));
    /// assert_eq!(admitted.refused.len(), 1);
    /// assert!(admitted.update.is_none());
    ///
    /// // What is admitted is joined and observed; then a write of one's own is later.
    /// let skewed = HybridTimestamp { time: now.saturating_add(Duration::from_secs(3)), ..far };
    /// let mut third: Replica<LwwRegister<&str>> = Replica::create(skewed.replica);
    /// let delta = third.try_edit(|name| name.set("a little ahead", skewed)).unwrap();
    /// let admitted = Update::from(delta).admit(here.clock(), |timestamp| clock.admit(now, timestamp));
    /// here.join(&admitted.update.unwrap())?;
    /// let stamp = clock.observe(now, admitted.latest.unwrap())?;
    /// here.try_edit(|name| name.set("mine", stamp))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn admit<E>(
        self,
        known: &CausalContext,
        mut check: impl FnMut(HybridTimestamp) -> Result<(), E>,
    ) -> Admitted<P, (HybridTimestamp, V), E> {
        let (mut refused, mut latest) = (Vec::new(), None);
        let mut admits = |dot: Dot, timestamp: HybridTimestamp| {
            if known.contains(dot) {
                return true;
            }
            match check(timestamp) {
                Ok(()) => latest = latest.max(Some(timestamp)),
                Err(error) => {
                    refused.push((dot, error));
                    return false;
                }
            }
            true
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
        Admitted { update, refused, latest }
    }
}
