//! `Update::admit` on each kind: what is refused stays out of the clock, and comes again.

use syncline_clocks::{CausalContext, Dot, HybridTimestamp, ReplicaId, WallTime};
use syncline_crdt::{Admitted, Edit, EntryMap, EntryRef, LwwRegister, Replica, Settings, Store, Update};

/// A map of registers, as a partition of a store would be: each key is a path.
#[derive(Clone, Debug, Default, PartialEq)]
struct Names(EntryMap<&'static str, (HybridTimestamp, u8)>);

impl Store for Names {
    type Path = &'static str;
    type Payload = (HybridTimestamp, u8);

    fn entries(&self) -> &EntryMap<&'static str, (HybridTimestamp, u8)> {
        &self.0
    }

    fn entries_mut(&mut self) -> &mut EntryMap<&'static str, (HybridTimestamp, u8)> {
        &mut self.0
    }

    fn value_eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);

fn at(nanos: u64) -> HybridTimestamp {
    HybridTimestamp { epoch: 0, time: WallTime::from_nanos(nanos), counter: 0, replica: A }
}

fn set(edit: &mut Edit<'_, Names>, key: &'static str, nanos: u64) {
    let seen = edit.entries().get(key).map(EntryRef::live_dots).unwrap_or_default();
    edit.change(key, Some((at(nanos), 0)), seen);
}

/// Nothing beyond 100 nanoseconds is believed.
fn admit(update: Update<&'static str, (HybridTimestamp, u8)>) -> Admitted<&'static str, (HybridTimestamp, u8), u64> {
    update.admit(&CausalContext::new(), |timestamp| match timestamp.time.as_nanos() {
        nanos @ 101.. => Err(nanos),
        _ => Ok(()),
    })
}

fn dots(sequences: &[u64]) -> Vec<Dot> {
    sequences.iter().map(|sequence| Dot::new(A, *sequence).unwrap()).collect()
}

fn replica(id: ReplicaId, events: usize) -> Replica<Names> {
    Replica::with_settings(id, Settings { history: events, ..Settings::default() })
}

/// Good, far ahead, far ahead and then replaced by a good one, and a removal, which has no timestamp.
fn history(events: usize) -> Replica<Names> {
    let mut here = replica(A, events);
    let _ = here.edit(|names| set(names, "good", 1));
    let _ = here.edit(|names| set(names, "far", 500));
    let _ = here.edit(|names| set(names, "mended", 600));
    let _ = here.edit(|names| set(names, "mended", 7));
    let _ = here.edit(|names| {
        let seen = names.entries().get("good").unwrap().live_dots();
        names.change("good", None, seen);
    });
    here
}

#[test]
fn a_delta_loses_the_refused_events() {
    let here = history(64);
    let mut there = replica(B, 64);
    let Admitted { update, refused, .. } = admit(here.diff(there.clock()));
    assert_eq!(refused, [(dots(&[2])[0], 500), (dots(&[3])[0], 600)]);
    let update = update.unwrap();
    assert!(matches!(update, Update::Delta(_)));
    there.join(&update).unwrap();
    assert_eq!(there.clock().dots().collect::<Vec<_>>(), dots(&[1, 4, 5]));
    assert!(there.entries().get("far").is_none() && there.entries().get("mended").unwrap().is_live());
    // Once they are admitted, they join.
    there.join(&here.diff(there.clock())).unwrap();
    assert_eq!(there.causal(), here.causal());
}

#[test]
fn entries_lose_the_paths_where_a_refused_event_lives() {
    let mut here = replica(A, 0);
    for (key, nanos) in [("good", 1), ("far", 500), ("other", 7)] {
        let _ = here.edit(|names| set(names, key, nanos));
    }
    let mut there = replica(B, 64);
    let Admitted { update, refused, .. } = admit(here.diff(there.clock()));
    assert_eq!(refused, [(dots(&[2])[0], 500)]);
    let update = update.unwrap();
    assert!(matches!(update, Update::Entries(_)));
    there.join(&update).unwrap();
    assert_eq!(there.clock().dots().collect::<Vec<_>>(), dots(&[1, 3]));
    assert!(there.entries().get("far").is_none());
    there.join(&here.diff(there.clock())).unwrap();
    assert_eq!(there.causal(), here.causal());
}

#[test]
fn a_state_is_admitted_whole_or_not() {
    let here = history(64);
    let Admitted { update, refused, .. } = admit(Update::State(here.causal().state()));
    assert_eq!((update, refused), (None, vec![(dots(&[2])[0], 500)]));
    let mut mended = here;
    let _ = mended.edit(|names| set(names, "far", 8));
    let Admitted { update, refused, .. } = admit(Update::State(mended.causal().state()));
    assert!(refused.is_empty());
    assert_eq!(update, Some(Update::State(mended.causal().state())));
}

#[test]
fn nothing_is_left_of_an_update_of_refused_events() {
    for events in [64, 0] {
        let mut here: Replica<LwwRegister<u8>> =
            Replica::with_settings(A, Settings { history: events, ..Settings::default() });
        here.try_edit(|register| register.set(1, at(1_000))).unwrap();
        let admitted = here.diff(&CausalContext::new()).admit(&CausalContext::new(), Err::<(), _>);
        assert_eq!((admitted.update, admitted.refused), (None, vec![(Dot::first(A), at(1_000))]));
        let admitted = here.diff(&CausalContext::new()).admit(&CausalContext::new(), |_| Ok::<(), ()>(()));
        assert_eq!(admitted.update, Some(here.diff(&CausalContext::new())));
    }
}

/// What was joined before was admitted before, whatever the wall clock says now; the latest of the rest is to be observed.
#[test]
fn what_is_known_is_not_asked_about() {
    let mut here = replica(A, 64);
    let _ = here.edit(|names| set(names, "far", 500));
    let known = here.clock().clone();
    let _ = here.edit(|names| set(names, "good", 7));
    let _ = here.edit(|names| set(names, "good", 9));
    for update in [here.diff(&CausalContext::new()), Update::State(here.causal().state())] {
        let check = |timestamp: HybridTimestamp| if timestamp == at(500) { Err(()) } else { Ok(()) };
        let Admitted { update: admitted, refused, latest } = update.clone().admit(&known, check);
        assert_eq!((admitted, refused, latest), (Some(update), Vec::new(), Some(at(9))));
    }
}
