//! Files that are lost, cut, exchanged or changed while the database is stopped: the right data, or an error that says
//! where. Never other data.
use crate::support::{contents, copy_folder, rounds};
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{BackupManager, Config, Db, Error, ErrorKind, restore_snapshot};
use chronicle_tests::ledger::{Ledger, busy_config, fill};
use chronicle_tests::workload::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Commits in the stopped database; those after the 60th are only in its two log files.
const LAST: u64 = 250;

fn config() -> Config {
    Config { background: false, create: true, ..busy_config(Default::default()) }
}

/// A stopped database with segments, dictionary runs, a deletion in both, and two log files to replay.
fn stopped(folder: &Path) -> PathBuf {
    let path = folder.join("data.db");
    let db = Db::open(&path, config()).unwrap();
    for sealed in [20, 40, 60] {
        fill(&db, sealed);
        db.checkpoint().unwrap();
    }
    fill(&db, LAST);
    db.close().unwrap();
    assert!(logs(folder).len() >= 2, "{:?}", logs(folder));
    path
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    let mut logs: Vec<PathBuf> = contents(folder).into_keys().collect();
    logs.retain(|path| path.to_string_lossy().contains(".wal-"));
    logs
}

#[test]
fn verify_finds_nothing_in_a_healthy_database_whatever_its_past() {
    let folder = tempfile::tempdir().unwrap();
    let path = stopped(folder.path());
    let is_sound = |when: &str| {
        for level in [VerifyLevel::Records, VerifyLevel::Deep] {
            let found = verify(&path, level).unwrap();
            assert!(found.report.is_sound(), "{when}: {}", found.report);
        }
    };
    is_sound("with two log files to replay");
    for round in 0..12 {
        let db = Db::open(&path, config()).unwrap();
        db.checkpoint().unwrap();
        is_sound("open, every commit sealed, closed log files kept");
        fill(&db, LAST + 10 * round);
        db.compact().unwrap();
        is_sound("open and compacted");
        db.close().unwrap();
        is_sound("closed");
    }
}

/// What became of an attempt to use a damaged database.
#[derive(Debug)]
enum Outcome {
    /// Everything is there.
    Right,
    /// The last commit is gone, and recovery says that a torn write was cut.
    Torn,
    Refused(Error),
}

/// Opens, reads every point, verifies, and tells. Anything else than the data up to a commit is a panic.
fn use_it(path: &Path, ledger: &mut Ledger, config: Config) -> Outcome {
    let found = verify(path, VerifyLevel::Full);
    let sound = found.as_ref().is_ok_and(|found| found.report.is_sound());
    let torn = found.as_ref().is_ok_and(|found| found.report.torn.is_some());
    let used = Db::open(path, config).and_then(|db| {
        let read = db.digest(false)?;
        assert_eq!(db.digest(true)?.0, read.0, "stored digests say the same");
        Ok((read, db.recovery().clone()))
    });
    match used {
        Ok(((digest, position), _)) if position.lsn == LAST => {
            assert_eq!(digest, ledger.digest(LAST));
            Outcome::Right
        }
        Ok(((digest, position), recovery)) => {
            assert_eq!(digest, ledger.digest(position.lsn));
            assert_eq!(position.lsn, LAST - 1, "every later frame calls this one durable: {recovery:?}");
            assert!(recovery.torn.is_some() && (torn || !sound), "{recovery:?}");
            Outcome::Torn
        }
        Err(error) => {
            let kinds = [ErrorKind::Damaged, ErrorKind::InvalidInput, ErrorKind::Unsupported];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            assert!(error.place().is_some(), "{error} says where");
            assert!(!sound, "verify must find what makes reading fail: {error}");
            Outcome::Refused(error)
        }
    }
}

#[test]
fn no_flipped_bit_of_a_stopped_database_gives_other_data() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    std::fs::create_dir(&good).unwrap();
    stopped(&good);
    std::fs::remove_file(good.join("data.db.lock")).unwrap();
    let (mut ledger, mut random) = (Ledger::default(), Random::new(11));
    let (mut refused, mut torn, mut right) = (0, 0, 0);
    let files = contents(&good);
    for round in 0..rounds(300) {
        // The header area is small and matters most; it gets its share.
        let (file, bytes) = files.iter().nth(round % files.len()).unwrap();
        let within = match random.below(4) {
            0 => 512,
            1 if file.ends_with("data.db") => 64 << 10,
            _ => bytes.len() as u64,
        };
        let mut at = random.below(within.min(bytes.len() as u64)) as usize;
        if round % 7 == 0 {
            at = bytes.len() - 1 - random.below(600) as usize;
        }
        if round % 11 == 0 {
            at = (32 << 10) + random.below(400) as usize;
        }
        copy_folder(&good, &bad);
        let mut changed = bytes.clone();
        changed[at] ^= 1 << random.below(8);
        let name = file.file_name().unwrap();
        std::fs::write(bad.join(name), &changed).unwrap();
        let before = contents(&bad);
        let place = format!("{} at {at}", file.display());
        // A reader tries again for a while where it sees damage, so fewer of those.
        let config = if round % 10 == 0 { Config::read_only() } else { config() };
        let outcome = catch_unwind(AssertUnwindSafe(|| use_it(&bad.join("data.db"), &mut ledger, config)))
            .unwrap_or_else(|_| panic!("{place}"));
        match outcome {
            Outcome::Right => right += 1,
            Outcome::Torn => torn += 1,
            Outcome::Refused(error) => {
                refused += 1;
                // An open that failed changed nothing; one that succeeded before a read failed may have.
                let opened = contents(&bad).len() != before.len();
                assert!(
                    opened || error.kind() != ErrorKind::Damaged || unchanged(&before, &bad),
                    "{place}: {error}"
                );
            }
        }
        std::fs::remove_dir_all(&bad).unwrap();
    }
    eprintln!("{refused} refused, {torn} cut as torn, {right} harmless");
    assert!(refused > rounds(300) / 4, "flips must be able to matter: {refused} did");
}

/// The log files are as they were, and so is the data file.
fn unchanged(before: &std::collections::BTreeMap<PathBuf, Vec<u8>>, folder: &Path) -> bool {
    let after = contents(folder);
    before.iter().all(|(path, bytes)| after.get(path) == Some(bytes))
}

#[test]
fn a_data_file_cut_anywhere_is_damaged_or_whole() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    std::fs::create_dir(&good).unwrap();
    let path = stopped(&good);
    let len = std::fs::metadata(&path).unwrap().len();
    let mut ledger = Ledger::default();
    for cut in [
        0,
        1,
        100,
        4096,
        32 << 10,
        (32 << 10) + 200,
        64 << 10,
        68 << 10,
        len / 2,
        len - 8192,
        len - 4096,
        len - 1,
    ] {
        let bad = folder.path().join(format!("cut-{cut}"));
        copy_folder(&good, &bad);
        std::fs::OpenOptions::new().write(true).open(bad.join("data.db")).unwrap().set_len(cut).unwrap();
        match use_it(&bad.join("data.db"), &mut ledger, config()) {
            Outcome::Right => assert!(cut > 64 << 10, "{cut} bytes can't be everything"),
            Outcome::Refused(error) => {
                let kinds = [ErrorKind::Damaged, ErrorKind::InvalidInput];
                assert!(kinds.contains(&error.kind()), "{cut}: {error:?}");
            }
            Outcome::Torn => panic!("cut at {cut}: the log is whole"),
        }
    }
}

#[test]
fn where_only_the_log_is_left_no_new_database_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = stopped(folder.path());
    std::fs::remove_file(&path).unwrap();
    let before = contents(folder.path());
    let error = Db::open(&path, config()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert!(error.message().contains("restore") && error.message().contains(".wal-"), "{error}");
    assert!(before == contents(folder.path()));
}

#[test]
fn a_missing_log_file_is_named() {
    for which in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = stopped(folder.path());
        let mut logs = logs(folder.path());
        logs.truncate(2);
        let gone = logs.swap_remove(which);
        std::fs::remove_file(&gone).unwrap();
        let opened = Db::open(&path, config()).map(drop);
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        let found = verify(&path, VerifyLevel::Records).unwrap();
        assert!(!found.report.is_sound());
        if which == 0 {
            assert!(error.to_string().contains(&gone.display().to_string()), "{error}");
            let named =
                |finding: &chronicle::verify::Finding| finding.place.contains(&gone.display().to_string());
            assert!(found.report.findings.iter().any(named), "{}", found.report);
        }
    }
}

#[test]
fn exchanged_and_foreign_log_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (good, other) = (folder.path().join("good"), folder.path().join("other"));
    for made in [&good, &other] {
        std::fs::create_dir(made).unwrap();
        stopped(made);
    }
    let (ours, theirs) = (logs(&good), logs(&other));
    let mut ledger = Ledger::default();
    let mut refuse = |name: &str, change: &dyn Fn(&Path)| {
        let bad = folder.path().join(name);
        copy_folder(&good, &bad);
        change(&bad);
        let before = contents(&bad);
        match use_it(&bad.join("data.db"), &mut ledger, config()) {
            Outcome::Refused(error) => assert!(error.to_string().contains("wal-"), "{name}: {error}"),
            outcome => panic!("{name}: {outcome:?}"),
        }
        assert!(unchanged(&before, &bad) || before.len() != contents(&bad).len(), "{name}");
    };
    let file = |log: &PathBuf| log.file_name().unwrap().to_owned();
    let put = |log: &Path, at: PathBuf| assert!(std::fs::copy(log, at).unwrap() > 0);
    refuse("swapped", &|bad| {
        put(&ours[0], bad.join(file(&ours[1])));
        put(&ours[1], bad.join(file(&ours[0])));
    });
    refuse("first-foreign", &|bad| put(&theirs[0], bad.join(file(&ours[0]))));
    refuse("last-foreign", &|bad| put(&theirs[1], bad.join(file(&ours[1]))));
    refuse("one-too-many", &|bad| put(&theirs[0], bad.join("data.db.wal-00000000000000000999")));
    refuse("doubled", &|bad| put(&ours[0], bad.join("data.db.wal-00000000000000000251")));
}

#[test]
fn old_logs_beside_a_restored_data_file_are_never_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("database")).unwrap();
    let path = stopped(&at("database"));
    let db = Db::open(&path, config()).unwrap();
    BackupManager::new(&db).create_snapshot(at("snapshot")).unwrap();
    fill(&db, LAST + 20);
    db.close().unwrap();
    restore_snapshot(at("snapshot"), at("restored")).unwrap();
    std::fs::copy(at("restored").join("data.db"), &path).unwrap();
    let mut ledger = Ledger::default();
    match Db::open(&path, config()) {
        Ok(db) => {
            let (digest, _) = db.digest(false).unwrap();
            assert_eq!(digest, ledger.digest(LAST), "the snapshot's state, not what came after it");
            db.write(chronicle::Point::new("new", 1, 1.0)).unwrap();
            let (digest, _) = db.digest(false).unwrap();
            db.close().unwrap();
            assert_eq!(Db::open(&path, config()).unwrap().digest(false).unwrap().0, digest);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}"),
    }
}
