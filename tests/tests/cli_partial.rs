//! `chronicle restore` of a part, and `--into`, as a user runs them: names of all kinds, refusals, kills, a full disk.
use chronicle::backup::BackupManager;
use chronicle::{Config, Db, DeltaBackupConfig, Point};
use chronicle_tests::child::Victim;
use chronicle_tests::program::{chronicle, command};
use chronicle_tests::workload::Random;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const METRIC: &str = "a \"quoted\"\nname 'with' µ";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let it = Self(tempfile::Builder::new().prefix("a place ").tempdir().unwrap());
        let db = Db::open(it.path("data.db"), Config { background: false, ..Config::default() }).unwrap();
        let repository = DeltaBackupConfig::new(it.path("my repo")).continue_newest();
        BackupManager::new(&db).create_delta_backup(repository.clone()).unwrap();
        for round in 0..2 {
            let points: Vec<Point> = (0..100)
                .map(|i| {
                    let point = Point::new(
                        ["cpu", "memory", METRIC][i % 3],
                        i as i64 * 1_000_000_000,
                        (round * 1000 + i) as f64,
                    );
                    point.tag("host", ["web 1", "web 2", "db\n1"][i / 3 % 3])
                })
                .collect();
            db.write_batch(&points).unwrap();
        }
        BackupManager::new(&db).create_delta_backup(repository).unwrap();
        BackupManager::new(&db).create_snapshot(it.path("snapshots/one")).unwrap();
        db.close().unwrap();
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}

fn digest(path: &str) -> String {
    text(&chronicle(&["digest", "--path", path, "--check", "--json"]).json(), "digest")
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_part_is_chosen_by_metric_tags_and_time_whatever_the_names() {
    let place = Place::new();
    for (source, dest) in [
        ("my repo", "of repo"),
        ("snapshots", "of folder"),
        ("snapshots/one", "of snapshot"),
        ("data.db", "of db"),
    ] {
        let (source, dest) = (place.at(source), place.at(dest));
        let report = chronicle(&[
            "restore",
            "--source",
            &source,
            "--dest",
            &dest,
            "--metric",
            METRIC,
            "--metric",
            "cpu",
            "--tag",
            "host=~^web",
            "--tag",
            "host!=web 2",
            "--start",
            "1970-01-01T00:00:10Z",
            "--end",
            "1970-01-01T00:01:00Z",
            "--json",
        ])
        .json();
        // i in 10..60, i / 3 % 3 == 0, and i % 3 != 1.
        let expected = (10..60).filter(|i| i / 3 % 3 == 0 && i % 3 != 1).count();
        assert_eq!(text(&report, "points"), expected.to_string(), "{report}");
        assert_eq!(report["digest_proven"], true);
        assert_eq!(digest(&format!("{dest}/data.db")), text(&report, "digest"));
        let error =
            chronicle(&["restore", "--source", &source, "--dest", &dest, "--metric", "cpu"]).failed(1);
        assert!(error.contains("--force"), "{error}");
    }
}

#[test]
fn what_is_not_there_is_said_and_nothing_is_made() {
    let place = Place::new();
    let (source, dest) = (place.at("my repo"), place.at("none"));
    let refused = |more: &[&str], code: i32| {
        let start = ["restore", "--source", &source, "--dest", &dest];
        let error = chronicle(&[&start[..], more].concat()).failed(code);
        assert!(!place.path("none").exists());
        error
    };
    assert!(refused(&["--metric", "cpx"], 4).contains("did you mean \"cpu\"?"));
    assert!(refused(&["--metric", "cpu", "--tag", "hots=web 1"], 4).contains("did you mean \"host\"?"));
    assert!(refused(&["--metric", "cpu", "--tag", "host=web 3"], 4).contains("did you mean \"web 1\"?"));
    assert!(
        refused(&["--metric", "cpu", "--start", "2024-01-01T00:00:00Z"], 4)
            .contains("to 1970-01-01T00:01:39Z")
    );
    refused(&["--metric", "cpu", "--start", "20", "--end", "10"], 2);
    refused(&["--tag", "host"], 2);
    refused(&["--metric", "cpu", "--dry-run"], 2);
    refused(&["--conflict", "replace"], 2);
    let (snapshot, data) = (place.at("snapshots/one"), place.at("data.db"));
    chronicle(&["restore", "--source", &source]).failed(2);
    chronicle(&["restore", "--source", &source, "--dest", &dest, "--into", &data]).failed(2);
    for target in [snapshot.clone(), format!("{snapshot}/data.db")] {
        for more in [&["--dry-run"][..], &[]] {
            let start = ["restore", "--source", &source, "--into", &target];
            assert!(chronicle(&[&start[..], more].concat()).failed(1).contains("snapshot"));
        }
    }
    chronicle(&["restore", "--source", &source, "--into", &place.at("missing.db")]).failed(1);
    let open = Db::open(&data, Config::default()).unwrap();
    let error = chronicle(&["restore", "--source", &source, "--into", &data]).failed(1);
    assert!(error.contains("another writer"), "{error}");
    drop(open);
}

#[test]
fn a_preview_says_what_a_restore_into_a_database_then_does() {
    let place = Place::new();
    let (source, data) = (place.at("my repo"), place.at("data.db"));
    let whole = digest(&data);
    chronicle(&["delete", "--path", &data, "--metric", METRIC]).done();
    chronicle(&[
        "write",
        "--path",
        &data,
        "--metric",
        "cpu",
        "--tag",
        "host=web 1",
        "--value",
        "5",
        "--time",
        "0",
    ])
    .done();
    let run = |more: &[&str]| {
        chronicle(&[&["restore", "--source", &source, "--into", &data, "--json"][..], more].concat()).json()
    };
    let before = files(place.0.path());
    let preview = run(&["--dry-run", "--conflict", "replace"]);
    assert_eq!(files(place.0.path()), before, "a preview changes no byte");
    assert_eq!(
        [text(&preview, "new"), text(&preview, "changed"), text(&preview, "equal")],
        ["33", "1", "66"]
    );
    assert_eq!(preview["metrics"][METRIC]["new"], "33");
    assert_eq!(preview["lsn"], Value::Null);
    let kept = run(&[]);
    assert_eq!([text(&kept, "written"), text(&kept, "changed")], ["33", "1"]);
    assert_ne!(digest(&data), whole, "the database's own point stays");
    let replaced = run(&["--conflict", "replace"]);
    assert_eq!([text(&replaced, "written"), text(&replaced, "changed")], ["1", "1"]);
    assert_eq!(digest(&data), whole);
    assert_eq!(run(&["--conflict", "replace"])["lsn"], Value::Null, "there is nothing left to do");
}

/// A snapshot of more points than a restore holds in memory, random enough to take room; and a database beside it.
fn large(folder: &Path) -> (String, String, String) {
    let db = Db::open(folder.join("large.db"), Config::default()).unwrap();
    let mut random = Random::new(5);
    for batch in 0..24 {
        let points: Vec<Point> = (0..50_000)
            .map(|i| {
                Point::new("large", batch * 50_000 + i, f64::from_bits(random.bits()))
                    .tag("n", (i % 7).to_string())
            })
            .collect();
        db.write_batch(&points).unwrap();
    }
    BackupManager::new(&db).create_snapshot(folder.join("snapshot")).unwrap();
    let whole = db.digest(true).unwrap().0;
    db.close().unwrap();
    let text = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    (text("snapshot"), text("target"), whole.to_string())
}

fn small_target(folder: &Path) -> (String, String) {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("data.db");
    let db = Db::open(&path, Config::default()).unwrap();
    db.write_batch(&(0..100).map(|i| Point::new("small", i, 1.0)).collect::<Vec<_>>()).unwrap();
    let digest = db.digest(false).unwrap().0.to_string();
    db.close().unwrap();
    (path.to_str().unwrap().to_owned(), digest)
}

fn points(digest: &str) -> u64 {
    digest.split('-').next().unwrap().parse().unwrap()
}

#[test]
fn a_restore_that_is_killed_left_all_of_it_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, target, whole) = large(folder.path());
    let mut random = Random::new(6);
    let mut took = Duration::ZERO;
    let (mut all, mut none) = (0, 0);
    for round in 0..14u64 {
        let (path, before) = small_target(&Path::new(&target).join(round.to_string()));
        let started = Instant::now();
        let victim = Victim::start(command().args([
            "restore",
            "--source",
            &snapshot,
            "--into",
            &path,
            "--conflict",
            "replace",
        ]));
        match round {
            0 => {
                assert!(victim.finish().0.success());
                took = started.elapsed();
            }
            _ => {
                std::thread::sleep(Duration::from_micros(
                    random.below(took.as_micros() as u64 * 11 / 10 + 1),
                ));
                victim.kill();
            }
        }
        let found = digest(&path);
        match points(&found) {
            100 => {
                assert_eq!(found, before);
                none += 1;
            }
            points => {
                assert_eq!(points, 100 + 1_200_000);
                all += 1;
            }
        }
        chronicle(&["verify", "--path", &path]).done();
        let run = chronicle(&["restore", "--source", &snapshot, "--into", &path, "--json"]).json();
        assert_eq!(text(&run, "digest"), whole);
        assert_eq!(points(&digest(&path)), 1_200_100, "it goes on from there");
        std::fs::remove_dir_all(Path::new(&path).parent().unwrap()).unwrap();
    }
    assert!(all > 0 && none > 0, "{all} times all of it, {none} times nothing");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_database_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
        .arg(&disk)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("SKIPPED: a full disk needs root, to mount a tmpfs");
        return;
    }
    let (snapshot, ..) = large(folder.path());
    let (path, before) = small_target(&disk.join("db"));
    let error = chronicle(&["restore", "--source", &snapshot, "--into", &path]).failed(1);
    let after = digest(&path);
    let verified = chronicle(&["verify", "--path", &path]);
    let written = chronicle(&["write", "--path", &path, "--metric", "more", "--value", "1", "--json"]);
    let unmounted = std::process::Command::new("umount").arg(&disk).status();
    assert!(error.contains("full") || error.contains("room") || error.contains("space"), "{error}");
    assert_eq!(after, before);
    verified.done();
    written.done();
    assert!(unmounted.unwrap().success());
}
