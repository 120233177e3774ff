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

    /// Also end when the standard input does: then whoever holds its other end has ended, however it did.
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
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
    /// Check a node's configuration without starting it: what is wrong is named by file and key.
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
            let stopped = stopped().map_err(|error| format!("no signals: {error}"))?;
            let node = Node::start(config).await.map_err(|error| error.to_string())?;
            eprintln!(
                "syncline: node {name} serves Redis clients on {} and HTTP on {}",
                node.redis_address(),
                node.http_address()
            );
            tokio::select! {
                () = stopped => {}
                () = stdin_ended(), if self.until_stdin_ends => {}
            }
            node.shut_down().await;
            Ok(())
        })
    }
}

/// Ctrl-C or SIGTERM: from the call on, not only from when it is waited for.
pub(crate) fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Waits until the standard input ends.
async fn stdin_ended() {
    let (holds, ended) = tokio::sync::oneshot::channel::<()>();
    // A thread that nobody waits for: a read of the standard input can not be called off.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(holds);
    });
    let _ = ended.await;
}

/// What is wrong with a file, in one line: the place and the line that is there, without the marks around it.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('|'));
    let lines = lines.map(|line| match line.split_once(" | ") {
        Some((number, excerpt)) if number.chars().all(char::is_numeric) => format!("`{excerpt}`"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("; ")
}
