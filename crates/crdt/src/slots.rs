//! How an entry map holds its entries: 8 bytes and the payload for the entry of one dot, which is nearly all of them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::slice;

use syncline_clocks::Dot;

use crate::names::{Names, ShortDot};
use crate::{DotSet, Entry};

/// One path's entry, or where it stands among the [`Crowded`] ones.
#[derive(Clone, Debug)]
pub(crate) enum Slot<V> {
    /// One live dot, no kept kill.
    One(ShortDot, V),
    /// The place of another entry.
    At(u32),
}

/// An entry of more than one dot.
#[derive(Clone, Debug)]
enum Crowd<V> {
    /// Two live dots in order, no kept kill: two writers at once.
    Two((ShortDot, V), (ShortDot, V)),
    /// Any entry; `None` is a place to be taken. (A variant of its own would cost 8 bytes: a name has one value to spare.)
    Full(Option<Box<Entry<V>>>),
}

/// The entries that do not fit into a slot.
#[derive(Clone, Debug)]
pub(crate) struct Crowded<V> {
    places: Vec<Crowd<V>>,
    free: Vec<u32>,
}

const TAKEN: &str = "a slot names a place that is taken";

impl<V> Default for Crowded<V> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<V> Crowded<V> {
    fn put(&mut self, crowd: Crowd<V>) -> Slot<V> {
        if let Some(place) = self.free.pop() {
            self.places[place as usize] = crowd;
            return Slot::At(place);
        }
        self.places.push(crowd);
        let place = self.places.len() - 1;
        Slot::At(u32::try_from(place).expect("memory holds fewer than 2^32 entries of several dots"))
    }

    fn take(&mut self, place: u32) -> Crowd<V> {
        let crowd = core::mem::replace(&mut self.places[place as usize], Crowd::Full(None));
        self.free.push(place);
        if self.free.len() == self.places.len() {
            *self = Self::default();
        }
        crowd
    }

    /// Two live dots of one path.
    pub(crate) fn put_two(&mut self, names: &Names, one: (ShortDot, V), other: (ShortDot, V)) -> Slot<V> {
        let in_order = names.dot(one.0) < names.dot(other.0);
        let (one, other) = if in_order { (one, other) } else { (other, one) };
        self.put(Crowd::Two(one, other))
    }

    /// Any entry that is not empty.
    pub(crate) fn put_entry(&mut self, names: &mut Names, entry: Entry<V>) -> Slot<V> {
        let (mut live, kept_kills) = entry.into_parts();
        if kept_kills.is_empty() && live.len() <= 2 {
            let short: Option<Vec<ShortDot>> = live.iter().map(|(dot, _)| names.shorten(*dot)).collect();
            match short.as_deref() {
                Some([one]) => return Slot::One(*one, live.remove(0).1),
                Some([one, other]) => {
                    let (right, left) = (live.remove(1).1, live.remove(0).1);
                    return self.put(Crowd::Two((*one, left), (*other, right)));
                }
                _ => {}
            }
        }
        self.put(Crowd::Full(Some(Box::new(Entry::from_parts(live, kept_kills)))))
    }

    /// Takes an entry out of its slot.
    pub(crate) fn take_entry(&mut self, names: &Names, slot: Slot<V>) -> Entry<V> {
        let resolve = |(short, payload)| (names.dot(short), payload);
        match slot {
            Slot::One(short, payload) => Entry::from_parts([(short, payload)].map(resolve).into(), DotSet::new()),
            Slot::At(place) => match self.take(place) {
                Crowd::Two(one, other) => Entry::from_parts([one, other].map(resolve).into(), DotSet::new()),
                Crowd::Full(entry) => *entry.expect(TAKEN),
            },
        }
    }

    /// How many dots live in the slot's entry or are killed in advance.
    pub(crate) fn dots(&self, slot: &Slot<V>) -> usize {
        match slot {
            Slot::One(..) => 1,
            Slot::At(place) => match &self.places[*place as usize] {
                Crowd::Two(..) => 2,
                Crowd::Full(entry) => {
                    let entry = entry.as_ref().expect(TAKEN);
                    entry.live().len() + entry.kept_kills().len()
                }
            },
        }
    }

    /// How many entries have no live dot.
    pub(crate) fn dead(&self) -> usize {
        self.full().filter(|entry| !entry.is_live()).count()
    }

    /// All kept kills, entry by entry.
    pub(crate) fn kept_kills(&self) -> impl Iterator<Item = &DotSet> {
        self.full().map(Entry::kept_kills)
    }

    fn full(&self) -> impl Iterator<Item = &Entry<V>> {
        self.places.iter().filter_map(|crowd| if let Crowd::Full(entry) = crowd { entry.as_deref() } else { None })
    }

    /// The slot's entry, to read.
    pub(crate) fn entry<'a>(&'a self, names: &'a Names, slot: &'a Slot<V>) -> EntryRef<'a, V> {
        EntryRef(match slot {
            Slot::One(short, payload) => Held::One(names, *short, payload),
            Slot::At(place) => match &self.places[*place as usize] {
                Crowd::Two(one, other) => Held::Two(names, [one, other]),
                Crowd::Full(entry) => Held::Full(entry.as_ref().expect(TAKEN)),
            },
        })
    }
}

/// An entry to read: at a path of an [`EntryMap`](crate::EntryMap), which holds it in another form, or any other.
pub struct EntryRef<'a, V>(Held<'a, V>);

enum Held<'a, V> {
    One(&'a Names, ShortDot, &'a V),
    Two(&'a Names, [&'a (ShortDot, V); 2]),
    Full(&'a Entry<V>),
}

/// What lives: up to two dots, or those of a list.
struct Live<'a, V> {
    few: [Option<(Dot, &'a V)>; 2],
    rest: slice::Iter<'a, (Dot, V)>,
}

impl<'a, V> Iterator for Live<'a, V> {
    type Item = (Dot, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let [first, second] = &mut self.few;
        first.take().or_else(|| second.take()).or_else(|| self.rest.next().map(|(dot, payload)| (*dot, payload)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.few.iter().flatten().count() + self.rest.len();
        (left, Some(left))
    }
}

impl<V> ExactSizeIterator for Live<'_, V> {}

impl<V> Clone for Live<'_, V> {
    fn clone(&self) -> Self {
        Self { few: self.few, rest: self.rest.clone() }
    }
}

impl<'a, V> EntryRef<'a, V> {
    /// The live dots and their payloads, in the order of the dots.
    pub fn live(self) -> impl ExactSizeIterator<Item = (Dot, &'a V)> + Clone {
        match self.0 {
            Held::One(names, short, payload) => {
                Live { few: [Some((names.dot(short), payload)), None], rest: [].iter() }
            }
            Held::Two(names, two) => {
                let few = two.map(|(short, payload)| Some((names.dot(*short), payload)));
                Live { few, rest: [].iter() }
            }
            Held::Full(entry) => Live { few: [None, None], rest: entry.as_slice().iter() },
        }
    }

    /// The live dots: what an event that replaces everything it sees kills.
    #[must_use]
    pub fn live_dots(self) -> DotSet {
        match self.0 {
            Held::One(names, short, _) => DotSet::from(names.dot(short)),
            _ => self.live().map(|(dot, _)| dot).collect(),
        }
    }

    /// The payload under a live dot.
    #[must_use]
    pub fn get(self, dot: Dot) -> Option<&'a V> {
        match self.0 {
            Held::One(names, short, payload) => names.is(short, dot).then_some(payload),
            Held::Two(names, two) => {
                two.into_iter().find(|(short, _)| names.is(*short, dot)).map(|(_, payload)| payload)
            }
            Held::Full(entry) => entry.get(dot),
        }
    }

    /// Whether at least one dot is live.
    #[must_use]
    pub fn is_live(self) -> bool {
        if let Held::Full(entry) = self.0 { entry.is_live() } else { true }
    }

    /// The kills whose victims have not arrived.
    #[must_use]
    pub fn kept_kills(self) -> &'a [Dot] {
        if let Held::Full(entry) = self.0 { entry.kept_kills().as_slice() } else { &[] }
    }

    /// The dot and the payload of an entry that has just these.
    #[cfg(feature = "serde")]
    pub(crate) fn single(self) -> Option<(Dot, &'a V)> {
        let mut live = self.live();
        let first = live.next().filter(|_| self.kept_kills().is_empty());
        if live.next().is_none() { first } else { None }
    }

    /// The least dot that the entry names. Of honest entries each has another.
    pub(crate) fn first(self) -> Option<Dot> {
        let live = self.live().next().map(|(dot, _)| dot);
        live.into_iter().chain(self.kept_kills().first().copied()).min()
    }
}

impl<V: Clone> EntryRef<'_, V> {
    /// A copy of the entry.
    #[must_use]
    pub fn to_entry(self) -> Entry<V> {
        if let Held::Full(entry) = self.0 {
            return entry.clone();
        }
        Entry::from_parts(self.live().map(|(dot, payload)| (dot, payload.clone())).collect(), DotSet::new())
    }
}

impl<'a, V> From<&'a Entry<V>> for EntryRef<'a, V> {
    fn from(entry: &'a Entry<V>) -> Self {
        Self(Held::Full(entry))
    }
}

impl<V> Clone for EntryRef<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for EntryRef<'_, V> {}

impl<V> Clone for Held<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Held<'_, V> {}

impl<V: PartialEq> PartialEq for EntryRef<'_, V> {
    fn eq(&self, other: &Self) -> bool {
        self.live().eq(other.live()) && self.kept_kills() == other.kept_kills()
    }
}

impl<V: Eq> Eq for EntryRef<'_, V> {}

impl<V: core::fmt::Debug> core::fmt::Debug for EntryRef<'_, V> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let live = core::fmt::from_fn(|f| f.debug_map().entries(self.live()).finish());
        f.debug_struct("Entry").field("live", &live).field("kept_kills", &self.kept_kills()).finish()
    }
}

#[cfg(feature = "serde")]
impl<V: serde::Serialize> serde::Serialize for EntryRef<'_, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::entry::serde_impl::serialize(serializer, self.live(), self.kept_kills())
    }
}

#[cfg(test)]
mod tests {
    use super::{Crowd, Slot};

    #[test]
    fn an_entry_of_one_dot_takes_eight_bytes_beside_its_payload() {
        assert_eq!(size_of::<Slot<()>>(), 8);
        assert_eq!(size_of::<(u64, Slot<()>)>(), 16);
        assert_eq!(size_of::<Slot<u64>>(), 16);
        assert_eq!(size_of::<Crowd<()>>(), 16);
    }
}
