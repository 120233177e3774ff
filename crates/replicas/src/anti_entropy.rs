//! Replicas compare clocks and send one another what is missing; what everybody has is forgotten.
//!
//! Each replica reports its durable clock to one peer after another, in turn. The peer answers with what the reporter
//! lacks (events, else entries, else everything) and with its own clock, so that the repair runs both ways. Comparing
//! clocks costs bytes in proportion to the replicas and gaps, never to the data (Gonçalves et al. 2017).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline_clocks::CausalContext;

use crate::partition::{Joined, Partition};
use crate::turn::{Leaves, Turn};
use crate::{Body, Configuration, Fault, Monotonic, NodeId, Settings, Timer, TimerKind, Update};

/// When a repair that a peer's clock does not show is taken for lost.
const LOST: Duration = Duration::from_secs(1);

/// What replicas say to compare and repair.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AntiEntropyMessage {
    /// "I hold these events."
    Clock {
        /// The sender's durable clock.
        clock: CausalContext,
        /// Whether the receiver should report its own.
        answer: bool,
    },
    /// "You lack this." Also how a leader pushes new events to other leaders.
    Repair {
        /// What is missing.
        update: Update,
        /// Whether more is left: report your clock again once this is joined.
        more: bool,
    },
}

/// One replica's part in anti-entropy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AntiEntropy {
    /// The events that each peer reported: a lower bound of what it holds, because clocks only grow.
    known: BTreeMap<NodeId, CausalContext>,
    /// What was sent to each peer lately, and until when it is taken to be on its way: repairs that overlap in time do
    /// not send the same events again.
    on_its_way: BTreeMap<NodeId, (Monotonic, CausalContext)>,
    turn_of: usize,
    generation: u64,
    settings: Settings,
}

impl AntiEntropy {
    pub(crate) fn start(turn: &mut Turn<'_>, settings: Settings) -> Self {
        let (known, on_its_way) = (BTreeMap::new(), BTreeMap::new());
        let mut started = Self { known, on_its_way, turn_of: 0, generation: 0, settings };
        started.arm(turn);
        started
    }

    fn arm(&mut self, turn: &mut Turn<'_>) {
        self.generation += 1;
        turn.set_timer(Timer { kind: TimerKind::AntiEntropy, generation: self.generation }, self.settings.anti_entropy);
    }

    pub(crate) fn handle_timer(
        &mut self,
        turn: &mut Turn<'_>,
        partition: &Partition,
        configuration: &Configuration,
        generation: u64,
    ) {
        if generation != self.generation {
            return;
        }
        let peers: Vec<NodeId> = configuration.peers(turn.node).collect();
        if let Some(peer) = peers.get(self.turn_of % peers.len().max(1)) {
            report(turn, partition, configuration, *peer, true);
        }
        self.turn_of = self.turn_of.wrapping_add(1);
        self.arm(turn);
    }

    pub(crate) fn handle(
        &mut self,
        turn: &mut Turn<'_>,
        partition: &mut Partition,
        configuration: &Configuration,
        from: NodeId,
        message: AntiEntropyMessage,
    ) -> Result<(), Fault> {
        match message {
            AntiEntropyMessage::Clock { clock, answer } => {
                let until = turn.now.monotonic.after(LOST);
                let on_its_way = self.on_its_way.entry(from).or_insert((until, CausalContext::new()));
                if on_its_way.0 <= turn.now.monotonic {
                    *on_its_way = (until, CausalContext::new());
                }
                if let Some((update, more)) = partition.diff(turn, &clock, &on_its_way.1)? {
                    update.events(&mut on_its_way.1);
                    let repair = AntiEntropyMessage::Repair { update, more };
                    turn.send(from, configuration.epoch, Body::AntiEntropy(repair), Leaves::WhenDurable);
                }
                if answer {
                    report(turn, partition, configuration, from, false);
                }
                self.learn(turn, partition, configuration, from, &clock)
            }
            AntiEntropyMessage::Repair { update, more } => {
                let joined = partition.join(turn, configuration, from, update)?;
                if joined != Joined::Nothing && more {
                    report(turn, partition, configuration, from, false);
                }
                Ok(())
            }
        }
    }

    /// Notes what a peer holds, and forgets the events that everybody has.
    pub(crate) fn learn(
        &mut self,
        turn: &mut Turn<'_>,
        partition: &mut Partition,
        configuration: &Configuration,
        from: NodeId,
        clock: &CausalContext,
    ) -> Result<(), Fault> {
        // Only what this replica holds itself matters, so a peer's invented events take no room.
        let held = clock.intersect(partition.clock());
        self.known.entry(from).or_default().union(&held);
        let peers: Option<Vec<&CausalContext>> =
            configuration.peers(turn.node).map(|peer| self.known.get(&peer)).collect();
        let Some(peers) = peers else { return Ok(()) };
        let everywhere = peers.iter().fold(partition.clock().clone(), |all, peer| all.intersect(peer));
        partition.forget(turn, &everywhere)
    }
}

fn report(turn: &mut Turn<'_>, partition: &Partition, configuration: &Configuration, to: NodeId, answer: bool) {
    let message = AntiEntropyMessage::Clock { clock: partition.clock().clone(), answer };
    turn.send(to, configuration.epoch, Body::AntiEntropy(message), Leaves::WhenDurable);
}
