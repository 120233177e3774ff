//! The siblings of one key under one clock (Almeida, Baquero, Gonçalves, Preguiça, Fonte 2014, *Scalable and Accurate
//! Causality Tracking for Eventually Consistent Stores*).

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::dotted_version_vector::next_dot;
use crate::{Causality, Dot, LimitExceeded, Limits, ReplicaId, UpdateError, VersionVector};

/// A key's concurrent values together with the history of everything ever written to it.
///
/// A Dynamo-like store keeps one for each key. A read returns [`values`](Self::values) and [`context`](Self::context);
/// the write that follows brings that context along, replaces exactly the values that its client had read
/// ([`update`](Self::update)) and stands beside those it had not. Replicas exchange sets and [`sync`](Self::sync).
///
/// Guarantees: no value is dropped that no write has replaced; values never outnumber the writes that ran at the same
/// time; the clock has one entry for each *replica* that ever wrote the key, however many clients there are.
///
/// | here | the paper |
/// |---|---|
/// | [`context`](Self::context) | `join` |
/// | [`update`](Self::update) | `event(discard(S, C), C, r)`, then the value at the new dot: `put` |
/// | [`discard`](Self::discard) | `discard` |
/// | [`sync`](Self::sync) | `sync` |
/// | [`values`](Self::values) | `values` |
/// | [`lww`](Self::lww) | `last` of the authors' Erlang library; its `lww`, which drops the losers, is left out (see below) |
///
/// Not guaranteed:
/// - A context has to come from [`context`](Self::context) of the same key. A forged one replaces values that its
///   client has not read, and future ones too; only one about the coordinating replica itself is noticed. How many
///   replicas it may invent is bounded by [`try_update`](Self::try_update) and [`try_discard`](Self::try_discard).
/// - Sequence numbers are those of the replica for this key: a replica that forgets the set and takes a new write
///   mints old dots again. A deleted key keeps its set, without values, until all replicas have seen the delete.
/// - Two replicas that drop losers each by itself, by whatever rule, can disagree for ever: a value dropped as the
///   loser here may win there after its winner was replaced. So [`lww`](Self::lww) only reads; a client's write that
///   saw all siblings is what ends them.
///
/// 48 bytes a replica and the values. `update`, `discard` and `sync` are linear in replicas and values.
///
/// ```
/// use syncline_clocks::{DottedVersionVectorSet, ReplicaId, VersionVector};
/// let server = ReplicaId::from_u128(1);
/// let mut cart = DottedVersionVectorSet::new();
/// cart.update(&VersionVector::new(), server, "milk")?;
/// let read = cart.context();
/// // Two clients have read "milk", and both write.
/// cart.update(&read, server, "milk, eggs")?;
/// cart.update(&read, server, "milk, bread")?;
/// assert_eq!(cart.values().count(), 2);
/// // The next client reads both, and replaces both.
/// cart.update(&cart.context(), server, "milk, eggs, bread")?;
/// assert_eq!(cart.values().collect::<Vec<_>>(), [&"milk, eggs, bread"]);
/// # Ok::<(), syncline_clocks::UpdateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DottedVersionVectorSet<V> {
    // By replica, strictly ascending.
    entries: Vec<Entry<V>>,
}

/// The paper's triple `(r, n, l)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry<V> {
    replica: ReplicaId,
    // How many events of the replica are known: 1 or more.
    length: u64,
    // Those of the latest events that still stand, newest first; never more than `length`. Contexts are prefixes of
    // each replica's events, so what stands is always a suffix.
    values: Vec<V>,
}

impl<V> Entry<V> {
    /// How many of the oldest events have no value any more.
    fn replaced(&self) -> u64 {
        self.length - self.values.len() as u64
    }

    /// Drops the values of the first `length` events.
    fn discard(&mut self, length: u64) {
        let kept = usize::try_from(self.length.saturating_sub(length)).unwrap_or(usize::MAX);
        self.values.truncate(kept);
    }
}

impl<V> Default for DottedVersionVectorSet<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> DottedVersionVectorSet<V> {
    /// A key that was never written.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// The values that no write has replaced, by replica and from the oldest to the newest.
    pub fn values(&self) -> impl Iterator<Item = &V> + '_ {
        self.siblings().map(|(_, value)| value)
    }

    /// The values with the events that wrote them, in the order of the dots.
    pub fn siblings(&self) -> impl Iterator<Item = (Dot, &V)> + '_ {
        self.entries.iter().flat_map(|entry| {
            let numbered = entry.values.iter().rev().zip(entry.replaced()..);
            numbered.filter_map(|(value, before)| Some((Dot::new(entry.replica, before + 1)?, value)))
        })
    }

    /// How many values stand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.iter().map(|entry| entry.values.len()).sum()
    }

    /// Whether no value stands: never written, or deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|entry| entry.values.is_empty())
    }

    /// Everything ever written to the key, as far as known here: what a reader gets with the values.
    #[must_use]
    pub fn context(&self) -> VersionVector {
        self.entries.iter().map(|entry| (entry.replica, entry.length)).collect()
    }

    /// Writes `value` through `replica` for a client that read `context`: it replaces the values that the context
    /// contains, and those of an empty context are none. Returns the write's event.
    ///
    /// # Errors
    /// A context that knows events of `replica` which this set does not, or exhaustion; the set is unchanged.
    pub fn update(&mut self, context: &VersionVector, replica: ReplicaId, value: V) -> Result<Dot, UpdateError> {
        self.try_update(context, replica, value, &Limits::NONE)
    }

    /// As [`update`](Self::update), for a context that a client may have invented.
    ///
    /// # Errors
    /// As [`update`](Self::update), and more replicas than the limits allow, `replica` apart if it had no event yet; the
    /// set is unchanged.
    pub fn try_update(
        &mut self,
        context: &VersionVector,
        replica: ReplicaId,
        value: V,
        limits: &Limits,
    ) -> Result<Dot, UpdateError> {
        let known = self.position(replica).map_or(0, |at| self.entries[at].length);
        let dot = next_dot(replica, known, context)?;
        self.try_discard(context, limits).map_err(UpdateError::LimitExceeded)?;
        let at = self.position(replica).unwrap_or_else(|at| {
            self.entries.insert(at, Entry { replica, length: 0, values: Vec::new() });
            at
        });
        let entry = &mut self.entries[at];
        entry.length = dot.sequence();
        entry.values.insert(0, value);
        Ok(dot)
    }

    /// Replaces the values that `context` contains by nothing, and knows its events from here on: a delete by a client
    /// that has read them. The delete has no event of its own, so it does not outlive the history that it removes: a
    /// value that the client had not read stands.
    pub fn discard(&mut self, context: &VersionVector) {
        // What a reader has seen of a key is the key without values.
        let read = |(replica, length)| Entry { replica, length, values: Vec::new() };
        self.sync(Self { entries: context.iter().map(read).collect() });
    }

    /// As [`discard`](Self::discard), for a context that a client may have invented.
    ///
    /// # Errors
    /// More replicas than the limits allow; the set is unchanged.
    pub fn try_discard(&mut self, context: &VersionVector, limits: &Limits) -> Result<(), LimitExceeded> {
        self.allow(context.replicas(), limits)?;
        self.discard(context);
        Ok(())
    }

    /// Takes in what another replica holds of the same key: the values that neither has seen replaced, under the
    /// joined history.
    pub fn sync(&mut self, other: Self) {
        let mut mine = core::mem::take(&mut self.entries).into_iter().peekable();
        let mut theirs = other.entries.into_iter().peekable();
        self.entries.reserve(mine.len().max(theirs.len()));
        while let (Some(left), Some(right)) = (mine.peek(), theirs.peek()) {
            let next = match left.replica.cmp(&right.replica) {
                Ordering::Less => mine.next(),
                Ordering::Greater => theirs.next(),
                Ordering::Equal => mine.next().zip(theirs.next()).map(|(left, right)| {
                    // Whichever knows more events has the newer values; it loses those that the other saw replaced.
                    let (mut longer, shorter) = if left.length >= right.length { (left, right) } else { (right, left) };
                    longer.discard(shorter.replaced());
                    longer
                }),
            };
            self.entries.extend(next);
        }
        self.entries.extend(mine);
        self.entries.extend(theirs);
    }

    /// As [`sync`](Self::sync), for a set that a peer sent.
    ///
    /// # Errors
    /// More replicas than the limits allow; the set is unchanged. The values are bounded by the bytes that they came in.
    pub fn try_sync(&mut self, other: Self, limits: &Limits) -> Result<(), LimitExceeded> {
        self.allow(other.entries.iter().map(|entry| entry.replica), limits)?;
        self.sync(other);
        Ok(())
    }

    /// The value with the highest key, of equal ones the one with the higher dot: last writer wins, as a way to read.
    /// The others stay.
    pub fn lww<K: Ord>(&self, key: impl Fn(&V) -> K) -> Option<&V> {
        self.values().max_by_key(|value| key(value))
    }

    /// How the history of this set relates to the other's, whatever the values are.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Causality {
        self.context().compare(&other.context())
    }

    fn allow(&self, others: impl ExactSizeIterator<Item = ReplicaId>, limits: &Limits) -> Result<(), LimitExceeded> {
        limits.allow_replicas(self.entries.len(), others, |replica| self.position(replica).is_err())
    }

    /// Where the replica's entry is, or has to be inserted.
    fn position(&self, replica: ReplicaId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&replica, |entry| entry.replica)
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{DottedVersionVectorSet, Entry};
    use crate::ReplicaId;

    /// A list of (replica, length, values from the newest to the oldest), by replica.
    impl<V: Serialize> Serialize for DottedVersionVectorSet<V> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.entries.iter().map(|entry| (entry.replica, entry.length, &entry.values)))
        }
    }

    impl<'de, V: Deserialize<'de>> Deserialize<'de> for DottedVersionVectorSet<V> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let raw = Vec::<(ReplicaId, u64, Vec<V>)>::deserialize(deserializer)?;
            if !raw.is_sorted_by(|left, right| left.0 < right.0) {
                return Err(D::Error::custom("the replicas of a dotted version vector set ascend"));
            }
            if raw.iter().any(|(_, length, values)| *length == 0 || values.len() as u64 > *length) {
                return Err(D::Error::custom(
                    "a replica in a dotted version vector set has events, at least one a value",
                ));
            }
            let entries = raw.into_iter().map(|(replica, length, values)| Entry { replica, length, values });
            Ok(Self { entries: entries.collect() })
        }
    }
}

#[cfg(feature = "quickcheck-1")]
impl<V: quickcheck::Arbitrary> quickcheck::Arbitrary for DottedVersionVectorSet<V> {
    /// A key after some clients' reads and writes through two replicas that synchronised now and then.
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        let mut replicas = [Self::new(), Self::new()];
        let mut read = VersionVector::new();
        for step in Vec::<(u8, V)>::arbitrary(g) {
            let (choice, value) = step;
            let at = usize::from(choice % 2);
            match choice / 2 % 4 {
                0 => read = replicas[at].context(),
                1 => {
                    let other = replicas[1 - at].clone();
                    replicas[at].sync(other);
                }
                // A context that this replica has not caught up with is refused; the next step is another.
                _ => drop(replicas[at].update(&read, ReplicaId::from_u128(at as u128), value)),
            }
        }
        let [first, _] = replicas;
        first
    }
}
