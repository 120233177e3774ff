//! How a row is stored: under its partition and key, and behind a checksum of partition, key and value.
//!
//! The engine's own checksums guard its blocks on the disk. This one spans the whole way from a write to a read, and it
//! binds a value to its key: a row that comes back under another key is caught.

use crc32fast::Hasher;
use syncline_replicas::{PartitionId, StoreError};

/// The longest key of a row, in bytes: what the engine takes, less the partition.
pub const MAX_KEY: usize = u16::MAX as usize - size_of::<u32>();

/// The engine's key of a row: partitions follow each other.
pub(super) fn key(partition: PartitionId, key: &[u8]) -> Vec<u8> {
    [&partition.0.to_be_bytes(), key].concat()
}

/// The key of a row under the engine's key.
pub(super) fn bare(key: &[u8]) -> &[u8] {
    key.get(size_of::<u32>()..).unwrap_or_default()
}

/// The value as it is stored under an engine's key.
pub(super) fn seal(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&checksum(key, value).to_be_bytes(), value].concat()
}

/// The value of a stored one.
pub(super) fn unseal<'a>(key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], StoreError> {
    match stored.split_first_chunk() {
        Some((sum, value)) if u32::from_be_bytes(*sum) == checksum(key, value) => Ok(value),
        _ => Err(StoreError(format!(
            "the record {} fails its checksum: stop the node, move its directory away, and start it again: it is rebuilt \
             from its peers",
            name(key)
        ))),
    }
}

/// A row for a message.
pub(super) fn name(key: &[u8]) -> String {
    match key.split_first_chunk() {
        Some((partition, key)) => {
            format!("\"{}\" of partition {}", key.escape_ascii(), u32::from_be_bytes(*partition))
        }
        None => format!("\"{}\" of the store itself", key.escape_ascii()),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed_and_the_row_is_named() {
        let row = key(PartitionId(7), b"d\x00user");
        let sealed = seal(&row, b"value");
        assert_eq!(unseal(&row, &sealed), Ok(&b"value"[..]));
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let StoreError(message) = unseal(&row, &flipped).expect_err("a bit is flipped");
            assert!(message.contains(r#""d\x00user" of partition 7"#), "{message}");
        }
    }

    #[test]
    fn a_value_of_another_row_or_one_cut_off_is_noticed() {
        let row = key(PartitionId(7), b"a");
        let sealed = seal(&row, b"value");
        assert!(unseal(&key(PartitionId(7), b"b"), &sealed).is_err());
        assert!(unseal(&key(PartitionId(8), b"a"), &sealed).is_err());
        for length in 0..sealed.len() {
            assert!(unseal(&row, &sealed[..length]).is_err());
        }
    }
}
