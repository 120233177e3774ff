//! One connection's conversation with the partitions.
//!
//! A session is a client: a write carries what the session last read of its key, so that under a policy that keeps
//! siblings it replaces exactly that. A read is followed by one write with its context; further writes carry none.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use syncline_replicas::{Command, Context, Level, MAX_PATH, Refusal, Reply, RequestId, Strategy};

use super::Server;
use super::contexts::Contexts;
use super::error::CommandError;
use super::frame::Protocol;
use super::last_writes::LastWrites;
use crate::gateway::{Answer, Ask, Client};

/// How many requests of one command are on their way at once.
const WINDOW: usize = 128;

/// Whether a key, with any member that the command names, can be the name of something at all. What can not is not even
/// looked for.
///
/// It can not.
pub(crate) fn check_names(key: &[u8], command: &Command) -> Result<(), CommandError> {
    let longest = match command {
        Command::Add(members) | Command::Remove(members) | Command::Contains(members) => {
            members.iter().map(Vec::len).max().unwrap_or(0)
        }
        _ => 0,
    };
    if key.len() + longest <= MAX_PATH {
        return Ok(());
    }
    Err(CommandError::Refused { refusal: Refusal::TooLarge, needed: 0, is_read: command.is_read() })
}

/// A connection's state.
pub(crate) struct Session {
    pub(crate) server: Arc<Server>,
    /// Its number, as `CLIENT ID` tells it.
    pub(crate) id: u64,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) name: Bytes,
    pub(crate) protocol: Protocol,
    /// Whether it has given the password, if there is one.
    pub(crate) is_known: bool,
    /// Whether it was asked to be closed.
    pub(crate) is_leaving: bool,
    /// How many replicas its requests ask for.
    pub(crate) level: Level,
    pub(crate) random: fastrand::Rng,
    client: Client,
    contexts: Contexts,
    pub(crate) last_writes: LastWrites,
}

/// A request that was made.
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) about: About,
}

/// What has to be known of a request when its answer comes.
pub(crate) struct About {
    id: RequestId,
    pub(crate) key: Vec<u8>,
    needed: u8,
    /// Whether its answer is what the next write of the key carries.
    pub(crate) is_read: bool,
}

impl Session {
    pub(crate) fn new(server: Arc<Server>, id: u64, address: Option<SocketAddr>) -> Self {
        Self {
            id,
            address,
            name: Bytes::new(),
            protocol: Protocol::Resp2,
            is_known: server.settings.password.is_none(),
            is_leaving: false,
            level: server.gateway.cluster().level,
            random: fastrand::Rng::new(),
            client: server.gateway.open(),
            contexts: Contexts::default(),
            last_writes: LastWrites::default(),
            server,
        }
    }

    /// As it was when it began, but for its number and its client: `RESET`.
    pub(crate) fn reset(&mut self) {
        self.name = Bytes::new();
        self.protocol = Protocol::Resp2;
        self.is_known = self.server.settings.password.is_none();
        self.level = self.server.gateway.cluster().level;
        self.contexts.clear();
        self.last_writes = LastWrites::default();
    }

    /// Whether this command carries what was read of its key before.
    pub(crate) fn carries_context(command: &Command) -> bool {
        matches!(command, Command::Set { .. } | Command::Delete { .. })
    }

    /// Asks at once, with what was read of the key.
    pub(crate) fn ask(&mut self, key: Vec<u8>, command: Command) -> Asked {
        let context = if Self::carries_context(&command) { self.contexts.take(&key) } else { None };
        self.ask_with(key, command, context)
    }

    fn ask_with(&mut self, key: Vec<u8>, command: Command, context: Option<Context>) -> Asked {
        let is_read = command.is_read();
        let (level, patience) = (self.level, self.server.gateway.cluster().patience);
        let needed = if is_read { level.read } else { level.write };
        let ask = Ask { key: key.clone(), command, context, level, patience };
        let (id, answer) = self.server.gateway.ask(&mut self.client, ask);
        Asked { answer, about: About { id, key, needed, is_read } }
    }

    /// Takes notice of an answer.
    pub(crate) fn settle(&mut self, about: About, outcome: Result<Reply, Refusal>) -> Result<Reply, CommandError> {
        let About { id, key, needed, is_read } = about;
        if is_read {
            if let Ok(reply) = &outcome {
                self.contexts.remember(reply.context.clone());
            }
        } else {
            let partition = self.server.gateway.partition_of(&key);
            self.last_writes.note(partition, id, key, &outcome);
        }
        outcome.map_err(|refusal| match refusal {
            Refusal::WrongType => CommandError::WrongType,
            refusal => CommandError::Refused { refusal, needed, is_read },
        })
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn call(&mut self, key: &[u8], command: Command) -> Result<Reply, CommandError> {
        check_names(key, &command)?;

        let Asked { answer, about } = self.ask(key.to_vec(), command);
        let outcome = answer.await;
        self.settle(about, outcome)
    }

    /// Asks with a context of the caller's, and waits for the answer.
    pub(crate) async fn call_with(
        &mut self,
        key: &[u8],
        command: Command,
        context: Context,
    ) -> Result<Reply, CommandError> {
        let _ = self.contexts.take(key);
        let Asked { answer, about } = self.ask_with(key.to_vec(), command, Some(context));
        let outcome = answer.await;
        self.settle(about, outcome)
    }

    /// Asks several requests, many at a time, and hands over their answers in order. After a failure no more are made.
    ///
    /// The first failure. Of writes, others may have taken effect.
    pub(crate) async fn call_all(
        &mut self,
        requests: impl IntoIterator<Item = (Vec<u8>, Command)>,
        mut take: impl FnMut(Reply) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let mut requests = requests.into_iter();
        let mut asked: VecDeque<Asked> = VecDeque::new();
        let mut result = Ok(());
        loop {
            while result.is_ok()
                && asked.len() < WINDOW
                && let Some((key, command)) = requests.next()
            {
                result = check_names(&key, &command);
                if result.is_ok() {
                    asked.push_back(self.ask(key, command));
                }
            }
            let Some(Asked { answer, about }) = asked.pop_front() else { return result };
            let outcome = answer.await;
            let taken = self.settle(about, outcome).and_then(&mut take);
            result = result.and(taken);
        }
    }

    /// The most that a level may ask for.
    pub(crate) fn most_copies(&self) -> u8 {
        match self.server.gateway.cluster().strategy {
            // A leader answers for its own datacenter.
            Strategy::MultiLeader => 1,
            _ => self.server.gateway.cluster().nodes,
        }
    }

    /// Waits until the session's last write in each partition has this many copies, but not longer than so; tells how
    /// many the least copied one has. With nothing written, everything is everywhere.
    pub(crate) async fn wait_for(&mut self, copies: u8, patience: Duration) -> u8 {
        let least = copies.clamp(1, self.most_copies());
        let reached = self.last_writes.wait_for(&self.server.gateway, least, patience).await;
        reached.unwrap_or(self.server.gateway.cluster().nodes)
    }
}
