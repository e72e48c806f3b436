//! Any byte that changes in a repository is noticed by a verification, and no restore gives other data in silence.
//!
//! Every object is changed in every way that a medium or a person knows: bits flipped, cut, longer, exchanged, gone. The verification
//! says which object it is; every moment then reads as it was recorded, or is an error.
use chronicle::backup::repository::{Moment, Proof};
use chronicle::backup::{
    Repository, RepositoryReport, RestoreConfig, restore_delta_backup, verify_repository,
};
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, ErrorKind, Point, Selector, TimeRange};
use chronicle_tests::program::chronicle;
use std::fs;
use std::path::{Path, PathBuf};

/// The commit that the first point starts from.
const FIRST: u64 = 2;
const MINUTE: i64 = 60_000_000_000;

/// A repository, and the digest after each commit.
struct Place {
    folder: tempfile::TempDir,
    /// By LSN from 1 on.
    digests: Vec<String>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { background: false, ..Config::default() };
        let db = Db::open(folder.path().join("data.db"), config).unwrap();
        let mut place = Self { folder, digests: Vec::new() };
        for batch in 0..6 {
            for part in 0..2 {
                let points: Vec<Point> = (0..60)
                    .map(|i| {
                        let time = (batch * 2 + part) * 20 * MINUTE + i * MINUTE;
                        Point::new(["cpu", "memory"][i as usize % 2], time, (batch * 100 + i) as f64 / 3.0)
                            .tag("host", format!("h{}", i % 5))
                    })
                    .collect();
                db.write_batch(&points).unwrap();
                place.note(&db);
            }
            if batch == 2 {
                let range = TimeRange::new(Some(10 * MINUTE), Some(40 * MINUTE));
                db.delete(&Selector::metric("cpu").tag("host", "h1"), range).unwrap().unwrap();
                place.note(&db);
            }
            match batch {
                0 | 3 => db.checkpoint().unwrap(),
                4 => db.compact().unwrap(),
                _ => {}
            }
            let config = DeltaBackupConfig::new(place.repository()).continue_newest();
            BackupManager::new(&db).create_delta_backup(config).unwrap();
        }
        db.close().unwrap();
        // Notes are objects too.
        let repository = Repository::open(place.repository()).unwrap();
        let point = repository.content().unwrap().timeline.newest().unwrap().entry;
        repository.note_proof(point, Proof::Restored).unwrap();
        place
    }

    fn note(&mut self, db: &Db) {
        assert_eq!(db.position().lsn, self.digests.len() as u64 + 1);
        self.digests.push(db.digest(false).unwrap().0.to_string());
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    fn newest(&self) -> u64 {
        self.digests.len() as u64
    }

    /// Some moment. What is before the first point can't be restored.
    fn moment(&self, number: u64) -> u64 {
        FIRST + number % (self.newest() - FIRST + 1)
    }

    /// Every object, by name.
    fn objects(&self) -> Vec<(String, PathBuf)> {
        let (mut found, mut folders) = (Vec::new(), vec![self.repository()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let name = path.strip_prefix(self.repository()).unwrap().to_str().unwrap().to_owned();
                        found.push((name, path));
                    }
                }
            }
        }
        found.sort();
        found
    }

    fn verify(&self) -> RepositoryReport {
        verify_repository(self.repository(), VerifyLevel::Full).unwrap()
    }

    /// The full verification names the object.
    fn is_noticed(&self, name: &str, what: &str) {
        self.is_noticed_by(VerifyLevel::Full, name, what);
    }

    fn is_noticed_by(&self, level: VerifyLevel, name: &str, what: &str) {
        let report = verify_repository(self.repository(), level).unwrap();
        let found = report.findings.iter().find(|finding| finding.place.starts_with(name));
        let found = found.unwrap_or_else(|| panic!("{name}, {what}: not noticed: {report:?}"));
        assert_eq!(RepositoryReport::is_mild(found), is_hint(name), "{name}, {what}: {found}");
        let is_full = level == VerifyLevel::Full;
        assert_eq!(report.noted.is_some(), is_full && is_hint(name), "{name}, {what}");
    }

    /// The newest and some moment read as they were, or not at all.
    fn never_lies(&self, name: &str, what: &str, lsn: u64) {
        let read = |moment: &Moment, lsn: u64| {
            let opened = match Repository::open(self.repository()).and_then(|it| it.open_at(moment)) {
                Ok(opened) => opened,
                Err(error) => return assert_refused(&error, name, what),
            };
            assert_eq!(opened.at.lsn, lsn, "{name}, {what}: another moment than {lsn}");
            match opened.db.digest(false) {
                Ok((digest, _)) => {
                    assert_eq!(digest.to_string(), self.digests[lsn as usize - 1], "{name}, {what}")
                }
                Err(error) => assert_refused(&error, name, what),
            }
        };
        read(&Moment::Latest, self.newest());
        read(&Moment::Lsn { lsn, epoch: None }, lsn);
    }

    /// The same, written down.
    fn never_restores_other_data(&self, name: &str, what: &str, lsn: u64) {
        for (config, lsn) in [(None, self.newest()), (Some(lsn), lsn)] {
            let target = self.folder.path().join("restored");
            let base = RestoreConfig::new(self.repository(), &target);
            let config = config.into_iter().fold(base, RestoreConfig::at_lsn);
            match restore_delta_backup(config) {
                Ok(report) => {
                    assert_eq!(report.position.lsn, lsn, "{name}, {what}");
                    assert_eq!(report.digest.to_string(), self.digests[lsn as usize - 1], "{name}, {what}");
                }
                Err(error) => {
                    assert_refused(&error, name, what);
                    assert!(!target.join("data.db").exists(), "{name}, {what}");
                }
            }
            let _ = fs::remove_dir_all(target);
        }
    }
}

fn assert_refused(error: &chronicle::Error, name: &str, what: &str) {
    assert!(
        matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unsupported),
        "{name}, {what}: {:?} {error}",
        error.kind()
    );
}

fn is_hint(name: &str) -> bool {
    name == "manifest.json" || name == "state.json" || name.starts_with("proofs/")
}

/// Changes a file, looks, and puts it back.
fn changed(path: &Path, bytes: Option<&[u8]>, look: impl FnOnce()) {
    let whole = fs::read(path).unwrap();
    match bytes {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
    look();
    fs::write(path, whole).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_and_never_restored() {
    let place = Place::new();
    assert!(place.verify().findings.is_empty());
    let (mut flipped, mut restored) = (0u64, 0);
    for (name, path) in place.objects() {
        let whole = fs::read(&path).unwrap();
        // Every byte of what is written in words; of containers, logs and pages all over them.
        let is_text = name.ends_with(".json") || name.starts_with("claims/") || name.starts_with("proofs/");
        let stride = if is_text { 1 } else { (whole.len() / 120).max(1) };
        for at in (0..whole.len()).step_by(stride).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (flipped % 8);
            let what = format!("byte {at}");
            let lsn = place.moment(flipped);
            // Words are read whole at any level; the full one, which reads the rest too, is asked now and then.
            let level = match is_text && !flipped.is_multiple_of(41) {
                true => VerifyLevel::Records,
                false => VerifyLevel::Full,
            };
            changed(&path, Some(&bytes), || {
                place.is_noticed_by(level, &name, &what);
                if flipped.is_multiple_of(13) {
                    place.never_lies(&name, &what, lsn);
                }
                if flipped.is_multiple_of(401) {
                    place.never_restores_other_data(&name, &what, lsn);
                    restored += 1;
                }
            });
            flipped += 1;
        }
    }
    assert!(flipped > 5_000 && restored > 10, "{flipped} {restored}");
    // The notes of the verifications that found only hints damaged are whole.
    assert!(place.verify().findings.is_empty());
}

#[test]
fn what_is_cut_longer_exchanged_or_gone_is_noticed_and_never_restored() {
    let place = Place::new();
    let objects = place.objects();
    for (index, (name, path)) in objects.iter().enumerate() {
        let whole = fs::read(path).unwrap();
        let (half, short) = (whole[..whole.len() / 2].to_vec(), whole[..whole.len() - 1].to_vec());
        let longer = [&whole[..], &[0]].concat();
        for (what, bytes) in
            [("half", half), ("one less", short), ("empty", Vec::new()), ("one more", longer)]
        {
            changed(path, Some(&bytes), || {
                place.is_noticed(name, what);
                for lsn in FIRST..=place.newest() {
                    place.never_lies(name, what, lsn);
                }
            });
        }
        let (other, from) = &objects[(index + 1) % objects.len()];
        let same = objects.iter().rev().find(|(other, _)| other != name && file_of(other) == file_of(name));
        for (other, from) in same.map(|(name, path)| (name, path)).into_iter().chain([(other, from)]) {
            let what = format!("exchanged with {other}");
            changed(path, Some(&fs::read(from).unwrap()), || {
                place.is_noticed(name, &what);
                place.never_lies(name, &what, place.moment(index as u64));
            });
        }
        changed(path, None, || {
            match is_hint(name) {
                // A job that was killed behind its record leaves none.
                true => assert!(
                    name.starts_with("proofs/") || place.verify().hints_missing.contains(&name.as_str()),
                    "{name}"
                ),
                false => place.is_noticed(name, "gone"),
            }
            for lsn in FIRST..=place.newest() {
                place.never_lies(name, "gone", lsn);
            }
            place.never_restores_other_data(name, "gone", place.moment(index as u64));
        });
    }
}

/// The last part of a name without what is a number or a hash.
fn file_of(name: &str) -> String {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    match folder {
        "claims" | "proofs" => folder.to_owned(),
        _ => file.split(['-', '0']).next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn the_program_names_the_object_and_the_series_and_exits_with_3() {
    let place = Place::new();
    let repository = place.repository().to_str().unwrap().to_owned();
    let verify = ["backup", "verify", "--source", &repository];
    chronicle(&verify).done();
    for (index, (name, path)) in place.objects().iter().enumerate().step_by(3) {
        let mut bytes = fs::read(path).unwrap();
        let at = index * 97 % bytes.len();
        bytes[at] ^= 0x10;
        changed(path, Some(&bytes), || {
            let ran = chronicle(&verify);
            assert_eq!(ran.code, Some(3), "{name}: {ran:?}");
            assert!(ran.out.contains(name.as_str()), "{name}: {ran:?}");
        });
    }
    // The first block of points of a container.
    let (name, path) = place.objects().into_iter().find(|(name, _)| name.ends_with("changes.db")).unwrap();
    let whole = fs::read(&path).unwrap();
    let named = (65_536..whole.len()).step_by(331).any(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let mut named = false;
        changed(&path, Some(&bytes), || {
            let out = chronicle(&verify).out;
            named = out.contains("host=\"h") && out.contains("block at") && out.contains(&name);
        });
        named
    });
    assert!(named, "no finding in {name} names a series");
}
