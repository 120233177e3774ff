//! One call of `handle` for one partition: reads that see its own writes, one batch, outputs that wait for it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Batch, BatchNumber, Body, ClientId, Configuration, Effect, Effects, Envelope, Epoch, Fault, NodeId, Notice, Now,
    PartitionId, Refusal, Request, Response, StoreError, StoreRead, Timer, rows,
};

const PAGE: usize = 256;
/// The most rows under a prefix, and the most rows in all, that are remembered for the rest of the turn.
const SMALL: usize = 16;
const REMEMBERED: usize = 256;

/// Rows by name.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// When an output may leave the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// At once: it reveals nothing that a crash could take back.
    AtOnce,
    /// When everything that this partition wrote so far, in this turn too, is durable.
    WhenDurable,
}

pub(crate) struct Turn<'a> {
    pub(crate) now: Now,
    pub(crate) node: NodeId,
    partition: PartitionId,
    store: &'a dyn StoreRead,
    seen: RefCell<Seen>,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    outputs: Vec<(Effect, Leaves)>,
    last_batch: BatchNumber,
}

/// What this turn has read of the store, which does not change meanwhile: a command reads its key, the join of its events
/// reads it again.
#[derive(Default)]
struct Seen {
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Prefixes of which all rows were read: what is not among the rows is not there.
    prefixes: Vec<Vec<u8>>,
}

impl Seen {
    fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let known_absent = || self.prefixes.iter().any(|prefix| key.starts_with(prefix)).then_some(None);
        self.rows.get(key).cloned().or_else(known_absent)
    }
}

/// A moment within a turn.
pub(crate) struct Checkpoint {
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    outputs: usize,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(
        now: Now,
        node: NodeId,
        partition: PartitionId,
        store: &'a dyn StoreRead,
        last_batch: BatchNumber,
    ) -> Self {
        Self {
            now,
            node,
            partition,
            store,
            seen: RefCell::default(),
            writes: BTreeMap::new(),
            outputs: Vec::new(),
            last_batch,
        }
    }

    /// Ends the turn: the batch first, then what waits for it. Returns the number of the partition's last batch.
    pub(crate) fn finish(self, effects: &mut Effects) -> BatchNumber {
        let mut last = self.last_batch;
        if !self.writes.is_empty() {
            last = self.batch();
            let batch = Batch { number: last, writes: self.writes.into_iter().collect() };
            effects.push(Effect::Persist { partition: self.partition, batch });
        }
        for (mut effect, leaves) in self.outputs {
            if let (Effect::Send { after, .. } | Effect::Respond { after, .. }, Leaves::WhenDurable) =
                (&mut effect, leaves)
            {
                *after = last;
            }
            effects.push(effect);
        }
        last
    }

    /// What this turn has written and asked for so far, to come back to.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { writes: self.writes.clone(), outputs: self.outputs.len() }
    }

    /// Forgets what was written and asked for since.
    pub(crate) fn restore(&mut self, to: Checkpoint) {
        self.writes = to.writes;
        self.outputs.truncate(to.outputs);
    }

    /// The number that this turn's writes will have.
    pub(crate) fn batch(&self) -> BatchNumber {
        BatchNumber(self.last_batch.0 + 1)
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, Fault> {
        let bytes = match self.writes.get(key) {
            Some(written) => written.clone(),
            None => self.read(key)?,
        };
        bytes.map(|bytes| rows::decode(key, &bytes)).transpose()
    }

    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(seen) = self.seen.borrow().get(key) {
            return Ok(seen);
        }
        let read = self.store.get(self.partition, key)?;
        let rows = &mut self.seen.borrow_mut().rows;
        if rows.len() < REMEMBERED {
            rows.insert(key.to_vec(), read.clone());
        }
        Ok(read)
    }

    /// All rows under a prefix, in order. Bounded by what the prefix names: a key, a window, a log.
    pub(crate) fn scan(&self, prefix: &[u8]) -> Result<Rows, Fault> {
        self.scan_from(prefix, prefix)
    }

    /// All rows under a prefix, in order, if they are no more than a page.
    pub(crate) fn scan_page(&self, prefix: &[u8]) -> Result<Option<Rows>, Fault> {
        self.scan_pages(prefix, prefix, 1)
    }

    /// The rows under a prefix from a key on.
    pub(crate) fn scan_from(&self, prefix: &[u8], from: &[u8]) -> Result<Rows, Fault> {
        Ok(self.scan_pages(prefix, from, usize::MAX)?.unwrap_or_default())
    }

    /// The same, unless they are more than so many pages.
    fn scan_pages(&self, prefix: &[u8], from: &[u8], most: usize) -> Result<Option<Rows>, Fault> {
        let mut found: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let own = self.writes.range(from.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        let from_start = from == prefix;
        let mut from = from.to_vec();
        for read in 0.. {
            if read == most {
                return Ok(None);
            }
            let page = self.store.scan(self.partition, prefix, &from, PAGE)?;
            let full = page.len() == PAGE;
            if let Some((last, _)) = page.last() {
                from.clone_from(last);
                from.push(0);
            }
            found.extend(page);
            if !full {
                break;
            }
        }
        let mut seen = self.seen.borrow_mut();
        if from_start && found.len() <= SMALL && seen.rows.len() < REMEMBERED {
            seen.rows.extend(found.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
            seen.prefixes.push(prefix.to_vec());
        }
        drop(seen);
        for (key, written) in own {
            match written {
                Some(value) => found.insert(key.clone(), value.clone()),
                None => found.remove(key),
            };
        }
        Ok(Some(found.into_iter().collect()))
    }

    /// Whether some row under a prefix has a property; reads little further than to the first. This turn's own rows come
    /// first.
    pub(crate) fn any(
        &self,
        prefix: &[u8],
        mut holds: impl FnMut(&[u8], &[u8]) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let own = self.writes.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        for (key, value) in own {
            if let Some(value) = value
                && holds(key, value)?
            {
                return Ok(true);
            }
        }
        let (mut from, mut size) = (prefix.to_vec(), SMALL);
        loop {
            let page = self.store.scan(self.partition, prefix, &from, size)?;
            for (key, value) in &page {
                if !self.writes.contains_key(key) && holds(key, value)? {
                    return Ok(true);
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == size => (from, size) = ([last.as_slice(), &[0]].concat(), PAGE),
                _ => return Ok(false),
            }
        }
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, row: &impl Serialize) {
        self.writes.insert(key, Some(rows::encode(row)));
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    pub(crate) fn send(&mut self, to: NodeId, epoch: Epoch, body: Body, leaves: Leaves) {
        let envelope = Envelope { partition: self.partition, epoch, body };
        self.outputs.push((Effect::Send { to, envelope, after: BatchNumber(0) }, leaves));
    }

    pub(crate) fn respond(&mut self, to: ClientId, response: Response, leaves: Leaves) {
        self.outputs.push((Effect::Respond { to, response, after: BatchNumber(0) }, leaves));
    }

    /// Tells a client at once why its request is not answered: that reveals nothing which a crash could take back.
    pub(crate) fn refuse(&mut self, to: ClientId, request: &Request, configuration: &Configuration, refusal: Refusal) {
        self.respond(to, request.respond(configuration, Err(refusal)), Leaves::AtOnce);
    }

    pub(crate) fn set_timer(&mut self, timer: Timer, wait: Duration) {
        let effect = Effect::SetTimer { partition: self.partition, timer, at: self.now.monotonic.after(wait) };
        self.outputs.push((effect, Leaves::AtOnce));
    }

    pub(crate) fn notify(&mut self, notice: Notice) {
        self.outputs.push((Effect::Notify { partition: self.partition, notice }, Leaves::AtOnce));
    }
}
