//! The one place where consensus is needed: a compare-and-set register of the configuration on a majority of the
//! members (CASPaxos, Rystsov 2018, §2.2; single-decree Paxos whose value may be changed again and again).
//!
//! A proposer prepares a ballot at a majority, takes the configuration accepted under the highest ballot, changes it
//! if it is still the one that the change was meant for, and lets a majority accept it. Two changes meant for the same
//! configuration never both succeed. Every node is an acceptor; what it promised and accepted is a durable row.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::turn::{Leaves, Turn};
use crate::{Body, Configuration, Epoch, Fault, NodeId, rows};

/// How many rounds an attempt may be ahead of what this member has heard of.
const ROUND_LEAP: u64 = 1 << 32;

/// The number of an attempt; attempts of different nodes never share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ballot {
    /// Counts the attempts.
    pub round: u64,
    /// Whose attempt.
    pub node: NodeId,
}

/// What proposer and acceptors say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RegisterMessage {
    /// "Promise to ignore lower ballots."
    Prepare(Ballot),
    /// "Promised; this is what I accepted."
    Promised(Ballot, Option<(Ballot, Configuration)>),
    /// "Accept this configuration."
    Accept(Ballot, Configuration),
    /// "Accepted."
    Accepted(Ballot),
    /// "No: I promised this round to another, or I hear from a leader that lives."
    Refused(Ballot, u64),
}

/// An acceptor's durable state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Acceptor {
    promised: Ballot,
    accepted: Option<(Ballot, Configuration)>,
}

impl Acceptor {
    /// What an acceptor must not fall behind that stands for both.
    pub(crate) fn merge(self, other: Self) -> Self {
        let accepted = self.accepted.into_iter().chain(other.accepted).max_by_key(|(ballot, _)| *ballot);
        Self { promised: self.promised.max(other.promised), accepted }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Preparing { promises: BTreeMap<NodeId, Option<(Ballot, Configuration)>> },
    Accepting { configuration: Configuration, accepted: BTreeSet<NodeId> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Proposal {
    ballot: Ballot,
    /// The change: it replaces the configuration of the epoch before.
    wanted: Configuration,
    /// Whether this ballot outbids one that refused an earlier ballot of the same attempt.
    outbids: bool,
    phase: Phase,
}

/// One node's acceptor, and its proposer while it proposes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConfigurationRegister {
    acceptor: Acceptor,
    proposal: Option<Proposal>,
    highest_round: u64,
}

impl ConfigurationRegister {
    pub(crate) fn recover(turn: &Turn<'_>) -> Result<Self, Fault> {
        let acceptor: Acceptor = turn.get(rows::ACCEPTOR)?.unwrap_or_default();
        let highest_round = acceptor.promised.round;
        Ok(Self { acceptor, proposal: None, highest_round })
    }

    /// Tries to put `wanted` in the place of the configuration one epoch before it.
    pub(crate) fn propose(&mut self, turn: &mut Turn<'_>, wanted: Configuration) -> Option<Configuration> {
        self.bid(turn, wanted, false)
    }

    fn bid(&mut self, turn: &mut Turn<'_>, wanted: Configuration, outbids: bool) -> Option<Configuration> {
        self.highest_round = self.highest_round.saturating_add(1);
        let ballot = Ballot { round: self.highest_round, node: turn.node };
        let own = self.promise(turn, ballot)?;
        let phase = Phase::Preparing { promises: [(turn.node, own)].into() };
        self.broadcast(turn, &wanted, RegisterMessage::Prepare(ballot));
        self.proposal = Some(Proposal { ballot, wanted, outbids, phase });
        self.advance(turn)
    }

    pub(crate) fn abandon(&mut self) {
        self.proposal = None;
    }

    /// Handles a message; returns a configuration when a majority has accepted it. `leader_lives` makes the acceptor
    /// refuse to help a node that merely lost touch.
    pub(crate) fn handle(
        &mut self,
        turn: &mut Turn<'_>,
        epoch: Epoch,
        from: NodeId,
        message: RegisterMessage,
        leader_lives: bool,
    ) -> Option<Configuration> {
        let answer = match message {
            RegisterMessage::Prepare(ballot) if leader_lives || self.leaps(ballot.round) => {
                RegisterMessage::Refused(ballot, 0)
            }
            RegisterMessage::Prepare(ballot) => match self.promise(turn, ballot) {
                Some(accepted) => RegisterMessage::Promised(ballot, accepted),
                None => RegisterMessage::Refused(ballot, self.acceptor.promised.round),
            },
            RegisterMessage::Accept(ballot, configuration) => {
                let is_sound = configuration.check().is_ok()
                    && configuration.epoch.follows_closely(epoch)
                    && !self.leaps(ballot.round);
                if is_sound && self.accept(turn, ballot, configuration) {
                    RegisterMessage::Accepted(ballot)
                } else {
                    RegisterMessage::Refused(ballot, self.acceptor.promised.round)
                }
            }
            RegisterMessage::Promised(ballot, accepted) => {
                if let Some(Phase::Preparing { promises }) = self.phase_of(ballot) {
                    promises.insert(from, accepted);
                }
                return self.advance(turn);
            }
            RegisterMessage::Accepted(ballot) => {
                if let Some(Phase::Accepting { accepted, .. }) = self.phase_of(ballot) {
                    accepted.insert(from);
                }
                return self.advance(turn);
            }
            RegisterMessage::Refused(ballot, round) => {
                if !self.leaps(round) {
                    self.highest_round = self.highest_round.max(round);
                }
                // An acceptor that promised a higher round, perhaps to one that was cut off, is asked again above it,
                // once: two who want to lead at the same time must not outbid one another for ever.
                let is_first = |proposal: &mut Proposal| proposal.ballot == ballot && round > 0 && !proposal.outbids;
                let outbid = self.proposal.take_if(is_first)?;
                return self.bid(turn, outbid.wanted, true);
            }
        };
        turn.send(from, epoch, Body::Register(answer), Leaves::WhenDurable);
        None
    }

    /// Whether a round is so far ahead that nobody came to it by counting: one message must not use the rounds up. If
    /// others have come there after all, this member follows, leap by leap.
    fn leaps(&mut self, round: u64) -> bool {
        let leaps = round > self.highest_round.saturating_add(ROUND_LEAP);
        if leaps {
            self.highest_round += ROUND_LEAP;
        }
        leaps
    }

    fn phase_of(&mut self, ballot: Ballot) -> Option<&mut Phase> {
        self.proposal.as_mut().filter(|proposal| proposal.ballot == ballot).map(|proposal| &mut proposal.phase)
    }

    #[expect(clippy::option_option, reason = "outer: promised or not; inner: accepted something or not")]
    fn promise(&mut self, turn: &mut Turn<'_>, ballot: Ballot) -> Option<Option<(Ballot, Configuration)>> {
        if ballot <= self.acceptor.promised {
            return None;
        }
        self.acceptor.promised = ballot;
        self.highest_round = self.highest_round.max(ballot.round);
        turn.put(rows::ACCEPTOR.to_vec(), &self.acceptor);
        Some(self.acceptor.accepted.clone())
    }

    fn accept(&mut self, turn: &mut Turn<'_>, ballot: Ballot, configuration: Configuration) -> bool {
        if ballot < self.acceptor.promised {
            return false;
        }
        self.highest_round = self.highest_round.max(ballot.round);
        self.acceptor = Acceptor { promised: ballot, accepted: Some((ballot, configuration)) };
        turn.put(rows::ACCEPTOR.to_vec(), &self.acceptor);
        true
    }

    /// Moves the proposal on when a majority has answered.
    fn advance(&mut self, turn: &mut Turn<'_>) -> Option<Configuration> {
        let mut proposal = self.proposal.take()?;
        let majority = usize::from(proposal.wanted.majority());
        if let Phase::Preparing { promises } = &proposal.phase
            && promises.len() >= majority
        {
            // What was accepted under the highest ballot may have been decided: unless it is the configuration that
            // the change is meant for, it has to be decided first, and the change has failed.
            let latest = promises.values().flatten().max_by_key(|(ballot, _)| *ballot).map(|(_, held)| held.clone());
            let next = latest.filter(|held| held.epoch >= proposal.wanted.epoch).unwrap_or(proposal.wanted.clone());
            if !self.accept(turn, proposal.ballot, next.clone()) {
                return None;
            }
            self.broadcast(turn, &proposal.wanted, RegisterMessage::Accept(proposal.ballot, next.clone()));
            proposal.phase = Phase::Accepting { configuration: next, accepted: [turn.node].into() };
        }
        match &proposal.phase {
            Phase::Accepting { configuration, accepted } if accepted.len() >= majority => Some(configuration.clone()),
            _ => {
                self.proposal = Some(proposal);
                None
            }
        }
    }

    fn broadcast(&self, turn: &mut Turn<'_>, configuration: &Configuration, message: RegisterMessage) {
        let before = Epoch(configuration.epoch.0.saturating_sub(1));
        for peer in configuration.peers(turn.node).collect::<Vec<_>>() {
            turn.send(peer, before, Body::Register(message.clone()), Leaves::WhenDurable);
        }
    }
}
