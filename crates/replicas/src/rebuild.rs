//! Rebuilding a replica whose store is gone from what the other members hold.
//!
//! A replica that lost its rows must not begin as if the partition were new: it would mint dots that stand for other
//! changes, vote against what it accepted, and count toward quorums without what it acknowledged. It fetches a [`Snapshot`]
//! from so many members that one of them holds whatever a quorum acknowledged, and begins with the [`rows`] made of them.
//!
//! What only this replica held is lost: writes that were acknowledged by it alone.

use serde::{Deserialize, Serialize};
use syncline_clocks::{CausalContext, HybridTimestamp, WallTime};
use syncline_crdt::{EntryMap, JoinError, State};

use crate::configuration_register::Acceptor;
use crate::dedupe::Dedupe;
use crate::partition::{Partition, latest_timestamp};
use crate::rows::{self, Meta};
use crate::turn::Turn;
use crate::value::{Path, Payload, Update};
use crate::{Applied, Batch, BatchNumber, ClientId, Configuration, Extent, Fault, NodeId, Position, Strategy};

/// How many numbers a rebuilt replica leaves out: more than it can have minted without that another member knows of them.
const GAP: u64 = 1 << 32;

/// Everything that one member holds of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    configuration: Configuration,
    acceptor: Acceptor,
    position: Option<Position>,
    state: State<Path, Payload>,
    applied: Vec<(ClientId, Applied)>,
}

/// Why snapshots do not make a replica.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// There is none.
    #[error("no member has answered")]
    Nothing,
    /// They are of a configuration in which this node is no member.
    #[error("the other members have a configuration without this node")]
    NotAMember,
    /// They contradict one another.
    #[error("the other members contradict one another: {0}")]
    Contradiction(#[from] JoinError),
}

impl Snapshot {
    pub(crate) fn take(
        turn: &Turn<'_>,
        configuration: &Configuration,
        partition: &Partition,
        position: Option<Position>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            configuration: configuration.clone(),
            acceptor: turn.get(rows::ACCEPTOR)?.unwrap_or_default(),
            position,
            state: partition.state(turn)?,
            applied: Dedupe::all(turn)?,
        })
    }
}

/// The rows with which the replica on `node` begins again, from what other members hold.
///
/// # Errors
/// See [`RebuildError`].
pub fn rebuild(node: NodeId, mut snapshots: Vec<Snapshot>) -> Result<Batch, RebuildError> {
    // The longest log first, and the newest configuration where there is no log.
    snapshots.sort_by_key(|held| std::cmp::Reverse((held.position, held.configuration.epoch)));
    let configuration = snapshots.iter().map(|held| &held.configuration).max_by_key(|held| held.epoch);
    let configuration = configuration.ok_or(RebuildError::Nothing)?.clone();
    let writer = configuration.member(node).ok_or(RebuildError::NotAMember)?.replica;
    let acceptor = snapshots.iter().map(|held| held.acceptor.clone()).reduce(Acceptor::merge).unwrap_or_default();
    let minted = snapshots.iter().map(|held| held.state.clock().highest(writer)).max().unwrap_or(0).saturating_add(GAP);
    let position = snapshots[0].position;
    let applied = std::mem::take(&mut snapshots[0].applied);
    // A log's states are prefixes of one another where they count, and what is not must not be joined.
    let joined = if configuration.strategy == Strategy::LeaderFollower { 1 } else { snapshots.len() };
    let (mut entries, mut clock) = (EntryMap::with_hash_seed(writer.as_u128() as u64), CausalContext::new());
    let mut stamp = HybridTimestamp { epoch: 0, time: WallTime::from_nanos(0), counter: 0, replica: writer };
    for Snapshot { state, .. } in snapshots.into_iter().take(joined) {
        let update = Update::State(state);
        stamp = latest_timestamp(&update).map_or(stamp, |latest| stamp.max(latest));
        entries.join(&mut clock, Partition::receiver_of(writer), &update)?;
    }
    let log = position.map(|position| Extent { base: position, end: position, everywhere: 0 });
    let meta = Meta { clock, minted, stamp: HybridTimestamp { replica: writer, ..stamp }, log };
    let mut writes = vec![
        (rows::META.to_vec(), Some(rows::encode(&meta))),
        (rows::CONFIGURATION.to_vec(), Some(rows::encode(&configuration))),
        (rows::ACCEPTOR.to_vec(), Some(rows::encode(&acceptor))),
    ];
    writes.extend(entries.iter().map(|(path, entry)| (rows::entry_key(path), Some(rows::encode(&entry)))));
    if joined == 1 {
        let applied = applied.iter().map(|(client, applied)| (rows::applied_key(*client), Some(rows::encode(applied))));
        writes.extend(applied);
    }
    writes.sort();
    Ok(Batch { number: BatchNumber(0), writes })
}
