//! What clients do: a random mix over Zipf-distributed keys, or a recorded trace.

use std::collections::VecDeque;

use syncline_replicas::Command;

use crate::monitor::{ConnectionCursor, MonitorTrace, TraceCommand, TraceError};
use crate::rng::{Rng, Zipf};

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// The key.
    pub(crate) key: Vec<u8>,
    /// What to do with it.
    pub(crate) command: Command,
    /// Whether the write carries what the client has read of the key.
    pub(crate) with_context: bool,
}

/// A random workload: shares of the operations, in the order of the fields; the rest reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// Writes of registers.
    pub set: f64,
    /// Increments of counters.
    pub increment: f64,
    /// Additions of unique members to sets.
    pub add: f64,
    /// Removals of members, of additions made long before.
    pub remove: f64,
    /// How many register keys, counter keys and set keys there are.
    pub keys: (usize, usize, usize),
    /// How uneven the keys are.
    pub zipf: f64,
    /// The mean pause between a response and the client's next request, in milliseconds.
    pub think: f64,
    /// Whether clients read a register before they write it, and write with what they read.
    pub read_before_write: bool,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            set: 0.30,
            increment: 0.12,
            add: 0.12,
            remove: 0.03,
            keys: (60, 10, 10),
            zipf: 0.9,
            think: 100.0,
            read_before_write: true,
        }
    }
}

/// Where clients take their operations from.
#[derive(Clone, Debug)]
pub enum Workload {
    /// Each client draws.
    Random {
        /// From what.
        mix: Mix,
        /// How many clients there are in each datacenter.
        clients: usize,
    },
    /// Each recorded connection is a client, dealt over the datacenters in turn.
    Trace(MonitorTrace),
}

impl Workload {
    pub(crate) fn clients(&self, datacenters: usize) -> usize {
        match self {
            Self::Random { clients, .. } => clients * datacenters,
            Self::Trace(trace) => trace.connections(),
        }
    }
}

/// One client's operations, and when it makes the next.
#[derive(Debug)]
pub(crate) enum Source {
    Random {
        mix: Mix,
        registers: Zipf,
        counters: Zipf,
        sets: Zipf,
        made: u64,
        added: Vec<(Vec<u8>, Vec<u8>)>,
        then: VecDeque<Operation>,
    },
    Trace {
        cursor: ConnectionCursor,
        last: u64,
        then: VecDeque<Operation>,
    },
}

/// The client's next step.
#[derive(Debug)]
pub(crate) enum Next {
    /// After this pause, this operation.
    Do(u64, Operation),
    /// Nothing is left.
    Done,
}

impl Source {
    pub(crate) fn new(workload: &Workload, client: usize) -> Result<Self, TraceError> {
        Ok(match workload {
            Workload::Random { mix, .. } => Self::Random {
                registers: Zipf::new(mix.keys.0, mix.zipf),
                counters: Zipf::new(mix.keys.1, mix.zipf),
                sets: Zipf::new(mix.keys.2, mix.zipf),
                mix: mix.clone(),
                made: 0,
                added: Vec::new(),
                then: VecDeque::new(),
            },
            Workload::Trace(trace) => {
                let cursor =
                    trace.cursor(client).map_err(|source| TraceError::Read { path: Default::default(), source })?;
                Self::Trace { cursor, last: 0, then: VecDeque::new() }
            }
        })
    }

    pub(crate) fn next(&mut self, rng: &mut Rng, client: usize) -> Result<Next, TraceError> {
        match self {
            Self::Random { mix, registers, counters, sets, made, added, then } => {
                if let Some(operation) = then.pop_front() {
                    return Ok(Next::Do(0, operation));
                }
                let pause = (rng.exponential(mix.think) * 1e6) as u64;
                *made += 1;
                let drawn = rng.unit();
                let named = |kind: &str, rank: usize| format!("{kind}:{rank}").into_bytes();
                let mut operation = Operation { key: Vec::new(), command: Command::Get, with_context: false };
                if drawn < mix.set {
                    operation.key = named("register", registers.draw(rng));
                    let value = format!("{client}-{made}").into_bytes();
                    let set = Command::set(value);
                    if mix.read_before_write {
                        let write = Operation { key: operation.key.clone(), command: set, with_context: true };
                        then.push_back(write);
                    } else {
                        operation.command = set;
                    }
                } else if drawn < mix.set + mix.increment {
                    operation.key = named("counter", counters.draw(rng));
                    operation.command = Command::Increment(1 + rng.below(3) as i64);
                } else if drawn < mix.set + mix.increment + mix.add {
                    operation.key = named("set", sets.draw(rng));
                    let member = format!("{client}-{made}").into_bytes();
                    added.push((operation.key.clone(), member.clone()));
                    operation.command = Command::Add([member].into());
                } else if drawn < mix.set + mix.increment + mix.add + mix.remove && added.len() > 8 {
                    let (key, member) = added.swap_remove(rng.below(added.len() as u64 - 4) as usize);
                    operation.key = key;
                    operation.command = Command::Remove([member].into());
                } else {
                    // Mostly registers; sets and counters are read too.
                    operation.key = match rng.below(6) {
                        0 => named("counter", counters.draw(rng)),
                        1 => named("set", sets.draw(rng)),
                        _ => named("register", registers.draw(rng)),
                    };
                }
                Ok(Next::Do(pause, operation))
            }
            Self::Trace { cursor, last, then } => {
                let mut pause = 0;
                while then.is_empty() {
                    let Some(step) = cursor.next()? else { return Ok(Next::Done) };
                    // The recorded gap holds the service time too, which was short.
                    pause = step.at_nanos.saturating_sub(*last);
                    *last = step.at_nanos;
                    then.extend(operations(step.command));
                }
                Ok(then.pop_front().map_or(Next::Done, |operation| Next::Do(pause, operation)))
            }
        }
    }
}

fn operations(command: TraceCommand) -> Vec<Operation> {
    let one = |key: Vec<u8>, command: Command| Operation {
        with_context: matches!(command, Command::Set { .. }),
        key,
        command,
    };
    match command {
        TraceCommand::Get { key } | TraceCommand::Members { key } => vec![one(key, Command::Get)],
        TraceCommand::Set { key, value } => vec![one(key, Command::set(value))],
        TraceCommand::Increment { key, amount } => vec![one(key, Command::Increment(amount))],
        TraceCommand::Delete { keys } => {
            keys.into_iter().map(|key| one(key, Command::Delete { previous: false })).collect()
        }
        TraceCommand::Add { key, members } => {
            vec![one(key, Command::Add(members.into_iter().collect()))]
        }
        TraceCommand::Remove { key, members } => {
            vec![one(key, Command::Remove(members.into_iter().collect()))]
        }
        #[allow(unreachable_patterns, reason = "more kinds of commands may be replayed later")]
        _ => Vec::new(),
    }
}
