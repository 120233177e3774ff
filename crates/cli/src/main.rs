//! The command `syncline`.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod compare;
mod matrix;
mod serve;
mod up;

/// A node allocates many small pieces on several threads: the allocator shows in its figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Data that is changed in several places at once: compare the ways to replicate it, and run one.
#[derive(Parser)]
#[command(name = "syncline", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the replication strategies on the same workload, network and faults, and print what each gives and costs.
    Compare(compare::Compare),
    /// Start a real cluster on this machine, which Redis clients can talk to, until Ctrl-C.
    Up(up::Up),
    /// Run one node of a cluster.
    Serve(serve::Serve),
    /// Print an example of a node's configuration, or check one.
    Config(serve::Configure),
}

fn main() -> ExitCode {
    let outcome = match Arguments::try_parse() {
        Ok(Arguments { command }) => match command {
            Command::Compare(compare) => compare.run(),
            Command::Up(up) => up.run(),
            Command::Serve(serve) => serve.run(),
            Command::Config(configure) => configure.run(),
        },
        Err(error) if error.use_stderr() => Err(one_line(&error)),
        // Help and version are answers, not errors.
        Err(answer) => {
            // Who closed the pipe has read enough.
            let _ = write!(std::io::stdout(), "{answer}");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("syncline: {problem}");
            ExitCode::from(2)
        }
    }
}

/// What is wrong with the arguments, without the usage text around it.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let problem: Vec<&str> =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let problem = problem.join("; ").trim_start_matches("error: ").to_string();
    if problem.contains("requires a subcommand") || problem.starts_with("Data that is") {
        return "no command was given: try `syncline compare` or `syncline up --strategy leaderless`, or `syncline --help`"
            .to_string();
    }
    let command = std::env::args().nth(1).filter(|word| ["compare", "up", "serve", "config"].contains(&word.as_str()));
    match command {
        Some(command) => format!("{problem} (see `syncline {command} --help`)"),
        None => format!("{problem} (see `syncline --help`)"),
    }
}
