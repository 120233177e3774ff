//! The leader's log: entries by index, each with the epoch of the leader that wrote it.

use serde::{Deserialize, Serialize};

use crate::partition::{REPAIR_BYTES, size_of_event};
use crate::turn::Turn;
use crate::{Delta, Epoch, Fault, RequestId, Value, rows};

/// The most log entries that one message carries.
const APPEND_BUDGET: usize = 256;

/// A place in the log. Positions compare by epoch, then index: the greater one is the longer log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The epoch of the leader that wrote the entry there.
    pub epoch: Epoch,
    /// Its index, from 1; 0 is before the first.
    pub index: u64,
}

/// One entry: a request's events, or nothing, with which a new leader begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogEntry {
    /// The epoch of the leader that wrote it.
    pub epoch: Epoch,
    /// The request that it answers.
    pub request: Option<RequestId>,
    /// Its events.
    pub delta: Delta,
    /// What the request's reply says of the value.
    pub value: Value,
    /// How much the request changed.
    pub changed: u64,
}

/// Which part of the log is held as rows, and which part every member holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Extent {
    /// The last entry that is not held any more.
    pub base: Position,
    /// The last entry.
    pub end: Position,
    /// Every member holds the entries up to this index, so every later leader's log begins with them. What lies below
    /// the base and above this may be this member's alone.
    pub everywhere: u64,
}

impl Extent {
    /// The position with this index; `None` if it is behind the end or before what is held.
    pub(crate) fn at(&self, turn: &Turn<'_>, index: u64) -> Result<Option<Position>, Fault> {
        if index == self.base.index {
            return Ok(Some(self.base));
        }
        if index < self.base.index || index > self.end.index {
            return Ok(None);
        }
        let entry = self.entry(turn, index)?;
        Ok(Some(Position { epoch: entry.epoch, index }))
    }

    /// Whether this log holds, or held, the entry at a position.
    pub(crate) fn holds(&self, turn: &Turn<'_>, position: Position) -> Result<bool, Fault> {
        Ok(self.at(turn, position.index)? == Some(position))
    }

    /// Whether this log surely agrees with its leader's up to a position.
    pub(crate) fn agrees(&self, turn: &Turn<'_>, position: Position) -> Result<bool, Fault> {
        Ok(position.index <= self.everywhere || self.holds(turn, position)?)
    }

    /// Every member is known to hold the entries up to an index: their rows can go.
    pub(crate) fn held_everywhere(&mut self, turn: &mut Turn<'_>, index: u64) -> Result<(), Fault> {
        self.everywhere = self.everywhere.max(index.min(self.end.index));
        self.truncate(turn, self.everywhere)
    }

    pub(crate) fn entry(&self, turn: &Turn<'_>, index: u64) -> Result<LogEntry, Fault> {
        let key = rows::log_key(index);
        turn.get(&key)?.ok_or(Fault::Corrupt(key))
    }

    /// Entries after an index, as many as one message carries.
    pub(crate) fn after(&self, turn: &Turn<'_>, index: u64) -> Result<Vec<LogEntry>, Fault> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for index in (index + 1..=self.end.index).take(APPEND_BUDGET) {
            let entry = self.entry(turn, index)?;
            bytes += entry.delta.events().iter().map(size_of_event).sum::<usize>();
            if bytes > REPAIR_BYTES && !entries.is_empty() {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    pub(crate) fn push(&mut self, turn: &mut Turn<'_>, entry: &LogEntry) {
        self.end = Position { epoch: entry.epoch, index: self.end.index + 1 };
        turn.put(rows::log_key(self.end.index), entry);
    }

    /// Drops the entries up to an index.
    pub(crate) fn truncate(&mut self, turn: &mut Turn<'_>, up_to: u64) -> Result<(), Fault> {
        let up_to = up_to.min(self.end.index);
        if up_to > self.base.index
            && let Some(base) = self.at(turn, up_to)?
        {
            for index in self.base.index + 1..=up_to {
                turn.delete(rows::log_key(index));
            }
            self.base = base;
        }
        Ok(())
    }
}
