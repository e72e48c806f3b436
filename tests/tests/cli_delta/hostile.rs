//! Places and times that are against us: each is told clearly, nothing is lost, and the next run goes on.
use crate::place::{Place, text};
use chronicle::{BackupManager, DeltaBackupConfig, ErrorKind};
use chronicle_tests::program::{chronicle, command};
use std::path::{Path, PathBuf};
use std::process::Command;

fn create(place: &Place, dest: &str) -> [String; 6] {
    ["backup", "create", "--delta", "--source", &place.at("data.db"), &format!("--dest={dest}")]
        .map(str::to_owned)
}

/// A tmpfs that is unmounted in the end; `None`, after a loud line, where we may not mount.
struct Mount(PathBuf);

impl Mount {
    fn new(at: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&at)
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: a full disk needs root, to mount a tmpfs");
            return None;
        }
        Some(Self(at))
    }

    fn remount(&self, options: &str) {
        assert!(
            Command::new("mount")
                .args(["-o", &format!("remount,{options}")])
                .arg(&self.0)
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn half_a_repository_names_what_is_missing_and_gives_the_rest() {
    let mut place = Place::new();
    let db = place.open();
    let mut moments = Vec::new();
    for batch in 0..4 {
        moments.push(place.write(&db, batch));
        db.checkpoint().unwrap();
        place.create(&[]);
    }
    let gone = place.path("my repo/delta-002/changes.db");
    std::fs::remove_file(&gone).unwrap();
    let (source, dest) = (place.at("my repo"), place.at("refused"));
    let error = chronicle(&["restore", "--source", &source, "--dest", &dest]).failed(3);
    assert!(error.contains("delta-002/changes.db"), "{error}");
    let listed = chronicle(&["backup", "list", "--source", &place.at("my repo")]).done();
    assert!(listed.contains("delta-003"), "{listed}");
    let verified = chronicle(&["backup", "verify", "--source", &place.at("my repo")]);
    assert!(verified.code == Some(3) && verified.out.contains("delta-002/changes.db"), "{verified:?}");
    let digest = place.digest(moments[1].lsn);
    assert_eq!(text(&place.restore(&format!("lsn:{}", moments[1].lsn), "older"), "digest"), digest);
    // The database has it all: a new base makes the repository whole from there on.
    place.create(&["--new-base"]);
    let digest = place.digest(moments[3].lsn);
    assert_eq!(text(&place.restore("latest", "newest"), "digest"), digest);
}

#[test]
fn a_clock_that_is_set_back_a_day_between_deltas_loses_no_moment() {
    if Command::new("faketime").arg("--version").output().is_err() {
        eprintln!("SKIPPED: faketime is needed to set a process's clock");
        return;
    }
    let place = Place::new();
    let (path, repository) = (place.at("data.db"), place.at("my repo"));
    chronicle(&["init", "--path", &path]).done();
    let program = command().get_program().to_owned();
    let at = |shift: &str, arguments: &[&str]| {
        let out =
            Command::new("faketime").args(["-f", shift]).arg(&program).args(arguments).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let mut times = Vec::new();
    for (index, shift) in ["+0d", "-1d", "-30d", "+0d"].into_iter().enumerate() {
        let value = index.to_string();
        at(
            shift,
            &[
                "write",
                "--path",
                &path,
                "--metric",
                "m",
                "--value",
                &value,
                "--time",
                &format!("2024-01-0{}T00:00:00Z", index + 1),
            ],
        );
        let report =
            at(shift, &["backup", "create", "--delta", "--source", &path, "--dest", &repository, "--json"]);
        let report = chronicle_tests::program::parse(&report);
        times.push((text(&report, "commit_time"), text(&report, "digest")));
    }
    assert!(times.is_sorted(), "commit times never run backwards: {times:?}");
    for (index, (time, digest)) in times.iter().enumerate() {
        assert_eq!(&text(&place.restore(time, &format!("at {index}")), "digest"), digest);
    }
    chronicle(&["backup", "verify", "--source", &repository]).done();
}

#[test]
fn a_full_destination_leaves_the_points_that_are_there_and_is_gone_on_with() {
    let mut place = Place::new();
    let Some(mount) = Mount::new(place.path("small"), "1m") else { return };
    let db = place.open();
    place.write(&db, 0);
    let repository = place.at("small/repo");
    chronicle(&create(&place, &repository)).done();
    let first = db.position().lsn;
    let mut random = chronicle_tests::workload::Random::new(1);
    let points: Vec<_> = (0..150_000i64)
        .map(|i| chronicle::Point::new("noise", i, f64::from_bits((random.bits() >> 2) | (1 << 61))))
        .collect();
    db.write_batch(&points).unwrap();
    db.checkpoint().unwrap();
    let error = chronicle(&create(&place, &repository)).failed(1);
    assert!(error.contains("space") || error.contains("full"), "{error}");
    let digest = place.digest(first);
    let restored =
        |to: &str| chronicle(&["restore", "--source", &repository, "--dest", &place.at(to), "--json"]).json();
    assert_eq!(text(&restored("first"), "digest"), digest, "the point that was there is there");
    mount.remount("size=16m");
    chronicle(&create(&place, &repository)).done();
    assert_eq!(text(&restored("second"), "digest"), db.digest(true).unwrap().0.to_string());
    chronicle(&["backup", "verify", "--source", &repository]).done();
}

#[test]
fn a_destination_that_takes_nothing_is_told_and_can_be_read() {
    let mut place = Place::new();
    let Some(mount) = Mount::new(place.path("fixed"), "4m") else { return };
    let db = place.open();
    place.write(&db, 0);
    let repository = place.at("fixed/repo");
    chronicle(&create(&place, &repository)).done();
    mount.remount("ro");
    place.write(&db, 1);
    let error = chronicle(&create(&place, &repository)).failed(1);
    assert!(error.to_lowercase().contains("read-only"), "{error}");
    chronicle(&["backup", "verify", "--source", &repository]).done();
    let base = chronicle(&["digest", "--path", &format!("{repository}/base"), "--json"]).json();
    assert_eq!(text(&base, "digest"), place.digest(1));
    mount.remount("rw");
    chronicle(&create(&place, &repository)).done();
}

#[test]
fn a_source_that_is_deleted_meanwhile_is_an_error_or_a_whole_point() {
    let mut place = Place::new();
    let db = place.open();
    for batch in 0..4 {
        place.write(&db, batch);
        db.checkpoint().unwrap();
    }
    let config = DeltaBackupConfig::new(place.path("my repo")).continue_newest();
    let (path, lsn) = (place.path("data.db"), db.position().lsn);
    let made = BackupManager::new(&db).create_delta_backup_with(&config, &|_, _| {
        let _ = std::fs::remove_file(&path);
    });
    let digest = place.digest(lsn);
    match made {
        Ok(_) => assert_eq!(text(&place.restore("latest", "restored"), "digest"), digest),
        Err(error) => assert_ne!(error.kind(), ErrorKind::Damaged, "{error}"),
    }
    let error = chronicle(&create(&place, &place.at("my repo"))).failed(1);
    assert!(error.contains("no such") && error.contains("data.db"), "{error}");
}

#[test]
fn names_with_spaces_newlines_and_quotes_are_names() {
    let folder = tempfile::tempdir().unwrap();
    let strange = folder.path().join("a \"place\"\nof 'two' lines");
    std::fs::create_dir(&strange).unwrap();
    let at = |name: &str| strange.join(name).to_str().unwrap().to_owned();
    let (path, repository) = (at("my\ndata.db"), at("the repo\n"));
    chronicle(&["init", "--path", &path]).done();
    for value in ["1", "2"] {
        chronicle(&["write", "--path", &path, "--metric", "m\n", "--value", value, "--tag", "k=a\nb"]).done();
        chronicle(&["backup", "create", "--delta", "--source", &path, "--dest", &repository]).done();
    }
    let slots = chronicle(&["backup", "slots", "--path", &path, "--json"]).json();
    assert_eq!(text(&slots["slots"][0], "repository"), repository);
    for arguments in [
        &["backup", "list", "--source", &repository][..],
        &["backup", "timeline", "--source", &repository],
        &["backup", "verify", "--source", &repository],
        &["digest", "--path", &repository],
        &["restore", "--source", &repository, "--dest", &at("back\n")],
    ] {
        chronicle(arguments).done();
    }
    let before = chronicle(&["digest", "--path", &path, "--json"]).json();
    let after = chronicle(&["digest", "--path", &at("back\n/data.db"), "--json"]).json();
    assert_eq!(text(&before, "digest"), text(&after, "digest"));
    assert!(Path::new(&at("back\n/data.db")).exists());
}
