//! Drills, repairs and differences, by the program.
use chronicle::backup::{DrillConfig, drill};
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Point, Selector, TimeRange};
use chronicle_tests::program::{chronicle, parse};
use std::fs;
use std::path::PathBuf;

const MINUTE: i64 = 60_000_000_000;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("a drill ").tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn open(&self) -> Db {
        let config = Config { background: false, ..Config::default() };
        Db::open(self.path("data.db"), config).unwrap()
    }

    fn write(&self, db: &Db, batch: i64) {
        let points: Vec<Point> = (0..50)
            .map(|i| {
                let metric = ["cpu", "memory", "<b>odd & \"name\""][i as usize % 3];
                Point::new(metric, batch * 50 * MINUTE + i * MINUTE, i as f64 / 7.0)
                    .tag("host", format!("h{}", i % 4))
            })
            .collect();
        db.write_batch(&points).unwrap();
    }

    fn backup(&self, db: &Db) {
        let config = DeltaBackupConfig::new(self.path("repo")).continue_newest();
        BackupManager::new(db).create_delta_backup(config).unwrap();
    }

    /// Three points, of which the second and the third have two commits in their logs.
    fn repository(&self) -> Db {
        let db = self.open();
        for batch in 0..5 {
            self.write(&db, batch);
            if batch == 2 {
                db.checkpoint().unwrap();
            }
            if batch % 2 == 0 {
                self.backup(&db);
            }
        }
        db
    }
}

fn is_empty(folder: &str) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_drill_proves_a_repository_leaves_its_reports_and_a_note_and_nothing_else() {
    let place = Place::new();
    place.repository();
    let (source, scratch) = (place.at("repo"), place.at("scratch"));
    fs::create_dir(&scratch).unwrap();
    let (html, report) = (place.at("drill.html"), place.at("drill.json"));
    let arguments = ["drill", "--source", &source, "--dir", &scratch, "--report", &html, "--report", &report];
    let told = chronicle(&arguments).done();
    assert!(told.starts_with("restored and proven") && !told.contains("FAILED"), "{told}");
    assert!(is_empty(&scratch), "the scratch place is left as it was");
    let report = parse(&fs::read_to_string(report).unwrap());
    assert_eq!((report["passed"].as_bool(), report["point"].as_str()), (Some(true), Some("delta-002")));
    assert_eq!((report["points"].as_str(), report["series"].as_str()), (Some("250"), Some("12")));
    assert_eq!(report["checks"].as_array().unwrap().len(), 5);
    assert_eq!(report["metrics"].as_array().unwrap().len(), 3);
    assert!(report["metrics"].as_array().unwrap().iter().all(|metric| metric["agrees"] == true));
    let page = fs::read_to_string(html).unwrap();
    assert!(
        page.contains("Restored and proven") && page.contains("&lt;b&gt;odd &amp; &quot;name&quot;"),
        "{page}"
    );
    // The page needs nothing from elsewhere, and no name of a metric is markup in it.
    assert!(!page.contains("<b>odd") && !page.contains("http") && !page.contains("<script"), "{page}");
    assert!(page.contains("class=\"span\"") && page.contains("class=\"now\""), "the timeline is drawn");
    let listed = chronicle(&["backup", "list", "--source", &source, "--json"]).json();
    assert_eq!(listed["last_restored"], "delta-002");
    assert!(listed["last_restored_age_seconds"].as_f64().unwrap() < 600.0);
    assert!(
        listed["points"][2]["restored"].is_string() && listed["points"][0]["verified"].is_null(),
        "{listed}"
    );
    // A moment between two points has no digest in a record: it is compared with the backup as it lies.
    let between =
        chronicle(&["drill", "--source", &source, "--dir", &scratch, "--at", "lsn:2", "--json"]).json();
    assert_eq!((between["lsn"].as_str(), between["passed"].as_bool()), (Some("2"), Some(true)));
    let claims = between["checks"].to_string();
    assert!(claims.contains("that of the backup, read in place"), "{claims}");
}

#[test]
fn a_drill_of_a_damaged_backup_fails_with_3_and_still_reports() {
    let place = Place::new();
    place.repository();
    let path = place.path("repo/delta-001/changes.db");
    let mut bytes = fs::read(&path).unwrap();
    let at = 65_536 + 60;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (source, scratch) = (place.at("repo"), place.at("scratch"));
    fs::create_dir(&scratch).unwrap();
    let (html, report) = (place.at("drill.html"), place.at("drill.json"));
    let ran =
        chronicle(&["drill", "--source", &source, "--dir", &scratch, "--report", &html, "--report", &report]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.starts_with("NOT PROVEN") && ran.out.contains("FAILED"), "{ran:?}");
    assert!(is_empty(&scratch));
    let report = parse(&fs::read_to_string(report).unwrap());
    assert_eq!(report["passed"].as_bool(), Some(false));
    assert!(fs::read_to_string(html).unwrap().contains("Not proven: the drill failed"));
    let listed = chronicle(&["backup", "list", "--source", &source, "--json"]).json();
    assert!(listed["last_restored"].is_null(), "{listed}");
}

#[test]
fn snapshots_folders_of_them_and_stopped_copies_are_drilled_too() {
    let place = Place::new();
    let db = place.open();
    for (batch, name) in ["first", "second"].into_iter().enumerate() {
        place.write(&db, batch as i64);
        BackupManager::new(&db).create_snapshot(place.path(&format!("snapshots/{name}"))).unwrap_or_else(
            |_| {
                fs::create_dir_all(place.path("snapshots")).unwrap();
                BackupManager::new(&db).create_snapshot(place.path(&format!("snapshots/{name}"))).unwrap()
            },
        );
    }
    db.close().unwrap();
    for (source, points, kind) in [
        ("snapshots/first", "50", "snapshot directory"),
        ("snapshots", "100", "snapshot directory"),
        ("snapshots/latest", "100", "snapshot directory"),
        ("data.db", "100", "stopped copy"),
    ] {
        let report = chronicle(&["drill", "--source", &place.at(source), "--json"]).json();
        assert_eq!(
            (report["points"].as_str(), report["kind"].as_str()),
            (Some(points), Some(kind)),
            "{report}"
        );
        assert_eq!(report["passed"].as_bool(), Some(true), "{report}");
    }
    let folder = drill(&DrillConfig::new(place.path("snapshots"))).unwrap();
    assert_eq!(folder.restorable[0].points.len(), 2, "the picture shows every snapshot");
    chronicle(&["drill", "--source", &place.at("snapshots/first"), "--at", "lsn:1"]).failed(4);
    chronicle(&["drill", "--source", &place.at("nothing")]).failed(1);
    chronicle(&["drill", "--source", &place.at("data.db"), "--report", "x.pdf"]).failed(2);
}

#[test]
fn repair_makes_hints_and_lost_claims_anew_and_deletes_nothing() {
    let place = Place::new();
    place.repository();
    let source = place.at("repo");
    let (manifest, state) = (place.path("repo/manifest.json"), place.path("repo/state.json"));
    let (old_manifest, old_state) = (fs::read(&manifest).unwrap(), fs::read(&state).unwrap());
    fs::write(&manifest, "no manifest").unwrap();
    fs::remove_file(&state).unwrap();
    // The newest claim: the search for the newest number would end before it.
    fs::remove_file(place.path("repo/claims/2")).unwrap();
    fs::create_dir(place.path("repo/lost+found")).unwrap();
    fs::write(place.path("repo/lost+found/x"), "x").unwrap();
    chronicle(&["restore", "--source", &source, "--dest", &place.at("r")]).failed(3);
    chronicle(&["backup", "verify", "--source", &source]).code.filter(|&code| code == 3).unwrap();
    let repair = ["backup", "repair", "--source", &source, "--json"];
    let planned = chronicle(&[&repair[..], &["--dry-run"]].concat()).json();
    assert!(!state.exists(), "a dry run writes nothing");
    let done = chronicle(&repair).json();
    assert_eq!(done["repaired"], planned["repaired"]);
    assert_eq!(done["repaired"].as_array().unwrap().len(), 3, "{done}");
    assert_eq!((fs::read(&manifest).unwrap(), fs::read(&state).unwrap()), (old_manifest, old_state));
    assert_eq!(
        (done["orphans"].as_str(), done["orphans_named"][0]["name"].as_str()),
        (Some("1"), Some("lost+found/x"))
    );
    assert!(place.path("repo/lost+found/x").exists());
    assert!(chronicle(&repair).json()["repaired"].as_array().unwrap().is_empty());
    chronicle(&["backup", "verify", "--source", &source]).done();
    chronicle(&["restore", "--source", &source, "--dest", &place.at("restored")]).done();
    // A claim that is damaged is as good as lost, the newest and any other.
    for number in ["1", "2"] {
        fs::write(place.path("repo/claims").join(number), "x").unwrap();
    }
    assert_eq!(chronicle(&repair).json()["repaired"], parse("[\"claims/1\", \"claims/2\"]"));
    chronicle(&["backup", "verify", "--source", &source]).done();
    // A repair does not forget a point whose record is gone.
    fs::remove_file(place.path("repo/delta-002/metadata.json")).unwrap();
    let found = chronicle(&repair);
    assert_eq!(found.code, Some(3), "{found:?}");
    assert!(found.out.contains("delta-002"), "{found:?}");
    chronicle(&["restore", "--source", &source, "--dest", &place.at("older")]).failed(3);
}

#[test]
fn a_database_that_lost_a_metric_differs_by_it() {
    let place = Place::new();
    let db = place.repository();
    db.delete(&Selector::metric("cpu").tag("host", "h1"), TimeRange::ALL).unwrap().unwrap();
    db.write_batch(&[Point::new("new", MINUTE, 1.0), Point::new("memory", MINUTE, 99.0).tag("host", "h1")])
        .unwrap();
    place.backup(&db);
    let source = place.at("repo");
    let same = chronicle(&["backup", "diff", "--source", &source, "delta-001", "delta-001", "--json"]).json();
    assert_eq!((same["points_added"].as_str(), same["points_removed"].as_str()), (Some("0"), Some("0")));
    let found = chronicle(&["backup", "diff", "--source", &source, "delta-002", "latest", "--json"]).json();
    let removed = (0..5).flat_map(|_| 0..50).filter(|i| i % 3 == 0 && i % 4 == 1).count();
    assert_eq!(found["points_removed"].as_str(), Some(&*removed.to_string()), "{found}");
    assert_eq!((found["points_added"].as_str(), found["points_changed"].as_str()), (Some("1"), Some("1")));
    assert_eq!((found["series_added"].as_str(), found["series_removed"].as_str()), (Some("1"), Some("1")));
    assert_eq!(found["metrics_added"], parse("[\"new\"]"));
    let back = chronicle(&["backup", "diff", "--source", &source, "latest", "delta-002", "--json"]).json();
    assert_eq!(
        (&back["points_added"], &back["points_removed"]),
        (&found["points_removed"], &found["points_added"])
    );
    chronicle(&["backup", "diff", "--source", &source, "delta-002", "delta-099"]).failed(4);
}
