//! Links to the other nodes: what shards have to say goes out, what peers say comes in.
//!
//! Each node dials every other one and speaks over the connection that it dialled; it listens on those that it accepted.
//! A connection begins with a [`Handshake`]. Frames are length-delimited. Nobody is authenticated: let only the cluster's nodes
//! reach the port.
//!
//! A link loses messages when it is down or when its queues are full, and the replicators expect that.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use syncline_replicas::{
    AntiEntropyMessage, Body, Envelope, LogMessage, MAX_MESSAGE, NodeId, PartitionId, Request, Response, decode, encode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use crate::config::NodeConfig;
use crate::handshake::{Handshake, HandshakeError};
use crate::metrics::Metrics;
use crate::rebuild::Part;
use crate::report;
use crate::shard::{ShardInbox, ShardInput};

/// How many bytes may wait in one class of one link. Beyond, messages are dropped, and repaired later.
const QUEUE: usize = 2 * MAX_MESSAGE;
/// How many bytes a read of a link has room for at the least.
const READ_AT_LEAST: usize = 16 << 10;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long to wait before dialling again: at first, and at the most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What one node says to another.
#[derive(Debug)]
pub(crate) enum PeerMessage {
    /// Of the replicators.
    Envelope(Envelope),
    /// A client's request for a partition that the receiver leads.
    Forward(Request),
    /// The answer to a forwarded request.
    Answer(Response),
    /// The sender holds nothing of a partition, and asks whether the receiver does.
    Unborn(PartitionId),
    /// Whether the sender does.
    Holds(PartitionId, bool),
    /// The sender holds nothing: it wants this part of the receiver's snapshot.
    SnapshotWanted(PartitionId, u32),
    /// That part.
    SnapshotPart(Part),
}

impl PeerMessage {
    pub(crate) fn partition(&self) -> PartitionId {
        match self {
            Self::Envelope(envelope) => envelope.partition,
            Self::Forward(request) => request.partition,
            Self::Answer(response) => response.partition,
            Self::Unborn(partition) | Self::Holds(partition, _) | Self::SnapshotWanted(partition, _) => *partition,
            Self::SnapshotPart(part) => part.partition,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let tagged = |tag: u8, bytes: Result<Vec<u8>, postcard::Error>| {
            let mut message = bytes.expect("memory takes whatever is written to it");
            message.push(tag);
            message
        };
        // The tag stands at the end, so that the envelope's bytes need not be moved.
        match self {
            Self::Envelope(envelope) => tagged(0, Ok(encode(envelope))),
            Self::Forward(request) => tagged(1, postcard::to_allocvec(request)),
            Self::Answer(response) => tagged(2, postcard::to_allocvec(response)),
            Self::SnapshotWanted(partition, index) => tagged(3, postcard::to_allocvec(&(partition, index))),
            Self::SnapshotPart(part) => tagged(4, postcard::to_allocvec(part)),
            Self::Unborn(partition) => tagged(5, postcard::to_allocvec(partition)),
            Self::Holds(partition, holds) => tagged(6, postcard::to_allocvec(&(partition, holds))),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, message) = bytes.split_last()?;
        match tag {
            0 => decode(message).ok().map(Self::Envelope),
            1 => postcard::from_bytes(message).ok().map(Self::Forward),
            2 => postcard::from_bytes(message).ok().map(Self::Answer),
            3 => postcard::from_bytes(message).ok().map(|(partition, index)| Self::SnapshotWanted(partition, index)),
            4 => postcard::from_bytes(message).ok().map(Self::SnapshotPart),
            5 => postcard::from_bytes(message).ok().map(Self::Unborn),
            6 => postcard::from_bytes(message).ok().map(|(partition, holds)| Self::Holds(partition, holds)),
            _ => None,
        }
    }

    /// Whether it may be large and can wait: such messages do not hold up the others.
    fn is_bulk(&self) -> bool {
        let body = match self {
            Self::Envelope(Envelope { body, .. }) => body,
            Self::SnapshotPart(_) => return true,
            Self::Forward(_) | Self::Answer(_) | Self::Unborn(_) | Self::Holds(..) | Self::SnapshotWanted(..) => {
                return false;
            }
        };
        match body {
            Body::AntiEntropy(AntiEntropyMessage::Repair { more, .. }) => *more,
            Body::Log(LogMessage::Snapshot { .. }) => true,
            _ => false,
        }
    }
}

/// One class of one link: frames that wait to be written.
#[derive(Clone)]
struct Queue {
    frames: mpsc::UnboundedSender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    fn new() -> (Self, mpsc::UnboundedReceiver<Bytes>) {
        let (frames, receiver) = mpsc::unbounded_channel();
        (Self { frames, waiting: Arc::default() }, receiver)
    }

    /// False if the queue is full, or its link has ended.
    fn push(&self, frames: Bytes) -> bool {
        let size = frames.len();
        if self.waiting.fetch_add(size, Ordering::Relaxed) > QUEUE {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        self.frames.send(frames).is_ok()
    }
}

struct Link {
    urgent: Queue,
    bulk: Queue,
    is_up: Arc<AtomicBool>,
    /// Held by each connection over which the peer speaks to this node.
    hears: Arc<()>,
}

/// The links to all other nodes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Links {
    links: Arc<BTreeMap<NodeId, Link>>,
    metrics: Arc<Metrics>,
}

/// What one shard has to say, collected so that a link is woken once for many messages.
#[derive(Default)]
pub(crate) struct Outbox {
    urgent: BTreeMap<NodeId, BytesMut>,
    bulk: BTreeMap<NodeId, BytesMut>,
}

impl Outbox {
    pub(crate) fn push(&mut self, to: NodeId, message: &PeerMessage) {
        let frames = if message.is_bulk() { &mut self.bulk } else { &mut self.urgent };
        let frame = Bytes::from(message.encode());
        // A message over the limit can not be sent at all: the codec refuses it.
        let _ = codec().encode(frame, frames.entry(to).or_default());
    }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(MAX_MESSAGE + 1).new_codec()
}

impl Links {
    /// Starts a link to each of the nodes but this one.
    pub(crate) fn start(
        node: NodeId,
        nodes: &[NodeConfig],
        handshake: &Handshake,
        metrics: &Arc<Metrics>,
        shutdown: &watch::Receiver<bool>,
    ) -> Self {
        let peers = (0..).map(NodeId).zip(nodes).filter(|(peer, _)| *peer != node);
        let links = peers.map(|(peer, NodeConfig { name, peer: address, .. })| {
            let (urgent, urgent_frames) = Queue::new();
            let (bulk, bulk_frames) = Queue::new();
            let is_up = Arc::new(AtomicBool::new(false));
            let waiting = [urgent.waiting.clone(), bulk.waiting.clone()];
            let dialler = Dialler {
                peer,
                name: name.clone(),
                address: *address,
                handshake: handshake.clone(),
                frames: [urgent_frames, bulk_frames],
                waiting,
                is_up: is_up.clone(),
                metrics: metrics.clone(),
            };
            tokio::spawn(dialler.run(shutdown.clone()));
            (peer, Link { urgent, bulk, is_up, hears: Arc::new(()) })
        });
        Self { links: Arc::new(links.collect()), metrics: metrics.clone() }
    }

    /// Hands over what was collected; what a link can not take is lost.
    pub(crate) fn send(&self, outbox: &mut Outbox) {
        for (class, of_link) in [(&mut outbox.urgent, 0), (&mut outbox.bulk, 1)] {
            for (to, frames) in class {
                if frames.is_empty() {
                    continue;
                }
                let frames = frames.split().freeze();
                let taken = self.links.get(to).is_some_and(|link| {
                    let queue = if of_link == 0 { &link.urgent } else { &link.bulk };
                    link.is_up.load(Ordering::Relaxed) && queue.push(frames)
                });
                if !taken {
                    self.metrics.peer_dropped(*to);
                }
            }
        }
    }

    /// Whether the link to a peer is connected.
    pub(crate) fn is_up(&self, peer: NodeId) -> bool {
        self.links.get(&peer).is_some_and(|link| link.is_up.load(Ordering::Relaxed))
    }

    /// How many peers this node speaks to and hears: who is only asked can not answer.
    pub(crate) fn connected(&self) -> usize {
        let is_heard = |link: &&Link| Arc::strong_count(&link.hears) > 1;
        self.links.values().filter(|link| link.is_up.load(Ordering::Relaxed)).filter(is_heard).count()
    }
}

/// The dialling end of a link.
struct Dialler {
    peer: NodeId,
    name: String,
    address: SocketAddr,
    handshake: Handshake,
    /// Urgent, then bulk.
    frames: [mpsc::UnboundedReceiver<Bytes>; 2],
    waiting: [Arc<AtomicUsize>; 2],
    is_up: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

impl Dialler {
    async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut pause = BACK_OFF.0;
        let mut complained = None;
        loop {
            let connected = tokio::select! {
                connected = tokio::time::timeout(HANDSHAKE, self.connect()) => connected,
                _ = shutdown.wait_for(|stop| *stop) => return,
            };
            match connected {
                Ok(Ok(stream)) => {
                    (pause, complained) = (BACK_OFF.0, None);
                    self.metrics.readiness.of_peer(self.peer, None);
                    self.is_up.store(true, Ordering::Relaxed);
                    let ended = tokio::select! {
                        ended = self.write(stream) => ended,
                        _ = shutdown.wait_for(|stop| *stop) => return,
                    };
                    self.is_up.store(false, Ordering::Relaxed);
                    self.drain();
                    let _ = ended;
                }
                Ok(Err(HandshakeError::Refused(reason))) => {
                    let refusal = format!("node {} at {} refuses this node: {reason}", self.name, self.address);
                    if complained.as_ref() != Some(&refusal) {
                        report!("{refusal}");
                    }
                    complained = Some(refusal.clone());
                    self.metrics.readiness.of_peer(self.peer, Some(refusal));
                }
                _ => self.metrics.readiness.of_peer(self.peer, None),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
            pause = (pause * 2).min(BACK_OFF.1);
        }
    }

    async fn connect(&self) -> Result<TcpStream, HandshakeError> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        self.handshake.dial(&mut stream).await?;
        Ok(stream)
    }

    /// Writes what waits, the urgent first, until the connection ends.
    async fn write(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        let [urgent, bulk] = &mut self.frames;
        let mut nothing = [0; 1];
        let (mut reader, mut writer) = stream.split();
        loop {
            let (frames, class) = tokio::select! {
                biased;
                Some(frames) = urgent.recv() => (frames, 0),
                Some(frames) = bulk.recv() => (frames, 1),
                // The acceptor says nothing after its welcome: what can be read is the end.
                _ = reader.read(&mut nothing) => return Ok(()),
            };
            self.waiting[class].fetch_sub(frames.len(), Ordering::Relaxed);
            self.metrics.peer_sent(self.peer, frames.len());
            writer.write_all(&frames).await?;
        }
    }

    /// What waited for a connection that ended is lost with it.
    fn drain(&mut self) {
        for (frames, waiting) in self.frames.iter_mut().zip(&self.waiting) {
            while let Ok(frames) = frames.try_recv() {
                waiting.fetch_sub(frames.len(), Ordering::Relaxed);
            }
        }
    }
}

/// The listening end of all links.
pub(crate) struct Acceptor {
    pub(crate) handshake: Handshake,
    pub(crate) links: Links,
    pub(crate) partitions: u32,
    pub(crate) shards: Arc<[ShardInbox]>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Acceptor {
    pub(crate) async fn run(self, listener: TcpListener, mut shutdown: watch::Receiver<bool>) {
        let this = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = shutdown.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (this, mut shutdown) = (this.clone(), shutdown.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = this.serve(stream) => {}
                            _ = shutdown.wait_for(|stop| *stop) => {}
                        }
                    });
                }
                // Out of file descriptors, most likely: wait for some to be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        match tokio::time::timeout(HANDSHAKE, self.handshake.accept(&mut stream)).await {
            Ok(Ok(peer)) => {
                let peer = NodeId(peer);
                let _hears = self.links.links.get(&peer).map(|link| link.hears.clone());
                if let Err(reason) = self.listen(peer, stream).await {
                    self.metrics.peer_refused();
                    report!("the connection of node {} was closed: {reason}", peer.0);
                }
            }
            outcome => {
                self.metrics.peer_refused();
                if matches!(outcome, Ok(Err(HandshakeError::Mismatch(_)))) {
                    self.metrics.peer_mismatch();
                }
            }
        }
    }

    async fn listen(&self, peer: NodeId, mut stream: TcpStream) -> Result<(), String> {
        let (mut codec, mut buffer) = (codec(), BytesMut::new());
        loop {
            while let Some(frame) = codec.decode(&mut buffer).map_err(|error| error.to_string())? {
                let message = PeerMessage::decode(&frame).ok_or("it sent a message that does not decode")?;
                let partition = message.partition();
                if partition.0 >= self.partitions {
                    return Err(format!("it has a partition {} that is not here", partition.0));
                }
                let shard = &self.shards[partition.0 as usize % self.shards.len()];
                if !shard.send(ShardInput::Peer { from: peer, message }) {
                    self.metrics.peer_dropped(peer);
                }
            }
            // Without room to spare, the codec's few bytes would be read one frame's head at a time.
            buffer.reserve(READ_AT_LEAST);
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
        }
    }
}
