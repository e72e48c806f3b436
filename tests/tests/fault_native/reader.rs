//! Readers in other processes: dead ones hold nothing, living ones keep their view.
use crate::support::{Nobody, allow, victim};
use chronicle::{Config, Db, ErrorKind};
use chronicle_tests::ledger::{Ledger, busy_config, fill};
use std::path::Path;

fn pins(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains(".pin-")).count()
}

/// Writes more, and merges everything into new extents.
fn churn(db: &Db, commits: u64) {
    fill(db, db.position().lsn + commits);
    db.compact().unwrap();
}

#[test]
fn a_living_reader_keeps_its_view_and_a_killed_one_gives_the_space_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, Config { background: false, ..busy_config(Default::default()) }).unwrap();
    let mut ledger = Ledger::default();
    churn(&db, 60);

    let mut reader = victim(&[&"read", &path]);
    assert_eq!(reader.expect("open"), "60");
    let before = db.gauges().file_bytes;
    let digest = ledger.digest(60).to_string();
    for _ in 0..12 {
        churn(&db, 5);
        // Two lines: the second digest was begun after the compaction had ended.
        for _ in 0..2 {
            assert_eq!(reader.expect("digest"), digest);
        }
    }
    let held = db.gauges();
    assert!(held.pending_bytes >= before / 2, "the pin holds what the reader reads: {held:?}");
    assert_eq!(pins(folder.path()), 1);

    reader.kill();
    churn(&db, 5);
    churn(&db, 5);
    let after = db.gauges();
    assert_eq!(pins(folder.path()), 0, "the pin of a dead reader is collected");
    assert!(after.pending_bytes < held.pending_bytes / 2, "{held:?} then {after:?}");
    let bytes = std::fs::metadata(&path).unwrap().len();
    for _ in 0..6 {
        churn(&db, 2);
    }
    let later = std::fs::metadata(&path).unwrap().len();
    assert!(later <= bytes + bytes / 4, "space is used again: {bytes} bytes, then {later}");
    assert_eq!(ledger.check(&db), 142);
}

#[test]
fn readers_that_come_and_die_while_the_background_compacts_never_see_anything_but_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut ledger = Ledger::default();
    let mut writer = victim(&[&"write", &path, &"os", &"1000000", &"compact"]);
    writer.expect("ack");
    for _ in 0..8 {
        let mut reader = victim(&[&"read", &path]);
        let lsn: u64 = reader.expect("open").parse().unwrap();
        for _ in 0..4 {
            assert_eq!(reader.expect("digest"), ledger.digest(lsn).to_string(), "after commit {lsn}");
        }
        reader.kill();
    }
    let lines = writer.kill();
    assert!(!lines.iter().any(|line| line.starts_with("error")), "{lines:?}");
    ledger.check_after_crash(&path, 1, busy_config(Default::default()));
}

#[test]
fn a_reader_that_may_not_pin_reads_while_nobody_writes_and_is_refused_while_someone_does() {
    let Some(nobody) = Nobody::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    allow(folder.path(), 0o755);
    let path = folder.path().join("data.db");
    let config = Config { background: false, ..busy_config(Default::default()) };
    let db = Db::open(&path, config.clone()).unwrap();
    churn(&db, 60);
    // Without a pin the writer would reuse, or cut off, what it reads.
    let (status, lines) = nobody.victim(&[&"read", &path]).finish();
    assert_eq!(status.code(), Some(3), "{lines:?}");
    assert!(lines[0].starts_with("error ReadOnly") && lines[0].contains("snapshot"), "{lines:?}");
    db.close().unwrap();

    let mut reader = nobody.victim(&[&"read", &path]);
    assert_eq!(reader.expect("open"), "60");
    let digest = Ledger::default().digest(60).to_string();
    assert_eq!(reader.expect("digest"), digest);
    let error = Db::open(&path, config.clone()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.message().contains("reader"), "{error}");
    assert_eq!(reader.expect("digest"), digest);
    reader.kill();
    Ledger::default().check(&Db::open(&path, config).unwrap());
}
