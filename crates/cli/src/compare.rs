//! `syncline compare`: many runs of the simulator on all cores, summed up in one matrix.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use syncline_sim::comparison::{MEMBERS, Setting, Summary, summarize};
use syncline_sim::{Level, Mix, MonitorTrace, Report, Workload};

use crate::matrix;

/// How many seeds are run, of the built-in workload and of a trace.
const SEEDS: (u64, u64) = (20, 1);

/// The options of `syncline compare`.
#[derive(Args)]
#[command(after_help = "\
Every setting runs in the same simulated world: one replica in each of three datacenters, 70 to 90 ms apart there and
back; clients in each; wall clocks up to 100 ms off. Then one datacenter is cut off and healed, and the leader's node (the
first one, where nobody leads) crashes and restarts. Everything follows from the seeds: the same command prints the same.

Examples:
  syncline compare                                      the built-in workload, 20 seeds
  syncline compare --quorum 3,1                         beside them, leaderless with R=3 and W=1
  redis-cli MONITOR > mine.monitor                      record a minute of a running system, end with Ctrl-C,
  syncline compare --workload mine.monitor              and replay it against every strategy
  syncline compare --json | jq '.[].acknowledged_lost'  for scripts")]
pub(crate) struct Compare {
    /// Run this many seeds of each setting [default: 20; for a trace 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: Option<u64>,

    /// Begin with this seed: `--seeds 1 --first-seed S` replays one run.
    #[arg(long, value_name = "S", default_value_t = 0)]
    first_seed: u64,

    /// Replay the output of Redis's MONITOR instead of the built-in workload.
    #[arg(long, value_name = "FILE")]
    workload: Option<PathBuf>,

    /// Add a leaderless setting with these R and W (of N = 3); may be given more than once.
    #[arg(long, value_name = "R,W", value_parser = quorum)]
    quorum: Vec<Level>,

    /// Allow a --quorum with R + W <= N, whose reads may be stale although nothing is broken.
    #[arg(long)]
    allow_stale: bool,

    /// Run only the settings whose name contains this, such as `leaderless` or `synchronous`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Print the figures as JSON, one object for each setting.
    #[arg(long)]
    json: bool,
}

fn quorum(text: &str) -> Result<Level, String> {
    let parts: Option<Vec<u8>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    match parts.as_deref() {
        Some(&[read, write]) if (1..=MEMBERS).contains(&read) && (1..=MEMBERS).contains(&write) => {
            Ok(Level { read, write })
        }
        _ => Err(format!("give R and W between 1 and {MEMBERS}, as in 2,2")),
    }
}

impl Compare {
    pub(crate) fn run(self) -> Result<(), String> {
        let settings = self.settings()?;
        let (workload, length, default_seeds) = self.workload()?;
        let count = self.seeds.unwrap_or(default_seeds);
        let last = self.first_seed.checked_add(count);
        let last = last.ok_or_else(|| format!("{count} seeds from {} on pass 2^64: begin lower", self.first_seed))?;
        let seeds: Vec<u64> = (self.first_seed..last).collect();
        let summaries = run(&settings, &seeds, &workload, length)?;
        let text = if self.json {
            serde_json::to_string_pretty(&summaries).map_err(|error| error.to_string())?
        } else {
            let described = describe(&workload, &seeds);
            format!("{described}\n\n{}\n\n{}", matrix::table(&settings, &summaries), matrix::meaning(&summaries))
        };
        // A reader that has seen enough, such as `head`, is no error.
        match writeln!(std::io::stdout(), "{text}") {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    fn settings(&self) -> Result<Vec<Setting>, String> {
        let mut settings = Setting::built_in();
        for level in &self.quorum {
            if level.read + level.write <= MEMBERS && !self.allow_stale {
                return Err(format!(
                    "R={} and W={} do not overlap among N={MEMBERS} replicas, so reads may be stale: raise one until \
                     R + W > N, or add --allow-stale",
                    level.read, level.write
                ));
            }
            let setting = Setting::leaderless(*level);
            if !settings.contains(&setting) {
                settings.push(setting);
            }
        }
        if let Some(only) = &self.only {
            let name = |setting: &Setting| format!("{} {}", setting.name.0, setting.name.1);
            let names: Vec<String> = settings.iter().map(|setting| format!("\"{}\"", name(setting))).collect();
            settings.retain(|setting| name(setting).contains(only.as_str()));
            if settings.is_empty() {
                return Err(format!("no setting's name contains {only:?}: there are {}", names.join(", ")));
            }
        }
        Ok(settings)
    }

    fn workload(&self) -> Result<(Workload, Option<u64>, u64), String> {
        match &self.workload {
            None => Ok((Workload::Random { mix: Mix::default(), clients: 3 }, None, SEEDS.0)),
            Some(path) => {
                let trace = MonitorTrace::open(path)
                    .map_err(|error| format!("{error} (a workload is what `redis-cli MONITOR` prints)"))?;
                let length = trace.duration_nanos();
                Ok((Workload::Trace(trace), Some(length), SEEDS.1))
            }
        }
    }
}

fn run(settings: &[Setting], seeds: &[u64], workload: &Workload, length: Option<u64>) -> Result<Vec<Summary>, String> {
    let jobs: Vec<(&Setting, u64)> =
        settings.iter().flat_map(|setting| seeds.iter().map(move |seed| (setting, *seed))).collect();
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} runs, {eta} left")
        .map_err(|error| error.to_string())?;
    let progress = ProgressBar::new(jobs.len() as u64).with_style(style);
    let run = |(setting, seed): &(&Setting, u64)| {
        let report = setting.scenario(*seed, workload, length).run();
        progress.inc(1);
        report.map_err(|error| error.to_string())
    };
    // The order of the jobs, not of their ends, decides the order of the reports.
    let reports: Vec<Report> = jobs.par_iter().map(run).collect::<Result<_, _>>()?;
    progress.finish_and_clear();
    Ok(settings.iter().zip(reports.chunks(seeds.len())).map(|(setting, reports)| summarize(setting, reports)).collect())
}

fn describe(workload: &Workload, seeds: &[u64]) -> String {
    let seeds = match seeds {
        [only] => format!("seed {only}"),
        [first, .., last] => format!("{} seeds, {first} to {last}", seeds.len()),
        [] => String::new(),
    };
    match workload {
        Workload::Random { clients, .. } => {
            format!("The built-in workload: {clients} clients in each of 3 datacenters, 40 s, {seeds}.")
        }
        Workload::Trace(trace) => {
            let skipped: u64 = trace.skipped().values().sum::<u64>() + trace.script_lines();
            format!(
                "A trace of {} lines, {} connections, {:.0} s, {seeds}; {skipped} lines are not replayed.",
                trace.lines(),
                trace.connections(),
                trace.duration_nanos() as f64 / 1e9
            )
        }
    }
}
