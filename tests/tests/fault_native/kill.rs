//! `kill -9` of a writing process.
use crate::support::{rounds, victim};
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{Config, Db, restore_snapshot};
use chronicle_tests::child::last_number;
use chronicle_tests::ledger::{Ledger, busy_config, parse_durability};
use chronicle_tests::workload::Random;
use std::path::Path;
use std::time::Duration;

#[test]
fn a_killed_writer_with_synced_commits_loses_nothing_acknowledged() {
    kill_again_and_again("sync", 15);
}

#[test]
fn a_killed_writer_with_unsynced_commits_loses_nothing_acknowledged() {
    kill_again_and_again("os", 15);
}

#[test]
fn a_killed_writer_with_commits_synced_by_interval_loses_nothing_acknowledged() {
    kill_again_and_again("20", 8);
}

fn kill_again_and_again(durability: &str, usual: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (path, snapshots) = (folder.path().join("data.db"), folder.path().join("snapshots"));
    std::fs::create_dir(&snapshots).unwrap();
    let config = busy_config(parse_durability(durability).unwrap());
    let (mut ledger, mut random, mut snapshots_checked) = (Ledger::default(), Random::new(1), 0);
    let (mut last, mut sealed) = (0, 0);
    for round in 0..rounds(usual) {
        let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> =
            vec![&"write", &path, &durability, &"1000000", &"compact"];
        let option = format!("snapshots={}", snapshots.display());
        if round % 2 == 1 {
            arguments.push(&option);
        }
        let mut victim = victim(&arguments);
        // Some die while they open.
        if round % 5 != 4 {
            victim.expect("ack");
        }
        std::thread::sleep(Duration::from_micros(random.below(150_000)));
        let lines = victim.kill();
        assert!(!lines.iter().any(|line| line.starts_with("error")), "{lines:?}");
        let acknowledged = last_number(&lines, "ack").max(last);
        if path.exists() {
            last = ledger.check_after_crash(&path, acknowledged, config.clone());
            sealed = Db::open(&path, Config::read_only()).unwrap().layout().unwrap().checkpoint_lsn;
        }
        snapshots_checked += check_snapshots(&snapshots, &lines, &mut ledger, folder.path());
    }
    assert!(last > 100 && sealed > 0, "the test did little: {last} commits");
    assert!(snapshots_checked > 0, "no snapshot was made");
}

/// Every snapshot directory that has its name is whole; the last one is restored, too. Deletes them.
fn check_snapshots(folder: &Path, lines: &[String], ledger: &mut Ledger, scratch: &Path) -> usize {
    let mut whole = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().contains(".partial-") {
            whole.push(path);
        }
    }
    for line in lines.iter().filter_map(|line| line.strip_prefix("snapshot ")) {
        assert!(whole.iter().any(|path| path.display().to_string() == line), "{line} was reported");
    }
    for snapshot in &whole {
        let found = verify(snapshot, VerifyLevel::Full).unwrap();
        assert!(found.report.is_sound(), "{}: {}", snapshot.display(), found.report);
        ledger.check(&Db::open(snapshot.join("data.db"), Config::read_only()).unwrap());
    }
    if let Some(snapshot) = whole.last() {
        let target = scratch.join("restored");
        let report = restore_snapshot(snapshot, &target).unwrap();
        assert!(report.digest_proven);
        assert_eq!(report.digest, ledger.digest(report.position.lsn));
        std::fs::remove_dir_all(target).unwrap();
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    whole.len()
}
