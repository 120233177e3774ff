//! Opening a directory: whose it is, that nobody else has it, that all of it is there.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::engine::{Engine, EngineError};
use super::identity::{FORMAT, Identity, IdentityError, sync_directory};
use super::mark::Mark;

/// Why a directory did not open. No row was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It can not be read or written.
    #[error("{} can not be used: {source}; give a directory that this user may read and write", path.display())]
    Unusable {
        /// The path that failed.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process has it open, or this one a second time.
    #[error("{} is in use by another process: stop that one, or give each node a directory of its own", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It has files, but none of ours.
    #[error("{} is no directory of a node, and it is not empty: give an empty or a new directory", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// It was made for another cluster.
    #[error(
        "{} belongs to cluster \"{}\", not \"{}\": give the directory of this cluster, or an empty one",
        path.display(), found.escape_debug(), expected.escape_debug()
    )]
    OtherCluster {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who asked.
        expected: String,
    },
    /// It was made for another node of the cluster.
    #[error(
        "{} belongs to node {found}, not {expected}: give the directory of this node, or an empty one",
        path.display()
    )]
    OtherNode {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        found: u32,
        /// Who asked.
        expected: u32,
    },
    /// Another version of the program wrote it.
    #[error("{} has format {found}, this version reads {FORMAT}: start the version that wrote it", path.display())]
    UnknownFormat {
        /// The directory.
        path: PathBuf,
        /// The format.
        found: u32,
    },
    /// Something of it is damaged or missing.
    #[error(
        "{} is damaged ({reason}): move it away and start the node again: it is rebuilt from its peers",
        path.display()
    )]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
}

/// Opens the store of a node, or creates it where there is no directory yet or an empty one.
///
/// The directory is locked until the store is dropped or the process ends, however it ends.
///
/// # Errors
/// See [`OpenError`]: each message says what to do.
pub fn open(path: impl AsRef<Path>, cluster: &str, node: u32) -> Result<Arc<Engine>, OpenError> {
    let path = path.as_ref();
    fs::create_dir_all(path).map_err(|source| unusable(path, source))?;
    let lock = lock(path)?;
    let store = path.join("store");
    match read_identity(path)? {
        Some(identity) => check(path, identity, cluster, node)?,
        None => create(path, &store, cluster, node)?,
    }
    if !store.exists() {
        return Err(damaged(path, "the directory \"store\" is missing"));
    }
    Engine::open(&store, lock).map(Arc::new).map_err(|error| match io_error(error) {
        Ok(source) => unusable(&store, source),
        Err(error) => damaged(path, error),
    })
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let file = path.join("lock");
    let lock = File::options().write(true).create(true).truncate(false).open(&file);
    let lock = lock.map_err(|source| unusable(&file, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(unusable(&file, source)),
    }
}

fn read_identity(path: &Path) -> Result<Option<Identity>, OpenError> {
    Identity::read(path).map_err(|error| match error {
        IdentityError::Io(source) => unusable(&path.join("identity.toml"), source),
        IdentityError::Format(found) => OpenError::UnknownFormat { path: path.into(), found },
        IdentityError::Unreadable(reason) => damaged(path, format_args!("identity.toml: {reason}")),
    })
}

fn check(path: &Path, identity: Identity, cluster: &str, node: u32) -> Result<(), OpenError> {
    let Identity { format: _, cluster: found, node: found_node } = identity;
    if found != cluster {
        return Err(OpenError::OtherCluster { path: path.into(), found, expected: cluster.into() });
    }
    if found_node != node {
        return Err(OpenError::OtherNode { path: path.into(), found: found_node, expected: node });
    }
    Ok(())
}

/// The identity is written last: a directory without one was never opened, whatever else was made of it before a crash.
fn create(path: &Path, store: &Path, cluster: &str, node: u32) -> Result<(), OpenError> {
    if !is_ours(path).map_err(|source| unusable(path, source))? {
        return Err(OpenError::Foreign { path: path.into() });
    }
    if !store.exists() {
        let draft = path.join("store.new");
        let io = |source| unusable(&draft, source);
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(io)?;
        }
        fs::create_dir(&draft).map_err(io)?;
        Engine::create(&draft).map_err(|error| unusable(&draft, io::Error::other(error)))?;
        sync_directory(&draft).map_err(io)?;
        fs::rename(&draft, store).map_err(io)?;
        sync_directory(path).map_err(io)?;
        sync_directory(&path.join("..")).map_err(io)?;
    } else if !is_new(store) {
        return Err(damaged(path, "identity.toml is missing"));
    }
    let identity = Identity { format: FORMAT, cluster: cluster.into(), node };
    identity.write(path).map_err(|source| unusable(path, source))
}

/// What the operating system refused, if that and not the contents of a file is what an engine failed over.
fn io_error(error: EngineError) -> Result<io::Error, EngineError> {
    match error {
        EngineError::Mark(source)
        | EngineError::Manifest(source)
        | EngineError::Engine(fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)))
            if !is_about_contents(source.kind()) =>
        {
            Ok(source)
        }
        error => Err(error),
    }
}

fn is_about_contents(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::Other
    )
}

/// Whether there is nothing but what an interrupted [`create`] leaves, and what a file system brings along.
fn is_ours(path: &Path) -> io::Result<bool> {
    const OURS: [&str; 5] = ["lock", "store", "store.new", "identity.toml.new", "lost+found"];
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a store was never flushed: then the identity beside it was not lost but never written.
fn is_new(store: &Path) -> bool {
    Mark::open(&store.join("flushes")).is_ok_and(|mark| mark.flushes() == 0)
}

fn unusable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Unusable { path: path.into(), source }
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> OpenError {
    OpenError::Damaged { path: path.into(), reason: reason.to_string() }
}
