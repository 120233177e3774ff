//! What stands at one path, and its join: the one function that every replicator and every type rests on.

use alloc::vec::Vec;

use syncline_clocks::{CausalContext, Dot};

use crate::{DotChanges, DotSet, Event};

/// The live dots of one path with their payloads, and the *kept kills*: dots that an event killed and that the clock
/// does not cover yet.
///
/// The invariant, for the clock that the owner keeps: `live` holds the payloads of the path's events in the clock,
/// less what those events kill; `kept_kills` holds what they kill and the clock does not cover. Only an event's kills
/// take a dot out of an entry. A dot that the clock covers and the entry does not hold is dead.
///
/// ```
/// use syncline_clocks::{Dot, ReplicaId};
/// use syncline_crdt::{DotSet, Entry};
/// let [a, b] = [1, 2].map(|id| Dot::first(ReplicaId::from_u128(id)));
/// let mut entry = Entry::default();
/// // The removal arrives before what it removes: it is kept,
/// let removal: Entry<&str> = Entry::of_event(b, None, DotSet::from(a));
/// entry.join(|_| false, &removal, |dot| dot == b);
/// assert!(entry.kept_kills().contains(a) && !entry.is_live());
/// // and does its work when that comes.
/// let addition = Entry::of_event(a, Some("milk"), DotSet::new());
/// let changes = entry.join(|dot| dot == b, &addition, |dot| dot == a);
/// assert!(changes.is_empty() && entry.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry<V> {
    // Ascending by their dots.
    live: Vec<(Dot, V)>,
    kept_kills: DotSet,
}

impl<V> Default for Entry<V> {
    fn default() -> Self {
        Self { live: Vec::new(), kept_kills: DotSet::new() }
    }
}

impl<V> Entry<V> {
    /// The entry of a single event: its payload lives under its dot, its kills are to be joined.
    #[must_use]
    pub fn of_event(dot: Dot, payload: Option<V>, kills: DotSet) -> Self {
        Self { live: payload.into_iter().map(|payload| (dot, payload)).collect(), kept_kills: kills }
    }

    /// The parts as they are stored, which have to be in order.
    pub(crate) fn from_parts(live: Vec<(Dot, V)>, kept_kills: DotSet) -> Self {
        debug_assert!(live.is_sorted_by(|left, right| left.0 < right.0), "live dots ascend");
        Self { live, kept_kills }
    }

    pub(crate) fn into_parts(self) -> (Vec<(Dot, V)>, DotSet) {
        (self.live, self.kept_kills)
    }

    pub(crate) fn as_slice(&self) -> &[(Dot, V)] {
        &self.live
    }

    /// The live dots and their payloads, in the order of the dots.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = (Dot, &V)> + ExactSizeIterator + Clone {
        self.live.iter().map(|(dot, payload)| (*dot, payload))
    }

    /// The live dots: what an event that replaces everything it sees kills.
    #[must_use]
    pub fn live_dots(&self) -> DotSet {
        self.live.iter().map(|(dot, _)| *dot).collect()
    }

    /// The payload under a live dot.
    #[must_use]
    pub fn get(&self, dot: Dot) -> Option<&V> {
        self.live.binary_search_by_key(&dot, |(dot, _)| *dot).ok().map(|place| &self.live[place].1)
    }

    /// Whether at least one dot is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.live.is_empty()
    }

    /// The kills whose victims have not arrived.
    #[must_use]
    pub fn kept_kills(&self) -> &DotSet {
        &self.kept_kills
    }

    /// Whether it is one live dot and nothing else.
    #[cfg(feature = "serde")]
    pub(crate) fn single(&self) -> bool {
        self.live.len() == 1 && self.kept_kills.is_empty()
    }

    /// The least dot that it names.
    #[cfg(feature = "serde")]
    pub(crate) fn first(&self) -> Option<Dot> {
        self.live.first().map(|(dot, _)| *dot).into_iter().chain(self.kept_kills.first()).min()
    }

    /// Lets this live in place of everything that does, and says what did.
    pub(crate) fn replace(&mut self, by: Option<(Dot, V)>) -> DotSet {
        let killed = self.live_dots();
        self.live = by.into_iter().collect();
        killed
    }

    /// The live dots that are in this set, and nothing else.
    pub(crate) fn restricted(mut self, to: &CausalContext) -> Self {
        self.live.retain(|(dot, _)| to.contains(*dot));
        self.kept_kills = DotSet::new();
        self
    }

    /// Takes one live dot out.
    pub(crate) fn forget(&mut self, dot: Dot) {
        self.live.retain(|(held, _)| *held != dot);
    }

    /// Whether neither a live dot nor a kept kill is left: such an entry need not be stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.kept_kills.is_empty()
    }

    /// Drops kept kills that the clock covers. An event that kills a dot of another path, which only an error or an attack
    /// makes, leaves one behind when its victim arrives elsewhere; equal clocks must still mean equal entries.
    pub fn normalize(&mut self, mine: impl Fn(Dot) -> bool) {
        self.kept_kills.retain(|dot| !mine(dot));
    }
}

impl<V: Clone> Entry<V> {
    /// Joins what another replica, or an event, says of this path.
    ///
    /// `mine` and `theirs` tell which events of **this path** each side has joined: a replica's clock, or for an
    /// event its own dot. A live dot of one side survives if the other side has it live or never joined it, and no
    /// side kills it; a kill is kept while neither side has joined its victim. Costs by both entries, times the
    /// logarithm of the other.
    pub fn join(&mut self, mine: impl Fn(Dot) -> bool, other: &Self, theirs: impl Fn(Dot) -> bool) -> DotChanges {
        let (mut born, mut died) = (Vec::new(), Vec::new());
        self.live.retain(|(dot, _)| {
            let survives = (other.get(*dot).is_some() || !theirs(*dot)) && !other.kept_kills.contains(*dot);
            if !survives {
                died.push(*dot);
            }
            survives
        });
        for (dot, payload) in &other.live {
            if !mine(*dot) && !self.kept_kills.contains(*dot) && !other.kept_kills.contains(*dot) {
                self.live.push((*dot, payload.clone()));
                born.push(*dot);
            }
        }
        // Two runs that ascend.
        if !self.live.is_sorted_by(|left, right| left.0 < right.0) {
            self.live.sort_by_key(|(dot, _)| *dot);
        }
        self.kept_kills.retain(|dot| !mine(dot) && !theirs(dot));
        self.kept_kills.extend(other.kept_kills.iter().filter(|dot| !mine(*dot) && !theirs(*dot)));
        DotChanges { born: born.into_iter().collect(), died: died.into_iter().collect() }
    }

    /// As [`join`](Self::join) of [`of_event`](Self::of_event), for an event that was not joined before. It looks at no dot but
    /// the event's own, what that kills and what is killed already: many events of one path do not cost by all before them.
    pub(crate) fn join_event<P>(&mut self, covers: impl Fn(Dot) -> bool, event: &Event<P, V>) -> DotChanges {
        let Event { dot, payload, kills, .. } = event;
        let died: DotSet = kills.iter().filter(|kill| self.get(*kill).is_some()).collect();
        let mut changes = DotChanges { born: DotSet::new(), died };
        if !changes.died.is_empty() {
            self.live.retain(|(held, _)| !changes.died.contains(*held));
        }
        if let Some(payload) = payload.as_ref().filter(|_| !self.kept_kills.contains(*dot)) {
            let place = self.live.partition_point(|(held, _)| held < dot);
            self.live.insert(place, (*dot, payload.clone()));
            changes.born = (*dot).into();
        }
        let is_awaited = |kill: Dot| kill != *dot && !covers(kill);
        self.kept_kills.retain(is_awaited);
        self.kept_kills.extend(kills.iter().filter(|kill| is_awaited(*kill)));
        changes
    }
}

/// A map from the live dots to their payloads, and the kept kills.
#[cfg(feature = "serde")]
pub(crate) mod serde_impl {
    use alloc::vec::Vec;

    use serde::ser::SerializeStruct;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use syncline_clocks::Dot;

    use super::Entry;
    use crate::DotSet;

    struct Live<I>(I);

    impl<'a, V: Serialize + 'a, I: ExactSizeIterator<Item = (Dot, &'a V)> + Clone> Serialize for Live<I> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.clone())
        }
    }

    /// Writes the parts of an entry, wherever they are held.
    pub(crate) fn serialize<'a, V: Serialize + 'a, S: Serializer>(
        serializer: S,
        live: impl ExactSizeIterator<Item = (Dot, &'a V)> + Clone,
        kept_kills: &[Dot],
    ) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("Entry", 2)?;
        entry.serialize_field("live", &Live(live))?;
        entry.serialize_field("kept_kills", kept_kills)?;
        entry.end()
    }

    impl<V: Serialize> Serialize for Entry<V> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serialize(serializer, self.live(), self.kept_kills.as_slice())
        }
    }

    #[derive(Deserialize)]
    #[serde(rename = "Entry", bound = "V: Deserialize<'de>")]
    struct Parts<V> {
        #[serde(deserialize_with = "crate::unique_map::deserialize")]
        live: Vec<(Dot, V)>,
        kept_kills: DotSet,
    }

    impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entry<V> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let Parts { live, kept_kills } = Parts::deserialize(deserializer)?;
            Ok(Self { live, kept_kills })
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use syncline_clocks::{Dot, ReplicaId};

    use super::Entry;
    use crate::{DotSet, Event};

    /// What an entry and its clock may know of a dot.
    #[derive(Clone, Copy, PartialEq)]
    enum Known {
        Nothing,
        Live,
        Dead,
        Killed,
    }

    const KNOWN: [Known; 4] = [Known::Nothing, Known::Live, Known::Dead, Known::Killed];

    /// Every entry of four dots, joined with every event that kills some of them and may be killed itself.
    #[test]
    fn an_event_is_joined_as_an_entry_of_it() {
        let dot =
            |number: usize| Dot::new(ReplicaId::from_u128(1 + number as u128 % 2), 1 + number as u64).expect("not 0");
        // Behind, between and before the others.
        for own in [0, 2, 4] {
            let others: Vec<Dot> = (0..5).filter(|number| *number != own).map(dot).collect();
            for case in 0..4usize.pow(4) * 2 * 2 * 16 {
                let (states, rest) = (case % 256, case / 256);
                let known = |index: usize| KNOWN[states >> (2 * index) & 3];
                let dots = |state| (0..4).filter(move |index| known(*index) == state).map(|index| others[index]);
                let mut live: Vec<(Dot, u8)> = dots(Known::Live).map(|dot| (dot, 1)).collect();
                live.sort_unstable();
                let own_is_killed = (rest & 1 == 1).then(|| dot(own));
                let entry = Entry::from_parts(live, dots(Known::Killed).chain(own_is_killed).collect());
                let covers = |asked: Dot| dots(Known::Live).chain(dots(Known::Dead)).any(|dot| dot == asked);
                let payload = (rest & 2 == 2).then_some(2);
                let kills: DotSet =
                    (0..4).filter(|index| rest >> 2 >> index & 1 == 1).map(|index| others[index]).collect();
                let event = Event { dot: dot(own), path: (), payload, kills };

                let (mut joined, mut whole) = (entry.clone(), entry);
                let changes = joined.join_event(covers, &event);
                let said = Entry::of_event(event.dot, payload, event.kills.clone());
                assert_eq!(changes, whole.join(covers, &said, |dot| dot == event.dot), "{event:?}");
                assert_eq!(joined, whole, "{event:?}");
            }
        }
    }
}
