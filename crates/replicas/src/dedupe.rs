//! What each client's last write did, so that a retry does not do it again.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use syncline_clocks::Dot;

use crate::turn::Turn;
use crate::{ClientId, Delta, Event, Fault, RequestId, Slot, Value, rows};

/// How many clients' last writes are remembered. A retry after so many others wrote is applied again.
const WINDOW: usize = 10_000;

/// A write that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Applied {
    /// The request's number at its client.
    pub sequence: u64,
    /// The events that it made.
    pub events: Vec<Dot>,
    /// What its reply says of the value.
    pub value: Value,
    /// How much it changed.
    pub changed: u64,
    /// The version of the register that it wrote, if it wrote one.
    pub version: Option<Dot>,
    /// Leader-follower: the index of its log entry.
    pub index: u64,
}

impl Applied {
    pub(crate) fn of(sequence: u64, delta: &Delta, value: Value, changed: u64, index: u64) -> Self {
        let is_version = |event: &&Event| event.path.slot == Slot::Register && event.payload.is_some();
        let version = delta.events().iter().rfind(is_version).map(|event| event.dot);
        let events = delta.events().iter().map(|event| event.dot).collect();
        Self { sequence, events, value, changed, version, index }
    }
}

/// How a request relates to what its client did before.
pub(crate) enum Seen {
    /// Never seen.
    New,
    /// This very request was applied.
    Applied(Applied),
    /// A later one of the same client was.
    Superseded,
}

/// The window of clients, in the order of their last writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Dedupe {
    order: VecDeque<ClientId>,
    held: BTreeSet<ClientId>,
}

impl Dedupe {
    pub(crate) fn recover(turn: &Turn<'_>) -> Result<Self, Fault> {
        let mut recovered = Self::default();
        for (key, _) in turn.scan(rows::APPLIED)? {
            let client = rows::client_of(&key)?;
            recovered.order.push_back(client);
            recovered.held.insert(client);
        }
        Ok(recovered)
    }

    pub(crate) fn seen(&self, turn: &Turn<'_>, request: RequestId) -> Result<Seen, Fault> {
        let last: Option<Applied> = turn.get(&rows::applied_key(request.client))?;
        Ok(match last {
            Some(last) if last.sequence == request.sequence => Seen::Applied(last),
            Some(last) if last.sequence > request.sequence => Seen::Superseded,
            _ => Seen::New,
        })
    }

    pub(crate) fn record(&mut self, turn: &mut Turn<'_>, client: ClientId, applied: &Applied) {
        turn.put(rows::applied_key(client), applied);
        // A client that wrote before keeps its place: the window is by first write, which is what a log replays too.
        if self.held.insert(client) {
            self.order.push_back(client);
        }
        while self.order.len() > WINDOW {
            let oldest = self.order.pop_front().expect("longer than the window");
            self.held.remove(&oldest);
            turn.delete(rows::applied_key(oldest));
        }
    }

    /// All remembered writes, for a snapshot.
    pub(crate) fn all(turn: &Turn<'_>) -> Result<Vec<(ClientId, Applied)>, Fault> {
        let rows = turn.scan(rows::APPLIED)?;
        rows.into_iter().map(|(key, value)| Ok((rows::client_of(&key)?, rows::decode(&key, &value)?))).collect()
    }
}
