//! What stands at one path, and its join: the one function that every replicator and every type rests on.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use syncline_clocks::Dot;

/// The live dots of one path with their payloads, and the *kept kills*: dots that an event killed and that the clock
/// does not cover yet.
///
/// The invariant, for the clock that the owner keeps: `live` holds the payloads of the path's events in the clock,
/// less what those events kill; `kept_kills` holds what they kill and the clock does not cover. Only an event's kills
/// take a dot out of an entry. A dot that the clock covers and the entry does not hold is dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry<V> {
    live: BTreeMap<Dot, V>,
    kept_kills: BTreeSet<Dot>,
}

/// Which dots a join brought to life and which it took out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DotChanges {
    /// Dots that became live.
    pub born: Vec<Dot>,
    /// Dots that were live and are dead now.
    pub died: Vec<Dot>,
}

impl<V> Default for Entry<V> {
    fn default() -> Self {
        Self { live: BTreeMap::new(), kept_kills: BTreeSet::new() }
    }
}

impl<V> Entry<V> {
    /// The entry of a single event: its payload lives under its dot, its kills are to be joined.
    #[must_use]
    pub fn of_event(dot: Dot, payload: Option<V>, kills: BTreeSet<Dot>) -> Self {
        Self { live: payload.into_iter().map(|payload| (dot, payload)).collect(), kept_kills: kills }
    }

    /// The live dots and their payloads, in the order of the dots.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = (Dot, &V)> {
        self.live.iter().map(|(dot, payload)| (*dot, payload))
    }

    /// The live dots: what an event that replaces everything it sees kills.
    #[must_use]
    pub fn live_dots(&self) -> BTreeSet<Dot> {
        self.live.keys().copied().collect()
    }

    /// The payload under a live dot.
    #[must_use]
    pub fn get(&self, dot: Dot) -> Option<&V> {
        self.live.get(&dot)
    }

    /// Whether at least one dot is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.live.is_empty()
    }

    /// The kills whose victims have not arrived.
    #[must_use]
    pub fn kept_kills(&self) -> &BTreeSet<Dot> {
        &self.kept_kills
    }

    /// Whether neither a live dot nor a kept kill is left: such an entry need not be stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.kept_kills.is_empty()
    }
}

impl<V> Entry<V> {
    /// Drops kept kills that the clock covers. An event that kills a dot of another path, which only an error or an attack
    /// makes, leaves one behind when its victim arrives elsewhere; equal clocks must still mean equal entries.
    pub fn normalize(&mut self, mine: impl Fn(Dot) -> bool) {
        self.kept_kills.retain(|dot| !mine(*dot));
    }
}

impl<V: Clone> Entry<V> {
    /// Joins what another replica, or an event, says of this path.
    ///
    /// `mine` and `theirs` tell which events of **this path** each side has joined: a replica's clock, or for an
    /// event its own dot. A live dot of one side survives if the other side has it live or never joined it, and no
    /// side kills it; a kill is kept while neither side has joined its victim. Linear in both entries.
    pub fn join(&mut self, mine: impl Fn(Dot) -> bool, other: &Self, theirs: impl Fn(Dot) -> bool) -> DotChanges {
        let mut died = Vec::new();
        self.live.retain(|dot, _| {
            let survives = (other.live.contains_key(dot) || !theirs(*dot)) && !other.kept_kills.contains(dot);
            if !survives {
                died.push(*dot);
            }
            survives
        });
        let mut born = Vec::new();
        for (dot, payload) in &other.live {
            if !mine(*dot) && !self.kept_kills.contains(dot) && !other.kept_kills.contains(dot) {
                self.live.insert(*dot, payload.clone());
                born.push(*dot);
            }
        }
        self.kept_kills.retain(|dot| !mine(*dot) && !theirs(*dot));
        self.kept_kills.extend(other.kept_kills.iter().filter(|dot| !mine(**dot) && !theirs(**dot)));
        DotChanges { born, died }
    }
}
