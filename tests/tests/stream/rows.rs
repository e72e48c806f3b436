//! Rows: ships, folds, sweeps and prunes in any order.
use crate::{at, comes_back, config, open};
use chronicle::backup::repository::Keep;
use chronicle::backup::{
    PruneConfig, Repository, RestoreConfig, StreamConfig, Streamer, prune_with, restore_delta_backup,
};
use chronicle::crypt::{EncryptTo, Identity, Keys};
use chronicle::destination::{Destination, MemoryDestination, ObjectName};
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, DeltaBackupConfig, ErrorKind, Point};
use chronicle_tests::ledger::{self, Ledger};
use std::sync::Arc;
use std::time::Duration;

fn memory() -> Arc<dyn Destination> {
    Arc::new(MemoryDestination::new())
}

fn rows(destination: &dyn Destination) -> Vec<String> {
    let folder = ObjectName::new("wal").unwrap();
    let page = destination.list(Some(&folder), None, 1_000).unwrap();
    page.objects.into_iter().map(|object| object.name.to_string()).collect()
}

#[test]
fn every_shipped_commit_can_be_restored_from_the_moment_it_is_shipped() {
    let dir = tempfile::tempdir().unwrap();
    let (db, destination, mut ledger) = (open(dir.path()), memory(), Ledger::default());
    let mut streamer = Streamer::open(dir.path().join("data.db"), config(&destination)).unwrap();
    for round in 1..=14 {
        ledger::fill(&db, round * 7);
        match round % 7 {
            3 => db.checkpoint().unwrap(),
            5 => drop(streamer.fold_now().unwrap()),
            _ => {}
        }
        streamer.pass().unwrap();
        let status = streamer.status();
        assert_eq!(status.shipped_lsn, db.position().lsn);
        assert_eq!(status.waiting_since, None);
        comes_back(&destination, &mut ledger, [round * 7 - 6, round * 7 - 1, round * 7]);
    }
    comes_back(&destination, &mut ledger, 1..=98);
    assert!(streamer.status().objects >= 11 && streamer.status().points == 3);
    // A restore as a user makes it, to a commit that only a shipped object holds, and to its time.
    let time = streamer.status().shipped_commit_time.unwrap();
    for (name, config) in [
        ("lsn", RestoreConfig::from_destination(Arc::clone(&destination), dir.path().join("lsn")).at_lsn(98)),
        (
            "time",
            RestoreConfig::from_destination(Arc::clone(&destination), dir.path().join("time"))
                .point_in_time(time),
        ),
        ("latest", RestoreConfig::from_destination(Arc::clone(&destination), dir.path().join("latest"))),
    ] {
        assert_eq!(restore_delta_backup(config).unwrap().digest, ledger.digest(98), "{name}");
    }
    let later = RestoreConfig::from_destination(Arc::clone(&destination), dir.path().join("no"))
        .point_in_time(time + 1);
    assert_eq!(restore_delta_backup(later).unwrap_err().kind(), ErrorKind::NotRestorable);
    let repository = Repository::at_destination(Arc::clone(&destination)).unwrap();
    let report = repository.verify(VerifyLevel::Full, &|_, _| {}).unwrap();
    assert!(report.findings.is_empty() && report.orphans.count == 0, "{report:?}");
    let timeline = repository.content().unwrap().timeline.to_string();
    assert!(timeline.contains("(LSN 98)"), "{timeline}");
}

#[test]
fn what_is_folded_is_swept_once_it_lies_behind_the_new_point_too() {
    let dir = tempfile::tempdir().unwrap();
    let (db, destination, mut ledger) = (open(dir.path()), memory(), Ledger::default());
    let mut streamer = Streamer::open(dir.path().join("data.db"), config(&destination)).unwrap();
    for last in [5, 10] {
        ledger::fill(&db, last);
        streamer.pass().unwrap();
    }
    assert_eq!(rows(&*destination), ["wal/base/0"], "the first pass makes the base, the second ships");
    streamer.fold_now().unwrap();
    streamer.pass().unwrap();
    assert_eq!(rows(&*destination), ["wal/base/0"], "nothing lies behind the new point yet");
    ledger::fill(&db, 12);
    streamer.pass().unwrap();
    assert_eq!(rows(&*destination), ["wal/delta-001/0"]);
    // The next run knows of this row, too.
    drop(streamer);
    let mut streamer = Streamer::open(dir.path().join("data.db"), config(&destination)).unwrap();
    streamer.pass().unwrap();
    ledger::fill(&db, 15);
    streamer.pass().unwrap();
    assert_eq!(rows(&*destination), ["wal/delta-002/0"]);
    comes_back(&destination, &mut ledger, 1..=15);
}

#[test]
fn a_prune_keeps_what_a_stream_ships_behind_and_takes_rows_that_were_left() {
    let dir = tempfile::tempdir().unwrap();
    let (db, destination, mut ledger) = (open(dir.path()), memory(), Ledger::default());
    let data = dir.path().join("data.db");
    let mut streamer = Streamer::open(&data, config(&destination)).unwrap();
    streamer.pass().unwrap();
    ledger::fill(&db, 6);
    streamer.pass().unwrap();
    let config = || DeltaBackupConfig::to_destination(Arc::clone(&destination)).continue_newest();
    let manager = BackupManager::new(&db);
    // A point that the stream has not heard of yet: the older one and its row stay.
    manager.create_delta_backup(config()).unwrap();
    let newest = || PruneConfig::at_destination(Arc::clone(&destination), Keep::last(1));
    prune_with(&newest()).unwrap();
    assert_eq!(rows(&*destination), ["wal/base/0"]);
    comes_back(&destination, &mut ledger, [6]);
    drop(streamer);
    // The stream is gone, and points passed it twice.
    ledger::fill(&db, 8);
    manager.create_delta_backup(config()).unwrap();
    ledger::fill(&db, 9);
    manager.create_delta_backup(config()).unwrap();
    prune_with(&newest()).unwrap();
    assert_eq!(rows(&*destination), [] as [&str; 0]);
    comes_back(&destination, &mut ledger, [9]);
}

#[test]
fn shipped_frames_of_an_encrypted_repository_are_shipped_without_a_key_and_read_with_one() {
    let dir = tempfile::tempdir().unwrap();
    let (db, destination, mut ledger) = (open(dir.path()), memory(), Ledger::default());
    let identity = Identity::random().unwrap();
    let to = EncryptTo::recipients([identity.recipient()]).unwrap();
    let delta = DeltaBackupConfig::to_destination(Arc::clone(&destination)).encrypt_to(to);
    let mut streamer = Streamer::open(dir.path().join("data.db"), StreamConfig::new(delta)).unwrap();
    streamer.pass().unwrap();
    db.write(Point::new("needle_in_the_stream", 1, 1.0)).unwrap();
    streamer.pass().unwrap();
    streamer.fold_now().unwrap();
    db.write(Point::new("needle_in_the_stream", 2, 1.0)).unwrap();
    streamer.pass().unwrap();
    let object = destination.get(&ObjectName::new("wal/delta-001/0").unwrap(), 1 << 20).unwrap();
    assert!(!object.windows(6).any(|bytes| bytes == b"needle"));
    let digest = db.digest(false).unwrap().0;
    let keys = Keys::none().identity(identity);
    let latest =
        RestoreConfig::from_destination(Arc::clone(&destination), dir.path().join("out")).keys(keys.clone());
    assert_eq!(restore_delta_backup(latest).unwrap().digest, digest);
    let repository = Repository::at_destination_with(Arc::clone(&destination), &keys).unwrap();
    assert_eq!(repository.open_at(&at(2)).unwrap().db.digest(false).unwrap().0, digest);
    assert!(repository.verify(VerifyLevel::Full, &|_, _| {}).unwrap().findings.is_empty());
    let closed = Repository::at_destination(Arc::clone(&destination)).unwrap();
    assert!(closed.verify(VerifyLevel::Stored, &|_, _| {}).unwrap().findings.is_empty());
    assert!(closed.content().unwrap().timeline.to_string().contains("(LSN 2)"), "times need no key");
    let _ = &mut ledger;
}

#[test]
fn a_restored_database_streams_on_as_a_new_epoch_and_both_lines_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (db, destination, mut ledger) = (open(dir.path()), memory(), Ledger::default());
    let mut streamer = Streamer::open(dir.path().join("data.db"), config(&destination)).unwrap();
    streamer.pass().unwrap();
    let old = db.identity().epoch;
    ledger::fill(&db, 10);
    streamer.pass().unwrap();
    drop((streamer, db));
    let back = dir.path().join("back");
    restore_delta_backup(RestoreConfig::from_destination(Arc::clone(&destination), &back).at_lsn(7)).unwrap();
    let again = open(&back);
    let mut streamer = Streamer::open(back.join("data.db"), config(&destination)).unwrap();
    streamer.pass().unwrap();
    again.write(Point::new("on_another_line", 1, 1.0)).unwrap();
    streamer.pass().unwrap();
    let repository = Repository::at_destination(Arc::clone(&destination)).unwrap();
    let newest = repository.open_at(&chronicle::backup::repository::Moment::Latest).unwrap();
    assert_eq!(newest.db.digest(false).unwrap().0, again.digest(false).unwrap().0);
    let lost = chronicle::backup::repository::Moment::Lsn { lsn: 10, epoch: Some(old) };
    assert_eq!(repository.open_at(&lost).unwrap().db.digest(false).unwrap().0, ledger.digest(10));
}

#[test]
fn one_stream_of_a_database_to_a_place_runs_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (_db, destination) = (open(dir.path()), memory());
    let first = Streamer::open(dir.path().join("data.db"), config(&destination)).unwrap();
    let second = Streamer::open(dir.path().join("data.db"), config(&destination)).err().unwrap();
    assert_eq!(second.kind(), ErrorKind::Busy);
    drop(first);
    Streamer::open(dir.path().join("data.db"), config(&destination).interval(Duration::from_secs(1)))
        .unwrap();
}
