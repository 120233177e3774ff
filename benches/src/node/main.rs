//! `benches/run node`: whole clusters as processes on this machine, Syncline's beside those of other systems.
//!
//! All servers are up at the same time and are measured in turn, in every round from another one on; a figure is the
//! median of the rounds. Clients ask in a closed loop: each waits for its answer before it asks again.
//!
//! What the figures are not: those of nodes with a disk and a processor of their own. Three nodes of every system share
//! one disk and a few cores here, with one another and with the load.

mod load;
mod process;
mod report;
mod systems;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use load::{LoadError, Sample, Work};
use process::{Ports, StartError};
use report::{Idle, Report, Series};
use systems::{Cluster, System};

/// How many clients ask at the same time.
const CLIENTS: [usize; 3] = [1, 16, MANY];
const MANY: usize = 64;
/// How long the servers are left alone between two measurements: what the one before left undone is not the next one's.
const PAUSE: Duration = Duration::from_millis(300);
/// How long they are left alone before they are called idle, and how long that is watched.
const CALM: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(5);

/// Measures clusters of three nodes on this machine, Syncline's beside those of Redis, etcd and PostgreSQL.
#[derive(Parser)]
#[command(name = "benches/run node", bin_name = "benches/run node")]
struct Arguments {
    /// How many rounds; a figure is their median
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// For how many seconds each system is measured at each number of clients in each round
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Measure this system alone; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<System>,
    /// Where the servers keep their data, in a fresh directory that is removed: on a disk, and open to all users
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    dir: PathBuf,
    /// Exit with 1 when a reach is missed
    #[arg(long)]
    check: bool,
    /// Print all figures as JSON
    #[arg(long)]
    json: bool,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{system}: {error}")]
    Load { system: System, error: LoadError },
    #[error("{0}: {1}")]
    Directory(PathBuf, io::Error),
    #[error("{0} is in memory: give --dir on a disk, or flushes cost nothing")]
    InMemory(PathBuf),
    #[error("/proc: {0}")]
    Processes(io::Error),
    #[error("signals: {0}")]
    Signals(io::Error),
    #[error("interrupted: all servers were ended")]
    Interrupted,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Whichever way this ends, what it started is dropped, and ended by that.
    let outcome = tokio::select! {
        biased;
        failure = interrupted() => Err(failure),
        outcome = measure(&arguments) => outcome,
    };
    let report = match outcome {
        Ok(report) => report,
        Err(failure) => {
            eprintln!("node: {failure}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.json {
        println!("{}", report.json());
    } else {
        println!("{report}");
    }
    let mut missed = report.promises.iter().filter(|promise| !promise.is_met()).peekable();
    let fails = arguments.check && missed.peek().is_some();
    if arguments.check {
        missed.for_each(|promise| eprintln!("missed: {promise}"));
    }
    if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=600.0).contains(&seconds) { Ok(seconds) } else { Err("not between 0.1 and 600".to_owned()) }
}

/// Ends when this program is told to.
async fn interrupted() -> Failure {
    let listen = |kind| signal(kind).map_err(Failure::Signals);
    let signals = (listen(SignalKind::interrupt()), listen(SignalKind::terminate()), listen(SignalKind::hangup()));
    let (mut interrupt, mut terminate, mut hangup) = match signals {
        (Ok(interrupt), Ok(terminate), Ok(hangup)) => (interrupt, terminate, hangup),
        (Err(failure), ..) | (_, Err(failure), _) | (.., Err(failure)) => return failure,
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Failure::Interrupted
}

async fn measure(arguments: &Arguments) -> Result<Report, Failure> {
    let wanted = |system: &System| arguments.only.is_empty() || arguments.only.contains(system);
    let systems = System::ALL.into_iter().filter(wanted);
    // What is missing is told before anything is started.
    let found = systems.map(|system| Ok((system, system.find()?))).collect::<Result<Vec<_>, StartError>>()?;
    let in_directory = |error| Failure::Directory(arguments.dir.clone(), error);
    if process::is_in_memory(&arguments.dir).map_err(in_directory)? {
        return Err(Failure::InMemory(arguments.dir.clone()));
    }
    let busy = report::load_average().map_err(Failure::Processes)?;
    // Declared before the clusters, so that it is removed after they have ended.
    let directory = tempfile::Builder::new().prefix("syncline-bench-").tempdir_in(&arguments.dir);
    let directory = directory.map_err(in_directory)?;
    process::open_to_all(directory.path()).map_err(in_directory)?;
    let clusters = start(&found, directory.path()).await?;
    let mut rounds =
        Rounds { series: Vec::new(), clusters: &clusters, time: Duration::from_secs_f64(arguments.seconds) };
    for round in 0..arguments.rounds {
        eprintln!("round {} of {}", round + 1, arguments.rounds);
        for clients in CLIENTS {
            rounds.turn(round, Work::Write, clients).await?;
        }
        rounds.turn(round, Work::Read, MANY).await?;
    }
    let series = rounds.series;
    eprintln!("idle");
    tokio::time::sleep(CALM).await;
    let idle = idle(&clusters).await.map_err(Failure::Processes)?;
    Ok(Report::new(clusters.iter().map(|cluster| cluster.version.clone()).collect(), busy, series, idle))
}

async fn start(found: &[(System, PathBuf)], directory: &Path) -> Result<Vec<Cluster>, Failure> {
    let mut ports = Ports::default();
    let mut clusters = Vec::new();
    for (system, programs) in found {
        eprintln!("starting {system}");
        let directory = directory.join(system.name());
        std::fs::create_dir(&directory).map_err(|source| StartError::Directory { path: directory.clone(), source })?;
        let cluster = Cluster::start(*system, programs, &directory, &mut ports).await?;
        cluster.fill().await.map_err(|error| Failure::Load { system: *system, error: error.into() })?;
        clusters.push(cluster);
    }
    Ok(clusters)
}

/// All that was measured so far, and of what.
struct Rounds<'a> {
    series: Vec<Series>,
    clusters: &'a [Cluster],
    time: Duration,
}

impl Rounds<'_> {
    /// Every cluster does the same work, one after the other.
    async fn turn(&mut self, round: u32, work: Work, clients: usize) -> Result<(), Failure> {
        let count = self.clusters.len();
        for place in 0..count {
            let cluster = &self.clusters[(place + round as usize) % count];
            let system = cluster.system;
            if work == Work::Read && !system.is_read() {
                continue;
            }
            tokio::time::sleep(PAUSE).await;
            let sample = load::measure(cluster, work, clients, self.time).await;
            self.add(system, work, clients, sample.map_err(|error| Failure::Load { system, error })?);
        }
        Ok(())
    }

    fn add(&mut self, system: System, work: Work, clients: usize, sample: Sample) {
        let series = &mut self.series;
        match series.iter_mut().find(|held| (held.system, held.work, held.clients) == (system, work, clients)) {
            Some(held) => held.samples.push(sample),
            None => series.push(Series { system, work, clients, samples: vec![sample] }),
        }
    }
}

/// What nodes that nobody asks anything take of the processor.
async fn idle(clusters: &[Cluster]) -> io::Result<Vec<Idle>> {
    let nodes = || clusters.iter().flat_map(|cluster| cluster.watched().map(|node| (cluster.system, node)));
    let ticks = || nodes().map(|(_, node)| process::ticks(node.pid)).collect::<io::Result<Vec<u64>>>();
    let before = ticks()?;
    if before.is_empty() {
        return Ok(Vec::new());
    }
    tokio::time::sleep(IDLE).await;
    let taken = ticks()?.into_iter().zip(before).map(|(after, before)| after - before);
    let idle = nodes().zip(taken).map(|((system, node), ticks)| Idle {
        system,
        node: node.name.clone(),
        ticks,
        seconds: IDLE.as_secs(),
    });
    Ok(idle.collect())
}
