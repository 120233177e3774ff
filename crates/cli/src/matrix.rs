//! The matrix, and in a few lines what it means for a choice.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{Cell, CellAlignment, Table};
use syncline_sim::comparison::{Percentiles, Setting, Spread, Summary};

const NONE: &str = "-";

/// One row: its name, and its cell in a column.
type Row = (&'static str, fn(&Summary) -> String);

const ROWS: &[Row] = &[
    ("write ms, near the leader, p50 / p99", |s| percentiles(s.write_near)),
    ("write ms, far from it, p50 / p99", |s| percentiles(s.write_far)),
    ("read ms, near the leader, p50 / p99", |s| percentiles(s.read_near)),
    ("read ms, far from it, p50 / p99", |s| percentiles(s.read_far)),
    ("cut off: writes / reads served inside", |s| pair(s.cut_inside_writes, s.cut_inside_reads)),
    ("cut off: writes / reads served outside", |s| pair(s.cut_outside_writes, s.cut_outside_reads)),
    ("crash: ms without a write, median / most", |s| spread(s.without_service_ms)),
    ("acknowledged writes lost", |s| share(s.acknowledged_lost, s.writes)),
    ("   in how many seeds", |s| format!("{} of {}", s.acknowledged_lost_in_seeds, s.seeds)),
    ("stale reads", |s| share(s.stale_reads, s.reads)),
    ("reads where older beat newer", |s| s.older_beats_newer.to_string()),
    ("register versions in conflict", |s| s.conflicts.to_string()),
    ("   passed over by LWW", |s| s.passed_over.to_string()),
    ("additions to sets lost", |s| s.adds_lost.to_string()),
    ("increments lost or doubled", |s| s.counts_wrong.to_string()),
    ("heal: ms to converge, median / most", |s| spread(s.converge_ms)),
    ("replicas differ at the end", |s| format!("{} of {}", s.diverged_seeds, s.seeds)),
    ("bytes between nodes a write", |s| s.bytes_per_write.map_or(NONE.to_string(), |bytes| format!("{bytes:.0}"))),
    ("operations served", |s| share(s.served, s.asked)),
    ("   refused: another type", |s| s.rejected.to_string()),
];

fn percentiles(of: Percentiles) -> String {
    match (of.p50, of.p99) {
        (Some(p50), Some(p99)) => format!("{p50:.1} / {p99:.1}"),
        _ => NONE.to_string(),
    }
}

fn pair(left: Option<f64>, right: Option<f64>) -> String {
    let percent = |share: Option<f64>| share.map_or(NONE.to_string(), |share| format!("{share:.0} %"));
    format!("{} / {}", percent(left), percent(right))
}

fn spread(of: Spread) -> String {
    match (of.median, of.most) {
        (Some(median), Some(most)) => format!("{median:.0} / {most:.0}"),
        _ => NONE.to_string(),
    }
}

fn share(part: u64, whole: u64) -> String {
    if part == 0 { "0".to_string() } else { format!("{part} of {whole}") }
}

/// The matrix: a row for each figure, a column for each setting.
pub(crate) fn table(settings: &[Setting], summaries: &[Summary]) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let names =
        settings.iter().map(|setting| format!("{}\n{}", setting.name.0, setting.name.1.replacen(", ", "\n", 1)));
    let mut header = vec![Cell::new("")];
    header.extend(names.map(|name| Cell::new(name).set_alignment(CellAlignment::Right)));
    table.set_header(header);
    for (name, cell) in ROWS {
        let mut row = vec![Cell::new(name)];
        row.extend(summaries.iter().map(|summary| Cell::new(cell(summary)).set_alignment(CellAlignment::Right)));
        table.add_row(row);
    }
    table.to_string()
}

/// What the figures mean for a choice, in a line for each thing that they show.
pub(crate) fn meaning(summaries: &[Summary]) -> String {
    let mut lines = vec!["What this means:".to_string()];
    for summary in summaries {
        let mut said = Vec::new();
        if summary.acknowledged_lost > 0 {
            said.push(format!("lost {} acknowledged writes", summary.acknowledged_lost));
        }
        if summary.stale_reads > 0 {
            let percent = 100.0 * summary.stale_reads as f64 / summary.reads.max(1) as f64;
            said.push(format!("{percent:.1} % of its reads were stale, and no error said so"));
        }
        if summary.older_beats_newer > 0 {
            said.push("let older writes beat newer ones that had seen them".to_string());
        }
        if let Some(percent) = summary.cut_inside_writes.filter(|percent| *percent < 99.0) {
            said.push(match summary.cut_outside_writes.filter(|outside| *outside < 99.0) {
                Some(outside) => format!("served {percent:.0} % of the writes inside, {outside:.0} % outside a cut"),
                None => format!("served {percent:.0} % of the writes in a datacenter that was cut off"),
            });
        }
        if summary.passed_over > 0 {
            said.push(format!("hid {} register versions behind concurrent ones", summary.passed_over));
        }
        if let Some(gap) = summary.without_service_ms.most.filter(|gap| *gap > 500.0) {
            said.push(format!("served no write for up to {gap:.0} ms after a crash"));
        }
        if let (Some(near), Some(far)) = (summary.write_near.p50, summary.write_far.p50) {
            said.push(if far > near * 1.5 {
                format!("a write takes {near:.1} ms near the leader and {far:.1} ms away from it")
            } else {
                format!("a write takes {:.1} ms, wherever the client is", near.max(far))
            });
        }
        if summary.diverged_seeds > 0 {
            said.push(format!("DIVERGED in {} seeds", summary.diverged_seeds));
        }
        lines.push(format!("  {}: {}.", summary.setting, said.join("; ")));
    }
    lines.push(String::new());
    lines.push(
        "Choose synchronous leader-follower for one order of writes that survives a crash; multi-leader or R=1 W=1 when \
         every\nsite must work alone, with sets and counters that lose nothing and registers whose conflicts you can \
         accept; R=2 W=2\nwhen a crash must not cost a failover and clients can wait for a quorum. Avoid asynchronous \
         leader-follower where an\nacknowledged write must not vanish, W=N where a replica may be away, and wall-clock \
         timestamps where writes follow reads."
            .to_string(),
    );
    lines.join("\n")
}
