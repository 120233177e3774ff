//! The store of a node against a model, against damage, and against being opened by the wrong one.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quickcheck::{Arbitrary, Gen, QuickCheck};
use syncline_node::storage::power_cut::PowerCut;
use syncline_node::storage::{self, Engine, MAX_KEY, OpenError, Storage};
use syncline_replicas::{Batch, BatchNumber, PartitionId, StoreError, StoreRead};

type Rows = BTreeMap<(PartitionId, Vec<u8>), Vec<u8>>;
type Writes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// One step of a test. Keys are short and over few bytes, so that they meet and are prefixes of each other.
#[derive(Clone, Debug)]
enum Step {
    Write(PartitionId, Writes),
    Flush,
    Get(PartitionId, Vec<u8>),
    Scan(PartitionId, Vec<u8>, Vec<u8>, usize),
    /// Drops the store without a flush and opens it again.
    PowerCut,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let partition = *g
            .choose(&[PartitionId(0), PartitionId(1), PartitionId(0x6e00_0000), PartitionId(u32::MAX)])
            .expect("some");
        match u8::arbitrary(g) % 32 {
            0..16 => {
                let rows = usize::arbitrary(g) % 6;
                Self::Write(partition, (0..rows).map(|_| (key(g), Option::arbitrary(g))).collect())
            }
            16..20 => Self::Flush,
            20..24 => Self::Get(partition, key(g)),
            24..31 => Self::Scan(partition, key(g), key(g), usize::arbitrary(g) % 6),
            _ => Self::PowerCut,
        }
    }
}

fn key(g: &mut Gen) -> Vec<u8> {
    let length = usize::arbitrary(g) % 4;
    (0..length).map(|_| *g.choose(&[0, b'a', b'b', 0xff]).expect("some")).collect()
}

/// What a store has to answer: what was written, and what of it survives.
#[derive(Default)]
struct Model {
    written: Rows,
    flushed: Rows,
}

impl Model {
    fn write(&mut self, partition: PartitionId, writes: &Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => drop(self.written.insert((partition, key.clone()), value.clone())),
                None => drop(self.written.remove(&(partition, key.clone()))),
            }
        }
    }

    fn scan(&self, partition: PartitionId, prefix: &[u8], from: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let from = Bound::Included((partition, from.to_vec()));
        let rows = self.written.range((from, Bound::Unbounded)).take_while(|((owner, _), _)| *owner == partition);
        let rows = rows.filter(|((_, key), _)| key.starts_with(prefix));
        rows.map(|((_, key), value)| (key.clone(), value.clone())).take(limit).collect()
    }
}

/// Every step has the same outcome in a store as in the model.
fn agrees<S: Storage>(steps: Vec<Step>, open: impl Fn(&Path) -> S) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut store = open(directory.path());
    let mut model = Model::default();
    for (number, step) in (1..).zip(steps) {
        match step {
            Step::Write(partition, writes) => {
                model.write(partition, &writes);
                store.write(partition, &Batch { number: BatchNumber(number), writes }).expect("written");
            }
            Step::Flush => {
                store.flush().expect("flushed");
                model.flushed = model.written.clone();
            }
            Step::Get(partition, key) => {
                let expected = model.written.get(&(partition, key.clone())).cloned();
                assert_eq!(store.get(partition, &key), Ok(expected), "{key:?}");
            }
            Step::Scan(partition, prefix, from, limit) => {
                let expected = model.scan(partition, &prefix, &from, limit);
                assert_eq!(store.scan(partition, &prefix, &from, limit), Ok(expected), "{prefix:?} from {from:?}");
            }
            Step::PowerCut => {
                drop(store);
                store = open(directory.path());
                model.written = model.flushed.clone();
            }
        }
    }
    for partition in [PartitionId(0), PartitionId(1), PartitionId(0x6e00_0000), PartitionId(u32::MAX)] {
        assert_eq!(store.scan(partition, b"", b"", usize::MAX), Ok(model.scan(partition, b"", b"", usize::MAX)));
    }
}

fn open(path: &Path) -> Arc<Engine> {
    storage::open(path, "test", 1).expect("the directory is new, or was closed")
}

fn batch(number: u64, writes: Writes) -> Batch {
    Batch { number: BatchNumber(number), writes }
}

fn put(key: &[u8], value: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.to_vec(), Some(value.to_vec()))
}

const P: PartitionId = PartitionId(7);

#[test]
fn the_engine_agrees_with_a_map() {
    QuickCheck::new().tests(60).rng(Gen::new(150)).quickcheck((|steps| agrees(steps, open)) as fn(Vec<Step>));
}

#[test]
fn a_power_cut_store_agrees_with_a_map() {
    let property = |steps| agrees(steps, |path| PowerCut::new(open(path)));
    QuickCheck::new().tests(60).rng(Gen::new(150)).quickcheck(property as fn(Vec<Step>));
}

/// A writer checks what it reads of its own rows while another thread flushes in a loop: no flush hides a row, shows an
/// old one or an unfinished batch, and what was flushed last is there after the store was opened again.
fn writes_beside_flushes<S: Storage>(open: impl Fn(&Path) -> S) {
    const BATCHES: u64 = 3_000;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(directory.path());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flusher = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                store.flush().expect("flushed");
            }
        });
        let writers: Vec<_> = [PartitionId(1), PartitionId(2)]
            .map(|partition| {
                let store = &store;
                scope.spawn(move || {
                    for number in 1..=BATCHES {
                        let mut writes = vec![put(b"m", &number.to_be_bytes()), put(&event(number), b"event")];
                        writes.extend(number.checked_sub(10).map(|old| (event(old), None)));
                        store.write(partition, &batch(number, writes)).expect("written");
                        assert_eq!(store.get(partition, b"m"), Ok(Some(number.to_be_bytes().to_vec())));
                        let events = store.scan(partition, b"e", b"e", 100).expect("read");
                        let kept = number.saturating_sub(9).max(1)..=number;
                        assert_eq!(events, kept.map(|kept| (event(kept), b"event".to_vec())).collect::<Vec<_>>());
                    }
                })
            })
            .into();
        let writers: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        flusher.join().expect("the flusher");
        writers.into_iter().for_each(|writer| writer.expect("a writer"));
    });
    store.flush().expect("flushed");
    drop(store);
    let store = open(directory.path());
    for partition in [PartitionId(1), PartitionId(2)] {
        assert_eq!(store.get(partition, b"m"), Ok(Some(BATCHES.to_be_bytes().to_vec())));
        assert_eq!(store.scan(partition, b"e", b"e", 100).expect("read").len(), 10);
    }
}

fn event(number: u64) -> Vec<u8> {
    [&b"e"[..], &number.to_be_bytes()].concat()
}

#[test]
fn the_engine_takes_writes_beside_flushes() {
    writes_beside_flushes(open);
}

#[test]
fn a_power_cut_store_takes_writes_beside_flushes() {
    writes_beside_flushes(|path| PowerCut::new(open(path)));
}

#[test]
fn a_power_cut_loses_exactly_what_was_not_flushed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let inner = open(directory.path());
    let store = PowerCut::new(Arc::clone(&inner));
    store.write(P, &batch(1, vec![put(b"a", b"1"), put(b"b", b"1")])).expect("written");
    store.flush().expect("flushed");
    store.write(P, &batch(2, vec![put(b"a", b"2"), (b"b".to_vec(), None), put(b"c", b"2")])).expect("written");
    let written = vec![(b"a".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"2".to_vec())];
    assert_eq!(store.scan(P, b"", b"", 9), Ok(written));
    drop(store);
    inner.flush().expect("flushed");
    let flushed = vec![(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"1".to_vec())];
    assert_eq!(inner.scan(P, b"", b"", 9), Ok(flushed));
}

#[test]
fn without_flush_nothing_survives() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = PowerCut::without_flush(open(directory.path()));
    store.write(P, &batch(1, vec![put(b"a", b"1")])).expect("written");
    store.flush().expect("claimed");
    assert_eq!(store.get(P, b"a"), Ok(Some(b"1".to_vec())));
    drop(store);
    assert_eq!(open(directory.path()).scan(P, b"", b"", 9), Ok(vec![]));
}

/// An inner store whose disk is full.
struct Full;

impl StoreRead for Full {
    fn get(&self, _: PartitionId, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn scan(&self, _: PartitionId, _: &[u8], _: &[u8], _: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        Ok(vec![])
    }
}

impl Storage for Full {
    fn write(&self, _: PartitionId, _: &Batch) -> Result<(), StoreError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Err(StoreError("full".into()))
    }
}

#[test]
fn after_a_failed_flush_nothing_is_written_and_nothing_claimed() {
    let store = PowerCut::new(Full);
    let full = Err(StoreError("full".into()));
    store.write(P, &batch(1, vec![put(b"a", b"1")])).expect("written");
    assert_eq!(store.flush(), full);
    assert_eq!(store.flush(), full);
    assert_eq!(store.write(P, &batch(2, vec![put(b"a", b"2")])), full);
    assert_eq!(store.get(P, b"a"), Ok(Some(b"1".to_vec())));
}

#[test]
fn a_key_that_the_engine_does_not_take_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(directory.path());
    let longest = vec![b'k'; MAX_KEY];
    store.write(P, &batch(1, vec![put(&longest, b"1")])).expect("written");
    assert!(store.write(P, &batch(2, vec![put(&[&longest[..], b"k"].concat(), b"1")])).is_err());
    store.flush().expect("flushed");
    drop(store);
    assert_eq!(open(directory.path()).get(P, &longest), Ok(Some(b"1".to_vec())));
}

#[test]
fn a_directory_has_one_owner() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("new/and/deep");
    let store = storage::open(&path, "one", 1).expect("a new directory");
    let error = storage::open(&path, "one", 1).expect_err("it is open");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(store);

    let error = storage::open(&path, "two", 1).expect_err("it is another cluster's");
    assert!(matches!(&error, OpenError::OtherCluster { found, expected, .. } if found == "one" && expected == "two"));
    assert_eq!(error.to_string().lines().count(), 1);
    let error = storage::open(&path, "one", 2).expect_err("it is another node's");
    assert!(matches!(error, OpenError::OtherNode { found: 1, expected: 2, .. }), "{error}");
    storage::open(&path, "one", 1).expect("an attempt of another one changes nothing");

    fs::write(path.join("identity.toml"), "format = 2\nmembers = []").expect("written");
    let error = storage::open(&path, "one", 1).expect_err("the format is of the future");
    assert!(matches!(error, OpenError::UnknownFormat { found: 2, .. }), "{error}");
    fs::write(path.join("identity.toml"), "format").expect("written");
    let error = storage::open(&path, "one", 1).expect_err("the identity is damaged");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
}

#[test]
fn a_directory_that_is_none_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("letter.txt"), "dear").expect("written");
    let error = storage::open(directory.path(), "one", 1).expect_err("somebody else's directory");
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    let error = storage::open(directory.path().join("letter.txt"), "one", 1).expect_err("a file");
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
}

#[test]
fn an_interrupted_creation_is_taken_up_again_and_a_loss_is_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path();
    fs::create_dir_all(path.join("store.new/fjall")).expect("created");
    drop(open(path));
    // The identity is written last.
    fs::remove_file(path.join("identity.toml")).expect("removed");
    let store = open(path);
    store.write(P, &batch(1, vec![put(b"a", b"1")])).expect("written");
    store.flush().expect("flushed");
    drop(store);

    let identity = fs::read(path.join("identity.toml")).expect("read");
    fs::remove_file(path.join("identity.toml")).expect("removed");
    let error = storage::open(path, "test", 1).expect_err("it was in use");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    fs::write(path.join("identity.toml"), identity).expect("written");
    assert_eq!(open(path).get(P, b"a"), Ok(Some(b"1".to_vec())));
    fs::remove_dir_all(path.join("store")).expect("removed");
    let error = storage::open(path, "test", 1).expect_err("the rows are gone");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

/// A file of a store, without the zeros at its end: the engine preallocates.
struct Image {
    path: std::path::PathBuf,
    bytes: Vec<u8>,
    length: u64,
}

impl Image {
    fn all_under(root: &Path) -> Vec<Self> {
        let mut images = vec![];
        let mut directories = vec![root.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("read") {
                let path = entry.expect("read").path();
                if path.is_dir() {
                    directories.push(path);
                    continue;
                }
                let mut bytes = fs::read(&path).expect("read");
                let length = bytes.len() as u64;
                bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
                images.push(Self { path: path.strip_prefix(root).expect("under it").to_owned(), bytes, length });
            }
        }
        images.sort_by(|a, b| a.path.cmp(&b.path));
        images
    }

    fn restore(&self, root: &Path) {
        let path = root.join(&self.path);
        fs::create_dir_all(path.parent().expect("it is under the root")).expect("created");
        fs::write(&path, &self.bytes).expect("written");
        fs::File::options().write(true).open(&path).expect("opened").set_len(self.length).expect("extended");
    }
}

/// Flips a byte here and there in each file of a closed store: each row comes back as it was, or an error does.
/// Tells how many tables the store had.
fn damage_is_noticed(rows: &BTreeMap<Vec<u8>, Vec<u8>>, places: usize) -> usize {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pristine = directory.path().join("pristine");
    let store = open(&pristine);
    let mut number = 0;
    for (key, value) in rows {
        number += 1;
        store.write(P, &batch(number, vec![put(key, value), put(b"gone", b"gone")])).expect("written");
        store.flush().expect("flushed");
    }
    store.write(P, &batch(number + 1, vec![(b"gone".to_vec(), None)])).expect("written");
    store.flush().expect("flushed");
    drop(store);
    let images = Image::all_under(&pristine);
    let damaged = directory.path().join("damaged");
    let mut noticed = 0;
    for image in images.iter().filter(|image| !image.bytes.is_empty()) {
        let length = image.bytes.len();
        for place in 0..places.min(length) {
            // Places over the whole file, and not all at the same distance from a block's begin.
            let at = (place * length / places.min(length) + place * 13) % length;
            if damaged.exists() {
                fs::remove_dir_all(&damaged).expect("removed");
            }
            images.iter().for_each(|image| image.restore(&damaged));
            let mut bytes = image.bytes.clone();
            bytes[at] ^= 0x55;
            Image { path: image.path.clone(), bytes, length: image.length }.restore(&damaged);
            let what = format!("byte {at} of {length} of {}", image.path.display());
            noticed += usize::from(!reads_intact(&damaged, rows, &what));
        }
    }
    assert!(noticed > 0, "no byte mattered");
    images.iter().filter(|image| image.path.parent().is_some_and(|parent| parent.ends_with("tables"))).count()
}

/// Whether all rows of a damaged store are there; if not, an error has to say so.
fn reads_intact(path: &Path, rows: &BTreeMap<Vec<u8>, Vec<u8>>, what: &str) -> bool {
    let store = match storage::open(path, "test", 1) {
        Ok(store) => store,
        Err(error) => {
            assert!(!matches!(error, OpenError::InUse { .. }), "{what}: {error}");
            assert_eq!(error.to_string().lines().count(), 1, "{what}: {error}");
            return false;
        }
    };
    let mut intact = true;
    for (key, value) in rows {
        match store.get(P, key) {
            Ok(found) => assert_eq!(found.as_ref(), Some(value), "{what}: {}", key.escape_ascii()),
            Err(_) => intact = false,
        }
    }
    match store.scan(P, b"", b"", usize::MAX) {
        Ok(found) => assert!(found.iter().map(|(key, value)| (key, value)).eq(rows), "{what}"),
        Err(_) => intact = false,
    }
    intact
}

#[test]
fn damage_to_a_journal_is_noticed() {
    let rows = (0..20u8).map(|n| (vec![b'd', n], vec![n; 40])).collect();
    let tables = damage_is_noticed(&rows, 120);
    assert_eq!(tables, 1, "only the engine's own table, not the journal, holds rows");
}

/// More than a memtable holds, so that there are tables.
#[test]
fn damage_to_a_table_is_noticed() {
    let rows = (0..12u8).map(|n| (vec![b'd', n], vec![n; 1 << 20])).collect();
    let tables = damage_is_noticed(&rows, 12);
    assert!(tables > 0, "all rows were still in the journal");
}
