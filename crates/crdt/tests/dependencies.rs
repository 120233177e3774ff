//! The crate stands alone: what it depends on is known exactly, and it needs no `std`.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::{Command, Output};

fn cargo(arguments: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    // The settings of the build that runs this test are not those of the build that it runs.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The names of all packages that are linked into a program that uses this crate with these features.
fn dependencies(features: &str) -> BTreeSet<String> {
    let tree = ["tree", "--locked", "--package", "syncline-crdt", "--no-default-features", "--edges", "normal"];
    let output = cargo(&[&tree[..], &["--prefix", "none", "--format", "{p}", "--features", features]].concat());
    let names = String::from_utf8(output.stdout).unwrap();
    let names = names.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned);
    names.filter(|name| name != "syncline-crdt").collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const ALONE: [&str; 5] = ["foldhash", "hashbrown", "smallvec", "syncline-clocks", "uuid"];

#[test]
fn without_features_it_depends_on_five_crates() {
    assert_eq!(dependencies(""), set(&ALONE));
}

/// What the feature links beyond what is linked without it; what only runs in the compiler, for derives, is named too.
#[test]
fn each_feature_adds_what_it_says() {
    let added = |features| &dependencies(features) - &set(&ALONE);
    let serde =
        set(&["proc-macro2", "quote", "serde", "serde_core", "serde_derive", "siphasher", "syn", "unicode-ident"]);
    assert_eq!(added("serde"), serde);
    let encoding = set(&["cfg-if", "cobs", "crc32fast", "postcard", "thiserror", "thiserror-impl"]);
    assert_eq!(added("encoding"), &serde | &encoding);
}

/// A program without `std`, with its own allocator and its own panic handler, is linked against the crate and run.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn it_links_and_runs_without_std() {
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-std-check");
    let build = ["build", "--locked", "--quiet", "--manifest-path", "no-std-check/Cargo.toml"];
    cargo(&[&build[..], &["--target-dir", target]].concat());
    let status = Command::new(format!("{target}/debug/no-std-check")).status().unwrap();
    assert!(status.success(), "the check ended with {status}: its code is the number of the check that failed");
}
