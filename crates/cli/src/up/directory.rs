//! Where the data of a cluster is that `syncline up` starts.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Where the cluster's data is, for no other `syncline up` at the same time. What this command made for itself goes when this
/// is dropped.
pub(super) struct Directory {
    pub(super) path: PathBuf,
    pub(super) is_temporary: bool,
    _lock: File,
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_temporary {
            // It is in the system's directory for what may be lost: whatever is left of it harms nobody.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

impl Directory {
    pub(super) fn open(asked: Option<&Path>) -> Result<Self, String> {
        let fresh = || {
            let unique = format!("syncline-{}-{}", std::process::id(), uuid::Uuid::new_v4().simple());
            std::env::temp_dir().join(unique)
        };
        let path = asked.map_or_else(fresh, Path::to_path_buf);
        let unusable = |error: std::io::Error| format!("{}: {error}; give another --dir", path.display());
        std::fs::create_dir_all(&path).map_err(unusable)?;
        let path = std::path::absolute(&path).map_err(unusable)?;
        let lock = File::options().write(true).create(true).truncate(false).open(path.join("up.lock"));
        let lock = lock.map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, is_temporary: asked.is_none(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(format!(
                "{} is in use by another `syncline up`: stop that one, or give another --dir",
                path.display()
            )),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// The options that a cluster which is here was made with, and its name.
    pub(super) fn made(&self) -> Result<Option<(String, String)>, String> {
        let file = self.path.join("node-0.toml");
        let unreadable = |error: String| format!("{}: {error}; give another --dir", file.display());
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        // Not as a configuration: an earlier version may have had other keys.
        let made: toml::Table = text.parse().map_err(|error: toml::de::Error| unreadable(error.message().into()))?;
        let word = |key: &str| made.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let partitions = made.get("partitions").and_then(toml::Value::as_integer).unwrap_or_default();
        let nodes = made.get("nodes").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let datacenters = nodes.iter().filter_map(|node| node.get("datacenter")?.as_str()).collect::<BTreeSet<_>>();
        Ok(Some((options(word("strategy"), nodes.len(), datacenters.len(), partitions), word("cluster").into())))
    }
}

/// What has to stay the same for as long as a cluster lives.
pub(super) fn options(
    strategy: impl Display,
    nodes: impl Display,
    datacenters: impl Display,
    partitions: impl Display,
) -> String {
    format!("--strategy {strategy} --nodes {nodes} --datacenters {datacenters} --partitions {partitions}")
}
