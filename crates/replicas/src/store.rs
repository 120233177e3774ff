//! How a replicator reads what was persisted: a capability that it is given, not something that it holds.

use std::sync::Arc;

use crate::PartitionId;

/// The store could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store can not be read: {0}")]
pub struct StoreError(pub String);

/// Why a partition stops: its store can not be trusted any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record does not decode: an error, never "not found".
    #[error("a corrupt record under key {0:02x?}")]
    Corrupt(Vec<u8>),
    /// It could not be written.
    #[error("a batch could not be flushed")]
    FlushFailed,
}

/// Ordered rows of bytes, with everything that was written before, durable or not.
pub trait StoreRead {
    /// The value under a key.
    ///
    /// # Errors
    /// The store can not be read.
    fn get(&self, partition: PartitionId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The rows whose keys begin with `prefix` and are not below `from`, in order, at most `limit` of them. To resume,
    /// ask again from just behind the last key.
    ///
    /// # Errors
    /// The store can not be read.
    #[expect(clippy::type_complexity, reason = "rows are pairs of bytes")]
    fn scan(
        &self,
        partition: PartitionId,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError>;
}

impl<S: StoreRead + ?Sized> StoreRead for Arc<S> {
    fn get(&self, partition: PartitionId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        S::get(self, partition, key)
    }

    fn scan(
        &self,
        partition: PartitionId,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        S::scan(self, partition, prefix, from, limit)
    }
}
