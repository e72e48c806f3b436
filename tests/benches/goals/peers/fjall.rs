//! fjall, a log-structured merge tree: points under 12 bytes of series number and time in big-endian order, names of
//! series in a second keyspace, and a map from names to numbers in the application.
//!
//! Fair: durable means that the journal is synced with each batch (`SyncData`). Its size is taken after a flush and a major
//! compaction, without its journal. Not comparable: it is a general key-value store, so windows are added up in the
//! application, and its only compression is LZ4 of blocks.
use super::{Means, Numbers, Peer, Store, folder_len, growth, locked, repeated};
use chronicle_tests::measure::{self, Cost, time};
use chronicle_tests::workload::{PointRef, SeriesData};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::ops::Range;
use std::path::Path;

pub(crate) struct Fjall;

impl Peer for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }
    fn about(&self) -> String {
        format!(
            "{}, one batch with SyncData, keys of series and time, LZ4, after a major compaction",
            locked("fjall")
        )
    }
    fn bytes(&self, folder: &Path) -> u64 {
        // Journals are made 64 MB long.
        folder_len(folder, &|name| !name.ends_with(".jnl"))
    }
    fn open(&self, folder: &Path, durable: bool) -> Box<dyn Store> {
        let database = Database::builder(folder.join("fjall")).open().unwrap();
        let names = database.keyspace("series", KeyspaceCreateOptions::default).unwrap();
        let points = database.keyspace("points", KeyspaceCreateOptions::default).unwrap();
        let mut series = Numbers::default();
        for entry in names.iter() {
            let (name, number) = entry.into_inner().unwrap();
            let number = u32::from_be_bytes(number.as_ref().try_into().unwrap());
            series.known.insert(String::from_utf8(name.to_vec()).unwrap(), number);
        }
        Box::new(Open { database, names, points, series, durable, before: None })
    }
}

struct Open {
    database: Database,
    names: Keyspace,
    points: Keyspace,
    series: Numbers,
    durable: bool,
    before: Option<u64>,
}

/// Big-endian with the sign flipped: bytes sort as the numbers do.
fn key(number: u32, timestamp: i64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key[4..].copy_from_slice(&(timestamp as u64 ^ 1 << 63).to_be_bytes());
    key
}

impl Open {
    fn write(&mut self, batch: &[PointRef<'_>]) {
        let mode = if self.durable { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut writes = self.database.batch().durability(Some(mode));
        for point in batch {
            let (number, new) = self.series.of(point.series);
            if let Some(name) = new {
                writes.insert(&self.names, name, number.to_be_bytes());
            }
            writes.insert(&self.points, key(number, point.timestamp), point.value.to_be_bytes());
        }
        writes.commit().unwrap();
    }

    fn each(&self, range: Range<[u8; 12]>, mut each: impl FnMut(i64, f64)) {
        for entry in self.points.range(range) {
            let (key, value) = entry.into_inner().unwrap();
            let timestamp = u64::from_be_bytes(key[4..].try_into().unwrap()) ^ 1 << 63;
            each(timestamp as i64, f64::from_be_bytes(value.as_ref().try_into().unwrap()));
        }
    }
}

impl Store for Open {
    fn load(&mut self, batches: &[Vec<PointRef<'_>>]) -> Cost {
        measure::forget_peak();
        self.before = measure::resident_bytes();
        time(|| batches.iter().for_each(|batch| self.write(batch))).1
    }

    fn compact(&mut self) {
        for keyspace in [&self.names, &self.points] {
            keyspace.rotate_memtable_and_wait().unwrap();
            keyspace.major_compact().unwrap();
        }
        self.database.persist(PersistMode::SyncAll).unwrap();
    }

    fn sum(&mut self, _: &Range<i64>) -> (f64, Cost) {
        time(|| {
            let mut sum = 0.0;
            self.each([0; 12]..[0xff; 12], |_, value| sum += value);
            sum
        })
    }

    fn values(&mut self, series: &SeriesData, range: Range<i64>, repeat: usize) -> ((u64, f64), Cost) {
        let number = self.series.get(series);
        repeated(repeat, || {
            let mut answer = (0, 0.0);
            self.each(key(number, range.start)..key(number, range.end), |_, value| {
                answer = (answer.0 + 1, answer.1 + value);
            });
            answer
        })
    }

    fn means(&mut self, series: &[SeriesData]) -> (Vec<f64>, Cost) {
        time(|| {
            let mut means = Means::default();
            for series in series {
                let number = self.series.get(series);
                let all = key(number, i64::MIN)..key(number, i64::MAX);
                self.each(all, |timestamp, value| means.push(timestamp, value));
                means.end();
            }
            means.done
        })
    }

    fn peak(&mut self) -> Option<u64> {
        growth(self.before)
    }

    fn close(self: Box<Self>) {}
}
