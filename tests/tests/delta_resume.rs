//! Interrupted jobs: the next one moves what is missing, and what it has to look at again is bounded. Bytes are counted.
use chronicle::backup::restore_delta_backup;
use chronicle::destination::FolderDestination;
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Point, RestoreConfig};
use chronicle_tests::metered::Metered;
use std::path::Path;
use std::sync::Arc;

/// Some 24 MB that no codec makes small, in many segments, and some log behind them.
fn database(folder: &Path) -> Db {
    let config = Config { background: false, durability: chronicle::Durability::Os, ..Config::default() };
    let db = Db::open(folder.join("data.db"), config).unwrap();
    let mut random = chronicle_tests::workload::Random::new(7);
    for batch in 0..26i64 {
        let points: Vec<Point> = (0..100_000)
            .map(|i| {
                let bits = (random.bits() >> 2) | (1 << 61);
                Point::new("noise", batch * 100_000 + i, f64::from_bits(bits))
            })
            .collect();
        db.write_batch(&points).unwrap();
        if batch < 24 {
            db.checkpoint().unwrap();
        }
    }
    db
}

#[test]
fn a_backup_that_was_interrupted_writes_only_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path());
    let repository = folder.path().join("repo");
    let store = Arc::new(Metered::new(FolderDestination::new(&repository).unwrap()));
    let config = DeltaBackupConfig::to_destination(store.clone()).continue_newest();
    let manager = BackupManager::new(&db);
    store.break_after(15 << 20);
    manager.create_delta_backup_with(&config, &|_, _| {}).unwrap_err();
    let left = partial_bytes(&repository);
    assert!(left > 12 << 20, "an interrupted put leaves its part: {left}");
    store.break_after(u64::MAX);
    let before = written();
    let report = manager.create_delta_backup_with(&config, &|_, _| {}).unwrap();
    let written = written() - before;
    let missing = report.bytes - left;
    assert!(
        written < missing + (2 << 20),
        "{written} bytes written, {missing} were missing of {}",
        report.bytes
    );
    // Killed with everything there but the record: nothing but small objects is written again.
    let restored = folder.path().join("restored");
    let digest = restore_delta_backup(RestoreConfig::new(&repository, &restored)).unwrap().digest;
    assert_eq!(digest, db.digest(true).unwrap().0);
}

/// Bytes that this thread has written so far.
fn written() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    told.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap()
}

fn partial_bytes(folder: &Path) -> u64 {
    let base = std::fs::read_dir(folder.join("base")).unwrap().map(Result::unwrap);
    base.filter(|entry| entry.file_name().to_string_lossy().contains(".partial-"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum()
}

#[test]
fn a_restore_that_was_interrupted_fetches_only_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path());
    let store = Arc::new(Metered::new(FolderDestination::new(folder.path().join("repo")).unwrap()));
    let backup = DeltaBackupConfig::to_destination(store.clone());
    let report = BackupManager::new(&db).create_delta_backup_with(&backup, &|_, _| {}).unwrap();
    let target = folder.path().join("restored");
    let config = || RestoreConfig::from_destination(store.clone(), &target);
    let mut total = 0;
    for stop in [10 << 20, 8 << 20] {
        store.asked();
        store.break_after(stop);
        restore_delta_backup(config()).unwrap_err();
        total += store.asked().got;
        assert!(!target.join("data.db").exists(), "half a restore is none");
    }
    store.break_after(u64::MAX);
    // What rots aside meanwhile is fetched again.
    let staging = std::fs::read_dir(&target).unwrap().next().unwrap().unwrap().path();
    let data = std::fs::OpenOptions::new().write(true).open(staging.join("data.db")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&data, b"rot", 70_000).unwrap();
    store.asked();
    let restored = restore_delta_backup(config()).unwrap();
    let rest = store.asked().got;
    total += rest;
    assert_eq!(restored.digest, db.digest(true).unwrap().0);
    let segment = 2 << 20;
    // Each of the four threads may lose the segment that it was fetching.
    let records = 200 << 10;
    assert!(total < report.bytes + 2 * 4 * segment + segment + records, "{total} bytes for {}", report.bytes);
    assert!(rest < report.bytes - (8 << 20), "{rest} of {} were fetched last", report.bytes);
    assert!(restored.bytes_resumed > 8 << 20, "{}", restored.bytes_resumed);
}

#[test]
fn a_restore_that_died_while_it_folded_the_log_in_fetches_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path());
    let store = Arc::new(Metered::new(FolderDestination::new(folder.path().join("repo")).unwrap()));
    let backup = DeltaBackupConfig::to_destination(store.clone());
    BackupManager::new(&db).create_delta_backup_with(&backup, &|_, _| {}).unwrap();
    let target = folder.path().join("restored");
    let config = || RestoreConfig::from_destination(store.clone(), &target);
    // Something in the way of the last step: the copy is whole and folded, and can't be published.
    std::fs::create_dir_all(&target).unwrap();
    let plan = chronicle::backup::plan_delta_restore(&config()).unwrap();
    std::fs::create_dir(target.join("data.db")).unwrap();
    plan.carry_out(&|_, _| {}).unwrap_err();
    std::fs::remove_dir(target.join("data.db")).unwrap();
    store.asked();
    let restored = restore_delta_backup(config()).unwrap();
    assert!(store.asked().got < 200 << 10, "only records are read again");
    assert_eq!((restored.digest, restored.bytes_resumed), (db.digest(true).unwrap().0, restored.bytes));
}
