//! Hostile clients.

use std::collections::BTreeSet;
use std::time::Duration;

use syncline_replicas::{
    ClientId, Command, Context, Epoch, ExpireCondition, Level, Request, RequestId, SetCondition, SetExpiry, SetOptions,
};

use super::Hostile;
use crate::PARTITION;

impl Hostile<'_, '_> {
    /// Any request: a new one, a retry, or one of another client's name.
    pub fn request(&mut self) -> (ClientId, Request) {
        let client = ClientId(self.choices.of(&[1, 1, 2, u64::MAX]));
        let last = self.knows.requests.iter().filter(|id| id.client == client).map(|id| id.sequence).max();
        let sequence = match self.choices.below(8) {
            0 => self.choices.number(last.unwrap_or(0)),
            1 => last.unwrap_or(0),
            _ => last.map_or(1, |last| last.saturating_add(1)),
        };
        let epoch = self.knows.configuration.epoch.0;
        let key = self.key();
        let request = Request {
            id: RequestId { client, sequence },
            partition: PARTITION,
            epoch: Epoch(if self.choices.once_in(12) { self.choices.number(epoch) } else { 0 }),
            command: self.command(),
            context: self.choices.once_in(2).then(|| self.context(&key)),
            key,
            level: Level {
                read: self.choices.of(&[1, 2, 3, 0, 4, 255]),
                write: self.choices.of(&[1, 2, 3, 0, 4, 255]),
            },
            patience: self.choices.of(&[Duration::from_millis(500), Duration::ZERO, Duration::MAX]),
        };
        let from = if self.choices.once_in(16) { ClientId(7) } else { client };
        (from, request)
    }

    fn command(&mut self) -> Command {
        match self.choices.below(12) {
            0 => Command::Get,
            1..=3 => {
                let options = SetOptions {
                    timestamp: self.choices.once_in(3).then(|| self.timestamp()),
                    condition: self.choices.of(&[
                        SetCondition::Always,
                        SetCondition::IfAbsent,
                        SetCondition::IfPresent,
                        SetCondition::IfUnchanged,
                    ]),
                    expiry: match self.choices.below(3) {
                        0 => SetExpiry::Clear,
                        1 => SetExpiry::Keep,
                        _ => SetExpiry::At(self.moment()),
                    },
                    previous: self.choices.once_in(4),
                };
                let value = if self.choices.once_in(2) { b"7".to_vec() } else { self.choices.bytes(300) };
                Command::Set { value, options }
            }
            4 => Command::Delete { previous: self.choices.once_in(4) },
            5 | 6 => Command::Increment(self.choices.of(&[1, -1, i64::MAX, i64::MIN, 0])),
            7 | 8 => Command::Add(self.members()),
            9 => Command::Contains(self.members()),
            10 => {
                let at = if self.choices.once_in(4) { None } else { Some(self.moment()) };
                let condition = self.choices.of(&[
                    ExpireCondition::Always,
                    ExpireCondition::IfNone,
                    ExpireCondition::IfSome,
                    ExpireCondition::IfLater,
                    ExpireCondition::IfEarlier,
                ]);
                Command::Expire { at, condition }
            }
            _ => Command::Remove(self.members()),
        }
    }

    fn members(&mut self) -> BTreeSet<Vec<u8>> {
        (0..self.choices.of(&[1, 1, 2, 0, 5])).map(|_| self.choices.bytes(300)).collect()
    }

    /// A moment near now, in milliseconds.
    fn moment(&mut self) -> u64 {
        self.choices.number(self.knows.wall.as_nanos() / 1_000_000)
    }

    /// A context, mostly of the key that is written: empty, of a clock full of invented events, of versions that nobody wrote.
    fn context(&mut self, key: &[u8]) -> Context {
        let covers = if self.choices.once_in(3) { Default::default() } else { self.clock() };
        let latest = self.choices.once_in(2).then(|| self.timestamp());
        let key = if self.choices.once_in(16) { self.key() } else { key.to_vec() };
        Context { key, covers, seen: self.dots(), latest }
    }
}
