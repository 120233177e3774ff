//! Reading the entries of a key as a value.

use std::collections::{BTreeMap, BTreeSet};

use syncline_clocks::{CausalContext, Dot, WallTime};
use syncline_crdt::{CounterView, DotSet, Entry};
use syncline_resolvers::{Conflict, KeepSiblings, LastWriterWins, Outcome, Resolver, Siblings};

use crate::partition::{entries_under, siblings};
use crate::turn::Turn;
use crate::value::{Deadline, Path, Payload, Sibling, Slot, Value};
use crate::{
    BatchNumber, Command, Context, Fault, NodeId, Now, PartitionId, Policies, RegisterPolicy, StoreRead, rows,
};

/// The most members of a set that one write takes out. Each is an event, and a write is handled in one piece.
pub(crate) const MOST_REMOVED: usize = 1_024;
/// About the most bytes that the names of their rows may take.
const MOST_MEMBER_BYTES: usize = 1 << 20;
/// How many rows a scan of keys reads at once: at first, and at the most; and beyond how many bytes it reads fewer.
const SCAN_AT_FIRST: usize = 16;
const SCAN_AT_MOST: usize = 256;
const SCAN_BYTES: usize = 1 << 20;

/// The entries of one key, read.
#[derive(Default)]
pub(crate) struct KeyView {
    pub(crate) register: Option<Siblings<Vec<u8>>>,
    /// The register's versions that were replaced by clients that had read them elsewhere, and that are not here yet.
    pub(crate) ahead: DotSet,
    /// What was added to which version of the register, whether that version still lives or not.
    pub(crate) added: BTreeMap<Dot, Added>,
    pub(crate) counter: CounterView,
    pub(crate) counter_dots: DotSet,
    pub(crate) members: Vec<(Path, DotSet)>,
    /// Whether the set has members that were not read. Where members are named, it is looked for only if there is a
    /// deadline, which may be stale.
    pub(crate) has_other_members: bool,
    deadline: Option<Deadline>,
    pub(crate) deadline_dots: DotSet,
    now: WallTime,
}

/// The increments of one version.
#[derive(Default)]
pub(crate) struct Added {
    pub(crate) counter: CounterView,
    pub(crate) dots: DotSet,
}

impl KeyView {
    /// Everything under the key.
    pub(crate) fn read(turn: &Turn<'_>, key: &[u8]) -> Result<Self, Fault> {
        let mut view = Self { now: turn.now.wall, ..Self::default() };
        for (path, entry) in entries_under(turn, &rows::entries_of(key))? {
            view.take(path, &entry);
        }
        Ok(view)
    }

    /// Everything, but of a set's members so many at the most.
    pub(crate) fn read_some(turn: &Turn<'_>, key: &[u8], most_members: usize) -> Result<Self, Fault> {
        let mut view = Self { now: turn.now.wall, ..Self::default() };
        if let Some(rows) = turn.scan_page(&rows::entries_of(key))? {
            for (row, value) in rows {
                view.take(rows::path_of(&row)?, &rows::decode(&row, &value)?);
            }
        } else {
            view.read_all_but_members(turn, key)?;
            let mut bytes = 0;
            view.has_other_members = turn.any(&rows::members_of(key), |row, value| {
                bytes += row.len();
                view.take(rows::path_of(row)?, &rows::decode(row, value)?);
                Ok(view.members.len() > most_members || bytes > MOST_MEMBER_BYTES)
            })?;
        }
        view.has_other_members |= view.members.len() > most_members;
        view.members.truncate(most_members);
        Ok(view)
    }

    /// Everything, but of a set's members only those that a command names, however large the set is.
    pub(crate) fn read_named<'m>(
        turn: &Turn<'_>,
        key: &[u8],
        members: impl IntoIterator<Item = &'m Vec<u8>>,
    ) -> Result<Self, Fault> {
        let mut view = Self { now: turn.now.wall, ..Self::default() };
        view.read_all_but_members(turn, key)?;
        for member in members {
            view.read_slot(turn, key, Slot::Member(member.clone()))?;
        }
        if !view.deadline_dots.is_empty() && view.members.is_empty() {
            let is_live =
                |row: &[u8], value: &[u8]| rows::decode::<Entry<Payload>>(row, value).map(|entry| entry.is_live());
            view.has_other_members = turn.any(&rows::members_of(key), is_live)?;
        }
        Ok(view)
    }

    /// What a command has to know of its key.
    pub(crate) fn read_for(turn: &Turn<'_>, key: &[u8], command: &Command) -> Result<Self, Fault> {
        match command {
            Command::Get => Self::read(turn, key),
            Command::Peek => Self::read_some(turn, key, 1),
            Command::Add(members) | Command::Remove(members) | Command::Contains(members) => {
                Self::read_named(turn, key, members)
            }
            Command::Set { .. }
            | Command::Delete { .. }
            | Command::Increment(_)
            | Command::RemoveSome { .. }
            | Command::Expire { .. } => Self::read_some(turn, key, MOST_REMOVED),
        }
    }

    fn read_all_but_members(&mut self, turn: &Turn<'_>, key: &[u8]) -> Result<(), Fault> {
        for slot in [Slot::Register, Slot::Counter, Slot::Expiry] {
            self.read_slot(turn, key, slot)?;
        }
        if self.register.is_some() {
            for (path, entry) in entries_under(turn, &rows::added_of(key))? {
                self.take(path, &entry);
            }
        }
        Ok(())
    }

    fn read_slot(&mut self, turn: &Turn<'_>, key: &[u8], slot: Slot) -> Result<(), Fault> {
        let path = Path { key: key.to_vec(), slot };
        let entry: Entry<Payload> = turn.get(&rows::entry_key(&path))?.unwrap_or_default();
        self.take(path, &entry);
        Ok(())
    }

    fn take(&mut self, path: Path, entry: &Entry<Payload>) {
        match &path.slot {
            Slot::Register => {
                self.register = siblings(entry.into());
                self.ahead.clone_from(entry.kept_kills());
            }
            Slot::Counter => {
                self.counter = counter(entry);
                self.counter_dots = entry.live_dots();
            }
            Slot::Added(base) if entry.is_live() => {
                self.added.insert(*base, Added { counter: counter(entry), dots: entry.live_dots() });
            }
            Slot::Member(_) if entry.is_live() => self.members.push((path, entry.live_dots())),
            Slot::Added(_) | Slot::Member(_) => {}
            Slot::Expiry => {
                let deadlines = entry.live().filter_map(|(_, payload)| match payload {
                    Payload::Expiry(deadline) => Some(*deadline),
                    _ => None,
                });
                self.deadline = deadlines.max();
                self.deadline_dots = entry.live_dots();
            }
        }
    }

    /// When the key expires, in milliseconds since the Unix epoch.
    pub(crate) fn expires(&self) -> Option<u64> {
        self.deadline.map(|deadline| deadline.at)
    }

    /// Whether that moment has passed.
    pub(crate) fn has_expired(&self) -> bool {
        self.expires().is_some_and(|at| at <= self.now.as_nanos() / 1_000_000)
    }

    /// The versions of the register that stand, deletions left out, as they were written.
    pub(crate) fn standing(&self, policy: RegisterPolicy) -> Vec<Sibling> {
        let Some(siblings) = &self.register else { return Vec::new() };
        let conflict = Conflict { siblings, base: None };
        let resolver: &dyn Resolver<Vec<u8>> = match policy {
            RegisterPolicy::KeepSiblings => &KeepSiblings,
            RegisterPolicy::LastWriterWins | RegisterPolicy::TimestampOnly => &LastWriterWins,
        };
        let Outcome::Kept(kept) = resolver.resolve(&conflict).outcome else { return Vec::new() };
        let standing = kept.into_iter().filter_map(|version| {
            version.value.as_ref().map(|value| Sibling { dot: version.dot, value: value.clone() })
        });
        standing.collect()
    }

    /// The number that a version is, with what was added to it; `None` if it is none.
    pub(crate) fn number(&self, version: &Sibling) -> Option<i64> {
        let written = integer(&version.value)?;
        Some(self.added.get(&version.dot).map_or(written, |added| written.saturating_add(added.counter.value())))
    }

    pub(crate) fn value(&self, policy: RegisterPolicy) -> Value {
        if self.has_expired() {
            return Value::Absent;
        }
        let mut standing = self.standing(policy);
        if !standing.is_empty() {
            for version in &mut standing {
                if self.added.contains_key(&version.dot)
                    && let Some(number) = self.number(version)
                {
                    version.value = number.to_string().into_bytes();
                }
            }
            return Value::Register(standing);
        }
        if self.counter.is_set() {
            return Value::Counter(self.counter.value());
        }
        let members = self.members.iter().filter_map(|(path, _)| match &path.slot {
            Slot::Member(member) => Some(member.clone()),
            _ => None,
        });
        let members: BTreeSet<Vec<u8>> = members.collect();
        if members.is_empty() { Value::Absent } else { Value::Set(members) }
    }

    /// Whether the register and the counter are what a client's context has seen.
    pub(crate) fn is_what(&self, context: &Context) -> bool {
        let versions = self.register.iter().flat_map(Siblings::versions).map(|version| version.dot);
        let added = self.added.values().flat_map(|added| &added.dots).chain(&self.counter_dots);
        let standing: BTreeSet<Dot> = versions.collect();
        standing == context.seen && standing.iter().copied().chain(added).all(|dot| context.covers.contains(dot))
    }

    /// What a reader of this has seen, under the clock of the replica that it was read from.
    pub(crate) fn context(&self, key: &[u8], clock: &CausalContext) -> Context {
        let versions = self.register.iter().flat_map(Siblings::versions);
        Context {
            key: key.to_vec(),
            covers: clock.clone(),
            seen: versions.clone().map(|version| version.dot).collect(),
            latest: versions.map(|version| version.timestamp).max(),
        }
    }
}

fn counter(entry: &Entry<Payload>) -> CounterView {
    CounterView::read(entry.live().filter_map(|(dot, payload)| match payload {
        Payload::Counter(counter) => Some((dot, counter)),
        Payload::Register(_) | Payload::Member | Payload::Expiry(_) => None,
    }))
}

/// The integer that bytes spell canonically: no sign but `-`, no leading zero, no space.
fn integer(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}

/// What one replica holds of a key, without asking another and without a protocol: for tools and checkers. Nothing
/// expires.
///
/// # Errors
/// The store can not be read, or holds a corrupt record.
pub fn read_value(
    store: &dyn StoreRead,
    partition: PartitionId,
    policies: &Policies,
    key: &[u8],
) -> Result<Value, Fault> {
    let turn = Turn::new(Now::default(), NodeId::default(), partition, store, BatchNumber(0));
    Ok(KeyView::read(&turn, key)?.value(policies.of(key)))
}

/// Some keys of one replica that hold something, with what [`Command::Peek`] tells of each, in the order of the store; and
/// where to go on, if there is more. Looks at about `budget` rows, so it may find none and still have more.
///
/// Keys that are there from the first page to the last are found exactly once.
///
/// # Errors
/// The store can not be read, or holds a corrupt record.
pub fn scan_keys(
    store: &dyn StoreRead,
    partition: PartitionId,
    policies: &Policies,
    now: Now,
    from: Option<&[u8]>,
    budget: usize,
) -> Result<KeyPage, Fault> {
    let turn = Turn::new(now, NodeId::default(), partition, store, BatchNumber(0));
    let mut last = from.map(<[u8]>::to_vec);
    let (mut keys, mut looked, mut size) = (Vec::new(), 0, SCAN_AT_FIRST);
    while looked < budget {
        let cursor = last.as_deref().map_or_else(|| rows::ENTRIES.to_vec(), rows::after_entries_of);
        let page = store.scan(partition, rows::ENTRIES, &cursor, size)?;
        let is_last = page.len() < size;
        let bytes: usize = page.iter().map(|(_, value)| value.len()).sum();
        // Rows may be of any size: few large ones are enough for one look.
        size = if bytes > SCAN_BYTES { (size / 4).max(1) } else { (size * 4).min(SCAN_AT_MOST) };
        looked += page.len();
        let mut rows_left = page.into_iter().peekable();
        while let Some(key) = rows_left.peek().map(|(row, _)| rows::path_of(row)).transpose()?.map(|path| path.key) {
            let prefix = rows::entries_of(&key);
            let mut view = KeyView { now: now.wall, ..KeyView::default() };
            while let Some((row, value)) = rows_left.next_if(|(row, _)| row.starts_with(&prefix)) {
                view.take(rows::path_of(&row)?, &rows::decode(&row, &value)?);
            }
            if rows_left.peek().is_none() && !is_last {
                // Others of its rows may be behind the page.
                view = KeyView::read_some(&turn, &key, 1)?;
            }
            view.members.truncate(1);
            let value = view.value(policies.of(&key));
            if value != Value::Absent {
                keys.push((key.clone(), value));
            }
            last = Some(key);
        }
        if is_last {
            return Ok(KeyPage { keys, next: None });
        }
    }
    Ok(KeyPage { keys, next: last })
}

/// One page of [`scan_keys`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys that hold something.
    pub keys: Vec<(Vec<u8>, Value)>,
    /// The last key that was looked at, if there may be more behind it.
    pub next: Option<Vec<u8>>,
}
