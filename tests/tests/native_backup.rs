//! Snapshot directories: made while writes go on, complete or not there, restored to the same digest.
use chronicle::backup::{RestoreOptions, restore_with};
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{BackupManager, Config, Db, ErrorKind, Point, Selector, restore_snapshot};
use chronicle_core::model::TimeRange;
use chronicle_tests::workload;
use std::fs;
use std::path::Path;

/// A database with segments, unsealed points and a deletion of both.
fn database(path: &Path) -> Db {
    let config = Config { seal_points: 10_000, ..Config::default() };
    let db = Db::open(path, config).unwrap();
    let data = workload::devops(3, 4, 7);
    for batch in workload::batches(&data, 3_000) {
        db.write_batch(&batch).unwrap();
    }
    db.checkpoint().unwrap();
    for i in 0..500 {
        db.write(Point::new("after", 1_800_000_000_000_000_000 + i, i as f64).tag("n", "1")).unwrap();
    }
    db.delete(&Selector::metric("cpu.usage_user").tag("host", "host_1"), TimeRange::ALL).unwrap();
    db
}

#[test]
fn a_snapshot_restores_to_the_same_digest_as_a_new_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder.path().join("data.db"));
    let (digest, position) = db.digest(false).unwrap();
    let snapshot = folder.path().join("backup").join("one");
    let report = BackupManager::new(&db).create_snapshot(&snapshot).unwrap();
    assert_eq!(report.record.digest, Some(digest));
    assert_eq!(report.record.lsn, position.lsn);
    for level in [VerifyLevel::Records, VerifyLevel::Full, VerifyLevel::Deep] {
        let verified = verify(&snapshot, level).unwrap();
        assert!(verified.report.is_sound(), "{}", verified.report);
    }
    let opened = Db::open(snapshot.join("data.db"), Config::read_only()).unwrap();
    assert_eq!(opened.digest(false).unwrap().0, digest);
    drop(opened);
    assert_eq!(
        Db::open(snapshot.join("data.db"), Config::default()).err().unwrap().kind(),
        ErrorKind::ReadOnly
    );

    let target = folder.path().join("restored");
    let restored = restore_snapshot(&snapshot, &target).unwrap();
    assert!(restored.digest_proven);
    let names: Vec<_> = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["data.db"], "a restore leaves one file");
    let again = Db::open(target.join("data.db"), Config::default()).unwrap();
    assert_eq!(again.digest(false).unwrap().0, digest);
    assert_eq!(again.identity().lineage, db.identity().lineage);
    assert_ne!(again.identity().epoch, db.identity().epoch);
    assert_eq!(again.identity().parent.unwrap().lsn, position.lsn);
    let lsn = again.write(Point::new("new", 1, 1.0)).unwrap();
    assert_eq!(lsn, position.lsn + 2, "the commit that starts the epoch, then this one");
    drop(again);
    let again = Db::open(target.join("data.db"), Config::default()).unwrap();
    assert_eq!(again.digest(false).unwrap().0.points, digest.points + 1);
}

#[test]
fn a_snapshot_is_the_state_after_a_commit_while_writes_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let config = Config { seal_points: 5_000, ..Config::default() };
    let db = Db::open(&path, config).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for batch in 0..400i64 {
                let points: Vec<Point> = (0..50)
                    .map(|i| Point::new("m", batch * 50 + i, 1.0).tag("s", (i % 7).to_string()))
                    .collect();
                db.write_batch(&points).unwrap();
            }
        });
        let mut made = 0;
        while !writer.is_finished() || made < 3 {
            made += 1;
            let target = folder.path().join(format!("snapshot-{made}"));
            let report = BackupManager::new(&db).create_snapshot(&target).unwrap();
            let copy = Db::open(target.join("data.db"), Config::read_only()).unwrap();
            let (digest, position) = copy.digest(false).unwrap();
            assert_eq!(
                digest.points,
                position.lsn * 50,
                "every commit up to its LSN, and nothing of the next"
            );
            assert_eq!(report.record.digest, Some(digest));
        }
        writer.join().unwrap();
    });
}

#[test]
fn another_process_reads_and_snapshots_while_the_writer_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, Config { seal_points: 3_000, ..Config::default() }).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for batch in 0..300i64 {
                let points: Vec<Point> = (0..100).map(|i| Point::new("m", batch * 100 + i, 1.0)).collect();
                db.write_batch(&points).unwrap();
            }
        });
        let mut made = 0;
        while !writer.is_finished() {
            made += 1;
            // A reader shares nothing with the writer but the files.
            let reader = Db::open(&path, Config::read_only()).unwrap();
            let (digest, position) = reader.digest(false).unwrap();
            assert_eq!(digest.points, position.lsn * 100);
            let target = folder.path().join(format!("from-outside-{made}"));
            let report = BackupManager::new(&reader).create_snapshot(&target).unwrap();
            assert_eq!(report.record.digest, Some(digest));
            assert!(verify(&target, VerifyLevel::Deep).unwrap().report.is_sound());
        }
        writer.join().unwrap();
        assert!(made > 0);
    });
    assert!(verify(&path, VerifyLevel::Deep).unwrap().report.is_sound());
}

#[test]
fn a_restore_never_harms_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder.path().join("data.db"));
    let snapshot = folder.path().join("snap");
    BackupManager::new(&db).create_snapshot(&snapshot).unwrap();
    let target = folder.path().join("target");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("data.db.wal-00000000000000000001"), b"mine").unwrap();
    fs::write(target.join("notes.txt"), b"mine too").unwrap();
    let error = restore_snapshot(&snapshot, &target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.message().contains("--force"), "{error}");
    let report = restore_with(&snapshot, &target, RestoreOptions { force: true }, &|_, _| {}).unwrap();
    let aside = report.replaced.unwrap();
    assert_eq!(fs::read(aside.join("data.db.wal-00000000000000000001")).unwrap(), b"mine");
    assert_eq!(fs::read(target.join("notes.txt")).unwrap(), b"mine too");
    assert_eq!(
        BackupManager::new(&db).create_snapshot(&snapshot).unwrap_err().kind(),
        ErrorKind::AlreadyExists,
        "a snapshot never replaces one"
    );
}

#[test]
fn any_flipped_byte_of_a_snapshot_is_noticed_and_never_restored() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path().join("data.db"), Config::default()).unwrap();
    db.write_batch(&(0..200).map(|i| Point::new("m", i, i as f64).tag("a", "b")).collect::<Vec<_>>())
        .unwrap();
    db.checkpoint().unwrap();
    db.write(Point::new("m", 1000, 1.0)).unwrap();
    let snapshot = folder.path().join("snap");
    let report = BackupManager::new(&db).create_snapshot(&snapshot).unwrap();
    let mut random = workload::Random::new(3);
    let mut names: Vec<String> = report.record.files.iter().map(|file| file.name.clone()).collect();
    names.push("metadata.json".into());
    for name in names {
        let path = snapshot.join(&name);
        let good = fs::read(&path).unwrap();
        for _ in 0..120 {
            let at = random.below(good.len() as u64) as usize;
            let mut bad = good.clone();
            bad[at] ^= 1 << random.below(8);
            fs::write(&path, &bad).unwrap();
            let noticed = match verify(&snapshot, VerifyLevel::Full) {
                Ok(verified) => !verified.report.is_sound(),
                Err(error) => matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unsupported),
            };
            assert!(noticed, "{name} at {at}");
            let target = folder.path().join("target");
            assert!(restore_snapshot(&snapshot, &target).is_err(), "{name} at {at}");
            assert!(!target.join("data.db").exists());
        }
        fs::write(&path, &good).unwrap();
    }
    assert!(verify(&snapshot, VerifyLevel::Full).unwrap().report.is_sound());
}

#[test]
fn files_copied_while_stopped_are_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = database(&path);
    let (digest, _) = db.digest(false).unwrap();
    assert_eq!(restore_snapshot(&path, folder.path().join("busy")).unwrap_err().kind(), ErrorKind::Busy);
    db.close().unwrap();
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("data.db")
            && !entry.file_name().to_string_lossy().ends_with("lock")
        {
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let report = restore_snapshot(&copy, folder.path().join("restored")).unwrap();
    assert_eq!(report.digest, digest);
}

#[test]
fn commits_that_a_closed_database_lost_are_damage_and_never_an_older_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, Config::default()).unwrap();
    for i in 0..20 {
        db.write(Point::new("m", i, i as f64)).unwrap();
    }
    let snapshot = folder.path().join("snap");
    BackupManager::new(&db).create_snapshot(&snapshot).unwrap();
    db.close().unwrap();
    for place in [folder.path(), &snapshot] {
        let log = fs::read_dir(place)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().contains(".wal-"))
            .unwrap();
        let good = fs::read(&log).unwrap();
        for cut in [good.len() - 20, good.len() - 200, 300, 128, 0] {
            fs::write(&log, &good[..cut]).unwrap();
            let error =
                Db::open(place.join("data.db"), Config::read_only()).err().expect("a state of the past");
            assert_eq!(error.kind(), ErrorKind::Damaged, "cut at {cut}: {error}");
            assert!(!verify(place, VerifyLevel::Full).unwrap().report.is_sound(), "cut at {cut}");
        }
        let mut bad = good.clone();
        let last = bad.len() - 20;
        bad[last] ^= 1;
        fs::write(&log, &bad).unwrap();
        assert!(Db::open(place.join("data.db"), Config::read_only()).is_err(), "a flip in the last commit");
        fs::write(&log, &good).unwrap();
    }
    assert_eq!(Db::open(&path, Config::default()).unwrap().digest(false).unwrap().0.points, 20);
}
