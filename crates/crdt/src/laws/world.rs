//! The replicas of one trace, what each has seen, and the laws after every step.
//!
//! What a replica has seen is known here without asking it: from what was delivered to it. The one exception is a
//! repair that was cut short: only the receiver's clock tells which part arrived; it may hold no more than the sender
//! had seen.

use std::format;
use std::ops::Range;
use std::string::{String, ToString};
use std::vec::Vec;

use syncline_clocks::ReplicaId;

use super::{
    Backup, Context, Diff, Execution, Law, Reached, Situation, Specified, Step, Subject, Trace, Violation, Visible,
};

/// Under this id nobody edits; what it joins is compared.
const OBSERVER: ReplicaId = ReplicaId::from_u128(u128::MAX);

/// How a value is held against its specification; a value of its own, so that the harness works without one.
pub(super) struct Specification<T: Subject> {
    replaces: fn(&T::Operation, &T::Operation) -> bool,
    check: fn(&T, &Context<'_, T::Operation>) -> Result<(), String>,
}

impl<T: Subject + Specified<Operation = <T as Subject>::Operation>> Specification<T> {
    pub(super) fn of() -> Self {
        let check = |subject: &T, context: &Context<'_, <T as Subject>::Operation>| {
            let (value, expected) = (subject.value(), T::expected(context));
            if value == expected { Ok(()) } else { Err(format!("reads {value:?}, specified is {expected:?}")) }
        };
        Self { replaces: T::replaces, check }
    }
}

struct Member<T: Subject> {
    id: ReplicaId,
    subject: T,
    bytes: Vec<u8>,
    seen: Visible,
    backup: Option<(Backup<T>, Visible)>,
}

/// An update of an edit, and the operations that it conveys.
struct Made<U> {
    update: U,
    conveys: Visible,
}

struct Sent<U> {
    to: usize,
    /// The receiver's incarnation; a later one may refuse.
    receiver: ReplicaId,
    diff: Diff<U>,
    /// What the sender had seen; of that, what the receiver lacked, unless it is a state.
    conveys: Visible,
}

pub(super) struct World<'a, T: Subject> {
    specification: Option<&'a Specification<T>>,
    members: Vec<Member<T>>,
    execution: Execution<T::Operation>,
    made: Vec<Made<T::Update>>,
    edits: Vec<Range<usize>>,
    repairs: Vec<Sent<T::Update>>,
    ids: u128,
    reached: Reached,
}

impl<'a, T: Subject> World<'a, T> {
    /// Plays a trace, then lets all replicas repair one another.
    pub(super) fn play(
        specification: Option<&'a Specification<T>>,
        trace: &Trace<T::Operation>,
    ) -> Result<Reached, Violation> {
        let mut world = Self {
            specification,
            members: Vec::new(),
            execution: Execution::default(),
            made: Vec::new(),
            edits: Vec::new(),
            repairs: Vec::new(),
            ids: 0,
            reached: Reached::default(),
        };
        for _ in 0..trace.replicas.clamp(2, 5) {
            let id = world.next_id();
            let subject = T::create(id);
            let bytes = subject.bytes();
            world.members.push(Member { id, subject, bytes, seen: Visible::default(), backup: None });
        }
        for step in &trace.steps {
            world.step(step)?;
        }
        world.hold_states_against_each_other()?;
        for at in 0..world.members.len() {
            world.hold_deltas_against_state(at)?;
        }
        world.converge()?;
        Ok(world.reached)
    }

    fn next_id(&mut self) -> ReplicaId {
        self.ids += 1;
        ReplicaId::from_u128(self.ids)
    }

    fn step(&mut self, step: &Step<T::Operation>) -> Result<(), Violation> {
        let members = self.members.len();
        let index = |raw: u8| usize::from(raw) % members;
        match step {
            Step::Edit { at, operations } => self.edit(index(*at), operations),
            Step::Deliver { edit, part, to } => {
                let parts = self.edits.get(usize::from(*edit)).cloned().unwrap_or(0..0);
                let part = usize::from(*part).checked_rem(parts.len()).map(|part| parts.start + part);
                part.map_or(Ok(()), |part| self.deliver(part, index(*to)))
            }
            Step::Repair { from, to, keep, lost } => {
                let sent = self.send_repair(index(*from), index(*to), keep.map(usize::from));
                if *lost { Ok(()) } else { self.receive_repair(sent) }
            }
            Step::Again { repair } if usize::from(*repair) < self.repairs.len() => {
                self.reached.count(Situation::LateRepair);
                self.receive_repair(usize::from(*repair))
            }
            Step::Again { .. } => Ok(()),
            Step::BackUp { at } => {
                let member = &mut self.members[index(*at)];
                member.backup = Some((member.subject.back_up(), member.seen));
                Ok(())
            }
            Step::Restart { at } => {
                self.reached.count(Situation::Restart);
                self.members[index(*at)].subject.restart();
                self.hold_unchanged(index(*at))
            }
            Step::Restore { at } => self.restore(index(*at)),
        }
    }

    fn edit(&mut self, at: usize, operations: &[T::Operation]) -> Result<(), Violation> {
        let before = self.execution.performed().len();
        if operations.is_empty() || before + operations.len() > Visible::CAPACITY {
            self.edits.push(0..0);
            return Ok(());
        }
        let member = &mut self.members[at];
        let everything = self.made.iter().fold(Visible::default(), |all, made| all.union(made.conveys));
        self.reached.count_if(Situation::Concurrent, !member.seen.includes(everything));
        self.reached.count_if(Situation::Transaction, operations.len() > 1);
        let (mut made, mut conveyed) = (Vec::new(), Visible::default());
        for (update, operations) in member.subject.transact(operations) {
            let conveys = operations.into_iter().map(|index| before + index).fold(Visible::default(), with);
            conveyed = conveyed.union(conveys);
            made.push(Made { update, conveys });
        }
        // An operation that made no update, such as a removal of nothing, must have changed nothing: it is visible in
        // the check after this step, then forgotten.
        let mut silent = Visible::default();
        for operation in operations {
            let replaces = |later: &_, earlier: &_| self.specification.is_some_and(|s| (s.replaces)(later, earlier));
            let index = self.execution.perform(operation.clone(), member.id, member.seen, replaces);
            member.seen.insert(index);
            if !conveyed.contains(index) {
                silent.insert(index);
            }
        }
        self.edits.push(self.made.len()..self.made.len() + made.len());
        self.made.extend(made);
        let checked = self.check(at);
        if !silent.is_empty() {
            self.execution.forget(silent);
        }
        self.members[at].seen = self.members[at].seen.subtract(silent);
        checked
    }

    fn deliver(&mut self, part: usize, to: usize) -> Result<(), Violation> {
        let Made { update, conveys } = &self.made[part];
        let is_known = self.members[to].seen.includes(*conveys);
        self.join(to, &update.clone())?;
        self.members[to].seen = self.members[to].seen.union(self.made[part].conveys);
        self.reached.count_if(Situation::Duplicate, is_known);
        if is_known { self.hold_unchanged(to) } else { self.check(to) }
    }

    fn send_repair(&mut self, from: usize, to: usize, keep: Option<usize>) -> usize {
        let (sender, receiver) = (&self.members[from], &self.members[to]);
        let diff = sender.subject.diff(&receiver.subject, keep);
        self.reached.count(diff.kind);
        self.reached.count_if(Situation::CutShort, diff.cut_short);
        let lacks = sender.seen.subtract(receiver.seen);
        let conveys = if diff.kind == Situation::StateRepair { sender.seen } else { lacks };
        self.repairs.push(Sent { to, receiver: receiver.id, diff, conveys });
        self.repairs.len() - 1
    }

    fn receive_repair(&mut self, index: usize) -> Result<(), Violation> {
        let Sent { to, receiver, diff: Diff { update, cut_short, .. }, conveys } = &self.repairs[index];
        let (to, conveys, cut_short, update) = (*to, *conveys, *cut_short, update.clone());
        if let Err(broken) = self.members[to].subject.join(&update) {
            if broken.law == Law::Acceptance && self.members[to].id != *receiver {
                return self.hold_unchanged(to);
            }
            return Err(self.broken(broken.law, to, broken.detail));
        }
        let member = &mut self.members[to];
        if cut_short {
            let arrived = self.made.iter().filter(|made| member.subject.covers(&made.update) == Some(true));
            let arrived = arrived.fold(Visible::default(), |arrived, made| arrived.union(made.conveys));
            member.seen = member.seen.union(arrived.intersect(conveys));
        } else {
            member.seen = member.seen.union(conveys);
        }
        self.check(to)?;
        self.join(to, &update)?;
        self.hold_unchanged(to)
    }

    fn restore(&mut self, at: usize) -> Result<(), Violation> {
        let id = self.next_id();
        let member = &mut self.members[at];
        let (subject, seen) = match &member.backup {
            Some((restore, seen)) => (restore(id), *seen),
            None => (Ok(T::create(id)), Visible::default()),
        };
        self.reached.count_if(Situation::Restore, seen != member.seen);
        (member.id, member.seen) = (id, seen);
        match subject {
            Ok(subject) => member.subject = subject,
            Err(broken) => return Err(self.broken(broken.law, at, broken.detail)),
        }
        self.check(at)
    }

    /// After this, all have seen what anyone has.
    fn converge(&mut self) -> Result<(), Violation> {
        let last = self.members.len() - 1;
        let down = (0..last).map(|at| (at, at + 1));
        for (from, to) in down.chain((0..last).map(|to| (last, to))) {
            let both = [from, to].map(|at| self.members[at].subject.state());
            let sent = self.send_repair(from, to, None);
            self.receive_repair(sent)?;
            let joined = self.observe(both.iter())?;
            if joined.bytes() != self.members[to].bytes {
                let detail = "a repair does not do what the sender's state does";
                return Err(self.broken(Law::Diff, to, detail.to_string()));
            }
        }
        Ok(())
    }
}

/// The laws.
impl<T: Subject> World<'_, T> {
    fn check(&mut self, at: usize) -> Result<(), Violation> {
        self.members[at].bytes = self.members[at].subject.bytes();
        let context = self.execution.context(self.members[at].seen);
        self.reached.count_if(Situation::Hole, !context.is_causal());
        if let Some(Err(detail)) = self.specification.map(|spec| (spec.check)(&self.members[at].subject, &context)) {
            return Err(self.broken(Law::Specification, at, detail));
        }
        let (subject, seen) = (&self.members[at].subject, self.members[at].seen);
        for Made { update, conveys } in &self.made {
            if subject.covers(update).is_some_and(|covers| covers != seen.includes(*conveys)) {
                let knows = if seen.includes(*conveys) { "does not know" } else { "takes for known" };
                let operations: Vec<_> = self.operations(*conveys).collect();
                return Err(self.broken(Law::Clock, at, format!("its clock {knows} {operations:?}")));
            }
        }
        let made: Vec<&T::Update> = self.made.iter().map(|made| &made.update).collect();
        if let Err(detail) = subject.invariant(&made, &mut self.reached) {
            return Err(self.broken(Law::Invariant, at, detail));
        }
        for (other, member) in self.members.iter().enumerate() {
            if member.seen == seen && member.bytes != self.members[at].bytes {
                let detail = format!("{} has seen the same and holds other bytes", name(other));
                return Err(self.broken(Law::Convergence, at, detail));
            }
        }
        Ok(())
    }

    fn join(&mut self, to: usize, update: &T::Update) -> Result<(), Violation> {
        let joined = self.members[to].subject.join(update);
        joined.map_err(|broken| self.broken(broken.law, to, broken.detail))
    }

    fn hold_unchanged(&self, at: usize) -> Result<(), Violation> {
        if self.members[at].subject.bytes() == self.members[at].bytes {
            return Ok(());
        }
        Err(self.broken(Law::Duplicates, at, "what it knew or refused has changed it".to_string()))
    }

    fn hold_states_against_each_other(&self) -> Result<(), Violation> {
        let states: Vec<T::Update> = self.members.iter().map(|member| member.subject.state()).collect();
        let (a, b, c) = (&states[0], &states[1], &states[states.len() - 1]);
        let law = |law, left: &T, right: &T| {
            if left.bytes() == right.bytes() { Ok(()) } else { Err(self.broken(law, 0, "on these states".to_string())) }
        };
        for (at, state) in states.iter().enumerate() {
            let once = self.observe([state].into_iter())?;
            if once.bytes() != self.members[at].bytes {
                return Err(self.broken(Law::State, at, "it gives away another state than it has".to_string()));
            }
            law(Law::Idempotence, &once, &self.observe([state, state].into_iter())?)?;
        }
        let ab = self.observe([a, b].into_iter())?;
        law(Law::Commutativity, &ab, &self.observe([b, a].into_iter())?)?;
        let bc = self.observe([b, c].into_iter())?.state();
        law(Law::Associativity, &self.observe([&ab.state(), c].into_iter())?, &self.observe([a, &bc].into_iter())?)
    }

    fn hold_deltas_against_state(&self, at: usize) -> Result<(), Violation> {
        let member = &self.members[at];
        let seen = || self.made.iter().filter(|made| member.seen.includes(made.conveys)).map(|made| &made.update);
        for (order, observer) in [("as made", self.observe(seen())?), ("backwards", self.observe(seen().rev())?)] {
            if observer.bytes() != member.bytes {
                return Err(self.broken(Law::Deltas, at, format!("its deltas, {order}, do not make its state")));
            }
        }
        Ok(())
    }

    fn observe<'u>(&self, updates: impl Iterator<Item = &'u T::Update>) -> Result<T, Violation>
    where
        T::Update: 'u,
    {
        let mut observer = T::create(OBSERVER);
        for update in updates {
            observer.join(update).map_err(|broken| self.broken(broken.law, 0, broken.detail))?;
        }
        Ok(observer)
    }

    fn operations(&self, visible: Visible) -> impl Iterator<Item = &T::Operation> {
        visible.iter().map(|index| &self.execution.performed()[index].operation)
    }

    fn broken(&self, law: Law, at: usize, detail: String) -> Violation {
        let seen: Vec<_> = self.operations(self.members[at].seen).collect();
        Violation { law, detail: format!("{}, which has seen {seen:?}: {detail}", name(at)) }
    }
}

fn with(mut visible: Visible, index: usize) -> Visible {
    visible.insert(index);
    visible
}

fn name(at: usize) -> char {
    ['A', 'B', 'C', 'D', 'E'][at]
}
