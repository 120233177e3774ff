//! A scenario: everything that a run depends on, as data.

use syncline_replicas::{DatacenterId, Level, NodeId, Policies, Settings, Strategy};

use crate::checkers::Findings;
use crate::client::Patience;
use crate::measures::Measures;
use crate::monitor::TraceError;
use crate::network::Topology;
use crate::oracle::Reached;
use crate::workload::{Mix, Workload};
use crate::world::World;

/// Something that breaks, or is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A datacenter is cut off from all others, clients and nodes.
    Cut(DatacenterId),
    /// All datacenters are connected again.
    Heal,
    /// A node stops and forgets what it had not flushed.
    Crash(NodeId),
    /// The node that leads by the newest configuration does.
    CrashLeader,
    /// A node's rows of all keys with this prefix vanish, and its clock does not: what a careless operator or a broken
    /// disk does.
    LoseKeys(NodeId, Vec<u8>),
    /// Every stopped node starts again.
    Restart,
}

/// A deliberate defect of the world, never of the shipped code: each must make a checker fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Hosts take messages of any epoch for their own, and never speak of configurations.
    IgnoreEpochs,
    /// Disks say that they flushed 300 ms before they did.
    LyingDisk,
    /// Repairs, of reads and of anti-entropy, never arrive.
    DropRepairs,
}

/// Everything that a run depends on. Equal scenarios give equal reports.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// All random draws follow from it.
    pub seed: u64,
    /// How the partition is replicated.
    pub strategy: Strategy,
    /// What clients ask of a read and of a write.
    pub level: Level,
    /// How registers are read.
    pub policies: Policies,
    /// The nodes' intervals and limits.
    pub settings: Settings,
    /// Where nodes stand and how messages travel.
    pub topology: Topology,
    /// How long a flush takes, in the mean, in nanoseconds.
    pub flush: u64,
    /// How far wall clocks are off, at most, in nanoseconds.
    pub skew: u64,
    /// Whether clients stamp their writes with their own wall clocks, as Cassandra's do.
    pub client_clocks: bool,
    /// Whether clients now and then claim to have read versions that nobody wrote. No defect of the world: whatever they
    /// claim, replication goes on.
    pub forged_contexts: bool,
    /// What clients do.
    pub workload: Workload,
    /// How they wait and retry.
    pub patience: Patience,
    /// What breaks, and when, in nanoseconds.
    pub faults: Vec<(u64, Fault)>,
    /// When clients stop to begin operations; `u64::MAX` for a trace, which ends by itself.
    pub clients_until: u64,
    /// How long the world runs on after that, so that repairs can end.
    pub quiet: u64,
    /// A negative control.
    pub sabotage: Option<Sabotage>,
    /// Whether every replica's state is recomputed from its events throughout the run: slow, and memory grows.
    pub check_invariant: bool,
}

const SECOND: u64 = 1_000_000_000;

impl Scenario {
    /// Three datacenters, a random mix, clocks within 10 ms, nothing broken: 10 seconds and 5 of quiet.
    #[must_use]
    pub fn new(seed: u64, strategy: Strategy, level: Level) -> Self {
        Self {
            seed,
            strategy,
            level,
            policies: Policies::default(),
            settings: Settings::default(),
            topology: Topology::three_datacenters(),
            flush: 175_000,
            skew: SECOND / 100,
            client_clocks: false,
            forged_contexts: false,
            workload: Workload::Random { mix: Mix::default(), clients: 3 },
            patience: Patience::default(),
            faults: Vec::new(),
            clients_until: 10 * SECOND,
            quiet: 5 * SECOND,
            sabotage: None,
            check_invariant: false,
        }
    }

    /// Runs the world to its end.
    ///
    /// # Errors
    /// The trace can not be read.
    pub fn run(&self) -> Result<Report, TraceError> {
        World::new(self)?.run()
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the checkers found.
    pub findings: Findings,
    /// What clients experienced.
    pub measures: Measures,
    /// Bytes that nodes sent one another.
    pub bytes: u64,
    /// Messages that were lost or cut off.
    pub messages_lost: u64,
    /// Messages that arrived twice.
    pub messages_doubled: u64,
    /// The virtual time at the end, in nanoseconds.
    pub ended_at: u64,
    /// States that are not the join of their events; only of a run that checks the invariant.
    pub invariant: Vec<String>,
    /// How often that check met what it is about.
    pub reached: Reached,
}
