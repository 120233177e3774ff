//! One thread that handles some of the partitions: it drives their host and obeys its effects.
//!
//! Inputs are taken in bursts. Whatever a burst has to say to one peer leaves as one piece, and whatever it wrote is asked
//! to be flushed once: the more waits, the more each flush and each system call carries.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use syncline_clocks::WallTime;
use syncline_replicas::{
    BatchNumber, ClientId, Configuration, Effect, Effects, Fault, Host, Input, KeyPage, Monotonic, NodeId, Notice, Now,
    PartitionId, Refusal, Request, RequestId, Response, Settings, StoreError, StoreRead, Timer, scan_keys,
};
use tokio::sync::oneshot;

use crate::expiry::Deadlines;
use crate::flusher::Flusher;
use crate::metrics::Metrics;
use crate::peer::{Links, Outbox, PeerMessage};
use crate::rebuild::Offered;
use crate::report;
use crate::storage::Storage;

mod hot_keys;
mod pieces;
mod requests;
mod unborn;

use hot_keys::HotKeys;
use pieces::Pieces;
use requests::{Origin, Waiting};
use unborn::Unborn;

/// How many inputs from outside may wait for a shard: beyond, clients are told so and peers' messages are lost.
const MOST_WAITING: usize = 65_536;
/// How many inputs are handled before what they have to say leaves.
const BURST: usize = 256;

/// What happens to a shard.
pub(crate) enum ShardInput {
    /// A client of this node asks.
    Request { request: Request, answer: oneshot::Sender<Response> },
    /// A client of this node wants to know which keys there are.
    Scan {
        partition: PartitionId,
        from: Option<Vec<u8>>,
        budget: usize,
        answer: oneshot::Sender<Result<KeyPage, Refusal>>,
    },
    /// A peer says something.
    Peer { from: NodeId, message: PeerMessage },
    /// Batches are durable.
    Flushed { partition: PartitionId, up_to: BatchNumber },
    /// They are not, and nothing later will be.
    FlushFailed { partition: PartitionId, reason: String },
    /// The node shuts down.
    Stop,
}

/// Where a shard takes its inputs from. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ShardInbox {
    sender: Sender<ShardInput>,
    waiting: Arc<AtomicUsize>,
}

impl ShardInbox {
    /// Hands over something from outside; false if too much waits or the shard has ended.
    pub(crate) fn send(&self, input: ShardInput) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.sender.send(input).is_ok()
    }

    /// Hands over something of the node's own, whatever waits. A shard that has ended needs none of it.
    pub(crate) fn send_own(&self, input: ShardInput) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.sender.send(input);
    }
}

/// An inbox and its far end.
pub(crate) fn inbox() -> (ShardInbox, Receiver<ShardInput>) {
    let (sender, receiver) = channel();
    (ShardInbox { sender, waiting: Arc::default() }, receiver)
}

/// Reads of the store as a host makes them.
struct Rows<'a> {
    storage: &'a dyn Storage,
    hot: &'a HotKeys,
}

impl StoreRead for Rows<'_> {
    fn get(&self, partition: PartitionId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.hot.get(partition, key) {
            Some(row) => Ok(row),
            None => self.storage.get(partition, key),
        }
    }

    fn scan(
        &self,
        partition: PartitionId,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        if let Some(rows) = self.hot.scan(partition, prefix, from, limit) {
            return Ok(rows);
        }
        let rows = self.storage.scan(partition, prefix, from, limit)?;
        self.hot.remember(partition, prefix, from, limit, &rows);
        Ok(rows)
    }
}

/// What leaves when a batch is durable.
enum Held {
    Send(NodeId, PeerMessage),
    Respond(Response),
    /// The partition takes part.
    Ready(PartitionId),
}

/// What a shard keeps of one partition, beside the host.
#[derive(Default)]
struct Durability {
    written: BatchNumber,
    durable: BatchNumber,
    held: VecDeque<(BatchNumber, Held)>,
}

/// What a shard is made of.
pub(crate) struct Parts {
    pub(crate) node: NodeId,
    pub(crate) settings: Settings,
    pub(crate) partitions: BTreeMap<PartitionId, Configuration>,
    pub(crate) incarnation: u64,
    /// Under which name it makes requests of its own: one that no incarnation had before.
    pub(crate) client: ClientId,
    /// From how many other nodes a partition is rebuilt of which the store holds nothing.
    pub(crate) rebuild_from: usize,
    /// All nodes by name.
    pub(crate) names: Arc<[String]>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) flusher: Flusher,
    pub(crate) links: Links,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) inbox: ShardInbox,
}

/// The thread's state.
pub(crate) struct Shard {
    parts: Parts,
    host: Host,
    began: Instant,
    partitions: BTreeMap<PartitionId, Durability>,
    timers: BinaryHeap<Reverse<(Monotonic, u64, PartitionId, Timer)>>,
    /// Requests to be asked again, by when.
    again: BinaryHeap<Reverse<(Monotonic, RequestId)>>,
    order: u64,
    // Looked up by name only: its order shows nowhere.
    waiting: HashMap<RequestId, Waiting>,
    /// Partitions that are not served yet.
    unborn: BTreeMap<PartitionId, Unborn>,
    /// When the other nodes are asked about them again.
    ask_peers: Option<Monotonic>,
    offered: Offered,
    deadlines: Deadlines,
    hot: HotKeys,
    pieces: Pieces,
    outbox: Outbox,
    effects: Effects,
    /// What was written in this burst, and in how many batches.
    written: BTreeMap<PartitionId, BatchNumber>,
    batches: usize,
}

impl Shard {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            host: Host::new(parts.node, parts.settings),
            began: Instant::now(),
            partitions: parts.partitions.keys().map(|partition| (*partition, Durability::default())).collect(),
            timers: BinaryHeap::new(),
            again: BinaryHeap::new(),
            order: 0,
            waiting: HashMap::new(),
            unborn: BTreeMap::new(),
            ask_peers: None,
            deadlines: Deadlines::new(parts.node.0),
            hot: HotKeys::default(),
            pieces: Pieces::default(),
            offered: Offered::default(),
            outbox: Outbox::default(),
            effects: Effects::default(),
            written: BTreeMap::new(),
            batches: 0,
            parts,
        }
    }

    /// Handles inputs until it is stopped, and what was written by then is flushed.
    pub(crate) fn run(mut self, inputs: &Receiver<ShardInput>) {
        for partition in self.parts.partitions.keys().copied().collect::<Vec<_>>() {
            self.begin(partition);
        }
        self.ask_peers();
        self.end_burst();
        let mut stopping = false;
        while !(stopping && self.partitions.values().all(|partition| partition.durable == partition.written)) {
            let first = match self.until_next() {
                Some(wait) => inputs.recv_timeout(wait),
                None => inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match first {
                Ok(first) => {
                    for input in std::iter::once(first).chain(inputs.try_iter().take(BURST)) {
                        self.parts.inbox.waiting.fetch_sub(1, Ordering::Relaxed);
                        stopping |= matches!(input, ShardInput::Stop);
                        self.take(input);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.fire();
            self.end_burst();
        }
    }

    fn boot(&mut self, partition: PartitionId) {
        let bootstrap = self.parts.partitions[&partition].clone();
        self.handle(Input::Boot { partition, incarnation: self.parts.incarnation, bootstrap });
        self.deadlines.recover(partition);
        // One that were lost before its first flush would have to be rebuilt.
        self.release_when_durable(partition, Held::Ready(partition));
    }

    /// Removes keys that have expired, as far as this node's replicas may: a leader's followers leave it to the leader.
    fn expire(&mut self) {
        if self.deadlines.is_recovering()
            && let Err(error) = self.deadlines.look(&*self.parts.storage)
        {
            report!("looking for keys that expire: {error}");
        }
        for _ in 0..BURST {
            let wall = self.now().wall.as_nanos() / 1_000_000;
            let Some((partition, key)) = self.deadlines.take_due(wall) else { return };
            self.remove_expired(partition, key);
        }
    }

    fn now(&self) -> Now {
        let monotonic = Monotonic(0).after(self.began.elapsed());
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { monotonic, wall: WallTime::from_nanos(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)) }
    }

    /// How long nothing is due; `None` if nothing ever is.
    fn until_next(&self) -> Option<Duration> {
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let again = self.again.peek().map(|Reverse((at, _))| *at);
        if self.deadlines.is_recovering() {
            return Some(Duration::from_millis(1));
        }
        let now = self.now();
        let next = timer.into_iter().chain(again).chain(self.ask_peers).min();
        let next = next.map(|next| Duration::from_nanos(next.0.saturating_sub(now.monotonic.0)));
        let wall = now.wall.as_nanos() / 1_000_000;
        // A moment later, so that it is surely past.
        let due = self.deadlines.next().map(|at| Duration::from_millis(at.saturating_sub(wall) + 1));
        next.into_iter().chain(due).min()
    }

    fn fire(&mut self) {
        let now = self.now().monotonic;
        while let Some(Reverse((at, _, partition, timer))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            self.handle(Input::Timer { partition, timer });
        }
        self.expire();
        if self.ask_peers.take_if(|at| *at <= now).is_some() {
            self.ask_peers();
        }
        while let Some(Reverse((at, id))) = self.again.peek().copied() {
            if at > now {
                break;
            }
            self.again.pop();
            self.ask_again(id, now);
        }
    }

    fn end_burst(&mut self) {
        self.go_on();
        self.parts.links.send(&mut self.outbox);
        if !self.written.is_empty() {
            let count = std::mem::take(&mut self.batches);
            self.parts.flusher.want(std::mem::take(&mut self.written), count, &self.parts.inbox);
        }
    }

    fn take(&mut self, input: ShardInput) {
        match input {
            ShardInput::Request { request, answer } if self.unborn.contains_key(&request.partition) => {
                self.hold(request, answer);
            }
            ShardInput::Request { request, answer } => self.ask(request, Origin::Client(answer)),
            ShardInput::Scan { partition, answer, .. } if self.unborn.contains_key(&partition) => {
                let _ = answer.send(Err(Refusal::Unavailable));
            }
            ShardInput::Scan { partition, from, budget, answer } => {
                let policies = self.host.configuration(partition).map(|held| held.policies.clone());
                // Beside the hot keys: a scan of all is no reason to forget those that are asked for.
                let (policies, storage) = (policies.unwrap_or_default(), &*self.parts.storage);
                let page = scan_keys(storage, partition, &policies, self.now(), from.as_deref(), budget);
                let _ = answer.send(page.map_err(|fault| {
                    report!("partition {}: {fault}", partition.0);
                    Refusal::Unavailable
                }));
            }
            ShardInput::Peer { from, message: PeerMessage::Envelope(envelope) } => {
                self.parts.metrics.heard(from, &envelope, &self.host);
                self.handle(Input::Message { from, envelope });
            }
            ShardInput::Peer { from, message: PeerMessage::Forward(request) } => {
                self.ask(request, Origin::Peer(from));
            }
            ShardInput::Peer { message: PeerMessage::Answer(response), .. } => self.respond(response),
            ShardInput::Peer { from, message: PeerMessage::Unborn(partition) } => self.asked(from, partition),
            ShardInput::Peer { from, message: PeerMessage::Holds(partition, holds) } => {
                self.told(from, partition, holds)
            }
            ShardInput::Peer { from, message: PeerMessage::SnapshotWanted(partition, index) } => {
                self.offer(from, partition, index);
            }
            ShardInput::Peer { from, message: PeerMessage::SnapshotPart(part) } => self.fetched(from, part),
            ShardInput::Flushed { partition, up_to } => self.flushed(partition, up_to),
            ShardInput::FlushFailed { partition, reason } => {
                report!("partition {}: the disk failed: {reason}", partition.0);
                self.handle(Input::FlushFailed { partition });
                if let Some(durability) = self.partitions.get_mut(&partition) {
                    // What waits for the flush never leaves.
                    durability.held.clear();
                    durability.durable = durability.written;
                }
            }
            ShardInput::Stop => {}
        }
    }

    // The host and its effects.

    fn handle(&mut self, input: Input) {
        let mut effects = std::mem::take(&mut self.effects);
        let storage = self.parts.storage.clone();
        let now = self.now();
        self.host.handle(now, input, &Rows { storage: &*storage, hot: &self.hot }, &mut effects);
        for effect in effects.drain() {
            self.obey(effect);
        }
        self.effects = effects;
    }

    fn obey(&mut self, effect: Effect) {
        match effect {
            Effect::Persist { partition, batch } => {
                let number = batch.number;
                self.deadlines.observe(partition, &batch);
                self.hot.write(partition, &batch);
                let written = self.parts.storage.write(partition, &batch);
                let durability = self.partitions.entry(partition).or_default();
                durability.written = number;
                self.written.insert(partition, number);
                self.batches += 1;
                if let Err(error) = written {
                    let failed = ShardInput::FlushFailed { partition, reason: error.to_string() };
                    self.parts.inbox.send_own(failed);
                }
            }
            Effect::Send { to, envelope, after } => {
                self.parts.metrics.said(&envelope);
                let partition = envelope.partition;
                self.release_or_hold(partition, after, Held::Send(to, PeerMessage::Envelope(envelope)));
            }
            Effect::Respond { response, after, .. } => {
                self.release_or_hold(response.partition, after, Held::Respond(response));
            }
            Effect::SetTimer { partition, timer, at } => {
                self.order += 1;
                self.timers.push(Reverse((at, self.order, partition, timer)));
            }
            Effect::Notify { partition, notice } => {
                if let Notice::Halted { fault } = &notice {
                    report_halt(partition, fault);
                }
                self.parts.metrics.notice(&notice);
            }
            _ => {}
        }
    }

    /// When all is durable that was written so far.
    fn release_when_durable(&mut self, partition: PartitionId, held: Held) {
        let after = self.partitions.get(&partition).map_or(BatchNumber(0), |durability| durability.written);
        self.release_or_hold(partition, after, held);
    }

    fn release_or_hold(&mut self, partition: PartitionId, after: BatchNumber, held: Held) {
        let durability = self.partitions.entry(partition).or_default();
        if after <= durability.durable {
            self.release(held);
        } else {
            durability.held.push_back((after, held));
        }
    }

    fn release(&mut self, held: Held) {
        match held {
            Held::Send(to, message) => self.outbox.push(to, &message),
            Held::Respond(response) => self.respond(response),
            Held::Ready(partition) => self.parts.metrics.readiness.of_partition(partition, None),
        }
    }

    fn flushed(&mut self, partition: PartitionId, up_to: BatchNumber) {
        let Some(durability) = self.partitions.get_mut(&partition) else { return };
        if up_to <= durability.durable {
            return;
        }
        durability.durable = up_to;
        while let Some((_, held)) = self
            .partitions
            .get_mut(&partition)
            .and_then(|durability| durability.held.pop_front_if(|(after, _)| *after <= up_to))
        {
            self.release(held);
        }
        self.handle(Input::Flushed { partition, up_to });
    }
}

fn report_halt(partition: PartitionId, fault: &Fault) {
    report!(
        "partition {} is not served by this node any more: {fault}. The other nodes hold its data. To rebuild it here, \
         stop this node, move its directory away, and start it again.",
        partition.0
    );
}
