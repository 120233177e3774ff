//! Entry maps as bytes: one form for each state, whatever its history.
//!
//! In binary formats the entries of one dot, nearly all of them, stand by replica and number, so that a dot costs what
//! it is ahead of the one before: a byte mostly. The others follow, each in full. In human-readable formats every entry
//! stands in full beside its path.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use siphasher::sip::SipHasher13;
use syncline_clocks::{Dot, ReplicaId};

use super::EntryMap;
use crate::Entry;
use crate::slots::EntryRef;

/// A replica's entries of one dot: how far each number is ahead of the one before less 1, the path, the payload.
type OfReplica<P, V> = (ReplicaId, Vec<(u64, P, V)>);

/// All entries: those of one dot by replica, and the others.
type Parts<P, V> = (Vec<OfReplica<P, V>>, Vec<(P, Entry<V>)>);

impl<P: Hash + Eq + Serialize, V: Serialize> Serialize for EntryMap<P, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.in_order();
        if serializer.is_human_readable() {
            return serializer.collect_seq(entries.into_iter().map(|(_, path, entry)| (path, entry)));
        }
        let mut single: Vec<OfReplica<&P, &V>> = Vec::new();
        let mut others: Vec<(&P, EntryRef<'_, V>)> = Vec::new();
        let mut last = 0;
        for (_, path, entry) in entries {
            let Some((dot, payload)) = entry.single() else {
                others.push((path, entry));
                continue;
            };
            if single.last().is_none_or(|(replica, _)| *replica != dot.replica()) {
                single.push((dot.replica(), Vec::new()));
                last = 0;
            }
            let (_, of_replica) = single.last_mut().expect("it was just pushed");
            // Only a map that was put together by hand has one dot at two paths.
            let ahead = dot.sequence().checked_sub(last).and_then(|ahead| ahead.checked_sub(1));
            let ahead = ahead.ok_or_else(|| <S::Error as ser::Error>::custom("one dot lives at two paths"))?;
            of_replica.push((ahead, path, payload));
            last = dot.sequence();
        }
        let mut parts = serializer.serialize_tuple(2)?;
        parts.serialize_element(&single)?;
        parts.serialize_element(&others)?;
        parts.end()
    }
}

impl<'de, P, V> Deserialize<'de> for EntryMap<P, V>
where
    P: Hash + Eq + Deserialize<'de>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let malformed = || {
            let form = "entries are not empty, one for each path, with dots of their own, in the order of these";
            de::Error::custom(form)
        };
        let (single, others): Parts<P, V> = if deserializer.is_human_readable() {
            (Vec::new(), Vec::deserialize(deserializer)?)
        } else {
            let (single, others) = Parts::<P, V>::deserialize(deserializer)?;
            if others.iter().any(|(_, entry)| entry.single()) {
                return Err(malformed());
            }
            (single, others)
        };
        let mut map = Self::with_hash_seed(seed_of(&single, &others));
        let ascend = single.is_sorted_by(|left, right| left.0 < right.0);
        if !ascend || single.iter().any(|(_, entries)| entries.is_empty()) {
            return Err(malformed());
        }
        for (replica, entries) in single {
            let mut last = 0u64;
            for (ahead, path, payload) in entries {
                last = last.checked_add(ahead).and_then(|last| last.checked_add(1)).ok_or_else(malformed)?;
                let dot = Dot::new(replica, last).expect("numbers begin at 1");
                map.add(path, Entry::from_parts([(dot, payload)].into(), Default::default())).ok_or_else(malformed)?;
            }
        }
        if !others.is_sorted_by(|(_, left), (_, right)| left.first() <= right.first()) {
            return Err(malformed());
        }
        // The dots that stand alone ascend in binary formats, so that each is there once.
        let may_repeat = !others.is_empty();
        for (path, entry) in others {
            map.add(path, entry).ok_or_else(malformed)?;
        }
        if may_repeat && map.has_a_dot_twice() {
            return Err(malformed());
        }
        Ok(map)
    }
}

/// A seed that depends on all that will be hashed, by a function that can not be led to a chosen result: whoever picks paths
/// or ids that collide under one seed has picked another seed with them.
fn seed_of<P: Hash, V>(single: &[OfReplica<P, V>], others: &[(P, Entry<V>)]) -> u64 {
    let mut hasher = SipHasher13::new();
    for (replica, entries) in single {
        replica.hash(&mut hasher);
        entries.iter().for_each(|(_, path, _)| path.hash(&mut hasher));
    }
    for (path, entry) in others {
        path.hash(&mut hasher);
        entry.live().for_each(|(dot, _)| dot.replica().hash(&mut hasher));
    }
    hasher.finish()
}

impl<P: Hash + Eq, V> EntryMap<P, V> {
    /// Puts an entry where there is none; `None` where there is one, or if it is empty.
    fn add(&mut self, path: P, entry: Entry<V>) -> Option<()> {
        let is_new = !entry.is_empty() && self.get(&path).is_none();
        is_new.then(|| self.put(path, entry))
    }

    /// Whether one dot lives at two paths: a dot belongs to one.
    fn has_a_dot_twice(&self) -> bool {
        let live = self.unordered().flat_map(|(_, entry)| entry.live());
        let mut dots: Vec<Dot> = live.map(|(dot, _)| dot).collect();
        dots.sort_unstable();
        !dots.is_sorted_by(|left, right| left < right)
    }
}
