//! What commands mean on the entries of a key: reading them as a value, and turning writes into changes.

use std::collections::BTreeSet;

use syncline_clocks::{CausalContext, Dot, HybridTimestamp};
use syncline_crdt::{CounterView, Entry};
use syncline_resolvers::{Conflict, KeepSiblings, LastWriterWins, Outcome, Resolver, Siblings};

use crate::dedupe::{Dedupe, Seen};
use crate::partition::{Partition, entries_of, siblings};
use crate::turn::Turn;
use crate::value::{Path, Payload, Sibling, Slot, Stamped, Value};
use crate::{
    Applied, BatchNumber, Command, Configuration, Context, Delta, Fault, NodeId, Now, PartitionId, Policies, Refusal,
    RegisterPolicy, Request, StoreRead,
};

/// The most concurrent versions that a key may have under a policy that keeps siblings.
const MAX_SIBLINGS: usize = 64;
/// The most versions of a register that may have been replaced before they arrived.
const MAX_AHEAD: usize = 1_024;

/// A change of one path: what is to live there and what dies.
type PathChange = (Path, Option<Payload>, BTreeSet<Dot>);

/// The entries of one key, read.
#[derive(Default)]
pub(crate) struct KeyView {
    register: Option<Siblings<Vec<u8>>>,
    /// The register's versions that were replaced by clients that had read them elsewhere, and that are not here yet.
    ahead: BTreeSet<Dot>,
    counter: CounterView,
    members: Vec<(Path, BTreeSet<Dot>)>,
}

impl KeyView {
    pub(crate) fn read(turn: &Turn<'_>, key: &[u8]) -> Result<Self, Fault> {
        let mut view = Self::default();
        for (path, entry) in entries_of(turn, key)? {
            view.take(path, &entry);
        }
        Ok(view)
    }

    /// All but the members of a set: what a change of one member has to know, however large the set is.
    fn read_without_members(partition: &Partition, turn: &Turn<'_>, key: &[u8]) -> Result<Self, Fault> {
        let mut view = Self::default();
        for slot in [Slot::Register, Slot::Counter] {
            let path = Path { key: key.to_vec(), slot };
            let entry = partition.entry(turn, &path)?;
            view.take(path, &entry);
        }
        Ok(view)
    }

    fn take(&mut self, path: Path, entry: &Entry<Payload>) {
        match &path.slot {
            Slot::Register => {
                self.register = siblings(entry);
                self.ahead.clone_from(entry.kept_kills());
            }
            Slot::Counter => {
                self.counter = CounterView::read(entry.live().filter_map(|(dot, payload)| match payload {
                    Payload::Counter(counter) => Some((dot, counter)),
                    Payload::Register(_) | Payload::Member => None,
                }));
            }
            Slot::Member(_) if entry.is_live() => self.members.push((path, entry.live_dots())),
            Slot::Member(_) => {}
        }
    }

    /// The versions of the register that stand, deletions left out.
    fn standing(&self, policy: RegisterPolicy) -> Vec<Sibling> {
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

    pub(crate) fn value(&self, policy: RegisterPolicy) -> Value {
        let standing = self.standing(policy);
        if !standing.is_empty() {
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

/// What one replica holds of a key, without asking another and without a protocol: for tools and checkers.
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

/// A write that was turned into events and joined.
pub(crate) struct Executed {
    pub(crate) delta: Delta,
    pub(crate) value: Value,
}

/// Applies a write at the replica that coordinates it. A refusal changes nothing.
pub(crate) fn execute(
    partition: &mut Partition,
    turn: &mut Turn<'_>,
    configuration: &Configuration,
    request: &Request,
) -> Result<Result<Executed, Refusal>, Fault> {
    if request.context.as_ref().is_some_and(|context| context.key != request.key) {
        return Ok(Err(Refusal::OtherKey));
    }
    let view = match request.command {
        Command::Add(_) | Command::Remove(_) => KeyView::read_without_members(partition, turn, &request.key)?,
        _ => KeyView::read(turn, &request.key)?,
    };
    let changes = match changes(partition, turn, configuration, request, &view)? {
        Ok(changes) => changes,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let delta = partition.mint(turn, configuration, changes)?;
    let value = match request.command {
        Command::Increment(_) => KeyView::read(turn, &request.key)?.value(configuration.policies.of(&request.key)),
        _ => Value::Absent,
    };
    Ok(Ok(Executed { delta, value }))
}

/// A write that is applied at most once at this replica.
pub(crate) struct Once {
    pub(crate) applied: Applied,
    /// The events that it made now; none if a retry found it applied before.
    pub(crate) minted: Option<Delta>,
}

/// Applies a write, unless this very request was applied before. A refusal changes nothing.
pub(crate) fn execute_once(
    partition: &mut Partition,
    dedupe: &mut Dedupe,
    turn: &mut Turn<'_>,
    configuration: &Configuration,
    request: &Request,
) -> Result<Result<Once, Refusal>, Fault> {
    match dedupe.seen(turn, request.id)? {
        Seen::Superseded => return Ok(Err(Refusal::Superseded)),
        Seen::Applied(applied) => return Ok(Ok(Once { applied, minted: None })),
        Seen::New => {}
    }
    let Executed { delta, value } = match execute(partition, turn, configuration, request)? {
        Ok(executed) => executed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let events = delta.events.iter().map(|event| event.dot).collect();
    let applied = Applied { sequence: request.id.sequence, events, value, index: 0 };
    dedupe.record(turn, request.id.client, &applied);
    Ok(Ok(Once { applied, minted: Some(delta) }))
}

fn changes(
    partition: &mut Partition,
    turn: &Turn<'_>,
    configuration: &Configuration,
    request: &Request,
    view: &KeyView,
) -> Result<Result<Vec<PathChange>, Refusal>, Fault> {
    let policy = configuration.policies.of(&request.key);
    let path = |slot: Slot| Path { key: request.key.clone(), slot };
    let held = view.value(policy);
    let is_of_type =
        |wanted: &Value| held == Value::Absent || std::mem::discriminant(&held) == std::mem::discriminant(wanted);
    let changes = match &request.command {
        Command::Get => Vec::new(),
        Command::Set { value, timestamp } => {
            if !is_of_type(&Value::Register(Vec::new())) {
                return Ok(Err(Refusal::WrongType));
            }
            match register_change(
                partition,
                turn,
                configuration,
                request,
                policy,
                view,
                Some(value.clone()),
                *timestamp,
            ) {
                Ok((payload, kills)) => vec![(path(Slot::Register), Some(payload), kills)],
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Command::Delete => {
            let mut changes: Vec<PathChange> =
                view.members.iter().map(|(path, seen)| (path.clone(), None, seen.clone())).collect();
            if let Some((payload, kills)) = view.counter.reset().filter(|_| view.counter.is_set()) {
                changes.push((path(Slot::Counter), Some(Payload::Counter(payload)), kills));
            }
            if view.register.is_some() {
                match register_change(partition, turn, configuration, request, policy, view, None, None) {
                    // Where siblings are kept a removal needs no version of its own: it takes out what it saw.
                    Ok((_, kills)) if policy == RegisterPolicy::KeepSiblings => {
                        changes.push((path(Slot::Register), None, kills));
                    }
                    Ok((payload, kills)) => changes.push((path(Slot::Register), Some(payload), kills)),
                    Err(refusal) => return Ok(Err(refusal)),
                }
            }
            changes
        }
        Command::Increment(amount) => {
            if !is_of_type(&Value::Counter(0)) {
                return Ok(Err(Refusal::WrongType));
            }
            let Some((payload, kills)) = view.counter.increment(partition.writer(), *amount) else {
                return Ok(Err(Refusal::Overflow));
            };
            vec![(path(Slot::Counter), Some(Payload::Counter(payload)), kills)]
        }
        Command::Add(member) | Command::Remove(member) => {
            if !is_of_type(&Value::Set(BTreeSet::new())) {
                return Ok(Err(Refusal::WrongType));
            }
            let path = path(Slot::Member(member.clone()));
            let seen = partition.entry(turn, &path)?.live_dots();
            match request.command {
                Command::Add(_) => vec![(path, Some(Payload::Member), seen)],
                _ if seen.is_empty() => Vec::new(),
                _ => vec![(path, None, seen)],
            }
        }
    };
    Ok(Ok(changes))
}

/// The version that a write of a register makes, and the versions that it replaces.
#[expect(clippy::too_many_arguments, reason = "the parts of one write")]
fn register_change(
    partition: &mut Partition,
    turn: &Turn<'_>,
    configuration: &Configuration,
    request: &Request,
    policy: RegisterPolicy,
    view: &KeyView,
    value: Option<Vec<u8>>,
    own: Option<HybridTimestamp>,
) -> Result<(Payload, BTreeSet<Dot>), Refusal> {
    if own.is_some() && policy != RegisterPolicy::TimestampOnly {
        return Err(Refusal::Timestamp("only the policy timestamp-only takes the client's".to_string()));
    }
    let timestamp = match own {
        Some(own) => partition.stamps().admit(turn.now.wall, own).map(|()| own),
        None => {
            let latest = request.context.as_ref().and_then(|context| context.latest);
            match latest.filter(|latest| *latest > partition.stamps().last()) {
                Some(latest) => partition.stamps().observe(turn.now.wall, latest),
                None => partition.stamps().tick(turn.now.wall),
            }
        }
    };
    let timestamp = timestamp.map_err(|error| Refusal::Timestamp(error.to_string()))?;
    let live: Vec<(Dot, HybridTimestamp)> =
        view.register.iter().flat_map(Siblings::versions).map(|version| (version.dot, version.timestamp)).collect();
    let kills: BTreeSet<Dot> = match (policy, &request.context) {
        (RegisterPolicy::TimestampOnly, _) => {
            live.iter().filter(|(_, held)| *held < timestamp).map(|(dot, _)| *dot).collect()
        }
        (_, Some(context)) => {
            let covered = live.iter().map(|(dot, _)| *dot).filter(|dot| context.covers.contains(*dot));
            // What the client read elsewhere and this replica has not joined dies too, unless it can not exist.
            let elsewhere = |dot: &Dot| !partition.clock().contains(*dot) && partition.may_exist(configuration, *dot);
            let ahead: BTreeSet<Dot> = context.seen.iter().copied().filter(elsewhere).collect();
            if ahead.difference(&view.ahead).count() + view.ahead.len() > MAX_AHEAD {
                return Err(Refusal::ContextAhead);
            }
            covered.chain(ahead).collect()
        }
        (RegisterPolicy::KeepSiblings, None) if request.command.is_blind_write() => BTreeSet::new(),
        (_, None) => live.iter().map(|(dot, _)| *dot).collect(),
    };
    let left = live.iter().filter(|(dot, _)| !kills.contains(dot)).count();
    if policy == RegisterPolicy::KeepSiblings && left >= MAX_SIBLINGS {
        return Err(Refusal::TooManySiblings(u32::try_from(left).unwrap_or(u32::MAX)));
    }
    Ok((Payload::Register(Stamped { timestamp, value }), kills))
}

impl Command {
    /// Whether a write without a context is concurrent to everything where siblings are kept. A removal without one
    /// takes out what its coordinator holds.
    fn is_blind_write(&self) -> bool {
        matches!(self, Self::Set { .. })
    }
}
