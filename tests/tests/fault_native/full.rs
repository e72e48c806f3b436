//! A full disk: `Full`, nothing lost, and on it goes when there is room again.
use crate::support::{Mount, is_root, run, skipped};
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{BackupManager, Config, Db, ErrorKind, Point, restore_snapshot};
use chronicle_tests::ledger::{Ledger, busy_config, commit, fill};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A file system of `size`, at `at`; `None` after a loud line when we may not mount.
fn small_disk(at: &Path, size: &str) -> Option<Mount> {
    if skipped((!is_root()).then_some("a full disk needs root, to mount a tmpfs")) {
        return None;
    }
    std::fs::create_dir(at).unwrap();
    run("mount", &[&"-t", &"tmpfs", &"-o", &format!("size={size}"), &"tmpfs", &at]);
    Some(Mount(at.to_owned()))
}

/// Takes up room, to be given back.
fn ballast(folder: &Path, bytes: usize) {
    std::fs::write(folder.join("ballast"), vec![7; bytes]).unwrap();
}

/// Takes up all the room there is.
fn ballast_all(folder: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(folder.join("ballast")).unwrap();
    while file.write_all(&[7; 4096]).is_ok() {}
}

fn write_until_full(db: &Db) -> u64 {
    loop {
        let lsn = db.position().lsn + 1;
        match commit(db, lsn) {
            Ok(got) => assert_eq!(got, lsn),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full, "{error:?}");
                assert_eq!(db.position().lsn, lsn - 1, "a refused commit did not happen");
                return lsn - 1;
            }
        }
    }
}

/// The background needs a moment to notice that there is room.
fn write_when_there_is_room(db: &Db, last: u64) {
    let until = Instant::now() + Duration::from_secs(10);
    for lsn in db.position().lsn + 1..=last {
        while let Err(error) = commit(db, lsn) {
            assert_eq!(error.kind(), ErrorKind::Full, "{error:?}");
            assert!(Instant::now() < until, "there is room, and still: {error}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Full at any place: log, seal, checkpoint, compaction, as the room left decides.
fn full_and_free_again(config: &Config, name: &str, ballast_bytes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(&folder.path().join("disk"), "8m") else { return };
    let path = disk.0.join("data.db");
    let mut ledger = Ledger::default();
    ballast(&disk.0, ballast_bytes);
    let db = Db::open(&path, config.clone()).unwrap();
    let last = write_until_full(&db);
    assert!(last > 50, "{name}: only {last} commits fitted");
    assert_eq!(ledger.check(&db), last, "{name}: everything acknowledged is readable");
    let reader = Db::open(&path, Config::read_only()).map(|reader| ledger.check(&reader));
    assert!(
        reader.as_ref().is_ok_and(|&lsn| lsn == last) || reader.is_err_and(|e| e.kind() == ErrorKind::Full)
    );
    // Still full, again and again: nothing changes.
    for _ in 0..5 {
        assert_eq!(write_until_full(&db), db.position().lsn, "{name}");
    }
    let last = db.position().lsn;
    std::fs::remove_file(disk.0.join("ballast")).unwrap();
    write_when_there_is_room(&db, last + 50);
    assert_eq!(ledger.check(&db), last + 50, "{name}: it went on without reopening");
    db.checkpoint().unwrap_or_else(|error| assert_eq!(error.kind(), ErrorKind::Full));
    let stopped = db.close();
    assert!(
        stopped.as_ref().is_ok() || stopped.is_err_and(|error| error.kind() == ErrorKind::Full),
        "{name}"
    );
    ledger.check_after_crash(&path, last + 50, config.clone());
}

#[test]
fn a_full_disk_stops_the_log_and_nothing_acknowledged_is_lost() {
    let config =
        Config { seal_points: 1 << 30, checkpoint_bytes: 1 << 30, ..busy_config(Default::default()) };
    full_and_free_again(&config, "log only", 5 << 20);
}

#[test]
fn a_disk_that_fills_up_during_seals_and_checkpoints_goes_on_when_there_is_room() {
    full_and_free_again(&busy_config(Default::default()), "small seals", 3 << 20);
}

#[test]
fn a_disk_that_fills_up_at_every_single_page_goes_on_when_there_is_room() {
    for step in 0..6 {
        let config = Config { seal_points: 2_000 + 500 * step, ..busy_config(Default::default()) };
        full_and_free_again(&config, &format!("step {step}"), (5 << 20) + step * 12_345);
    }
}

#[test]
fn a_compaction_without_room_says_full_and_works_later() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(&folder.path().join("disk"), "16m") else { return };
    let path = disk.0.join("data.db");
    let db = Db::open(&path, Config { background: false, ..busy_config(Default::default()) }).unwrap();
    let mut ledger = Ledger::default();
    for last in [100, 200, 300, 400] {
        fill(&db, last);
        db.checkpoint().unwrap();
    }
    ballast_all(&disk.0);
    assert_eq!(db.compact().unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(ledger.check(&db), 400);
    std::fs::remove_file(disk.0.join("ballast")).unwrap();
    db.compact().unwrap();
    fill(&db, 450);
    assert_eq!(ledger.check(&db), 450);
    db.close().unwrap();
    ledger.check_after_crash(&path, 450, busy_config(Default::default()));
}

#[test]
fn a_backup_and_a_restore_without_room_say_full_and_resume() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(&folder.path().join("disk"), "5m") else { return };
    let path = folder.path().join("data.db");
    let db = Db::open(&path, busy_config(chronicle::Durability::Os)).unwrap();
    let mut ledger = Ledger::default();
    // About 2 MB: too much beside 3.5 MB of ballast.
    fill(&db, 3_000);
    db.checkpoint().unwrap();
    ballast(&disk.0, 7 << 19);
    let target = disk.0.join("snapshot");
    let manager = BackupManager::new(&db);
    assert_eq!(manager.create_snapshot(&target).unwrap_err().kind(), ErrorKind::Full);
    assert!(!target.exists(), "half a snapshot has no name");
    assert_eq!(ledger.check(&db), 3_000);
    std::fs::remove_file(disk.0.join("ballast")).unwrap();
    let report = manager.create_snapshot(&target).unwrap();
    assert!(report.bytes_resumed > 0, "what was copied is not copied again");
    assert!(verify(&target, VerifyLevel::Deep).unwrap().report.is_sound());

    let restored = disk.0.join("restored");
    ballast(&disk.0, 3 << 19);
    assert_eq!(restore_snapshot(&target, &restored).unwrap_err().kind(), ErrorKind::Full);
    assert!(!restored.join("data.db").exists());
    std::fs::remove_file(disk.0.join("ballast")).unwrap();
    let report = restore_snapshot(&target, &restored).unwrap();
    assert!(report.bytes_resumed > 0);
    assert_eq!(report.digest, ledger.digest(3_000));
    ledger.check(&Db::open(restored.join("data.db"), Config::read_only()).unwrap());
}

#[test]
fn concurrent_writers_on_a_disk_that_fills_up_again_and_again_lose_nothing_acknowledged() {
    const THREADS: i64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(&folder.path().join("disk"), "6m") else { return };
    let path = disk.0.join("data.db");
    let config = busy_config(chronicle::Durability::Sync);
    let db = Db::open(&path, config.clone()).unwrap();
    let (stop, refused) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut acknowledged: Vec<(u64, i64)> = std::thread::scope(|scope| {
        let writer = |thread: i64| {
            let (db, stop, refused) = (&db, &stop, &refused);
            move || {
                let mut acknowledged = Vec::new();
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let timestamp = number * THREADS + thread;
                    // Names of series that only exist once the commit does.
                    let point = Point::new("m", timestamp, 1.0).tag("some", (timestamp / 64).to_string());
                    match db.write(point) {
                        Ok(lsn) => {
                            acknowledged.push((lsn, timestamp));
                            number += 1;
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Full, "{error:?}");
                            refused.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(1));
                        }
                    }
                }
                acknowledged
            }
        };
        let writers: Vec<_> = (0..THREADS).map(|thread| scope.spawn(writer(thread))).collect();
        for _ in 0..crate::support::rounds(6) {
            ballast_all(&disk.0);
            std::thread::sleep(Duration::from_millis(250));
            std::fs::remove_file(disk.0.join("ballast")).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    acknowledged.sort_unstable();
    assert!(acknowledged.array_windows().all(|[a, b]| a.0 < b.0), "every commit has its own LSN");
    let all_there = |db: &Db| {
        let (digest, position) = db.digest(false).unwrap();
        assert_eq!(digest.points, acknowledged.len() as u64, "what was acknowledged, and nothing else");
        assert_eq!(position.lsn, acknowledged.len() as u64);
        assert_eq!(db.digest(true).unwrap().0, digest);
    };
    all_there(&db);
    db.close().unwrap();
    assert!(verify(&path, VerifyLevel::Deep).unwrap().report.is_sound());
    all_there(&Db::open(&path, config).unwrap());
    assert!(refused.into_inner() > 0, "the disk was never full");
}
