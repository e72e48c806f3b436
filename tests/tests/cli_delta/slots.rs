//! The log is the queue: what a repository has not taken stays, up to a limit; past it the gap is told everywhere.
use crate::place::{Place, text};
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Point};
use chronicle_tests::program::{chronicle, parse};
use std::path::Path;

/// Log files of 64 KiB, none of which is kept for nobody.
fn config(wal_slot_bytes_max: u64) -> Config {
    Config {
        background: false,
        checkpoint_bytes: 32 << 10,
        wal_keep_bytes: 0,
        wal_slot_bytes_max,
        ..Config::default()
    }
}

/// Writes so much that log files are closed, and checkpoints, so that those are dropped that nothing keeps.
fn write(db: &Db, batches: std::ops::Range<i64>) {
    for batch in batches {
        let points: Vec<Point> = (0..2_000)
            .map(|i: i64| {
                let noise = (batch * 2_000 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64);
                Point::new("noise", batch * 2_000 + i, f64::from_bits(noise as u64 >> 2))
            })
            .collect();
        db.write_batch(&points).unwrap();
        db.checkpoint().unwrap();
    }
}

fn log_bytes(db: &Path) -> u64 {
    let folder = std::fs::read_dir(db.parent().unwrap()).unwrap();
    let logs =
        folder.map(Result::unwrap).filter(|entry| entry.file_name().to_string_lossy().contains(".wal-"));
    logs.map(|entry| entry.metadata().unwrap().len()).sum()
}

#[test]
fn what_a_repository_has_not_taken_stays_and_what_it_has_taken_goes() {
    let place = Place::new();
    let db = Db::open(place.path("data.db"), config(1 << 30)).unwrap();
    write(&db, 0..12);
    let without = log_bytes(&place.path("data.db"));
    assert!(without < 256 << 10, "without a slot nothing is kept: {without}");
    place.create_in_process(&db);
    write(&db, 12..40);
    let kept = log_bytes(&place.path("data.db"));
    assert!(kept > 384 << 10, "28 batches of some 16 KB each are kept: {kept}");
    let report = place.create(&[]);
    assert!(report["gap"].is_null(), "{report}");
    write(&db, 40..44);
    assert!(log_bytes(&place.path("data.db")) < 256 << 10, "what was taken goes with the next checkpoint");
    // Every commit in between is a moment to restore to.
    let restored = place.restore("lsn:20", "restored");
    assert_eq!(text(&restored, "lsn"), "20");
    let slots = chronicle(&["backup", "slots", "--path", &place.at("data.db"), "--json"]).json();
    let slot = &slots["slots"][0];
    assert_eq!((text(slot, "repository"), text(slot, "commits_behind")), (place.at("my repo"), "4".into()));
}

#[test]
fn past_the_limit_the_gap_is_written_into_the_log_and_told_by_create_list_timeline_and_exit_code() {
    let place = Place::new();
    let db = Db::open(place.path("data.db"), config(200 << 10)).unwrap();
    write(&db, 0..2);
    place.create_in_process(&db);
    let before = db.position().lsn;
    write(&db, 2..40);
    let kept = log_bytes(&place.path("data.db"));
    assert!(kept < 512 << 10, "a repository that nobody backs up to does not fill the disk: {kept}");
    assert!(db.position().lsn > before + 38, "the gap is a commit: {}", db.position().lsn);
    let (source, dest) = (place.at("data.db"), place.at("my repo"));
    let ran = chronicle(&["backup", "create", "--source", &source, "--dest", &dest, "--delta", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = parse(&ran.out);
    let gap = &report["gap"];
    assert_eq!(text(gap, "first_lsn"), (before + 1).to_string(), "{report}");
    let last: u64 = text(gap, "last_lsn").parse().unwrap();
    let listed = chronicle(&["backup", "list", "--source", &dest]).done();
    assert!(listed.contains(&format!("commits {} to {last}", before + 1)), "{listed}");
    let timeline = chronicle(&["backup", "timeline", "--source", &dest]).done();
    assert!(timeline.contains("gap"), "{timeline}");
    // All data is there, and the moments before and behind the gap.
    assert_eq!(text(&place.restore("latest", "newest"), "digest"), db.digest(true).unwrap().0.to_string());
    place.restore(&format!("lsn:{before}"), "before");
    assert!(place.refused(&format!("lsn:{last}"), 4).contains("nearest"));
    // The next one is without a gap again.
    write(&db, 40..41);
    assert!(place.create(&[])["gap"].is_null());
}

#[test]
fn the_gap_survives_a_crash_as_a_commit_that_a_replay_reads() {
    let place = Place::new();
    let db = Db::open(place.path("data.db"), config(0)).unwrap();
    write(&db, 0..2);
    place.create_in_process(&db);
    write(&db, 2..30);
    let (digest, position) = db.digest(true).unwrap();
    // Neither a close nor a checkpoint: what is read back is the log.
    std::mem::forget(db);
    std::fs::remove_file(place.path("data.db.lock")).unwrap();
    let copy = place.path("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(place.folder.path()).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let db = Db::open(copy.join("data.db"), config(0)).unwrap();
    assert_eq!(db.digest(true).unwrap(), (digest, position));
}

#[test]
fn a_slot_that_cannot_be_read_keeps_the_log_up_to_the_limit() {
    let place = Place::new();
    let unreadable = place.path("data.db.slot-odd");
    let db = Db::open(place.path("data.db"), config(1 << 30)).unwrap();
    std::fs::write(&unreadable, b"what is this").unwrap();
    write(&db, 0..30);
    assert!(log_bytes(&place.path("data.db")) > 384 << 10);
    let told = chronicle(&["backup", "slots", "--path", &place.at("data.db")]).done();
    assert!(told.contains("odd") && told.contains("can't be read"), "{told}");
    chronicle(&["backup", "slots", "--path", &place.at("data.db"), "--drop", "odd"]).done();
    write(&db, 30..32);
    assert!(log_bytes(&place.path("data.db")) < 256 << 10);
}

#[test]
fn a_slot_has_a_limit_of_its_own_and_is_dropped_by_the_path_of_its_repository() {
    let place = Place::new();
    let db = Db::open(place.path("data.db"), config(1 << 30)).unwrap();
    write(&db, 0..2);
    place.create_in_process(&db);
    let slots = |more: &[&str]| {
        chronicle(&[&["backup", "slots", "--json", "--path", &place.at("data.db")], more].concat())
    };
    let limited = slots(&["--limit", "200KiB", "--repository", &place.at("my repo")]).json();
    assert_eq!(text(&limited["slots"][0], "log_bytes_max"), (200 << 10).to_string());
    write(&db, 2..30);
    assert!(log_bytes(&place.path("data.db")) < 512 << 10);
    // The limit survives the next backup.
    let config = DeltaBackupConfig::new(place.path("my repo")).continue_newest();
    let report = BackupManager::new(&db).create_delta_backup_with(&config, &|_, _| {}).unwrap();
    assert!(report.record.gap.is_some());
    assert_eq!(text(&slots(&[]).json()["slots"][0], "log_bytes_max"), (200 << 10).to_string());
    slots(&["--drop", &place.at("my repo")]).json();
    assert_eq!(slots(&[]).json()["slots"].as_array().unwrap().len(), 0);
    assert!(slots(&["--drop", "nobody"]).failed(1).contains("no slot"));
    slots(&["--limit", "1GB"]).failed(2);
}
