//! The rows of keys that were read lately, in memory.
//!
//! A command reads all rows of its key, which a log-structured merge tree has to look for in many places. A shard's thread is
//! the only one that writes its partitions' rows, so what it has read once and kept up to date needs no second look. Large
//! keys, such as sets of many members, are not kept.

use std::cell::RefCell;

use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use syncline_replicas::{Batch, PartitionId, key_prefix};

/// About how many bytes are kept.
const CAPACITY: u64 = 32 << 20;
/// The most rows of one key that are kept, and the most bytes of one value.
const MOST_ROWS: usize = 8;
const MOST_BYTES: usize = 4 << 10;

type Name = (PartitionId, Vec<u8>);
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Clone)]
struct Bytes;

impl Weighter<Name, Rows> for Bytes {
    fn weight(&self, (_, prefix): &Name, rows: &Rows) -> u64 {
        let rows: usize = rows.iter().map(|(key, value)| key.len() + value.len() + 48).sum();
        (prefix.len() + rows + 64) as u64
    }
}

/// All rows of some keys, by the prefix that they share.
pub(super) struct HotKeys(RefCell<Cache<Name, Rows, Bytes>>);

impl Default for HotKeys {
    fn default() -> Self {
        // Room for as many keys as fit if they are small.
        let keys = usize::try_from(CAPACITY / 256).unwrap_or(usize::MAX);
        Self(RefCell::new(Cache::with_weighter(keys, CAPACITY, Bytes)))
    }
}

impl HotKeys {
    /// A row, if its key's rows are known: then it may be known to be absent.
    #[expect(clippy::option_option, reason = "outer: known or not; inner: there or not")]
    pub(super) fn get(&self, partition: PartitionId, row: &[u8]) -> Option<Option<Vec<u8>>> {
        let keys = self.0.borrow();
        let rows = keys.get(&(partition, key_prefix(row)?.to_vec()))?;
        Some(find(rows, row).ok().map(|index| rows[index].1.clone()))
    }

    /// All rows of a key, if they are known and that is what is asked for.
    pub(super) fn scan(&self, partition: PartitionId, prefix: &[u8], from: &[u8], limit: usize) -> Option<Rows> {
        let keys = self.0.borrow();
        if prefix != from || key_prefix(prefix) != Some(prefix) {
            return None;
        }
        let rows = keys.get(&(partition, prefix.to_vec()))?;
        (rows.len() < limit).then(|| rows.clone())
    }

    /// What the store answered to a scan: kept if it is all rows of a key, and not much.
    pub(super) fn remember(&self, partition: PartitionId, prefix: &[u8], from: &[u8], limit: usize, rows: &Rows) {
        let is_whole = prefix == from && key_prefix(prefix) == Some(prefix) && rows.len() < limit;
        if is_whole && rows.len() <= MOST_ROWS && rows.iter().all(|(_, value)| value.len() <= MOST_BYTES) {
            self.0.borrow_mut().insert((partition, prefix.to_vec()), rows.clone());
        }
    }

    /// Rows that are written: those of known keys stay known.
    pub(super) fn write(&mut self, partition: PartitionId, batch: &Batch) {
        let keys = self.0.get_mut();
        for (row, value) in &batch.writes {
            let Some(prefix) = key_prefix(row) else { continue };
            let name = (partition, prefix.to_vec());
            let Some(mut rows) = keys.get(&name).cloned() else { continue };
            match (find(&rows, row), value) {
                (Ok(index), Some(value)) => rows[index].1.clone_from(value),
                (Ok(index), None) => drop(rows.remove(index)),
                (Err(index), Some(value)) => rows.insert(index, (row.clone(), value.clone())),
                (Err(_), None) => {}
            }
            if rows.len() > MOST_ROWS || rows.iter().any(|(_, value)| value.len() > MOST_BYTES) {
                keys.remove(&name);
            } else {
                keys.insert(name, rows);
            }
        }
    }
}

fn find(rows: &Rows, row: &[u8]) -> Result<usize, usize> {
    rows.binary_search_by(|(key, _)| key.as_slice().cmp(row))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use syncline_replicas::BatchNumber;

    use super::*;

    const PARTITION: PartitionId = PartitionId(3);

    /// A row of an entry, of one of few keys.
    fn row(random: &mut fastrand::Rng) -> Vec<u8> {
        let key = [b"a".as_slice(), b"ab", b"b", b""][random.usize(..4)];
        [b"d", &[u8::try_from(key.len()).expect("short")], key, &[random.u8(..12)]].concat()
    }

    fn under<'m>(
        model: &'m BTreeMap<Vec<u8>, Vec<u8>>,
        prefix: &'m [u8],
    ) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + 'm {
        let rows = model.range(prefix.to_vec()..).take_while(move |(key, _)| key.starts_with(prefix));
        rows.map(|(key, value)| (key.clone(), value.clone()))
    }

    #[test]
    fn what_is_known_is_what_the_store_holds() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut hot, mut model) = (HotKeys::default(), BTreeMap::new());
        let (mut known, mut absent, mut scans) = (0, 0, 0);
        for step in 0..20_000 {
            if random.bool() {
                let value = (!random.bool()).then(|| vec![0; random.usize(..3) * 3_000]);
                let writes = vec![(row(&mut random), value), (b"m".to_vec(), Some(vec![1]))];
                for (key, value) in &writes {
                    match value {
                        Some(value) => model.insert(key.clone(), value.clone()),
                        None => model.remove(key),
                    };
                }
                hot.write(PARTITION, &Batch { number: BatchNumber(step), writes });
            } else {
                let row = row(&mut random);
                let prefix = key_prefix(&row).expect("a row of an entry").to_vec();
                if let Some(found) = hot.get(PARTITION, &row) {
                    assert_eq!(found.as_ref(), model.get(&row));
                    known += 1;
                    absent += u32::from(found.is_none());
                }
                let all: Vec<_> = under(&model, &prefix).collect();
                match hot.scan(PARTITION, &prefix, &prefix, 256) {
                    Some(found) => {
                        assert_eq!(found, all);
                        scans += 1;
                    }
                    None => hot.remember(PARTITION, &prefix, &prefix, 256, &all),
                }
                assert_eq!(hot.get(PartitionId(4), &row), None, "of another partition");
            }
        }
        assert!(known > 500 && absent > 100 && scans > 500, "too rarely reached: {known} {absent} {scans}");
    }
}
