//! What came of it: the figures, what is promised of them, and what they are not.

use std::fmt;
use std::io;
use std::time::Duration;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::MANY;
use crate::load::{Sample, Work};
use crate::systems::System;

/// The samples of one system under one load, one of each round.
pub(crate) struct Series {
    pub(crate) system: System,
    pub(crate) work: Work,
    pub(crate) clients: usize,
    pub(crate) samples: Vec<Sample>,
}

/// What an idle node took of the processor.
#[derive(Serialize)]
pub(crate) struct Idle {
    pub(crate) system: System,
    pub(crate) node: String,
    /// User and system time, in ticks of 10 ms.
    pub(crate) ticks: u64,
    pub(crate) seconds: u64,
}

/// The medians of a series.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Figure {
    system: System,
    work: Work,
    clients: usize,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Of all rounds.
    refused: u64,
    /// The least and the most of the rounds.
    per_second_range: [f64; 2],
}

impl Figure {
    fn new(series: &Series) -> Self {
        let of = |value: fn(&Sample) -> f64| {
            let mut values: Vec<f64> = series.samples.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let per_second = of(|sample| sample.per_second);
        Self {
            system: series.system,
            work: series.work,
            clients: series.clients,
            per_second: median(&per_second),
            p50_ms: median(&of(|sample| milliseconds(sample.p50))),
            p99_ms: median(&of(|sample| milliseconds(sample.p99))),
            refused: series.samples.iter().map(|sample| sample.refused).sum(),
            per_second_range: [per_second[0], per_second[per_second.len() - 1]],
        }
    }
}

/// What a ratio has to be.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reach {
    AtLeast(f64),
    AtMost(f64),
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(ratio) => write!(f, "≥ {ratio}"),
            Self::AtMost(ratio) => write!(f, "≤ {ratio}"),
        }
    }
}

/// A ratio that is promised.
#[derive(Serialize)]
pub(crate) struct Promise {
    work: String,
    ours: f64,
    reference: f64,
    ratio: f64,
    reach: Reach,
}

impl Promise {
    fn new(work: String, ours: f64, reference: f64, reach: Reach) -> Self {
        Self { work, ours, reference, ratio: ours / reference, reach }
    }

    pub(crate) fn is_met(&self) -> bool {
        match self.reach {
            Reach::AtLeast(reach) => self.ratio >= reach,
            Reach::AtMost(reach) => self.ratio <= reach,
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ratio {:.2}, reach {}", self.work, self.ratio, self.reach)
    }
}

/// Everything that was measured in one run.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Of the systems.
    versions: Vec<String>,
    cores: usize,
    /// The average of the last minute before anything was started.
    load_before: f64,
    figures: Vec<Figure>,
    pub(crate) promises: Vec<Promise>,
    idle: Vec<Idle>,
}

impl Report {
    pub(crate) fn new(mut versions: Vec<String>, load_before: f64, series: Vec<Series>, idle: Vec<Idle>) -> Self {
        versions.dedup();
        let mut figures: Vec<Figure> = series.iter().map(Figure::new).collect();
        let place = |system| System::ALL.iter().position(|other| *other == system);
        figures.sort_by_key(|figure| (figure.work == Work::Read, figure.clients, place(figure.system)));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { versions, cores, load_before, promises: promises(&figures), figures, idle }
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("figures are strings and numbers")
    }

    fn figures_table(&self) -> Table {
        let mut table =
            table(&["work", "clients", "system", "per second", "lowest, highest", "p50 ms", "p99 ms", "refused"]);
        for figure in &self.figures {
            let work = if figure.work == Work::Write { "write" } else { "read" };
            let [lowest, highest] = figure.per_second_range;
            table.add_row([
                work.to_owned(),
                figure.clients.to_string(),
                figure.system.to_string(),
                format!("{:.0}", figure.per_second),
                format!("{lowest:.0}, {highest:.0}"),
                format!("{:.2}", figure.p50_ms),
                format!("{:.2}", figure.p99_ms),
                figure.refused.to_string(),
            ]);
        }
        table
    }

    fn promises_table(&self) -> Table {
        let mut table = table(&["work", "ours", "reference", "ratio", "reach", "met"]);
        for promise in &self.promises {
            table.add_row([
                promise.work.clone(),
                amount(promise.ours),
                amount(promise.reference),
                format!("{:.2}", promise.ratio),
                promise.reach.to_string(),
                if promise.is_met() { "yes" } else { "no" }.to_owned(),
            ]);
        }
        table
    }

    fn idle_table(&self) -> Table {
        let mut table = table(&["idle node", "of", "user and system ms", "in s"]);
        for Idle { system, node, ticks, seconds } in &self.idle {
            table.add_row([node.clone(), system.to_string(), (ticks * 10).to_string(), seconds.to_string()]);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.figures_table())?;
        if !self.promises.is_empty() {
            writeln!(f, "{}\n", self.promises_table())?;
        }
        if !self.idle.is_empty() {
            writeln!(f, "{}\n", self.idle_table())?;
        }
        writeln!(
            f,
            "Three nodes of each system share one disk and {} cores, with one another, with the other systems' idle\n\
             nodes and with the clients, and slow one another: on machines of their own all would be faster. The load\n\
             average was {} before. Values of {} bytes under {} random keys. {}.",
            self.cores,
            self.load_before,
            crate::load::VALUE,
            crate::load::KEYS,
            self.versions.join("; ")
        )?;
        write!(
            f,
            "A write is answered when two of three nodes have flushed it; Redis's `WAIT` alone is content with a replica\n\
             that has received it. etcd is asked over gRPC, a connection for each client; PostgreSQL by a prepared upsert."
        )
    }
}

/// All that is promised of what was measured.
fn promises(figures: &[Figure]) -> Vec<Promise> {
    let find = |system, work, clients| {
        let is_it = |held: &&Figure| (held.system, held.work, held.clients) == (system, work, clients);
        figures.iter().find(is_it).copied()
    };
    let mut promises = Vec::new();
    for ours in [System::LeaderFollower, System::Leaderless] {
        let mut promise = |reference, work, clients, what: &str, value: fn(&Figure) -> f64, reach| {
            if let (Some(held), Some(other)) = (find(ours, work, clients), find(reference, work, clients)) {
                let clients = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
                let words = format!("{ours} beside {reference}: {what} at {clients}");
                promises.push(Promise::new(words, value(&held), value(&other), reach));
            }
        };
        let writes = "writes/s";
        promise(System::Etcd, Work::Write, MANY, writes, |held| held.per_second, Reach::AtLeast(2.5));
        promise(System::Etcd, Work::Write, MANY, "p99 ms of writes", |held| held.p99_ms, Reach::AtMost(0.5));
        promise(System::Etcd, Work::Write, 1, writes, |held| held.per_second, Reach::AtLeast(1.4));
        promise(System::Redis, Work::Write, MANY, writes, |held| held.per_second, Reach::AtLeast(1.0));
        promise(System::Redis, Work::Read, MANY, "reads/s", |held| held.per_second, Reach::AtLeast(0.7));
    }
    promises
}

/// The load average of the last minute.
pub(crate) fn load_average() -> io::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    let first = text.split_ascii_whitespace().next().and_then(|number| number.parse().ok());
    first.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/loadavg: {text}")))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn amount(amount: f64) -> String {
    if amount < 100.0 { format!("{amount:.2}") } else { format!("{amount:.0}") }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Promise, Reach, Report, Series, median};
    use crate::load::{Sample, Work};
    use crate::systems::System;

    #[test]
    fn medians() {
        assert_eq!(median(&[1.0]), 1.0);
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
    }

    #[test]
    fn reaches_hold_on_their_edge() {
        let is_met = |ours, reach| Promise::new(String::new(), ours, 2.0, reach).is_met();
        assert!(is_met(5.0, Reach::AtLeast(2.5)) && !is_met(4.9, Reach::AtLeast(2.5)));
        assert!(is_met(1.0, Reach::AtMost(0.5)) && !is_met(1.1, Reach::AtMost(0.5)));
        assert!(!is_met(f64::NAN, Reach::AtLeast(0.0)) && !is_met(f64::NAN, Reach::AtMost(9.0)));
    }

    #[test]
    fn only_what_was_measured_on_both_sides_is_held_against_its_reach() {
        let series = |system, clients, per_second| {
            let sample = Sample { per_second, p50: Duration::ZERO, p99: Duration::from_millis(1), refused: 0 };
            Series { system, work: Work::Write, clients, samples: vec![sample] }
        };
        let of = |series| Report::new(Vec::new(), 0.0, series, Vec::new()).promises;
        let alone = of(vec![series(System::Leaderless, 64, 9.0), series(System::Etcd, 1, 3.0)]);
        assert!(alone.is_empty());
        let both = of(vec![series(System::Etcd, 64, 3.0), series(System::Leaderless, 64, 9.0)]);
        let met: Vec<bool> = both.iter().map(Promise::is_met).collect();
        assert_eq!(met, [true, false], "three times the writes, and the same p99");
    }
}
