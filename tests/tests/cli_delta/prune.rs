//! Pruning by the program: what the rules keep still comes back, whatever kills it on the way.
use crate::place::{Place, config, text};
use chronicle::backup::Repository;
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, Db};
use chronicle_tests::program::{chronicle, command};
use chronicle_tests::workload::Random;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn points(place: &Place) -> Vec<(String, u64)> {
    let repository = Repository::open(place.path("my repo")).unwrap();
    let content = repository.content().unwrap();
    content.timeline.points().iter().map(|point| (point.entry.to_string(), point.point.lsn)).collect()
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.path().is_dir() {
            true => size(&entry.path()),
            false => entry.metadata().unwrap().len(),
        })
        .sum()
}

#[test]
fn a_prune_keeps_what_its_rules_say_and_every_kept_point_comes_back() {
    let mut place = Place::new();
    place.history(|place, db| {
        place.create_in_process(db);
    });
    let (repository, before) = (place.at("my repo"), points(&place));
    let prune = |more: &[&str]| chronicle(&[&["backup", "prune", "--dest", &repository], more].concat());
    assert!(prune(&[]).failed(2).contains("--keep-last"));
    assert!(prune(&["--pitr-window", "1d"]).failed(2).contains("no rule"));
    prune(&["--keep-last", "-1"]).failed(2);
    let size_before = size(&place.path("my repo"));
    let told = prune(&["--keep-last", "2", "--dry-run"]).done();
    assert!(told.contains("remove") && told.contains("keep: newest, last"), "{told}");
    let planned = prune(&["--keep-last", "2", "--dry-run", "--json"]).json();
    assert_eq!(
        (points(&place), size(&place.path("my repo"))),
        (before.clone(), size_before),
        "nothing is done"
    );
    assert_eq!(planned["kept"].as_array().unwrap().len(), 2);
    assert_eq!(planned["removed"].as_array().unwrap().len(), before.len() - 2);

    chronicle(&["backup", "hold", "--source", &repository, "delta-002"]).done();
    assert!(chronicle(&["backup", "list", "--source", &repository]).done().contains("held"));
    let done = prune(&["--keep-last", "2", "--json"]).json();
    let after = points(&place);
    let names: Vec<&str> = after.iter().map(|(name, _)| name.as_str()).collect();
    let last: Vec<&str> = before.iter().rev().take(2).rev().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["delta-002", last[0], last[1]]);
    assert_eq!(text(&done, "points_removed"), (before.len() - 3).to_string());
    assert!(size(&place.path("my repo")) < size_before);
    for (name, lsn) in &after {
        let restored = place.restore(&format!("lsn:{lsn}"), name);
        assert_eq!(text(&restored, "digest"), place.digest(*lsn), "{name}");
    }
    chronicle(&["verify", "--path", &repository]).done();
    // What goes on is understood, and the next prune takes what is released.
    let db = place.open();
    place.write(&db, 20);
    place.create_in_process(&db);
    chronicle(&["backup", "release", "--source", &repository, "delta-002"]).done();
    prune(&["--keep-last", "1", "--json"]).json();
    let left = points(&place);
    // The newest, and the newest that was verified.
    assert_eq!(left.len(), 2);
    let restored = place.restore("latest", "at last");
    assert_eq!(text(&restored, "digest"), place.digest(left[1].1));
    let again = prune(&["--keep-last", "1", "--json"]).json();
    assert_eq!((text(&again, "records_deleted"), text(&again, "objects_deleted")), ("0".into(), "0".into()));
    chronicle(&["verify", "--path", &repository]).done();
    chronicle(&["backup", "hold", "--source", &repository, "delta-999"]).failed(1);
    chronicle(&["backup", "hold", "--source", &repository, "prune-007"]).failed(2);
    chronicle(&["backup", "prune", "--dest", &place.at("nothing"), "--keep-last", "1"]).failed(4);
}

#[test]
fn a_folder_of_snapshots_is_pruned_by_the_line_of_the_guide() {
    let mut place = Place::new();
    let db = place.open();
    for day in 1..=4 {
        place.write(&db, day);
        let snapshot = place.path("backup").join(format!("snapshot-2024-01-0{day}"));
        std::fs::create_dir_all(place.path("backup")).unwrap();
        BackupManager::new(&db).create_snapshot(snapshot).unwrap();
    }
    let backup = place.at("backup");
    let prune = |more: &[&str]| chronicle(&[&["backup", "prune", "--dest", &backup], more].concat());
    assert!(prune(&["--keep-last", "24", "--dry-run"]).done().contains("4 snapshots stay, 0 go"));
    let planned = prune(&["--keep-last", "2", "--dry-run", "--json"]).json();
    assert_eq!(planned["removed"].as_array().unwrap().len(), 2);
    assert_eq!(text(&prune(&["--keep-last", "24", "--json"]).json(), "points_removed"), "0");
    let done = prune(&["--keep-last", "2", "--json"]).json();
    assert_eq!((text(&done, "points_kept"), text(&done, "points_removed")), ("2".into(), "2".into()));
    assert!(!place.path("backup/snapshot-2024-01-02").exists());
    let dest = place.at("restored");
    chronicle(&["restore", "--source", &place.at("backup/latest"), "--dest", &dest]).done();
    let digest = chronicle(&["digest", "--path", &dest, "--json"]).json();
    assert_eq!(text(&digest, "digest"), place.digest(4));
}

#[test]
fn killed_forty_times_at_random_every_listed_point_still_comes_back() {
    let mut place = Place::new();
    let db = place.open();
    for batch in 0..30 {
        place.write(&db, batch);
        if batch % 4 == 3 {
            db.compact().unwrap();
        }
        place.create_in_process(&db);
    }
    let repository = place.at("my repo");
    let (mut random, mut killed, began) = (Random::new(11), 0, Instant::now());
    let mut attacks = 0;
    for round in 0..40u64 {
        if began.elapsed() > Duration::from_secs(90) {
            break;
        }
        let keep = (12 - round / 5).to_string();
        let words = ["backup", "prune", "--dest", &repository, "--keep-last", &keep, "--void-unfinished"];
        let mut child = command()
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(random.below(30_000)));
        let _ = child.kill();
        killed += u64::from(!child.wait().unwrap().success());
        attacks += 1;
        if round % 8 == 7 {
            every_point_comes_back(&mut place);
            place.write(&db, 100 + round as i64);
            place.create_in_process(&db);
        }
    }
    assert!(killed * 10 > attacks, "{killed} of {attacks} were killed while they worked");
    chronicle(&["backup", "prune", "--dest", &repository, "--keep-last", "3", "--void-unfinished"]).done();
    assert_eq!(every_point_comes_back(&mut place), 3);
    chronicle(&["verify", "--path", &repository]).done();
}

fn every_point_comes_back(place: &mut Place) -> usize {
    let points = points(place);
    for (name, lsn) in &points {
        let target = place.path("scratch");
        let wanted = chronicle::RestoreConfig::new(place.path("my repo"), &target).at_lsn(*lsn);
        chronicle::backup::restore_delta_backup(wanted).unwrap_or_else(|error| panic!("{name}: {error}"));
        let restored = Db::open(target.join("data.db"), config()).unwrap();
        assert_eq!(restored.digest(false).unwrap().0.to_string(), place.digest(*lsn), "{name}");
        drop(restored);
        std::fs::remove_dir_all(&target).unwrap();
    }
    let repository = Repository::open(place.path("my repo")).unwrap();
    let report = repository.verify(VerifyLevel::Full, &|_, _| {}).unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
    points.len()
}
