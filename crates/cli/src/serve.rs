//! `syncline serve` and `syncline config`: one node.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use syncline_node::Node;
use syncline_node::config::Config;

/// The options of `syncline serve`.
#[derive(Args)]
#[command(after_help = "\
The node serves until it gets Ctrl-C or SIGTERM; then it takes no more requests, answers those it has, and flushes. What it
has to tell its operator goes to the standard error.

Examples:
  syncline config example > node.toml      a commented configuration to begin with
  syncline serve --config node.toml
  redis-cli -p 7400 SET greeting hello     talk to it as to Redis")]
pub(crate) struct Serve {
    /// The node's configuration, a TOML file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The options of `syncline config`.
#[derive(Args)]
pub(crate) struct Configure {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Print a commented configuration of one node.
    Example,
    /// Check a node's configuration without starting it.
    Check {
        /// The file to check.
        file: PathBuf,
    },
}

impl Configure {
    pub(crate) fn run(&self) -> Result<(), String> {
        match &self.what {
            What::Example => {
                // Who closed the pipe has read enough.
                let _ = std::io::stdout().write_all(Config::example().as_bytes());
                Ok(())
            }
            What::Check { file } => Config::load(file).map(drop).map_err(|error| one_line(&error.to_string())),
        }
    }
}

impl Serve {
    pub(crate) fn run(&self) -> Result<(), String> {
        let config = Config::load(&self.config).map_err(|error| one_line(&error.to_string()))?;
        let name = config.node.clone();
        let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
        runtime.block_on(async {
            let node = Node::start(config).await.map_err(|error| error.to_string())?;
            eprintln!(
                "syncline: node {name} serves Redis clients on {} and HTTP on {}",
                node.redis_address(),
                node.http_address()
            );
            stopped().await.map_err(|error| format!("no signals: {error}"))?;
            node.shut_down().await;
            Ok(())
        })
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn stopped() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// What is wrong with a file, with the place, without the excerpt that takes several lines.
pub(crate) fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines
        .into_iter()
        .filter(|line| !line.starts_with('|') && !line.starts_with(char::is_numeric))
        .collect::<Vec<_>>()
        .join("; ")
}
