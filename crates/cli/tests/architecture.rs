//! The drawing of the workspace, held against the code: which crate may use which, what the three replicators may know
//! of one another, and that no core names the operating system's clock, its entropy, its files or hash order.
//!
//! Manifests are read as TOML and sources as tokens, so comments and strings say what they like.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Each crate and the crates of the workspace that it may use. A new crate has to be drawn here first.
const EDGES: [(&str, &[&str]); 7] = [
    ("clocks", &[]),
    ("crdt", &["clocks"]),
    ("resolvers", &["clocks", "crdt"]),
    ("replicas", &["clocks", "crdt", "resolvers"]),
    ("sim", &["clocks", "crdt", "resolvers", "replicas"]),
    ("node", &["clocks", "crdt", "resolvers", "replicas"]),
    ("cli", &["clocks", "crdt", "resolvers", "replicas", "sim", "node"]),
];

/// The crates whose code has to behave the same on every machine and in every run.
const CORES: [&str; 5] = ["clocks", "crdt", "resolvers", "replicas", "sim"];

/// What a core may not name: clocks, entropy, waiting, sockets, and maps whose order differs from run to run.
const FORBIDDEN: [&str; 14] = [
    "SystemTime",
    "Instant::now",
    "thread_rng",
    "rand::rng",
    "OsRng",
    "from_os_rng",
    "getrandom",
    "new_v4",
    "thread::sleep",
    "tokio",
    "std::net",
    "RandomState",
    "HashMap",
    "HashSet",
];

/// The modules of the replicators, and what lies in each that another could name.
const REPLICATORS: [(&str, &[&str]); 3] = [
    ("leader_follower", &["leader_follower", "LeaderFollower", "LogMessage"]),
    ("multi_leader", &["multi_leader", "MultiLeader"]),
    ("leaderless", &["leaderless", "Leaderless", "QuorumMessage"]),
];

// The checks: text in, complaints out.

/// The crates of the workspace that a manifest uses outside its tests, by their names without `syncline-`.
fn uses(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values);
    let places = targets.filter_map(toml::Value::as_table).chain([&manifest]);
    let tables = places.flat_map(|place| ["dependencies", "build-dependencies"].map(|kind| place.get(kind)));
    let dependencies = tables.flatten().filter_map(toml::Value::as_table).flatten();
    let names = dependencies.map(|(name, value)| value.get("package").and_then(toml::Value::as_str).unwrap_or(name));
    names.filter_map(|name| name.strip_prefix("syncline-").map(str::to_owned)).collect()
}

/// The edges of a crate that are not in the drawing.
fn check_edges(name: &str, manifest: &str) -> Vec<String> {
    let Some((_, allowed)) = EDGES.iter().find(|(drawn, _)| *drawn == name) else {
        return vec![format!("the crate {name} is not in the drawing")];
    };
    let strangers = uses(manifest).into_iter().filter(|used| !allowed.contains(&used.as_str()));
    strangers.map(|used| format!("{name} may not use {used}")).collect()
}

/// All paths that a source names, imports in braces written out: `use a::{b, c::d}` names `a::b` and `a::c::d`.
fn paths(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(source.parse().expect("the source compiles, so it has tokens"), "", &mut found);
    found
}

fn collect(tokens: TokenStream, prefix: &str, found: &mut Vec<String>) {
    let mut path = prefix.to_owned();
    let mut colons = if prefix.is_empty() { 0 } else { 2 };
    for token in tokens {
        match token {
            TokenTree::Ident(name) if colons == 2 => {
                path = format!("{path}::{name}");
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            TokenTree::Group(group) if colons == 2 && group.delimiter() == Delimiter::Brace => {
                collect(group.stream(), &path, found);
                colons = 0;
            }
            other => {
                found.push(std::mem::replace(&mut path, prefix.to_owned()));
                colons = if prefix.is_empty() { 0 } else { 2 };
                match other {
                    TokenTree::Ident(name) if prefix.is_empty() => path = name.to_string(),
                    TokenTree::Group(group) => collect(group.stream(), "", found),
                    _ => {}
                }
            }
        }
    }
    found.push(path);
}

/// The forbidden names that a source uses, each as a run of whole segments of some path.
fn check_names(source: &str, forbidden: &[&str]) -> Vec<String> {
    let paths = paths(source);
    let names = |path: &str, name: &str| format!("::{path}::").contains(&format!("::{name}::"));
    let named = forbidden.iter().filter(|name| paths.iter().any(|path| names(path, name)));
    named.map(|name| format!("names {name}")).collect()
}

/// What a file of a core, by its path below `src`, may not do.
fn check_core(core: &str, file: &Path, source: &str) -> Vec<String> {
    let may_read_files = core == "sim" && module(file) == "monitor";
    let files: &[&str] = if may_read_files { &[] } else { &["std::fs"] };
    let mut complaints = check_names(source, &[&FORBIDDEN, files].concat());
    let own = REPLICATORS.iter().find(|(name, _)| core == "replicas" && module(file).starts_with(name));
    if let Some((own, _)) = own {
        let others = REPLICATORS.iter().filter(|(name, _)| name != own).flat_map(|(_, theirs)| *theirs).copied();
        complaints.extend(check_names(source, &others.collect::<Vec<_>>()));
    }
    complaints.into_iter().map(|complaint| format!("{core}: {} {complaint}", file.display())).collect()
}

/// The top module that a file belongs to: `monitor` for `monitor.rs` and for `monitor/line.rs`.
fn module(file: &Path) -> String {
    let top = file.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
    top.trim_end_matches(".rs").to_owned()
}

// The workspace.

fn crates() -> BTreeMap<String, PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies beside the others");
    let entries = fs::read_dir(all).expect("the crates can be listed").map(|entry| entry.expect("an entry").path());
    let named = entries.filter(|path| path.join("Cargo.toml").exists());
    named.map(|path| (path.file_name().expect("a crate's name").to_string_lossy().into_owned(), path)).collect()
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("sources can be listed").map(|entry| entry.expect("an entry").path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn imports_run_one_way() {
    let crates = crates();
    let manifest = |path: &Path| fs::read_to_string(path.join("Cargo.toml")).expect("a manifest can be read");
    let complaints: Vec<String> = crates.iter().flat_map(|(name, path)| check_edges(name, &manifest(path))).collect();
    assert!(complaints.is_empty(), "against the drawing: {complaints:#?}");
    assert!(EDGES.iter().all(|(name, _)| crates.contains_key(*name)), "a crate is drawn and does not exist");
}

#[test]
fn cores_depend_on_their_inputs_alone() {
    let mut complaints = Vec::new();
    for core in CORES {
        let source = crates()[core].join("src");
        let files = sources(&source);
        assert!(files.len() > 2, "the sources of {core} were found");
        for file in files {
            let text = fs::read_to_string(&file).expect("a source can be read");
            let name = file.strip_prefix(&source).expect("it lies below src");
            complaints.extend(check_core(core, name, &text));
        }
    }
    assert!(complaints.is_empty(), "what a core may not name: {complaints:#?}");
}

/// The negative control: every check complains of what it is there for, and of nothing else.
#[test]
fn planted_faults_are_found() {
    let edges = |name, line: &str| check_edges(name, &format!("[package]\nname = 'x'\n{line}")).len();
    assert_eq!(edges("crdt", "[dependencies]\nsyncline-clocks.workspace = true\nserde = '1'"), 0);
    assert_eq!(edges("clocks", "[dependencies]\nsyncline-crdt.workspace = true"), 1);
    assert_eq!(edges("sim", "[dependencies]\nharmless = { package = 'syncline-cli', version = '1' }"), 1);
    assert_eq!(edges("replicas", "[target.'cfg(unix)'.dependencies]\nsyncline-sim = '1'"), 1);
    assert_eq!(edges("crdt", "[build-dependencies]\nsyncline-replicas = '1'"), 1);
    assert_eq!(edges("crdt", "[dev-dependencies]\nsyncline-sim = '1'"), 0);
    assert_eq!(edges("cli", "[dependencies]\nsyncline-benches = '1'"), 1);
    assert_eq!(edges("node", "[dependencies]\nsyncline-sim = '1'"), 1);
    assert_eq!(edges("sim", "[dependencies]\nsyncline-node = '1'"), 1);
    assert_eq!(edges("undrawn", ""), 1);

    let core = |core, file: &str, source: &str| check_core(core, Path::new(file), source).len();
    for forbidden in FORBIDDEN.into_iter().chain(["std::fs"]) {
        assert_eq!(core("crdt", "lib.rs", &format!("fn f() {{ let x = vec![{forbidden}(1)]; }}")), 1, "{forbidden}");
        assert_eq!(core("crdt", "lib.rs", &format!("/// {forbidden}\nfn f() {{}} // {forbidden}")), 0, "{forbidden}");
    }
    assert_eq!(core("sim", "world.rs", "use std::{collections::{BTreeMap, HashMap}, fs::File};"), 2);
    assert_eq!(core("sim", "world.rs", "use std::time::Duration; fn now() -> Now { Instant(1) }"), 0);
    assert_eq!(core("sim", "monitor/line.rs", "use std::fs::{self, File};"), 0);
    assert_eq!(core("replicas", "monitor.rs", "use std::fs;"), 1);
    assert_eq!(core("replicas", "leaderless.rs", "use crate::{Body, leader_follower::Role, QuorumMessage};"), 1);
    assert_eq!(core("replicas", "leader_follower/leading.rs", "fn f(x: crate::multi_leader::MultiLeader) {}"), 2);
    assert_eq!(core("replicas", "host.rs", "use crate::{leaderless::Leaderless, multi_leader::MultiLeader};"), 0);
}
