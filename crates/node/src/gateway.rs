//! How a front reaches the partitions of its node.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use syncline_replicas::{
    ClientId, Command, Context, Epoch, KeyPage, Level, PartitionId, Refusal, Reply, Request, RequestId, Response,
    Strategy,
};
use tokio::sync::oneshot;

use crate::shard::{ShardInbox, ShardInput};

/// What a front has to know of the cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name: nodes of different clusters do not talk.
    pub name: String,
    /// This node's place in the list of nodes, from 0.
    pub node: u32,
    /// How many nodes there are.
    pub nodes: u8,
    /// How partitions are replicated.
    pub strategy: Strategy,
    /// How many partitions there are.
    pub partitions: u32,
    /// What a connection's requests ask for until it says otherwise.
    pub level: Level,
    /// How long a request waits for replicas.
    pub patience: Duration,
}

/// The partitions of one node, as its fronts see them. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    cluster: Arc<Cluster>,
    shards: Arc<[ShardInbox]>,
    /// The next client's number: random at the start, so that no two incarnations share one.
    next_client: Arc<AtomicU64>,
}

/// A request before it has a name.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The key.
    pub key: Vec<u8>,
    /// What to do with it.
    pub command: Command,
    /// What the client has seen of it.
    pub context: Option<Context>,
    /// How many replicas have to answer.
    pub level: Level,
    /// How long to wait for them.
    pub patience: Duration,
}

/// A client of the partitions: its requests are handled in the order in which it makes them, each write once.
#[derive(Debug)]
pub struct Client {
    id: ClientId,
    sequence: u64,
}

/// An answer that is on its way. Dropping it abandons the answer, not the request.
#[derive(Debug)]
pub struct Answer(Result<oneshot::Receiver<Response>, Refusal>);

impl Future for Answer {
    type Output = Result<Reply, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Ok(receiver) => Pin::new(receiver).poll(context).map(|received| match received {
                Ok(response) => response.outcome,
                // The node is shutting down: the request may have been handled.
                Err(_) => Err(Refusal::Unavailable),
            }),
            Err(refusal) => Poll::Ready(Err(refusal.clone())),
        }
    }
}

impl Gateway {
    pub(crate) fn new(cluster: Cluster, shards: Vec<ShardInbox>, first_client: u64) -> Self {
        Self { cluster: Arc::new(cluster), shards: shards.into(), next_client: Arc::new(AtomicU64::new(first_client)) }
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A new client.
    #[must_use]
    pub fn open(&self) -> Client {
        Client { id: ClientId(self.next_client.fetch_add(1, Ordering::Relaxed)), sequence: 0 }
    }

    /// Which partition holds a key: the same on every node, for ever.
    #[must_use]
    pub fn partition_of(&self, key: &[u8]) -> PartitionId {
        PartitionId(crc32fast::hash(key) % self.cluster.partitions)
    }

    /// Asks at once; the answer can be awaited later, so that requests overlap. A node that does not lead the partition
    /// passes the request on to the one that does.
    pub fn ask(&self, client: &mut Client, ask: Ask) -> (RequestId, Answer) {
        client.sequence += 1;
        let id = RequestId { client: client.id, sequence: client.sequence };
        (id, self.ask_again(id, ask))
    }

    /// Asks a request again that was asked before, perhaps at another level: a write is not applied twice, but its answer
    /// comes when the new level is reached.
    pub fn ask_again(&self, id: RequestId, Ask { key, command, context, level, patience }: Ask) -> Answer {
        let partition = self.partition_of(&key);
        let request = Request { id, partition, epoch: Epoch(0), key, command, context, level, patience };
        let (answer, receiver) = oneshot::channel();
        let sent = self.shard(partition).send(ShardInput::Request { request, answer });
        Answer(if sent { Ok(receiver) } else { Err(Refusal::Overloaded) })
    }

    /// Some keys that this node's own replica of a partition holds; see [`syncline_replicas::scan_keys`].
    ///
    /// # Errors
    /// The partition has stopped, or its store can not be read.
    pub async fn scan(&self, partition: PartitionId, from: Option<Vec<u8>>, budget: usize) -> Result<KeyPage, Refusal> {
        let (answer, receiver) = oneshot::channel();
        if !self.shard(partition).send(ShardInput::Scan { partition, from, budget, answer }) {
            return Err(Refusal::Overloaded);
        }
        receiver.await.unwrap_or(Err(Refusal::Unavailable))
    }

    fn shard(&self, partition: PartitionId) -> &ShardInbox {
        &self.shards[partition.0 as usize % self.shards.len()]
    }
}
