//! Restoring: exact moments, and errors for those that are not there.
use crate::place::{Place, config, text};
use chronicle::backup::{RestoreConfig, restore_delta_backup};
use chronicle::{BackupManager, Db, DeltaBackupConfig, Point};
use chronicle_tests::program::chronicle;

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
    let again = Db::open(target.join("data.db"), crate::place::config()).unwrap();
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
