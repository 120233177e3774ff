//! Scenarios under many seeds, and the command that replays the first that fails.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses a part")]

use syncline_sim::{DatacenterId, Fault, Level, Mix, NodeId, Report, Scenario, Strategy, Workload};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;
pub const ONE: Level = Level { read: 1, write: 1 };
pub const TWO: Level = Level { read: 2, write: 2 };
pub const ALL: Level = Level { read: 1, write: 3 };

pub fn seeds() -> std::ops::Range<u64> {
    let count =
        std::env::var("SYNCLINE_SEEDS").ok().map_or(20, |text| text.parse().expect("SYNCLINE_SEEDS is a number"));
    match std::env::var("SYNCLINE_SEED").ok().map(|text| text.parse().expect("SYNCLINE_SEED is a number")) {
        Some(seed) => seed..seed + 1,
        None => 0..count,
    }
}

/// Runs a scenario under every seed and holds each report against a statement, which says whether it could be observed.
/// The first that fails prints the command that replays it. Returns in how many seeds it was observed.
pub fn every_seed(test: &str, build: impl Fn(u64) -> Scenario, holds: impl Fn(&Report) -> Result<bool, String>) -> u64 {
    let mut observed = 0;
    for seed in seeds() {
        let report = build(seed).run().unwrap();
        match holds(&report) {
            Ok(seen) => observed += u64::from(seen),
            Err(problem) => panic!(
                "seed {seed}: {problem}\n{:?}\nreplay: SYNCLINE_SEED={seed} cargo test -p syncline-sim --test {} {test}",
                report.findings,
                env!("CARGO_CRATE_NAME")
            ),
        }
    }
    println!("{test}: observed in {observed} of {} seeds", seeds().count());
    assert!(seeds().count() < 10 || observed > 0, "{test}: never observed");
    observed
}

pub fn expect(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_string()) }
}

pub fn lost(report: &Report) -> u64 {
    report.findings.acknowledged_lost.values().sum()
}

pub fn busy(scenario: Scenario) -> Scenario {
    let mix = Mix { think: 20.0, ..Mix::default() };
    Scenario { workload: Workload::Random { mix, clients: 3 }, ..scenario }
}

pub fn healthy(seed: u64, strategy: Strategy, level: Level) -> Scenario {
    Scenario::new(seed, strategy, level)
}

/// The leader's node crashes at a moment that the seed decides, and restarts 5 s later.
pub fn crash(seed: u64, strategy: Strategy, level: Level) -> Scenario {
    let at = 5 * SECOND + seed * 37 % 100 * MS;
    let faults = vec![(at, Fault::CrashLeader), (at + 5 * SECOND, Fault::Restart)];
    busy(Scenario { faults, clients_until: 14 * SECOND, ..healthy(seed, strategy, level) })
}

/// One datacenter is cut off for 8 s.
pub fn cut(seed: u64, strategy: Strategy, level: Level, datacenter: u16) -> Scenario {
    let faults = vec![(4 * SECOND, Fault::Cut(DatacenterId(datacenter))), (12 * SECOND, Fault::Heal)];
    Scenario { faults, clients_until: 16 * SECOND, ..healthy(seed, strategy, level) }
}

/// Faults of every kind, one after another; the invariant of the design is recomputed throughout.
pub fn rough(seed: u64, strategy: Strategy, level: Level) -> Scenario {
    let mut scenario = Scenario::new(seed, strategy, level);
    let node = NodeId((seed % 3) as u32);
    scenario.topology.loss = 0.02;
    scenario.topology.duplication = 0.02;
    scenario.topology.ordered = seed.is_multiple_of(2);
    scenario.skew = 100 * MS;
    scenario.flush = 5 * MS;
    scenario.settings.whole_events = if seed % 4 < 2 { 20 } else { 65_536 };
    scenario.settings.log_entries = if seed % 4 < 2 { 20 } else { 65_536 };
    scenario.faults = vec![
        (2 * SECOND, Fault::Crash(node)),
        (4 * SECOND, Fault::Restart),
        (5 * SECOND, Fault::Cut(DatacenterId((seed / 3 % 3) as u16))),
        (7 * SECOND, Fault::CrashLeader),
        (9 * SECOND, Fault::Heal),
        (10 * SECOND, Fault::Restart),
    ];
    scenario.clients_until = 13 * SECOND;
    scenario.quiet = 8 * SECOND;
    scenario.check_invariant = true;
    busy(scenario)
}
