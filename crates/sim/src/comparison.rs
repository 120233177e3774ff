//! The comparison: the strategies and their main settings under the same workload, topology, faults and seeds.

use serde::Serialize;
use syncline_replicas::{DatacenterId, Level, Policies, RegisterPolicy, Strategy};

use crate::measures::{Latencies, Served};
use crate::scenario::{Fault, Report, Scenario};
use crate::workload::Workload;

const SECOND: u64 = 1_000_000_000;

/// One column of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name: the strategy, then what is special.
    pub name: (String, String),
    /// How the partition is replicated.
    pub strategy: Strategy,
    /// R and W.
    pub level: Level,
    /// Registers are read by timestamp alone, stamped by the clients' clocks, as in Cassandra.
    pub timestamps_only: bool,
}

impl Setting {
    /// A leaderless setting.
    #[must_use]
    pub fn leaderless(level: Level) -> Self {
        let mark = if level.read + level.write <= MEMBERS { ", stale" } else { "" };
        let detail = format!("R={} W={}{mark}", level.read, level.write);
        Self { name: ("leaderless".to_string(), detail), strategy: Strategy::Leaderless, level, timestamps_only: false }
    }

    /// The built-in settings. The one with R + W <= N is there to show what it does, and is marked.
    #[must_use]
    pub fn built_in() -> Vec<Self> {
        let named = |name: &str, detail: &str, strategy, read, write| Self {
            name: (name.to_string(), detail.to_string()),
            strategy,
            level: Level { read, write },
            timestamps_only: false,
        };
        let quorum = |read, write| Self::leaderless(Level { read, write });
        let by_timestamp = Self {
            name: ("leaderless".to_string(), "R=2 W=2, wall clocks".to_string()),
            timestamps_only: true,
            ..quorum(2, 2)
        };
        vec![
            named("leader-follower", "asynchronous", Strategy::LeaderFollower, 1, 1),
            named("leader-follower", "synchronous", Strategy::LeaderFollower, 2, 2),
            named("multi-leader", "LWW", Strategy::MultiLeader, 1, 1),
            quorum(1, 1),
            quorum(2, 2),
            quorum(1, 3),
            by_timestamp,
        ]
    }

    /// This setting's scenario under a seed. The cut datacenter changes with the seed, so that the leader's is cut off
    /// in a third of them; for a trace, which lasts `length`, the faults are spread over it.
    #[must_use]
    pub fn scenario(&self, seed: u64, workload: &Workload, length: Option<u64>) -> Scenario {
        let at = |share: u64| length.unwrap_or(40 * SECOND) / 40 * share;
        // An outage keeps as much in memory as was written meanwhile: a long trace's are no longer than a minute.
        let until = |from: u64, to: u64| at(to).min(at(from) + 60 * SECOND);
        let cut = DatacenterId(u16::try_from(seed % 3).unwrap_or(0));
        let default = if self.timestamps_only { RegisterPolicy::TimestampOnly } else { RegisterPolicy::LastWriterWins };
        Scenario {
            policies: Policies { default, by_prefix: Vec::new() },
            skew: SECOND / 10,
            client_clocks: self.timestamps_only,
            workload: workload.clone(),
            faults: vec![
                (at(10), Fault::Cut(cut)),
                (until(10, 18), Fault::Heal),
                (at(24), Fault::CrashLeader),
                (until(24, 31), Fault::Restart),
            ],
            clients_until: if length.is_some() { u64::MAX } else { 40 * SECOND },
            quiet: 6 * SECOND,
            ..Scenario::new(seed, self.strategy, self.level)
        }
    }
}

/// How many replicas the built-in topology has.
pub const MEMBERS: u8 = 3;

/// The median and the 99th percentile of latencies, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the requests took no longer.
    pub p50: Option<f64>,
    /// 99 of 100 took no longer.
    pub p99: Option<f64>,
}

/// The middle and the worst of a figure over the seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: Option<f64>,
    /// The maximum.
    pub most: Option<f64>,
    /// How many there are.
    pub count: usize,
}

/// One column of the matrix: a setting over all seeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The setting's name.
    pub setting: String,
    /// How many seeds.
    pub seeds: usize,
    /// Operations that were served, and of how many.
    pub served: u64,
    /// All operations.
    pub asked: u64,
    /// Operations refused because the key holds a value of another type.
    pub rejected: u64,
    /// Writes of clients in the leader's (the first) datacenter.
    pub write_near: Percentiles,
    /// Writes of the other clients.
    pub write_far: Percentiles,
    /// Reads of clients in the leader's (the first) datacenter.
    pub read_near: Percentiles,
    /// Reads of the other clients.
    pub read_far: Percentiles,
    /// While a datacenter is cut off: percent of the writes served inside,
    pub cut_inside_writes: Option<f64>,
    /// of the reads inside,
    pub cut_inside_reads: Option<f64>,
    /// of the writes outside,
    pub cut_outside_writes: Option<f64>,
    /// and of the reads outside.
    pub cut_outside_reads: Option<f64>,
    /// Milliseconds from the crash to the first write that was begun after it and served.
    pub without_service_ms: Spread,
    /// Acknowledged writes.
    pub writes: u64,
    /// Of these, how many are lost at the end.
    pub acknowledged_lost: u64,
    /// In how many seeds some are.
    pub acknowledged_lost_in_seeds: usize,
    /// Reads.
    pub reads: u64,
    /// Of these, how many missed a write that was acknowledged before they began.
    pub stale_reads: u64,
    /// Reads that showed an older version although a newer one, whose writer had seen it, was there.
    pub older_beats_newer: u64,
    /// Register versions that met a concurrent one.
    pub conflicts: u64,
    /// Of these, those that last-writer-wins hid.
    pub passed_over: u64,
    /// Additions to sets that were acknowledged and are missing.
    pub adds_lost: u64,
    /// Acknowledged increments missing from the counters, or counted twice.
    pub counts_wrong: u64,
    /// Milliseconds from the heal until all replicas agreed on what any had held.
    pub converge_ms: Spread,
    /// Seeds in which the replicas differ at the end.
    pub diverged_seeds: usize,
    /// Bytes between nodes for each acknowledged write, those of reads and of repairs included.
    pub bytes_per_write: Option<f64>,
}

/// Sums up a setting's runs.
#[must_use]
pub fn summarize(setting: &Setting, reports: &[Report]) -> Summary {
    let sum = |figure: fn(&Report) -> u64| reports.iter().map(figure).sum::<u64>();
    let seeds = |holds: fn(&Report) -> bool| reports.iter().filter(|report| holds(report)).count();
    let latencies = |of: fn(&Report) -> &Latencies| {
        let mut all = Latencies::default();
        reports.iter().for_each(|report| all.add(of(report)));
        Percentiles { p50: all.quantile(0.5), p99: all.quantile(0.99) }
    };
    let served = |of: fn(&Report) -> Served| {
        let mut all = Served::default();
        reports.iter().for_each(|report| all.add(of(report)));
        all.percent()
    };
    let lost = |report: &Report| report.findings.acknowledged_lost.values().sum::<u64>();
    let writes = sum(|report| report.findings.writes);
    Summary {
        setting: format!("{} {}", setting.name.0, setting.name.1),
        seeds: reports.len(),
        served: sum(|report| report.measures.total.served),
        asked: sum(|report| report.measures.total.asked),
        rejected: sum(|report| report.measures.rejected),
        write_near: latencies(|report| &report.measures.near.1),
        write_far: latencies(|report| &report.measures.far.1),
        read_near: latencies(|report| &report.measures.near.0),
        read_far: latencies(|report| &report.measures.far.0),
        cut_inside_writes: served(|report| report.measures.inside.1),
        cut_inside_reads: served(|report| report.measures.inside.0),
        cut_outside_writes: served(|report| report.measures.outside.1),
        cut_outside_reads: served(|report| report.measures.outside.0),
        without_service_ms: spread(reports.iter().filter_map(|report| report.measures.without_service)),
        writes,
        acknowledged_lost: reports.iter().map(lost).sum(),
        acknowledged_lost_in_seeds: reports.iter().filter(|report| lost(report) > 0).count(),
        reads: sum(|report| report.findings.reads),
        stale_reads: sum(|report| report.findings.stale_reads),
        older_beats_newer: sum(|report| report.findings.inversions),
        conflicts: sum(|report| report.findings.conflicts),
        passed_over: sum(|report| report.findings.passed_over),
        adds_lost: sum(|report| report.findings.adds_lost),
        counts_wrong: sum(|report| report.findings.counts_wrong),
        converge_ms: spread(reports.iter().flat_map(|report| report.measures.convergence.iter().copied())),
        diverged_seeds: seeds(|report| report.findings.diverged > 0),
        bytes_per_write: (writes > 0).then(|| sum(|report| report.bytes) as f64 / writes as f64),
    }
}

fn spread(nanos: impl Iterator<Item = u64>) -> Spread {
    let mut sorted: Vec<u64> = nanos.collect();
    sorted.sort_unstable();
    let ms = |nanos: &u64| *nanos as f64 / 1e6;
    Spread { median: sorted.get(sorted.len() / 2).map(ms), most: sorted.last().map(ms), count: sorted.len() }
}
