//! `benches/run`: measures a group, prints its table, and holds it against what is promised.
//!
//! The group `node` is a program of its own beside this one: it measures processes, not functions.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, io};

use clap::Parser;
use syncline_benches::{BenchError, Figure, GROUPS, Group, Heap, Row, estimate, forget, matrix, table};

/// This program counts bytes; the bench targets, which measure times, keep the system's allocator as it is.
#[global_allocator]
static HEAP: Heap = Heap;

/// What the list says of the group that `benches/run` gives to `src/node/main.rs`.
const NODE: (&str, &str) = (
    "node",
    "clusters of processes (ours) beside Redis, etcd and PostgreSQL (reference): see `benches/run node --help`",
);

/// Runs the criterion benches of a group and prints its table: work, ours, reference, ratio, reach.
#[derive(Parser)]
#[command(name = "benches/run", bin_name = "benches/run")]
struct Arguments {
    /// The group to run; without it the groups are listed
    group: Option<String>,
    /// Exit with 1 when a ratio is above its reach
    #[arg(long)]
    check: bool,
    /// Print the rows as JSON, times in nanoseconds
    #[arg(long)]
    json: bool,
    /// Print a line a type and a column a work, with the ratios: for rows that are called TYPE: WORK, as those of lww
    #[arg(long, conflicts_with = "json")]
    matrix: bool,
    /// Let criterion measure only briefly
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(name) = &arguments.group else {
        let groups = GROUPS.iter().map(|group| (group.name, group.about));
        for (name, about) in groups.chain([NODE]) {
            println!("{name:<10} {about}");
        }
        return ExitCode::SUCCESS;
    };
    let Some(group) = GROUPS.iter().find(|group| group.name == name) else {
        let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
        eprintln!("no group {name:?}; the groups are: {}", names.join(", "));
        return ExitCode::from(2);
    };
    match run(group, arguments.quick) {
        Ok(figures) => {
            print(&figures, &arguments);
            if arguments.check { check(&figures) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("{}: {error}", group.name);
            ExitCode::FAILURE
        }
    }
}

fn run(group: &Group, quick: bool) -> Result<Vec<Figure>, BenchError> {
    let rows = (group.rows)();
    // Counting takes no time: a workload that proves nothing is told before a minute of measuring.
    let counted = rows.iter().map(Row::count).collect::<Result<Vec<_>, _>>()?;
    let home = criterion_home().map_err(BenchError::Target)?;
    for row in &rows {
        forget(&home, group, row).map_err(BenchError::Target)?;
    }
    measure(group, &home, quick).map_err(BenchError::Target)?;
    let figures = rows.iter().zip(counted);
    figures.map(|(row, counted)| counted.map_or_else(|| estimate(&home, group, row), Ok)).collect()
}

/// Where criterion keeps its estimates: in the target directory that this program was built into.
fn criterion_home() -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or_else(|| io::Error::other("not in a target directory"))?;
    Ok(target.join("criterion"))
}

/// Runs the group's bench target. What criterion prints is progress here: it goes to standard error.
fn measure(group: &Group, home: &Path, quick: bool) -> io::Result<()> {
    let mut bench = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    bench.args(["bench", "--quiet", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    bench.args(["--bench", group.name, "--", "--noplot"]).args(quick.then_some("--quick"));
    let status = bench.env("CRITERION_HOME", home).stdout(Stdio::from(io::stderr())).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}

fn print(figures: &[Figure], arguments: &Arguments) {
    if arguments.matrix {
        println!("{}", matrix(figures));
    } else if arguments.json {
        println!("{}", serde_json::to_string_pretty(figures).expect("figures are strings and numbers"));
    } else {
        println!("{}", table(figures));
    }
}

fn check(figures: &[Figure]) -> ExitCode {
    let missed: Vec<&Figure> = figures.iter().filter(|figure| !figure.is_met()).collect();
    for figure in &missed {
        eprintln!("missed: {}: ratio {}, reach {}", figure.work, figure.ratio_text(), figure.reach_text());
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
