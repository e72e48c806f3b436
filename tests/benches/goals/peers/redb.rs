//! redb, a copy-on-write B-tree: points under (number of the series, time), names of series in a second table, and a map
//! from names to numbers in the application.
//!
//! Fair: durable is its default, one write transaction a batch. Its size is taken after `compact`. Not comparable: it is a
//! general key-value store, so windows are added up in the application, and nothing is compressed.
use super::{Means, Numbers, Peer, Store, growth, locked, repeated};
use chronicle_tests::measure::{self, Cost, time};
use chronicle_tests::workload::{PointRef, SeriesData};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use std::ops::Range;
use std::path::Path;

const POINTS: TableDefinition<'_, (u32, i64), f64> = TableDefinition::new("points");
const SERIES: TableDefinition<'_, &str, u32> = TableDefinition::new("series");

pub(crate) struct Redb;

impl Peer for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }
    fn about(&self) -> String {
        format!(
            "{}, one durable write transaction a batch, keys of series and time, after compact",
            locked("redb")
        )
    }
    fn open(&self, folder: &Path, durable: bool) -> Box<dyn Store> {
        let database = Database::create(folder.join("redb.db")).unwrap();
        let mut series = Numbers::default();
        if let Ok(names) = database.begin_read().unwrap().open_table(SERIES) {
            let known = names.iter().unwrap().map(Result::unwrap);
            series.known.extend(known.map(|(name, number)| (name.value().to_owned(), number.value())));
        }
        Box::new(Open { database, series, durable, before: None })
    }
}

struct Open {
    database: Database,
    series: Numbers,
    durable: bool,
    before: Option<u64>,
}

impl Open {
    fn write(&mut self, batch: &[PointRef<'_>], durable: bool) {
        let mut transaction = self.database.begin_write().unwrap();
        if !durable {
            transaction.set_durability(Durability::None).unwrap();
        }
        {
            let mut names = transaction.open_table(SERIES).unwrap();
            let mut points = transaction.open_table(POINTS).unwrap();
            for point in batch {
                let (number, new) = self.series.of(point.series);
                if let Some(name) = new {
                    names.insert(name, number).unwrap();
                }
                points.insert((number, point.timestamp), point.value).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    fn each(&self, range: Range<(u32, i64)>, mut each: impl FnMut(i64, f64)) {
        let points = self.database.begin_read().unwrap().open_table(POINTS).unwrap();
        for entry in points.range(range).unwrap() {
            let (key, value) = entry.unwrap();
            each(key.value().1, value.value());
        }
    }
}

impl Store for Open {
    fn load(&mut self, batches: &[Vec<PointRef<'_>>]) -> Cost {
        measure::forget_peak();
        self.before = measure::resident_bytes();
        let last = batches.len().saturating_sub(1);
        let each = |(at, batch): (usize, &Vec<PointRef<'_>>)| {
            // Pages of commits that are not durable are freed by the next durable one only.
            self.write(batch, self.durable || at == last || at % 16 == 0);
        };
        time(|| batches.iter().enumerate().for_each(each)).1
    }

    fn compact(&mut self) {
        while self.database.compact().unwrap() {}
    }

    fn sum(&mut self, _: &Range<i64>) -> (f64, Cost) {
        time(|| {
            let mut sum = 0.0;
            self.each((0, i64::MIN)..(u32::MAX, i64::MAX), |_, value| sum += value);
            sum
        })
    }

    fn values(&mut self, series: &SeriesData, range: Range<i64>, repeat: usize) -> ((u64, f64), Cost) {
        let number = self.series.get(series);
        repeated(repeat, || {
            let mut answer = (0, 0.0);
            self.each((number, range.start)..(number, range.end), |_, value| {
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
                let all = (number, i64::MIN)..(number, i64::MAX);
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
