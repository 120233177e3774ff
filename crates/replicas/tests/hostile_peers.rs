//! What one message of a peer that lies must not do: use up numbers, set a clock aside, or cost out of proportion.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::time::Duration;

use syncline_clocks::{CausalContext, Dot, HybridTimestamp, Interval, ReplicaId, WallTime};
use syncline_crdt::{DotSet, Entries, Entry, EntryMap, Repair, State};
use syncline_replicas::{
    AntiEntropyMessage, Ballot, Body, Configuration, DatacenterId, Effect, Effects, Envelope, Epoch, Host, Input,
    LogMessage, Member, Meta, Monotonic, NodeId, Now, PartitionId, Path, Payload, Policies, Position, RegisterMessage,
    Row, Settings, Slot, Stamped, Strategy, Update, decode_row, encode,
};

mod support;

use support::Rows;

const PARTITION: PartitionId = PartitionId(0);
const NOW: Now = Now { monotonic: Monotonic(0), wall: WallTime::from_nanos(1_000_000_000_000) };

/// Node 0 of three, over a store that flushes at once.
struct Node {
    host: Host,
    rows: Rows,
}

fn replica(node: u32) -> ReplicaId {
    ReplicaId::from_u128(u128::from(node) + 1)
}

impl Node {
    fn boot(strategy: Strategy) -> Self {
        let member = |node: u32| Member {
            node: NodeId(node),
            datacenter: DatacenterId(u16::try_from(node).unwrap()),
            replica: replica(node),
        };
        let bootstrap = Configuration {
            epoch: Epoch(1),
            strategy,
            members: (0..3).map(member).collect(),
            leader: Some(NodeId(1)),
            policies: Policies::default(),
        };
        let mut node = Self { host: Host::new(NodeId(0), Settings::default()), rows: Rows::default() };
        node.handle(NOW, Input::Boot { partition: PARTITION, incarnation: 1, bootstrap });
        node.rows.written = 0;
        node
    }

    fn handle(&mut self, now: Now, input: Input) -> Vec<Body> {
        let mut effects = Effects::default();
        self.host.handle(now, input, &self.rows, &mut effects);
        let mut sent = Vec::new();
        for effect in effects.drain() {
            match effect {
                Effect::Persist { batch, .. } => self.rows.apply(batch),
                Effect::Send { envelope, .. } => sent.push(envelope.body),
                _ => {}
            }
        }
        sent
    }

    fn hear(&mut self, from: u32, body: Body) -> Vec<Body> {
        let envelope = Envelope { partition: PARTITION, epoch: Epoch(1), body };
        self.handle(NOW, Input::Message { from: NodeId(from), envelope })
    }

    fn meta(&self) -> Option<Meta> {
        match decode_row(b"m", self.rows.rows.get(b"m".as_slice())?) {
            Ok(Row::Meta(meta)) => Some(meta),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn few_bytes_that_list_many_events_make_few_rows() {
    let mut node = Node::boot(Strategy::MultiLeader);
    let mut events = CausalContext::new();
    events.insert_interval(Interval { replica: replica(2), first: 1, last: 1 << 40 });
    let path = Path { key: b"k".to_vec(), slot: Slot::Register };
    let repair = Repair { events: events.clone(), entry: Entry::default() };
    let entries = Entries { since: CausalContext::new(), clock: events.clone(), paths: vec![(path, repair)] };
    let body = Body::AntiEntropy(AntiEntropyMessage::Repair { update: Update::Entries(entries), more: false });
    let size = encode(&Envelope { partition: PARTITION, epoch: Epoch(1), body: body.clone() }).len();
    node.hear(1, body);
    assert_eq!(node.host.clock(PARTITION), Some(&events), "the repair is sound, so it is joined");
    assert!(node.rows.written < 256 << 10, "{size} bytes made {} bytes of rows", node.rows.written);
    // Whoever lacks those events gets everything, because nobody knows any more where they belong.
    let clock = AntiEntropyMessage::Clock { clock: CausalContext::new(), answer: false };
    let sent = node.hear(2, Body::AntiEntropy(clock));
    assert!(matches!(&sent[..], [Body::AntiEntropy(AntiEntropyMessage::Repair { update: Update::State(_), .. })]));
}

#[test]
fn one_event_at_two_paths_is_refused() {
    let mut node = Node::boot(Strategy::MultiLeader);
    let events: CausalContext = [Dot::first(replica(2))].into_iter().collect();
    let repair = |key: &[u8]| {
        let repair = Repair { events: events.clone(), entry: Entry::default() };
        (Path { key: key.to_vec(), slot: Slot::Register }, repair)
    };
    let paths = vec![repair(b"k"), repair(b"l")];
    let entries = Entries { since: CausalContext::new(), clock: events.clone(), paths };
    node.hear(1, Body::AntiEntropy(AntiEntropyMessage::Repair { update: Update::Entries(entries), more: false }));
    assert_eq!(node.host.clock(PARTITION), Some(&CausalContext::new()));
}

#[test]
fn a_round_that_nobody_counted_to_uses_up_no_rounds() {
    let mut node = Node::boot(Strategy::LeaderFollower);
    // Later than the leader was last heard, so that the acceptor would promise.
    let later = Now { monotonic: Monotonic(0).after(Duration::from_secs(1)), ..NOW };
    let mut prepare = |round| {
        let body = Body::Register(RegisterMessage::Prepare(Ballot { round, node: NodeId(2) }));
        let envelope = Envelope { partition: PARTITION, epoch: Epoch(1), body };
        node.handle(later, Input::Message { from: NodeId(2), envelope })
    };
    assert!(matches!(&prepare(u64::MAX)[..], [Body::Register(RegisterMessage::Refused(..))]));
    assert!(matches!(&prepare(1)[..], [Body::Register(RegisterMessage::Promised(..))]));
}

fn snapshot(clock: CausalContext, entries: EntryMap<Path, Payload>) -> Body {
    let position = Position { epoch: Epoch(1), index: 5 };
    Body::Log(LogMessage::Snapshot { position, state: State::new(clock, entries).unwrap(), applied: Vec::new() })
}

#[test]
fn timestamps_of_a_snapshot_are_observed() {
    let mut node = Node::boot(Strategy::LeaderFollower);
    let ahead = WallTime::from_nanos(NOW.wall.as_nanos() + 500_000_000);
    let timestamp = HybridTimestamp { epoch: 0, time: ahead, counter: 3, replica: replica(1) };
    let payload = Payload::Register(Stamped { timestamp, value: Some(b"v".to_vec()) });
    let dot = Dot::first(replica(1));
    let mut entries = EntryMap::default();
    let path = Path { key: b"k".to_vec(), slot: Slot::Register };
    entries.insert(path, Entry::of_event(dot, Some(payload), DotSet::new()));
    node.hear(1, snapshot([dot].into_iter().collect(), entries));
    let meta = node.meta().expect("the snapshot was installed");
    assert!(meta.clock.contains(dot) && meta.stamp > timestamp);
}

#[test]
fn a_snapshot_can_not_use_up_this_replicas_numbers() {
    let mut node = Node::boot(Strategy::LeaderFollower);
    let mut clock = CausalContext::new();
    clock.insert_interval(Interval { replica: replica(0), first: 1, last: (1 << 63) - 1 });
    let before = node.meta();
    node.hear(1, snapshot(clock, EntryMap::default()));
    assert_eq!(node.meta(), before);
}
