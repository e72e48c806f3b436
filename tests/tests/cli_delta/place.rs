//! The place of these tests: a database with a history, and what it held after each commit.
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Point, Selector, TimeRange};
use chronicle_core::head::Position;
use chronicle_tests::oracle::{self, Oracle};
use chronicle_tests::program::chronicle;
use serde_json::Value;
use std::path::PathBuf;

/// A folder, whose name has spaces, with a database and what it held after each commit.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) oracle: Oracle,
}

const MINUTE: i64 = 60_000_000_000;

pub(crate) fn config() -> Config {
    // No commit seals by itself: what lies in segments and what in the log is the test's choice.
    Config { background: false, ..Config::default() }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("a place ").tempdir().unwrap(),
            oracle: Oracle::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn open(&self) -> Db {
        Db::open(self.path("data.db"), config()).unwrap()
    }

    pub(crate) fn write(&mut self, db: &Db, batch: i64) -> Position {
        let points: Vec<Point> = (0..40)
            .map(|i| {
                let time = batch * 30 * MINUTE + i * MINUTE;
                Point::new(["cpu", "memory"][i as usize % 2], time, (batch * 100 + i) as f64)
                    .tag("host", format!("h{}", i % 5))
                    .tag("batch", (batch / 4).to_string())
            })
            .collect();
        db.write_batch(&points).unwrap();
        self.oracle.points(db.position(), &points);
        db.position()
    }

    pub(crate) fn delete(&mut self, db: &Db, selector: Selector, range: TimeRange) -> Position {
        db.delete(&selector, range).unwrap().unwrap();
        self.oracle.delete(db.position(), &selector, range);
        db.position()
    }

    /// Twelve batches, with deletions, seals, compactions and backups between them; the moments worth coming back to.
    pub(crate) fn history(&mut self, mut backup: impl FnMut(&Self, &Db)) -> Vec<Position> {
        let db = self.open();
        let mut moments = Vec::new();
        for batch in 0..12 {
            moments.push(self.write(&db, batch));
            if batch % 3 == 1 {
                let host = format!("h{}", batch % 5);
                let range = TimeRange::new(Some(batch * 20 * MINUTE), Some(batch * 40 * MINUTE));
                moments.push(self.delete(&db, Selector::metric("cpu").tag("host", &host), range));
            }
            match batch % 4 {
                1 => db.checkpoint().unwrap(),
                3 => db.compact().unwrap(),
                _ => {}
            }
            if batch % 5 != 3 {
                backup(self, &db);
            }
        }
        backup(self, &db);
        db.close().unwrap();
        moments
    }

    pub(crate) fn digest(&mut self, lsn: u64) -> String {
        oracle::digest(&self.oracle.at(lsn)).to_string()
    }

    pub(crate) fn create(&self, more: &[&str]) -> Value {
        let (source, dest) = (self.at("data.db"), self.at("my repo"));
        let arguments = ["backup", "create", "--source", &source, "--dest", &dest, "--delta", "--json"];
        chronicle(&[&arguments, more].concat()).json()
    }

    pub(crate) fn create_in_process(&self, db: &Db) -> chronicle::BackupState {
        let config = DeltaBackupConfig::new(self.path("my repo")).continue_newest();
        BackupManager::new(db).create_delta_backup(config).unwrap()
    }

    /// Restores by the program.
    pub(crate) fn restore(&self, at: &str, dest: &str) -> Value {
        let (source, dest) = (self.at("my repo"), self.at(dest));
        chronicle(&["restore", "--source", &source, "--dest", &dest, "--at", at, "--json"]).json()
    }

    pub(crate) fn refused(&self, at: &str, code: i32) -> String {
        let (source, dest) = (self.at("my repo"), self.at("refused"));
        let error = chronicle(&["restore", "--source", &source, "--dest", &dest, "--at", at]).failed(code);
        assert!(!self.path("refused").exists(), "a restore that is refused leaves nothing");
        error
    }
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}
