//! Delta repositories, from the program and from the library: every recorded moment comes back as it was.
use chronicle::backup::{RestoreConfig, restore_delta_backup};
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, ErrorKind, Point, Selector, TimeRange};
use chronicle_core::head::Position;
use chronicle_tests::oracle::{self, Oracle};
use chronicle_tests::program::chronicle;
use serde_json::Value;
use std::path::PathBuf;

/// A folder, whose name has spaces, with a database and what it held after each commit.
struct Place {
    folder: tempfile::TempDir,
    oracle: Oracle,
}

const MINUTE: i64 = 60_000_000_000;

fn config() -> Config {
    // No commit seals by itself: what lies in segments and what in the log is the test's choice.
    Config { background: false, ..Config::default() }
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("a place ").tempdir().unwrap(),
            oracle: Oracle::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn open(&self) -> Db {
        Db::open(self.path("data.db"), config()).unwrap()
    }

    fn write(&mut self, db: &Db, batch: i64) -> Position {
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

    fn delete(&mut self, db: &Db, selector: Selector, range: TimeRange) -> Position {
        db.delete(&selector, range).unwrap().unwrap();
        self.oracle.delete(db.position(), &selector, range);
        db.position()
    }

    /// Twelve batches, with deletions, seals, compactions and backups between them; the moments worth coming back to.
    fn history(&mut self, mut backup: impl FnMut(&Self, &Db)) -> Vec<Position> {
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

    fn digest(&mut self, lsn: u64) -> String {
        oracle::digest(&self.oracle.at(lsn)).to_string()
    }

    fn create(&self, more: &[&str]) -> Value {
        let (source, dest) = (self.at("data.db"), self.at("my repo"));
        let arguments = ["backup", "create", "--source", &source, "--dest", &dest, "--delta", "--json"];
        chronicle(&[&arguments, more].concat()).json()
    }

    fn create_in_process(&self, db: &Db) -> chronicle::BackupState {
        let config = DeltaBackupConfig::new(self.path("my repo")).continue_newest();
        BackupManager::new(db).create_delta_backup(config).unwrap()
    }

    /// Restores by the program.
    fn restore(&self, at: &str, dest: &str) -> Value {
        let (source, dest) = (self.at("my repo"), self.at(dest));
        chronicle(&["restore", "--source", &source, "--dest", &dest, "--at", at, "--json"]).json()
    }

    fn refused(&self, at: &str, code: i32) -> String {
        let (source, dest) = (self.at("my repo"), self.at("refused"));
        let error = chronicle(&["restore", "--source", &source, "--dest", &dest, "--at", at]).failed(code);
        assert!(!self.path("refused").exists(), "a restore that is refused leaves nothing");
        error
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}

#[test]
fn the_first_point_brings_everything_the_next_what_is_new_and_one_without_news_only_a_record() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    db.checkpoint().unwrap();
    // From another process, while this one has the database open for writing.
    let base = place.create(&[]);
    assert_eq!((text(&base, "point"), base["continues"].is_null()), ("base".into(), true));
    place.write(&db, 1);
    let plan = place.create(&["--dry-run"]);
    assert_eq!(text(&plan, "point"), "delta-001");
    assert!(!place.path("my repo/claims/1").exists(), "a dry run claims nothing");
    let delta = place.create(&[]);
    assert_eq!((text(&delta, "point"), text(&delta, "continues")), ("delta-001".into(), "base".into()));
    let bytes = |report: &Value| text(report, "bytes").parse::<u64>().unwrap();
    assert!(bytes(&delta) < 4_096, "only the log of one batch is new: {delta}");
    assert_eq!(bytes(&plan), bytes(&delta));
    let nothing = place.create(&[]);
    assert_eq!((text(&nothing, "bytes"), text(&nothing, "point")), ("0".into(), "delta-002".into()));
    let names: Vec<_> = std::fs::read_dir(place.path("my repo/delta-002")).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing new is a record and nothing else");
    let digest = place.digest(2);
    assert_eq!(text(&nothing, "digest"), digest);
    let restored = place.restore("latest", "restored");
    assert_eq!((text(&restored, "digest"), text(&restored, "from")), (digest, "delta-002".into()));
    assert!(restored["newest_age"].is_string(), "how old the newest point is gets printed: {restored}");
}

#[test]
fn every_recorded_moment_is_restored_as_it_was_by_program_and_library() {
    let mut place = Place::new();
    let mut number = 0;
    let moments = place.history(|place, db| {
        number += 1;
        match number % 2 {
            0 => drop(place.create(&[])),
            _ => _ = place.create_in_process(db),
        }
    });
    assert!(moments.len() >= 13);
    for (index, moment) in moments.iter().enumerate() {
        let expected = place.digest(moment.lsn);
        let time = chronicle::time::format_timestamp(moment.commit_time_ns);
        let restored = place.restore(&time, &format!("by time {index}"));
        assert_eq!((text(&restored, "lsn"), text(&restored, "commit_time")), (moment.lsn.to_string(), time));
        assert_eq!(text(&restored, "digest"), expected, "after commit {}", moment.lsn);
        let target = place.path(&format!("by lsn {index}"));
        let report =
            restore_delta_backup(RestoreConfig::new(place.path("my repo"), &target).at_lsn(moment.lsn))
                .unwrap();
        // Read again, point by point, by whoever opens it.
        let db = Db::open(target.join("data.db"), config()).unwrap();
        assert_eq!(
            (report.digest.to_string(), db.digest(false).unwrap().0.to_string()),
            (expected.clone(), expected)
        );
        // A nanosecond before this commit is the one before it.
        if index > 0 {
            let config = RestoreConfig::new(place.path("my repo"), place.path(&format!("before {index}")));
            let before = restore_delta_backup(config.point_in_time(moment.commit_time_ns - 1)).unwrap();
            assert_eq!(before.position.lsn, moment.lsn - 1);
        }
    }
    for newest in ["now", "latest"] {
        let restored = place.restore(newest, newest);
        assert_eq!(text(&restored, "digest"), place.digest(moments.last().unwrap().lsn));
        assert_eq!(restored["digest_proven"], true);
    }
}

#[test]
fn a_moment_that_is_not_there_is_an_error_that_names_the_nearest() {
    let mut place = Place::new();
    let moments = place.history(|place, db| {
        place.create_in_process(db);
    });
    let time = |ns| chronicle::time::format_timestamp(ns);
    let (first, last) = (moments[0], *moments.last().unwrap());
    let before = place.refused(&time(first.commit_time_ns - 1), 4);
    assert!(before.contains(&format!("nearest after it is {}", time(first.commit_time_ns))), "{before}");
    assert!(!before.contains("nearest before"), "{before}");
    let future = place.refused("2200-01-01T00:00:00Z", 4);
    assert!(future.contains(&format!("nearest before it is {}", time(last.commit_time_ns))), "{future}");
    assert!(place.refused("lsn:9999", 4).contains(&format!("LSN {}", last.lsn)));
    assert!(place.refused("2024-01-28T00:00:00", 2).contains("zone"));
    place.refused("lsn:x", 2);
    // A snapshot is of one moment.
    let (source, snapshot) = (place.at("data.db"), place.at("snapshot"));
    chronicle(&["backup", "create", "--source", &source, "--dest", &snapshot]).done();
    let dest = place.at("refused");
    chronicle(&["restore", "--source", &snapshot, "--dest", &dest, "--at", "lsn:1"]).failed(4);
}

#[test]
fn a_restored_database_goes_on_in_the_same_repository_and_both_lines_come_back() {
    let mut place = Place::new();
    let moments = place.history(|place, db| {
        place.create_in_process(db);
    });
    let old_epoch = Db::open(place.path("data.db"), config()).unwrap().identity().epoch;
    let middle = moments[6];
    place.restore(&format!("lsn:{}", middle.lsn), "restored");
    let db = Db::open(place.path("restored/data.db"), config()).unwrap();
    db.write(Point::new("after", 1, 2.0)).unwrap();
    let config = DeltaBackupConfig::new(place.path("my repo")).continue_newest();
    let report = BackupManager::new(&db).create_delta_backup_with(&config, &|_, _| {}).unwrap();
    assert!(report.record.previous.unwrap().at.lsn <= middle.lsn);
    // Twice restored: the line passes through three epochs.
    let target = place.path("again");
    restore_delta_backup(RestoreConfig::new(place.path("my repo"), &target)).unwrap();
    let again = Db::open(target.join("data.db"), self::config()).unwrap();
    again.write(Point::new("after", 2, 3.0)).unwrap();
    BackupManager::new(&again).create_delta_backup(config).unwrap();
    for (lsn, epoch, db) in
        [(0, None, Some(&again)), (middle.lsn + 2, None, Some(&db)), (middle.lsn, None, None)]
    {
        let target = place.path(&format!("of {lsn}"));
        let config = RestoreConfig::new(place.path("my repo"), &target);
        let config = if lsn == 0 { config } else { config.at_lsn(lsn) };
        let config = epoch.into_iter().fold(config, RestoreConfig::epoch);
        let report = restore_delta_backup(config).unwrap();
        let expected = match db {
            Some(db) => db.digest(false).unwrap().0.to_string(),
            None => place.digest(lsn),
        };
        assert_eq!(report.digest.to_string(), expected, "LSN {lsn}");
    }
    let last = moments.last().unwrap().lsn;
    let config =
        RestoreConfig::new(place.path("my repo"), place.path("old line")).at_lsn(last).epoch(old_epoch);
    assert_eq!(restore_delta_backup(config).unwrap().digest.to_string(), place.digest(last));
}

#[test]
fn another_database_a_rewound_and_a_forked_one_are_refused_with_the_reason() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    let old = place.path("old copy");
    std::fs::create_dir(&old).unwrap();
    let copy = |to: &str| {
        let to = place.path(to);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(place.folder.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name == "data.db" || name.starts_with("data.db.wal") {
                std::fs::copy(entry.path(), to.join(name)).unwrap();
            }
        }
    };
    db.close().unwrap();
    copy("old copy");
    copy("forked");
    let db = place.open();
    place.write(&db, 1);
    place.create_in_process(&db);
    drop(db);
    let create = |source: &str, code: i32| {
        let (source, dest) = (place.at(source), place.at("my repo"));
        chronicle(&["backup", "create", "--source", &source, "--dest", &dest, "--delta"]).failed(code)
    };
    assert!(create("old copy/data.db", 1).contains("rewound"));
    let forked = Db::open(place.path("forked/data.db"), config()).unwrap();
    forked.write(Point::new("x", 1, 1.0)).unwrap();
    forked.write(Point::new("x", 2, 1.0)).unwrap();
    drop(forked);
    assert!(create("forked/data.db", 1).contains("different ways"));
    let foreign = place.at("foreign.db");
    chronicle(&["init", "--path", &foreign]).done();
    let error = create("foreign.db", 1);
    let repository = place.open().identity().lineage.to_hex();
    assert!(error.contains("another database") && error.contains(&repository), "{error}");
    assert!(!place.path("my repo/claims/1").exists(), "who is refused claims nothing");
}

#[test]
fn the_library_asks_for_a_state_or_a_new_base_where_points_are() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    let manager = BackupManager::new(&db);
    let repository = || DeltaBackupConfig::new(place.folder.path().join("my repo"));
    let state = manager.create_delta_backup(repository()).unwrap();
    let error = manager.create_delta_backup(repository()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    // It is saved and loaded by whatever serde writes.
    let saved = serde_json::to_string(&state).unwrap();
    let state = serde_json::from_str(&saved).unwrap();
    let second = manager.create_delta_backup(repository().base_state(state)).unwrap();
    assert_eq!(second.entry.to_string(), "delta-001");
    let other = DeltaBackupConfig::new(place.folder.path().join("other")).base_state(state);
    assert_eq!(manager.create_delta_backup(other).unwrap_err().kind(), ErrorKind::InvalidInput);
    let base = manager.create_delta_backup(repository().new_base()).unwrap();
    assert_eq!(base.entry.to_string(), "base-002");
    let next = manager.create_delta_backup_with(&repository().base_state(base), &|_, _| {}).unwrap();
    assert_eq!(next.record.previous.unwrap().entry.to_string(), "base-002");
}

#[test]
fn of_two_backups_at_once_one_wins_and_the_other_says_so() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    let repository = place.path("my repo");
    let ended = std::thread::scope(|scope| {
        let backup = || {
            let config = DeltaBackupConfig::new(&repository).continue_newest();
            BackupManager::new(&db).create_delta_backup_with(&config, &|_, _| {
                // Long enough for the other one to meet it.
                std::thread::sleep(std::time::Duration::from_millis(50));
            })
        };
        let threads = [scope.spawn(backup), scope.spawn(backup)];
        threads.map(|thread| thread.join().unwrap())
    });
    let won = ended.iter().filter(|result| result.is_ok()).count();
    let busy = ended.iter().filter_map(|result| result.as_ref().err());
    busy.for_each(|error| {
        assert!(error.kind() == ErrorKind::Busy && error.to_string().contains("at work"), "{error}")
    });
    assert_eq!(won, 1);
    let digest = place.digest(1);
    assert_eq!(text(&place.restore("latest", "restored"), "digest"), digest);
}

#[test]
fn list_and_timeline_tell_what_can_be_restored() {
    let mut place = Place::new();
    let moments = place.history(|place, db| {
        place.create_in_process(db);
    });
    let repository = place.at("my repo");
    let listed = chronicle(&["backup", "list", "--source", &repository, "--json"]).json();
    let points = listed["points"].as_array().unwrap();
    assert_eq!((text(&points[0], "point"), text(&points[1], "continues")), ("base".into(), "base".into()));
    let last = points.last().unwrap();
    assert_eq!(text(last, "digest"), place.digest(moments.last().unwrap().lsn));
    assert_eq!(text(&listed, "newest"), text(last, "point"));
    assert!(listed["newest_age_seconds"].as_f64().unwrap() >= 0.0);
    let told = chronicle(&["backup", "list", "--source", &repository]).done();
    assert!(told.contains("delta-003") && told.contains("the newest point"), "{told}");
    let timeline = chronicle(&["backup", "timeline", "--source", &repository, "--json"]).json();
    let spans = timeline["epochs"][0]["moments"].as_array().unwrap();
    assert_eq!(spans.len(), 1, "no gap: {timeline}");
    assert_eq!(text(&spans[0]["last"], "lsn"), moments.last().unwrap().lsn.to_string());
    let told = chronicle(&["backup", "timeline", "--source", &repository]).done();
    assert!(told.contains("any moment from"), "{told}");
    let nothing = place.at("nothing");
    chronicle(&["backup", "list", "--source", &nothing]).failed(4);
}

#[test]
fn every_byte_that_changes_in_a_repository_is_noticed() {
    let mut place = Place::new();
    let db = place.open();
    for batch in 0..3 {
        place.write(&db, batch);
        if batch > 0 {
            db.checkpoint().unwrap();
        }
        place.create_in_process(&db);
    }
    let repository = place.path("my repo");
    let verify = |level| chronicle::backup::verify_repository(&repository, level);
    assert!(verify(VerifyLevel::Full).unwrap().findings.is_empty());
    let mut files = Vec::new();
    let mut folders = vec![repository.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 12, "{files:?}");
    let mut flipped = 0;
    for file in &files {
        let whole = std::fs::read(file).unwrap();
        // Every byte of what is small; of the rest some, all over it, headers and zeros included.
        let stride = (whole.len() / 60).max(1);
        for at in (0..whole.len()).step_by(stride).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(file, &bytes).unwrap();
            let noticed = verify(VerifyLevel::Full).map_or(true, |report| !report.findings.is_empty());
            assert!(noticed, "byte {at} of {}", file.display());
            flipped += 1;
        }
        std::fs::write(file, &whole).unwrap();
    }
    assert!(flipped > 500, "{flipped}");
    let (path, cut) = (place.at("my repo"), place.path("my repo/base/data.db"));
    chronicle(&["verify", "--path", &path]).done();
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
    let found = chronicle(&["backup", "verify", "--source", &path, "--level", "records"]);
    assert_eq!(found.code, Some(3), "{found:?}");
    assert!(found.out.contains("base/data.db") && found.out.contains("needs it"), "{found:?}");
    std::fs::remove_file(&cut).unwrap();
    assert_eq!(chronicle(&["verify", "--path", &path, "--json"]).code, Some(3));
    std::fs::write(&cut, &whole).unwrap();
    assert_eq!(chronicle(&["verify", "--path", &path, "--json"]).json()["sound"], true);
}
