//! What clients experienced: latencies, what was served while something was broken, how long nothing was.

use hdrhistogram::Histogram;
use syncline_replicas::DatacenterId;

use crate::client::{Outcome, Running};

/// Latencies in microseconds, to three digits, up to a minute.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order"))
    }
}

impl Latencies {
    fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos / 1_000);
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that this share of requests does not exceed, in milliseconds; none without requests.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        (self.count() > 0).then(|| self.0.value_at_quantile(share) as f64 / 1_000.0)
    }
}

/// Requests that were made, and those that were served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// All that ended.
    pub asked: u64,
    /// Those that were served before the client gave up.
    pub served: u64,
}

impl Served {
    fn count(&mut self, served: bool) {
        self.asked += 1;
        self.served += u64::from(served);
    }

    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.served += other.served;
    }

    /// The share that was served, in percent; none without requests.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        (self.asked > 0).then(|| 100.0 * self.served as f64 / self.asked as f64)
    }
}

/// What clients experienced in one run.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    /// Reads and writes of clients in the first datacenter, before the first fault.
    pub near: (Latencies, Latencies),
    /// Reads and writes of all other clients, before the first fault.
    pub far: (Latencies, Latencies),
    /// All operations, and those refused for what they are (a value of another type).
    pub total: Served,
    /// Operations that no node would take, such as a set where a counter is.
    pub rejected: u64,
    /// While a datacenter is cut off: reads and writes of the clients inside,
    pub inside: (Served, Served),
    /// and outside.
    pub outside: (Served, Served),
    /// From the last crash to the acknowledgement of the first write that was begun after it, in nanoseconds.
    pub without_service: Option<u64>,
    /// The most attempts that an operation begun before or after a crash took until it was served.
    pub most_attempts: u32,
    /// From the heal until all replicas agreed on what any of them had held, in nanoseconds.
    pub convergence: Vec<u64>,
    /// Heals after which they did not agree before the run ended, or the next fault.
    pub unconverged: u64,
    /// Batches that a crash took back.
    pub batches_lost: u64,
    /// Messages that did not decode.
    pub undecodable: u64,
    pub(crate) finished_clients: usize,
    cut: Option<(u64, DatacenterId)>,
    crash: Option<u64>,
    disturbed: bool,
}

impl Measures {
    pub(crate) fn cut_began(&mut self, now: u64, datacenter: DatacenterId) {
        self.cut = Some((now, datacenter));
        self.disturbed = true;
    }

    pub(crate) fn cut_ended(&mut self) {
        self.cut = None;
        self.unconverged += 1;
    }

    pub(crate) fn converged(&mut self, took: u64) {
        self.convergence.push(took);
        self.unconverged -= 1;
    }

    pub(crate) fn crashed(&mut self, now: u64) {
        self.crash = Some(now);
        self.without_service = None;
        self.disturbed = true;
    }

    pub(crate) fn ended(&mut self, now: u64, place: DatacenterId, running: &Running, outcome: &Outcome) {
        let is_read = running.request.command.is_read();
        let served = matches!(outcome, Outcome::Served(_));
        if matches!(outcome, Outcome::Rejected) {
            self.rejected += 1;
            return;
        }
        self.total.count(served);
        let of = |pair: &mut (Served, Served)| if is_read { pair.0.count(served) } else { pair.1.count(served) };
        if let Some((_, cut)) = self.cut.filter(|(since, _)| running.started >= *since) {
            of(if cut == place { &mut self.inside } else { &mut self.outside });
        }
        if !served {
            return;
        }
        if !self.disturbed {
            let latencies = if place.0 == 0 { &mut self.near } else { &mut self.far };
            let latencies = if is_read { &mut latencies.0 } else { &mut latencies.1 };
            latencies.record(now - running.started);
        }
        if self.crash.is_some() && self.cut.is_none() {
            self.most_attempts = self.most_attempts.max(running.attempts);
        }
        if let Some(crash) = self.crash.filter(|crash| !is_read && running.started >= *crash) {
            self.without_service.get_or_insert(now - crash);
        }
    }
}
