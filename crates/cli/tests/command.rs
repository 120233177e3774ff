//! The command as a user runs it: its answers, its errors, and that the same seed prints the same bytes.

use std::path::PathBuf;
use std::process::{Command, Output};

fn syncline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_syncline")).args(arguments).output().expect("the command runs")
}

fn shipped_trace() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../workloads/mixed.monitor");
    path.to_str().expect("the path is text").to_string()
}

/// Exit status 2, nothing on stdout, one line on stderr that says what to do.
fn refuses(arguments: &[&str], advice: &str) {
    let output = syncline(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?} printed on stdout");
    assert_eq!(said.trim_end().lines().count(), 1, "{arguments:?}: {said}");
    assert!(said.contains(advice), "{arguments:?}: {said:?} does not say {advice:?}");
}

#[test]
fn wrong_arguments_get_one_line_that_says_what_to_do() {
    refuses(&[], "syncline compare");
    refuses(&["compare", "--sedes", "3"], "--seeds");
    refuses(&["compare", "--seeds", "0"], "1..=100000");
    refuses(&["compare", "--seeds", "many"], "many");
    refuses(&["compare", "--first-seed", "18446744073709551615"], "begin lower");
    refuses(&["compare", "--quorum", "4,1"], "between 1 and 3");
    refuses(&["compare", "--quorum", "1,2"], "--allow-stale");
    refuses(&["compare", "--only", "nothing like it"], "R=2 W=2");
    refuses(&["compare", "--workload", "no such file"], "no such file");
    refuses(&["compare", "--workload", env!("CARGO_MANIFEST_DIR")], "not a regular file");
    refuses(&["comapre"], "compare");
    refuses(&["up", "--strategy", "leaderless", "--nodes", "2", "--datacenters", "5"], "--nodes 5 or more");
    refuses(&["up", "--strategy", "multi-leader", "--nodes", "2", "--datacenters", "5"], "or give 2");
}

#[test]
fn a_malformed_trace_is_refused_with_its_line() {
    let path = std::env::temp_dir().join(format!("syncline-{}.monitor", std::process::id()));
    std::fs::write(&path, "OK\n1.000000 [0 127.0.0.1:1] \"GET\" \"k\"\n1.5 nonsense\n").expect("a file can be written");
    refuses(&["compare", "--workload", path.to_str().expect("the path is text")], ":3:");
    std::fs::remove_file(path).expect("it was written above");
}

#[test]
fn the_same_seed_prints_the_same_bytes() {
    for arguments in [
        vec!["compare", "--seeds", "2", "--json"],
        vec!["compare", "--seeds", "1", "--quorum", "1,2", "--allow-stale"],
        vec!["compare", "--only", "multi-leader", "--workload", &shipped_trace()],
    ] {
        let (first, second) = (syncline(&arguments), syncline(&arguments));
        assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
        assert!(!first.stdout.is_empty() && first.stdout == second.stdout, "{arguments:?}");
    }
}

#[test]
fn the_shipped_trace_replays_under_every_strategy() {
    let output = syncline(&["compare", "--json", "--workload", &shipped_trace()]);
    let summaries: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    assert_eq!(summaries.len(), 7);
    for summary in &summaries {
        let count = |name: &str| summary[name].as_u64().expect("a count");
        // One operation for each recorded command.
        assert!(count("asked") == 20_000 && count("served") > 19_800, "{summary}");
        assert_eq!((count("rejected"), count("diverged_seeds")), (0, 0), "{summary}");
    }
}

#[test]
fn help_teaches() {
    let output = syncline(&["compare", "--help"]);
    let help = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && help.contains("redis-cli MONITOR") && help.contains("--allow-stale"), "{help}");
    let help = String::from_utf8(syncline(&["up", "--help"]).stdout).expect("it is text");
    assert!(help.contains("kill -9") && help.contains("With --dir") && !help.contains("stdin"), "{help}");
}

#[test]
fn a_configuration_that_can_not_be_used_is_refused_by_file_and_key() {
    let directory = std::env::temp_dir().join(format!("syncline-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the temporary directory can be written");
    let path = directory.join("node.toml");
    let file = path.to_str().expect("the path is text");
    let example = String::from_utf8(syncline(&["config", "example"]).stdout).expect("it is text");
    std::fs::write(&path, &example).expect("a file can be written");
    assert!(syncline(&["config", "check", file]).status.success());
    for (from, to, advice) in [
        ("redis = \"127.0.0.1:7400\"", "redis = \"7400\"", "`redis = \"7400\""),
        ("127.0.0.1:7500", "127.0.0.1:7400", "`redis` is 127.0.0.1:7400 and `http` is 127.0.0.1:7400"),
        ("127.0.0.1:7500", "0.0.0.0:7400", "`redis` is 127.0.0.1:7400 and `http` is 0.0.0.0:7400"),
        ("127.0.0.1:7400", "127.0.0.1:7600", "`redis` is 127.0.0.1:7600 and `peer` of \"a\" is 127.0.0.1:7600"),
        ("127.0.0.1:7602", "127.0.0.1:7601", "`peer` of \"b\" is 127.0.0.1:7601 and `peer` of \"c\" is 127.0.0.1:7601"),
        ("node = \"a\"", "node = \"d\"", "`node = \"d\"` is none of `nodes`"),
        ("name = \"b\"", "name = \"a\"", "two of `nodes` have the same name"),
        ("datacenter = \"west\"", "datacenter = \"\"", "`datacenter` of \"c\""),
        ("strategy = \"leaderless\"", "strategy = \"multi-leader\"", "`datacenter` of its own"),
        ("partitions = 4", "partitions = 0", "`partitions`"),
        ("patience_ms = 5000", "patience_ms = 0", "`patience_ms`"),
        ("cluster = \"shop\"", "cluster = \"\"", "`cluster`"),
        ("write = 2", "write = 4", "`level`: read = 2 and write = 4"),
        ("patience_ms = 5000", "rebuild = true", "rebuild"),
    ] {
        assert!(example.contains(from), "the example has no {from}");
        std::fs::write(&path, example.replacen(from, to, 1)).expect("a file can be written");
        refuses(&["config", "check", file], advice);
        refuses(&["config", "check", file], file);
        refuses(&["serve", "--config", file], advice);
    }
    std::fs::remove_dir_all(directory).expect("it was made above");
}
