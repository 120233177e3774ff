//! Checks the engine's manifests before it reads them.
//!
//! A manifest lists the tables of a tree. The engine (`lsm-tree` 3.1, `version/recovery.rs`) writes down the checksum
//! of the current one, in the file `current`, and does not compare it. A damaged one could lose whole tables without a
//! word, or panic where a second panic ends the process.

use std::fs;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

/// Compares the manifest of each tree of a database with its checksum.
pub(super) fn check(database: &Path) -> io::Result<()> {
    let mut trees = 0;
    for tree in fs::read_dir(database.join("keyspaces"))? {
        check_tree(&tree?.path())?;
        trees += 1;
    }
    // The engine's own tree, and the rows.
    if trees < 2 {
        return Err(damaged("a tree is missing"));
    }
    Ok(())
}

/// In `current` are the manifest's number, its checksum and the checksum's kind, little-endian.
fn check_tree(tree: &Path) -> io::Result<()> {
    let current = fs::read(tree.join("current"))?;
    let parts =
        current.split_first_chunk::<8>().and_then(|(number, rest)| Some((number, rest.split_first_chunk::<16>()?)));
    let Some((number, (checksum, [0]))) = parts else {
        return Err(damaged("the file \"current\" of a tree"));
    };
    let manifest = fs::read(tree.join(format!("v{}", u64::from_le_bytes(*number))))?;
    if xxh3_128(&manifest) == u128::from_le_bytes(*checksum) { Ok(()) } else { Err(damaged("the manifest of a tree")) }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
