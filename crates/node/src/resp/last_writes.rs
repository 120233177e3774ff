//! The last write of a connection in each partition, and how many replicas are known to have it: what `WAIT` waits for.

use std::collections::BTreeMap;
use std::time::Duration;

use syncline_replicas::{Achieved, Command, ExpireCondition, Level, PartitionId, Refusal, Reply, RequestId};
use tokio::time::{Instant, timeout_at};

use crate::gateway::{Answer, Ask, Gateway};

/// A write that no replica answers for is asked for again after so long.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// How much longer than asked for an answer may take.
const GRACE: Duration = Duration::from_millis(200);

/// The writes.
#[derive(Debug, Default)]
pub(crate) struct LastWrites {
    writes: BTreeMap<PartitionId, LastWrite>,
    last: Option<PartitionId>,
}

#[derive(Clone, Debug)]
struct LastWrite {
    id: RequestId,
    key: Vec<u8>,
    /// Whether it made events; not known if it was not acknowledged.
    made_events: Option<bool>,
    /// Where it is known to be.
    achieved: Achieved,
}

impl LastWrites {
    /// Takes notice of a write's outcome. Of a write that was refused, nothing can be waited for.
    pub(crate) fn note(
        &mut self,
        partition: PartitionId,
        id: RequestId,
        key: Vec<u8>,
        outcome: &Result<Reply, Refusal>,
    ) {
        let (made_events, achieved) = match outcome {
            Ok(reply) => (Some(!reply.events.is_empty()), reply.achieved),
            Err(Refusal::QuorumNotReached { achieved, .. }) => (None, *achieved),
            Err(_) => return,
        };
        self.writes.insert(partition, LastWrite { id, key, made_events, achieved });
        self.last = Some(partition);
    }

    /// Where the very last write is known to be.
    pub(crate) fn last_achieved(&self) -> Option<Achieved> {
        self.writes.get(self.last.as_ref()?).map(|write| write.achieved)
    }

    /// Waits until each of the writes has this many copies, but not longer than so. Tells how many the least copied one
    /// has; `None` if nothing was written.
    pub(crate) async fn wait_for(&mut self, gateway: &Gateway, copies: u8, patience: Duration) -> Option<u8> {
        let deadline = Instant::now() + patience;
        let waiting = self.writes.values_mut().filter(|write| write.achieved.copies < copies);
        let asked: Vec<_> = waiting
            .map(|write| {
                let answer = write.ask_again(gateway, copies, patience);
                (write, answer)
            })
            .collect();
        for (write, answer) in asked {
            write.wait(gateway, copies, deadline, answer).await;
        }
        self.writes.values().map(|write| write.achieved.copies).min()
    }
}

impl LastWrite {
    /// Asks for a write again that was made before. What is asked names the write and changes nothing: a replica that
    /// knows the write answers for it, and one that does not has lost it, or forgotten it long ago, and must not do it
    /// twice.
    fn ask_again(&self, gateway: &Gateway, copies: u8, patience: Duration) -> Answer {
        let command = Command::Expire { at: None, condition: ExpireCondition::IfNone };
        let level = Level { read: 1, write: copies };
        gateway.ask_again(self.id, Ask { key: self.key.clone(), command, context: None, level, patience })
    }

    async fn wait(&mut self, gateway: &Gateway, copies: u8, deadline: Instant, answer: Answer) {
        match self.answer_by(gateway, copies, deadline, answer).await {
            Ok(reply) if self.is_mine(&reply) => self.learn(reply.achieved),
            // This does not say whether it is the write that so many have: who has it at all says that.
            Err(Refusal::QuorumNotReached { achieved, .. }) if achieved.copies > self.achieved.copies => {
                let soon = Instant::now() + gateway.cluster().patience;
                let answer = self.ask_again(gateway, 1, gateway.cluster().patience);
                match self.answer_by(gateway, 1, soon, answer).await {
                    Ok(reply) if self.is_mine(&reply) => self.learn(achieved),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// An answer, for which is asked again and again: a replica that still collects the copies of a write ignores who
    /// asks for it meanwhile.
    async fn answer_by(
        &self,
        gateway: &Gateway,
        copies: u8,
        deadline: Instant,
        mut answer: Answer,
    ) -> Result<Reply, Refusal> {
        loop {
            let until = (Instant::now() + ASK_AGAIN).min(deadline + GRACE);
            if let Ok(outcome) = timeout_at(until, &mut answer).await {
                return outcome;
            }
            let now = Instant::now();
            if now >= deadline + GRACE {
                return Err(Refusal::Unavailable);
            }
            if now < deadline {
                answer = self.ask_again(gateway, copies, deadline - now);
            }
        }
    }

    fn is_mine(&self, reply: &Reply) -> bool {
        self.made_events.is_none_or(|made| made != reply.events.is_empty())
    }

    fn learn(&mut self, achieved: Achieved) {
        if achieved.copies > self.achieved.copies {
            self.achieved = achieved;
        }
    }
}
