//! SQLite as an application would embed it: names of series in one table, points in another without row ids, ordered by
//! series and time; a map from names to numbers in the application; prepared statements; a write-ahead log; 64 MiB of cache.
//!
//! Fair: durable means `synchronous=FULL`, one transaction a batch. Its size is taken after `VACUUM`. Not comparable: it
//! keeps general tables with indexes, transactions over any statement, and values of any type.
use super::{Means, Numbers, Peer, Store, growth, repeated};
use chronicle_tests::measure::{self, Cost, time};
use chronicle_tests::workload::{PointRef, SeriesData};
use rusqlite::{Connection, params};
use std::ops::Range;
use std::path::Path;

pub(crate) struct SqlitePeer;

impl Peer for SqlitePeer {
    fn name(&self) -> &'static str {
        "SQLite"
    }
    fn about(&self) -> String {
        format!(
            "{}, WAL, synchronous=FULL, 64 MiB of cache, WITHOUT ROWID by series and time, after VACUUM",
            rusqlite::version()
        )
    }
    fn open(&self, folder: &Path, durable: bool) -> Box<dyn Store> {
        Box::new(Sqlite::open(&folder.join("sqlite.db"), if durable { "FULL" } else { "OFF" }))
    }
}

/// An open database.
pub(crate) struct Sqlite {
    connection: Connection,
    series: Numbers,
    before: Option<u64>,
}

impl Sqlite {
    /// Opens or makes a database. `synchronous` is FULL or OFF.
    pub(crate) fn open(path: &Path, synchronous: &str) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", synchronous).unwrap();
        // 64 MiB: the 2 MB that are the default don't hold the last leaf of each series.
        connection.pragma_update(None, "cache_size", -65536).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
                 CREATE TABLE IF NOT EXISTS points(series INTEGER NOT NULL, time INTEGER NOT NULL,
                   value REAL NOT NULL, PRIMARY KEY(series, time)) WITHOUT ROWID;",
            )
            .unwrap();
        let mut series = Numbers::default();
        {
            let mut names = connection.prepare("SELECT name, id FROM series").unwrap();
            let mut rows = names.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                series.known.insert(row.get(0).unwrap(), row.get(1).unwrap());
            }
        }
        Self { connection, series, before: None }
    }

    /// One transaction.
    pub(crate) fn write(&mut self, batch: &[PointRef<'_>]) {
        let transaction = self.connection.transaction().unwrap();
        {
            let mut series =
                transaction.prepare_cached("INSERT INTO series(id, name) VALUES(?1, ?2)").unwrap();
            let mut points = transaction
                .prepare_cached("INSERT OR REPLACE INTO points(series, time, value) VALUES(?1, ?2, ?3)")
                .unwrap();
            for point in batch {
                let (id, new) = self.series.of(point.series);
                if let Some(name) = new {
                    series.execute(params![id, name]).unwrap();
                }
                points.execute(params![id, point.timestamp, point.value]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    /// Calls `each` with every row of a statement: columns 0 and 1 as time and value.
    fn each(&self, sql: &str, arguments: &[&dyn rusqlite::ToSql], mut each: impl FnMut(i64, f64)) {
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        let mut rows = statement.query(arguments).unwrap();
        while let Some(row) = rows.next().unwrap() {
            each(row.get_unwrap(0), row.get_unwrap(1));
        }
    }
}

impl Store for Sqlite {
    fn load(&mut self, batches: &[Vec<PointRef<'_>>]) -> Cost {
        measure::forget_peak();
        self.before = measure::resident_bytes();
        time(|| batches.iter().for_each(|batch| self.write(batch))).1
    }

    fn compact(&mut self) {
        self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;").unwrap();
    }

    fn sum(&mut self, _: &Range<i64>) -> (f64, Cost) {
        let sum =
            || self.connection.query_row("SELECT sum(value) FROM points", [], |row| row.get(0)).unwrap();
        time(sum)
    }

    fn values(&mut self, series: &SeriesData, range: Range<i64>, repeat: usize) -> ((u64, f64), Cost) {
        let id = self.series.get(series);
        repeated(repeat, || {
            let sql = "SELECT time, value FROM points WHERE series = ?1 AND time >= ?2 AND time < ?3";
            let mut answer = (0, 0.0);
            self.each(sql, &[&id, &range.start, &range.end], |_, value| {
                answer = (answer.0 + 1, answer.1 + value);
            });
            answer
        })
    }

    fn means(&mut self, series: &[SeriesData]) -> (Vec<f64>, Cost) {
        time(|| {
            let mut means = Means::default();
            for series in series {
                let sql = "SELECT time / 300000000000, avg(value) FROM points WHERE series = ?1 GROUP BY 1";
                self.each(sql, &[&self.series.get(series)], |_, mean| means.done.push(mean));
            }
            means.done
        })
    }

    fn peak(&mut self) -> Option<u64> {
        growth(self.before)
    }

    fn close(self: Box<Self>) {
        self.connection.close().unwrap();
    }
}
