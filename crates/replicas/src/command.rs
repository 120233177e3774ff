//! What commands mean on the entries of a key: turning writes into changes.

use std::collections::BTreeSet;

use syncline_clocks::{Dot, HybridTimestamp};
use syncline_crdt::DotSet;
use syncline_resolvers::Siblings;

use crate::dedupe::{Dedupe, Seen};
use crate::key_view::{KeyView, MOST_REMOVED};
use crate::partition::{Partition, size_of_change, size_of_event};
use crate::turn::Turn;
use crate::value::{Deadline, Path, Payload, Slot, Stamped, Value};
use crate::{
    Applied, Command, Configuration, Context, Delta, ExpireCondition, Fault, Refusal, RegisterPolicy, Reply, Request,
    SetCondition, SetExpiry, SetOptions,
};

/// The most concurrent versions that a key may have under a policy that keeps siblings.
const MAX_SIBLINGS: usize = 64;
/// The most versions of a register that may have been replaced before they arrived.
const MAX_AHEAD: usize = 1_024;

/// About the most bytes that the events of one write may take: they travel in one message, and stand in one log entry.
const MAX_WRITE: usize = 16 << 20;

/// A change of one path: what is to live there and what dies.
type PathChange = (Path, Option<Payload>, DotSet);

/// A write that was turned into events and joined.
pub(crate) struct Executed {
    pub(crate) delta: Delta,
    pub(crate) value: Value,
    pub(crate) changed: u64,
}

/// What a write comes to.
#[derive(Default)]
struct Changes {
    paths: Vec<PathChange>,
    /// For the reply.
    value: Value,
    changed: u64,
}

/// Answers a read from what this replica holds.
pub(crate) fn read(
    partition: &Partition,
    turn: &Turn<'_>,
    configuration: &Configuration,
    request: &Request,
) -> Result<Reply, Fault> {
    let view = KeyView::read_for(turn, &request.key, &request.command)?;
    Ok(Reply {
        value: view.value(configuration.policies.of(&request.key)),
        context: view.context(&request.key, partition.clock()),
        expires: view.expires().filter(|_| !view.has_expired()),
        ..Reply::default()
    })
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
    let write = Write { configuration, request, policy: configuration.policies.of(&request.key) };
    let view = KeyView::read_for(turn, &request.key, &request.command)?;
    if !view.has_expired() {
        return write.execute(partition, turn, &view, Delta::new());
    }
    // What has expired is removed first, by events like any others: a concurrent change that these have not seen stays.
    let before = (partition.clone(), turn.checkpoint());
    let expired = KeyView::read_some(turn, &request.key, MOST_REMOVED)?;
    let removal = match write.remove_expired(&expired) {
        Ok(removal) => partition.mint(turn, configuration, removal)?,
        Err(_) if matches!(request.command, Command::RemoveSome { .. }) => {
            return write.execute(partition, turn, &expired, Delta::new());
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    let view = KeyView::read_for(turn, &request.key, &request.command)?;
    let executed = write.execute(partition, turn, &view, removal)?;
    if executed.is_err() {
        *partition = before.0;
        turn.restore(before.1);
    }
    Ok(executed)
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
    let Executed { delta, value, changed } = match execute(partition, turn, configuration, request)? {
        Ok(executed) => executed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let applied = Applied::of(request.id.sequence, &delta, value, changed, 0);
    dedupe.record(turn, request.id.client, &applied);
    Ok(Ok(Once { applied, minted: Some(delta) }))
}

/// One write, and what it is read by.
struct Write<'a> {
    configuration: &'a Configuration,
    request: &'a Request,
    policy: RegisterPolicy,
}

impl Write<'_> {
    fn path(&self, slot: Slot) -> Path {
        Path { key: self.request.key.clone(), slot }
    }

    fn execute(
        &self,
        partition: &mut Partition,
        turn: &mut Turn<'_>,
        view: &KeyView,
        mut delta: Delta,
    ) -> Result<Result<Executed, Refusal>, Fault> {
        let Changes { paths, value, changed } = match self.changes(partition, turn, view) {
            Ok(changes) => changes,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let size: usize =
            paths.iter().map(|(path, payload, kills)| size_of_change(path, payload.as_ref(), kills)).sum();
        if size + delta.events().iter().map(size_of_event).sum::<usize>() > MAX_WRITE {
            return Ok(Err(Refusal::TooLarge));
        }
        delta.extend(partition.mint(turn, self.configuration, paths)?);
        Ok(Ok(Executed { delta, value, changed }))
    }

    fn changes(&self, partition: &mut Partition, turn: &Turn<'_>, view: &KeyView) -> Result<Changes, Refusal> {
        match &self.request.command {
            Command::Get | Command::Peek | Command::Contains(_) => Ok(Changes::default()),
            Command::Set { value, options } => self.set(partition, turn, view, value, *options),
            Command::Delete { previous } => {
                let value = if *previous { self.previous(view)? } else { Value::Absent };
                let changes = self.delete(partition, turn, view, self.request.context.as_ref())?;
                Ok(Changes { value, ..changes })
            }
            Command::Increment(amount) => self.increment(partition, view, *amount),
            Command::Add(members) | Command::Remove(members) => self.change_members(view, members),
            Command::RemoveSome { expired: true } if !view.has_expired() => Ok(Changes::default()),
            Command::RemoveSome { .. } => {
                let paths: Vec<PathChange> = view.members.iter().map(removed).collect();
                Ok(Changes { changed: paths.len() as u64, paths, ..Changes::default() })
            }
            Command::Expire { at, condition } => self.expire(partition, turn, view, *at, *condition),
        }
    }

    /// What the key held, for a reply that tells it.
    fn previous(&self, view: &KeyView) -> Result<Value, Refusal> {
        match view.value(self.policy) {
            Value::Set(_) => Err(Refusal::WrongType),
            held => Ok(held),
        }
    }

    fn set(
        &self,
        partition: &mut Partition,
        turn: &Turn<'_>,
        view: &KeyView,
        value: &[u8],
        options: SetOptions,
    ) -> Result<Changes, Refusal> {
        let previous = if options.previous { self.previous(view)? } else { Value::Absent };
        let is_met = match options.condition {
            SetCondition::Always => true,
            SetCondition::IfAbsent => view.value(self.policy) == Value::Absent,
            SetCondition::IfPresent => view.value(self.policy) != Value::Absent,
            SetCondition::IfUnchanged => self.request.context.as_ref().is_some_and(|context| view.is_what(context)),
        };
        if !is_met {
            return Ok(Changes { value: previous, ..Changes::default() });
        }
        let context = self.request.context.as_ref();
        let stamped = self.register_change(partition, turn, view, context, Some(value.to_vec()), options.timestamp)?;
        let Payload::Register(Stamped { timestamp, .. }) = stamped.0 else { unreachable!("a register's version") };
        let mut paths = vec![(self.path(Slot::Register), Some(stamped.0), stamped.1)];
        self.remove_added(view, &mut paths);
        self.remove_counter(view, &mut paths);
        remove_members(view, &mut paths)?;
        match options.expiry {
            SetExpiry::Keep if view.value(self.policy) != Value::Absent => {}
            // Nothing is there whose deadline could be kept.
            SetExpiry::Keep => self.remove_deadline(view, &mut paths),
            SetExpiry::Clear => self.remove_deadline(view, &mut paths),
            SetExpiry::At(at) => paths.push(self.deadline(view, Deadline { timestamp, at })),
        }
        Ok(Changes { paths, value: previous, changed: 1 })
    }

    /// Takes out what has expired. It leaves no version of its own, which would hide concurrent ones that are older than
    /// the moment at which somebody looked.
    fn remove_expired(&self, view: &KeyView) -> Result<Vec<PathChange>, Refusal> {
        let mut paths = Vec::new();
        remove_members(view, &mut paths)?;
        self.remove_counter(view, &mut paths);
        if let Some(versions) = &view.register {
            let seen = versions.versions().iter().map(|version| version.dot).collect();
            paths.push((self.path(Slot::Register), None, seen));
        }
        self.remove_added(view, &mut paths);
        self.remove_deadline(view, &mut paths);
        Ok(paths)
    }

    /// Removes what the view shows: of a register, what `context` has seen of it, if there is one.
    fn delete(
        &self,
        partition: &mut Partition,
        turn: &Turn<'_>,
        view: &KeyView,
        context: Option<&Context>,
    ) -> Result<Changes, Refusal> {
        let held = view.value(self.policy) != Value::Absent;
        let mut paths = Vec::new();
        remove_members(view, &mut paths)?;
        self.remove_counter(view, &mut paths);
        let ahead = context.is_some_and(|context| !self.ahead(partition, context).is_empty());
        if view.register.is_some() || ahead {
            let (payload, kills) = self.register_change(partition, turn, view, context, None, None)?;
            // Where siblings are kept a removal needs no version of its own: it takes out what it saw.
            let payload = (self.policy != RegisterPolicy::KeepSiblings).then_some(payload);
            if payload.is_some() || !kills.is_empty() {
                paths.push((self.path(Slot::Register), payload, kills));
            }
        }
        self.remove_added(view, &mut paths);
        self.remove_deadline(view, &mut paths);
        Ok(Changes { paths, value: Value::Absent, changed: u64::from(held || ahead) })
    }

    fn increment(&self, partition: &Partition, view: &KeyView, amount: i64) -> Result<Changes, Refusal> {
        let writer = partition.writer();
        let (slot, counter, number) = match view.value(self.policy) {
            Value::Set(_) => return Err(Refusal::WrongType),
            Value::Register(_) => {
                let standing = view.standing(self.policy);
                let base = standing.last().expect("a register's value has a version");
                let number = view.number(base).ok_or(Refusal::NotANumber)?;
                let added = view.added.get(&base.dot).map(|added| added.counter.clone());
                (Slot::Added(base.dot), added.unwrap_or_default(), number)
            }
            Value::Absent | Value::Counter(_) => (Slot::Counter, view.counter.clone(), view.counter.value()),
        };
        let number = number.checked_add(amount).ok_or(Refusal::Overflow)?;
        let (payload, kills) = counter.increment(writer, amount).ok_or(Refusal::Overflow)?;
        let mut paths = vec![(self.path(slot), Some(Payload::Counter(payload)), kills)];
        if view.value(self.policy) == Value::Absent {
            self.remove_deadline(view, &mut paths);
        }
        Ok(Changes { paths, value: Value::Counter(number), changed: 1 })
    }

    fn change_members(&self, view: &KeyView, members: &BTreeSet<Vec<u8>>) -> Result<Changes, Refusal> {
        if matches!(view.value(self.policy), Value::Register(_) | Value::Counter(_)) {
            return Err(Refusal::WrongType);
        }
        let is_add = matches!(self.request.command, Command::Add(_));
        let mut changes = Changes::default();
        for member in members {
            let path = self.path(Slot::Member(member.clone()));
            let seen = view.members.iter().find(|(held, _)| *held == path).map(|(_, dots)| dots.clone());
            changes.changed += u64::from(seen.is_some() != is_add);
            // Adding what is there already is an event too: it survives a concurrent removal.
            if is_add || seen.is_some() {
                changes.paths.push((path, is_add.then_some(Payload::Member), seen.unwrap_or_default()));
            }
        }
        // A deadline that outlived the last member is not that of the new ones.
        if is_add && view.members.is_empty() && !view.has_other_members {
            self.remove_deadline(view, &mut changes.paths);
        }
        Ok(changes)
    }

    fn expire(
        &self,
        partition: &mut Partition,
        turn: &Turn<'_>,
        view: &KeyView,
        at: Option<u64>,
        condition: ExpireCondition,
    ) -> Result<Changes, Refusal> {
        let expires = view.expires();
        let is_met = match condition {
            ExpireCondition::Always => true,
            ExpireCondition::IfNone => expires.is_none(),
            ExpireCondition::IfSome => expires.is_some(),
            ExpireCondition::IfLater => expires.is_some_and(|held| at.is_none_or(|at| at > held)),
            ExpireCondition::IfEarlier => at.is_some_and(|at| expires.is_none_or(|held| at < held)),
        };
        let changes_something = at.is_some() || expires.is_some();
        if view.value(self.policy) == Value::Absent || !is_met || !changes_something {
            return Ok(Changes::default());
        }
        let mut paths = Vec::new();
        match at {
            Some(at) if at <= turn.now.wall.as_nanos() / 1_000_000 => {
                return self.delete(partition, turn, view, None);
            }
            Some(at) => {
                let timestamp = partition.stamps().tick(turn.now.wall);
                let timestamp = timestamp.map_err(|error| Refusal::Timestamp(error.to_string()))?;
                paths.push(self.deadline(view, Deadline { timestamp, at }));
            }
            None => self.remove_deadline(view, &mut paths),
        }
        Ok(Changes { paths, value: Value::Absent, changed: 1 })
    }

    fn deadline(&self, view: &KeyView, deadline: Deadline) -> PathChange {
        (self.path(Slot::Expiry), Some(Payload::Expiry(deadline)), view.deadline_dots.clone())
    }

    fn remove_deadline(&self, view: &KeyView, paths: &mut Vec<PathChange>) {
        if !view.deadline_dots.is_empty() {
            paths.push((self.path(Slot::Expiry), None, view.deadline_dots.clone()));
        }
    }

    fn remove_counter(&self, view: &KeyView, paths: &mut Vec<PathChange>) {
        if let Some((payload, kills)) = view.counter.reset().filter(|_| view.counter.is_set()) {
            paths.push((self.path(Slot::Counter), Some(Payload::Counter(payload)), kills));
        }
    }

    fn remove_added(&self, view: &KeyView, paths: &mut Vec<PathChange>) {
        for (base, added) in &view.added {
            paths.push((self.path(Slot::Added(*base)), None, added.dots.clone()));
        }
    }

    /// What the client read elsewhere and this replica has not joined: it dies too, unless it can not exist.
    fn ahead(&self, partition: &Partition, context: &Context) -> DotSet {
        let is_ahead = |dot: &Dot| !partition.clock().contains(*dot) && partition.may_exist(self.configuration, *dot);
        context.seen.iter().copied().filter(is_ahead).collect()
    }

    /// The version that a write of the register makes, and the versions that it replaces.
    fn register_change(
        &self,
        partition: &mut Partition,
        turn: &Turn<'_>,
        view: &KeyView,
        context: Option<&Context>,
        value: Option<Vec<u8>>,
        own: Option<HybridTimestamp>,
    ) -> Result<(Payload, DotSet), Refusal> {
        if own.is_some() && self.policy != RegisterPolicy::TimestampOnly {
            return Err(Refusal::Timestamp("only the policy timestamp-only takes the client's".to_string()));
        }
        let latest = context.and_then(|context| context.latest);
        let now = turn.now.wall;
        let admitted = own.or(latest).map_or(Ok(()), |named| partition.admit_of_client(now, named));
        let timestamp = admitted.and_then(|()| match (own, latest) {
            (Some(own), _) => Ok(own),
            (None, Some(latest)) if latest > partition.stamps().last() => partition.stamps().observe(now, latest),
            (None, _) => partition.stamps().tick(now),
        });
        let timestamp = timestamp.map_err(|error| Refusal::Timestamp(error.to_string()))?;
        let live: Vec<(Dot, HybridTimestamp)> =
            view.register.iter().flat_map(Siblings::versions).map(|version| (version.dot, version.timestamp)).collect();
        let is_blind = value.is_some();
        let kills: DotSet = match (self.policy, context) {
            (RegisterPolicy::TimestampOnly, _) => {
                live.iter().filter(|(_, held)| *held < timestamp).map(|(dot, _)| *dot).collect()
            }
            (_, Some(context)) => {
                let covered = live.iter().map(|(dot, _)| *dot).filter(|dot| context.covers.contains(*dot));
                let ahead = self.ahead(partition, context);
                let kept = view.ahead.iter().filter(|dot| !partition.clock().contains(*dot)).count();
                let added = ahead.iter().filter(|dot| !view.ahead.contains(*dot)).count();
                if added > 0 && added + kept > MAX_AHEAD {
                    return Err(Refusal::ContextAhead);
                }
                covered.chain(&ahead).collect()
            }
            // A write without a context is concurrent to everything where siblings are kept. A removal without one takes
            // out what its coordinator holds.
            (RegisterPolicy::KeepSiblings, None) if is_blind => DotSet::new(),
            (_, None) => live.iter().map(|(dot, _)| *dot).collect(),
        };
        let left = live.iter().filter(|(dot, _)| !kills.contains(*dot)).count();
        if self.policy == RegisterPolicy::KeepSiblings && left >= MAX_SIBLINGS {
            return Err(Refusal::TooManySiblings(u32::try_from(left).unwrap_or(u32::MAX)));
        }
        Ok((Payload::Register(Stamped { timestamp, value }), kills))
    }
}

fn removed((path, seen): &(Path, DotSet)) -> PathChange {
    (path.clone(), None, seen.clone())
}

fn remove_members(view: &KeyView, paths: &mut Vec<PathChange>) -> Result<(), Refusal> {
    if view.has_other_members {
        return Err(Refusal::TooManyMembers { expired: view.has_expired() });
    }
    paths.extend(view.members.iter().map(removed));
    Ok(())
}
