//! Whose a directory is: `identity.toml`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The version of the directory's layout and of the rows' envelope.
pub(super) const FORMAT: u32 = 1;

const FILE: &str = "identity.toml";
const DRAFT: &str = "identity.toml.new";

/// The contents of `identity.toml`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) format: u32,
    pub(super) cluster: String,
    pub(super) node: u32,
}

/// The part that every version has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// Why an identity was not read.
#[derive(Debug)]
pub(super) enum IdentityError {
    Io(io::Error),
    Format(u32),
    Unreadable(String),
}

impl Identity {
    /// Reads the identity; `None` if there is none.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, IdentityError> {
        let text = match fs::read_to_string(directory.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(IdentityError::Unreadable(error.to_string()));
            }
            Err(error) => return Err(IdentityError::Io(error)),
        };
        // A later version may have other fields: its number is read first, by itself.
        let unreadable = |error: toml::de::Error| IdentityError::Unreadable(error.message().to_owned());
        match toml::from_str(&text).map_err(unreadable)? {
            Version { format: FORMAT } => toml::from_str(&text).map(Some).map_err(unreadable),
            Version { format } => Err(IdentityError::Format(format)),
        }
    }

    /// Writes it, all or nothing.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let draft = directory.join(DRAFT);
        let mut file = File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(draft, directory.join(FILE))?;
        sync_directory(directory)
    }
}

/// Makes what was created in a directory, or renamed into it, durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
