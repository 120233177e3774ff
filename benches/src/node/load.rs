//! The load: clients in a closed loop, and what they saw.

use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::systems::Cluster;

/// Keys are chosen at random out of so many.
pub(crate) const KEYS: u32 = 100_000;
/// How long a value is.
pub(crate) const VALUE: usize = 64;
/// How long clients ask before it counts.
const WARM_UP: Duration = Duration::from_millis(500);
/// How long answers may take beyond the time of the measurement.
const PATIENCE: Duration = Duration::from_secs(30);

/// What clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// A value of 64 bytes under a random key.
    Write,
    /// The value of a random key.
    Read,
}

/// Why one request was not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The server says no: it is counted, and the next request may be served.
    #[error("refused: {0}")]
    Refused(String),
    /// The connection is of no more use.
    #[error("{0}")]
    Broken(#[from] io::Error),
}

impl AskError {
    /// The server does not keep to its protocol.
    pub(crate) fn unexpected(said: impl std::fmt::Debug) -> Self {
        Self::Broken(io::Error::new(io::ErrorKind::InvalidData, format!("not understood: {said:?}")))
    }
}

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Ask(#[from] AskError),
    #[error("an answer took longer than {} s", PATIENCE.as_secs())]
    Late,
}

/// What a request asks for: made by the load, so that all systems are asked for the same.
pub(crate) struct Request {
    pub(crate) work: Work,
    /// 10 bytes: the same length for all.
    pub(crate) key: String,
    pub(crate) value: [u8; VALUE],
}

impl Request {
    fn fill(&mut self, random: &mut fastrand::Rng) {
        use std::fmt::Write;
        self.key.clear();
        write!(self.key, "key:{:06}", random.u32(0..KEYS)).expect("a string takes what is written");
        // Letters, as all clients can send them, and no two values alike, so that none is compressed away.
        self.value.fill_with(|| random.alphanumeric() as u8);
    }
}

/// What one measurement saw.
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) refused: u64,
}

/// What one client saw.
struct Seen {
    latencies: Histogram<u64>,
    served: u64,
    refused: u64,
    refusal: Option<String>,
}

impl Seen {
    fn new() -> Self {
        // Grows with what it records.
        let latencies = Histogram::new(3).expect("three digits are allowed");
        Self { latencies, served: 0, refused: 0, refusal: None }
    }
}

/// Has so many clients ask for so long, after a short time that does not count.
pub(crate) async fn measure(
    cluster: &Cluster,
    work: Work,
    clients: usize,
    time: Duration,
) -> Result<Sample, LoadError> {
    let mut connections = Vec::new();
    for client in 0..clients {
        connections.push(cluster.connect(work, client).await?);
    }
    let begin = Instant::now() + WARM_UP;
    let end = begin + time;
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let mut random = fastrand::Rng::new();
        let mut request = Request { work, key: String::new(), value: [0; VALUE] };
        tasks.spawn(async move {
            let mut seen = Seen::new();
            loop {
                request.fill(&mut random);
                let asked = Instant::now();
                if asked >= end {
                    return Ok(seen);
                }
                let outcome = connection.ask(&request).await;
                let answered = Instant::now();
                match outcome {
                    // A request that is slow at the end counts with all its latency, though not as served in time.
                    Ok(()) => {
                        seen.served += u64::from(answered > begin && answered <= end);
                        if asked >= begin {
                            seen.latencies.record(nanoseconds(answered - asked)).expect("it grows");
                        }
                    }
                    Err(AskError::Refused(refusal)) => {
                        seen.refused += 1;
                        seen.refusal.get_or_insert(refusal);
                    }
                    Err(broken) => return Err(broken),
                }
            }
        });
    }
    let all = async {
        let mut all = Seen::new();
        while let Some(ended) = tasks.join_next().await {
            let seen = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
            all.latencies.add(&seen.latencies).expect("histograms of one kind");
            all.served += seen.served;
            all.refused += seen.refused;
            all.refusal = all.refusal.or(seen.refusal);
        }
        Ok::<Seen, AskError>(all)
    };
    let seen = tokio::time::timeout_at(end + PATIENCE, all).await.map_err(|_| LoadError::Late)??;
    if let Some(refusal) = &seen.refusal {
        eprintln!("{}: {} requests were refused: {refusal}", cluster.system, seen.refused);
    }
    let quantile = |quantile| Duration::from_nanos(seen.latencies.value_at_quantile(quantile));
    let per_second = seen.served as f64 / time.as_secs_f64();
    Ok(Sample { per_second, p50: quantile(0.5), p99: quantile(0.99), refused: seen.refused })
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
