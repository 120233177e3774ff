//! Hostile peers: messages that are made up, messages that answer what the host said, and bytes.

use syncline_clocks::ReplicaId;
use syncline_replicas::{
    AntiEntropyMessage, Applied, Ballot, Body, ClientId, Configuration, DatacenterId, Envelope, Epoch, LogEntry,
    LogMessage, Member, NodeId, Position, QuorumMessage, RegisterMessage, RequestId, Strategy, Value, decode, encode,
};

use super::Hostile;
use crate::PARTITION;

impl Hostile<'_, '_> {
    /// A message, and who sends it. `None` if it is bytes that do not decode.
    pub fn message(&mut self) -> Option<(NodeId, Envelope)> {
        let from = NodeId(self.choices.of(&[1, 1, 2, 2, 1, 2, 0, 7]));
        let sent = self.choices.recent(&self.knows.sent);
        let body = match (self.choices.below(8), sent) {
            (0, Some(sent)) => sent.body,
            (1..=3, Some(sent)) => self.answer(sent.body),
            _ => self.body(),
        };
        let ours = self.knows.configuration.epoch.0;
        let epoch = Epoch(if self.choices.once_in(12) { self.choices.number(ours) } else { ours });
        let envelope = Envelope { partition: PARTITION, epoch, body };
        if self.choices.once_in(8) {
            let mut bytes = encode(&envelope);
            self.choices.mutate(&mut bytes);
            return Some((from, decode(&bytes).ok()?));
        }
        Some((from, envelope))
    }

    fn body(&mut self) -> Body {
        match self.choices.below(18) {
            0 => Body::Configuration(self.configuration()),
            1 => Body::ConfigurationWanted,
            2 => Body::Register(self.register()),
            3 | 4 => {
                Body::AntiEntropy(AntiEntropyMessage::Clock { clock: self.clock(), answer: self.choices.once_in(2) })
            }
            5..=7 => {
                let update = self.update();
                Body::AntiEntropy(AntiEntropyMessage::Repair { update, more: self.choices.once_in(2) })
            }
            8..=11 => Body::Quorum(self.quorum()),
            _ => Body::Log(self.log()),
        }
    }

    /// What a peer that follows the protocol might answer, with something hostile in it.
    fn answer(&mut self, said: Body) -> Body {
        match said {
            Body::Register(RegisterMessage::Prepare(ballot)) => {
                let accepted = self.choices.once_in(4).then(|| (self.ballot(), self.configuration()));
                Body::Register(RegisterMessage::Promised(ballot, accepted))
            }
            Body::Register(RegisterMessage::Accept(ballot, _)) => Body::Register(RegisterMessage::Accepted(ballot)),
            Body::Register(RegisterMessage::Promised(ballot, _)) => {
                Body::Register(RegisterMessage::Accept(ballot, self.configuration()))
            }
            Body::Log(LogMessage::Append { previous, entries, round, .. }) => {
                let index = previous.index.saturating_add(entries.len() as u64);
                let answer = match self.choices.below(3) {
                    0 => LogMessage::Mismatch { end: self.position(), round },
                    1 => LogMessage::Appended { index: self.choices.number(index), round: self.choices.number(round) },
                    _ => LogMessage::Appended { index, round },
                };
                Body::Log(answer)
            }
            Body::Log(LogMessage::Seal { .. }) => Body::Log(LogMessage::Sealed { end: self.position() }),
            Body::Log(LogMessage::Fetch { after } | LogMessage::Mismatch { end: after, .. }) => {
                match self.choices.below(3) {
                    0 => Body::Log(self.snapshot()),
                    _ => Body::Log(LogMessage::Fetched { previous: after, entries: self.log_entries() }),
                }
            }
            Body::AntiEntropy(AntiEntropyMessage::Clock { clock, .. }) if self.choices.once_in(3) => {
                Body::AntiEntropy(AntiEntropyMessage::Clock { clock, answer: true })
            }
            Body::AntiEntropy(_) => {
                let clock = self.knows.clock.clone();
                Body::AntiEntropy(AntiEntropyMessage::Clock { clock, answer: self.choices.once_in(2) })
            }
            Body::Quorum(QuorumMessage::Write { request, .. }) => Body::Quorum(QuorumMessage::Written { request }),
            Body::Quorum(QuorumMessage::Read { request, .. }) => {
                let (clock, update) = (self.clock(), self.update());
                Body::Quorum(QuorumMessage::Answer { request, clock, update })
            }
            Body::ConfigurationWanted => Body::Configuration(self.configuration()),
            _ => self.body(),
        }
    }

    /// The present configuration under a later epoch, with another leader; sometimes with more changed than may change.
    fn configuration(&mut self) -> Configuration {
        let mut made = self.knows.configuration.clone();
        made.epoch = Epoch(match self.choices.below(6) {
            0 => self.choices.number(made.epoch.0),
            1 => made.epoch.0,
            _ => made.epoch.0.saturating_add(1),
        });
        made.leader = self.choices.of(&[Some(NodeId(0)), Some(NodeId(0)), Some(NodeId(1)), Some(NodeId(2)), None]);
        match self.choices.below(16) {
            0 => made.leader = Some(NodeId(7)),
            1 => {
                made.strategy =
                    self.choices.of(&[Strategy::LeaderFollower, Strategy::MultiLeader, Strategy::Leaderless])
            }
            2 => made.members.truncate(self.choices.below(3)),
            3 => made.members.extend(made.members.clone()),
            4 => {
                made.members = (0..300)
                    .map(|node| Member {
                        node: NodeId(node),
                        datacenter: DatacenterId(0),
                        replica: ReplicaId::from_u128(u128::from(node) + 1),
                    })
                    .collect();
            }
            5 => made.policies.by_prefix.clear(),
            _ => {}
        }
        made
    }

    fn ballot(&mut self) -> Ballot {
        let known = self.choices.recent(&self.knows.ballots).unwrap_or_default();
        match self.choices.below(3) {
            0 => known,
            1 => Ballot { round: known.round.saturating_add(1), node: NodeId(self.choices.of(&[1, 2, 0])) },
            _ => Ballot { round: self.choices.number(known.round), node: NodeId(self.choices.of(&[1, 2, 0, 9])) },
        }
    }

    fn register(&mut self) -> RegisterMessage {
        match self.choices.below(5) {
            0 => RegisterMessage::Prepare(self.ballot()),
            1 => {
                let accepted = self.choices.once_in(2).then(|| (self.ballot(), self.configuration()));
                RegisterMessage::Promised(self.ballot(), accepted)
            }
            2 => RegisterMessage::Accept(self.ballot(), self.configuration()),
            3 => RegisterMessage::Accepted(self.ballot()),
            _ => RegisterMessage::Refused(self.ballot(), self.choices.number(0)),
        }
    }

    fn request_id(&mut self) -> RequestId {
        let made_up = RequestId { client: ClientId(self.choices.of(&[1, 2])), sequence: self.choices.number(0) };
        self.choices.recent(&self.knows.requests).filter(|_| !self.choices.once_in(8)).unwrap_or(made_up)
    }

    fn quorum(&mut self) -> QuorumMessage {
        let request = self.request_id();
        match self.choices.below(4) {
            0 => QuorumMessage::Write { request, events: self.dots().into_iter().collect(), delta: self.delta() },
            1 => QuorumMessage::Written { request },
            2 => QuorumMessage::Read { request, key: self.key(), since: self.clock() },
            _ => QuorumMessage::Answer { request, clock: self.clock(), update: self.update() },
        }
    }

    /// The end or the base of the host's log, a place near them, or any.
    fn position(&mut self) -> Position {
        let log = self.knows.log;
        let near = self.choices.of(&[log.end, log.end, log.base, Position::default()]);
        match self.choices.below(4) {
            0 | 1 => near,
            2 => Position { index: near.index.saturating_add(1 + self.choices.below(4) as u64), ..near },
            _ => Position {
                epoch: Epoch(self.choices.number(self.knows.configuration.epoch.0)),
                index: self.choices.number(near.index),
            },
        }
    }

    fn value(&mut self) -> Value {
        match self.choices.below(3) {
            0 => Value::Absent,
            1 => Value::Counter(i64::MIN),
            _ => Value::Set([self.choices.bytes(8)].into()),
        }
    }

    fn log_entries(&mut self) -> Vec<LogEntry> {
        let ours = self.knows.configuration.epoch.0;
        let mut entries = Vec::new();
        for _ in 0..self.choices.of(&[1, 1, 2, 4, 0]) {
            let epoch = Epoch(if self.choices.once_in(6) { self.choices.number(ours) } else { ours });
            let request = self.choices.once_in(2).then(|| self.request_id());
            entries.push(LogEntry { epoch, request, delta: self.delta(), value: self.value(), changed: 1 });
        }
        entries
    }

    fn snapshot(&mut self) -> LogMessage {
        let applied = (0..self.choices.below(3)).map(|_| {
            let RequestId { client, sequence } = self.request_id();
            let events = self.dots().into_iter().collect();
            (
                client,
                Applied {
                    sequence,
                    events,
                    value: self.value(),
                    changed: 1,
                    version: None,
                    index: self.choices.number(0),
                },
            )
        });
        let applied = applied.collect();
        LogMessage::Snapshot { position: self.position(), state: self.state(), applied }
    }

    fn log(&mut self) -> LogMessage {
        let round = self.choices.number(0);
        match self.choices.below(10) {
            0..=2 => LogMessage::Append {
                previous: self.position(),
                entries: self.log_entries(),
                round,
                everywhere: self.choices.number(0),
            },
            3 => LogMessage::Appended { index: self.position().index, round },
            4 => LogMessage::Mismatch { end: self.position(), round },
            5 => LogMessage::Seal { configuration: self.configuration() },
            6 => LogMessage::Sealed { end: self.position() },
            7 => LogMessage::Fetch { after: self.position() },
            8 => LogMessage::Fetched { previous: self.position(), entries: self.log_entries() },
            _ => self.snapshot(),
        }
    }
}
