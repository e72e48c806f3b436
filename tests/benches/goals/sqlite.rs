//! The peer: SQLite as an application would embed it. Names of series in one table, points in another without row ids,
//! ordered by series and time; a map from names to numbers in the application; prepared statements; a write-ahead log.
use chronicle_tests::workload::PointRef;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

pub(crate) struct Sqlite {
    connection: Connection,
    series: HashMap<String, i64>,
    name: String,
}

impl Sqlite {
    /// Opens or makes a database. `synchronous` is FULL or OFF.
    pub(crate) fn open(path: &Path, synchronous: &str) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", synchronous).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
                 CREATE TABLE IF NOT EXISTS points(series INTEGER NOT NULL, time INTEGER NOT NULL,
                   value REAL NOT NULL, PRIMARY KEY(series, time)) WITHOUT ROWID;",
            )
            .unwrap();
        Self { connection, series: HashMap::new(), name: String::new() }
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
                self.name.clear();
                self.name.push_str(&point.series.metric);
                for (key, value) in &point.series.tags {
                    let _ = write!(self.name, ",{key}={value}");
                }
                let id = match self.series.get(&self.name) {
                    Some(&id) => id,
                    None => {
                        let id = self.series.len() as i64 + 1;
                        series.execute(params![id, self.name]).unwrap();
                        self.series.insert(self.name.clone(), id);
                        id
                    }
                };
                points.execute(params![id, point.timestamp, point.value]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    /// The sum of a statement's column 0, read to the end; and its rows.
    pub(crate) fn fold(&self, sql: &str, arguments: &[&dyn rusqlite::ToSql]) -> (f64, u64) {
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        let mut rows = statement.query(arguments).unwrap();
        let (mut sum, mut count) = (0.0, 0);
        while let Some(row) = rows.next().unwrap() {
            sum += row.get::<_, f64>(0).unwrap();
            count += 1;
        }
        (sum, count)
    }

    /// Number of a series that was written through this handle, by the start of its name.
    pub(crate) fn id_of(&self, name: &str) -> i64 {
        *self.series.iter().find(|(other, _)| other.starts_with(name)).unwrap().1
    }
}
