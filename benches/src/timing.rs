//! Times, measured and estimated by criterion alone: this side only says what to run and reads the estimates back.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use criterion::Criterion;

use crate::{Figure, Group, Measure, Row};

const OURS: &str = "ours";
const REFERENCE: &str = "reference";

/// Why a group has no table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The negative control failed: the reference lost no update, so that ours losing none shows nothing.
    #[error("{work}: the reference lost nothing, so the workload proves nothing")]
    NothingLost {
        /// The row.
        work: String,
    },
    /// Criterion left no estimate where it should have.
    #[error("no estimate in {path}: {source}")]
    NoEstimate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The bench target could not be run or failed.
    #[error("the bench target failed: {0}")]
    Target(io::Error),
}

/// The `main` of a group's bench target: measures the timed rows, ours and the reference's one after the other.
///
/// Reads the command line as criterion does, so a filter, `--quick` or `--save-baseline` work here.
pub fn measure(group: &Group) {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_000))
        .sample_size(50)
        .configure_from_args();
    for row in (group.rows)() {
        if let Measure::Time { ours, reference } = row.measure {
            let mut pair = criterion.benchmark_group(row.slug(group));
            pair.bench_function(OURS, ours());
            pair.bench_function(REFERENCE, reference());
            pair.finish();
        }
    }
    criterion.final_summary();
}

/// Removes the latest estimates of a row, so that what [`estimate`] finds next is from the next run.
///
/// # Errors
/// When the files exist and cannot be removed.
pub fn forget(criterion_home: &Path, group: &Group, row: &Row) -> io::Result<()> {
    for side in [OURS, REFERENCE] {
        match fs::remove_file(path(criterion_home, group, row, side)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The figure of a timed row: criterion's medians, in nanoseconds.
///
/// # Errors
/// [`BenchError::NoEstimate`], when the row was not measured.
pub fn estimate(criterion_home: &Path, group: &Group, row: &Row) -> Result<Figure, BenchError> {
    let median = |side| {
        let path = path(criterion_home, group, row, side);
        read_median(&path).map_err(|source| BenchError::NoEstimate { path, source })
    };
    Ok(Figure::new(row, "ns".to_owned(), median(OURS)?, median(REFERENCE)?))
}

fn path(criterion_home: &Path, group: &Group, row: &Row, side: &str) -> PathBuf {
    criterion_home.join(row.slug(group)).join(side).join("new").join("estimates.json")
}

fn read_median(path: &Path) -> io::Result<f64> {
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let median = estimates["median"]["point_estimate"].as_f64();
    median.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "criterion's file has no median"))
}
