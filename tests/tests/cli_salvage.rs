//! Salvage: out of a damaged backup comes what is whole, nothing else, and a report of what is not there.
use chronicle::backup::{SalvageConfig, SalvageReport, salvage};
use chronicle::crypt::{EncryptTo, Identity, Keys};
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Point, Selector, TimeRange};
use chronicle_tests::oracle::{self, Oracle, State};
use chronicle_tests::program::chronicle;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const MINUTE: i64 = 60_000_000_000;

struct Place {
    folder: tempfile::TempDir,
    oracle: Oracle,
    /// What opens `sealed`, the encrypted repository.
    identity: Identity,
    /// Every value that was ever written.
    written: BTreeSet<(String, i64, u64)>,
}

impl Place {
    /// A database with overwritten, late and deleted points, in segments and in the log; a repository, and a snapshot of it.
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("a salvage ").tempdir().unwrap();
        let identity = Identity::random().unwrap();
        let mut place = Self { folder, oracle: Oracle::default(), identity, written: BTreeSet::new() };
        let config = Config { background: false, ..Config::default() };
        let db = Db::open(place.path("data.db"), config).unwrap();
        for batch in 0..8 {
            let points: Vec<Point> = (0..120)
                .map(|i| {
                    // Every batch replaces some points of the one before.
                    let time = batch * 60 * MINUTE + i * MINUTE;
                    Point::new(["cpu", "memory"][i as usize % 2], time, (batch * 1_000 + i) as f64)
                        .tag("host", format!("h{}", i % 6))
                })
                .collect();
            db.write_batch(&points).unwrap();
            place.oracle.points(db.position(), &points);
            for point in &points {
                let host = &point.tags[0].1;
                place.written.insert((
                    format!("{} {host}", point.metric),
                    point.timestamp,
                    point.value.to_bits(),
                ));
            }
            if batch % 3 == 2 {
                let selector = Selector::metric("cpu").tag("host", "h2");
                let range = TimeRange::new(Some(batch * 30 * MINUTE), Some(batch * 60 * MINUTE));
                db.delete(&selector, range).unwrap().unwrap();
                place.oracle.delete(db.position(), &selector, range);
            }
            if batch < 7 {
                db.checkpoint().unwrap();
            }
            if batch % 2 == 1 {
                let config = DeltaBackupConfig::new(place.path("repo")).continue_newest();
                BackupManager::new(&db).create_delta_backup(config).unwrap();
                let to = EncryptTo::recipients([place.identity.recipient()]).unwrap();
                let config = DeltaBackupConfig::new(place.path("sealed")).continue_newest().encrypt_to(to);
                BackupManager::new(&db).create_delta_backup_with(&config, &|_, _| {}).unwrap();
            }
        }
        BackupManager::new(&db).create_snapshot(place.path("snapshot")).unwrap();
        db.close().unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn salvage(&self, source: &Path) -> chronicle::Result<(SalvageReport, State)> {
        let target = self.path("salvaged");
        let _ = fs::remove_dir_all(&target);
        let keys = Keys::none().identity(self.identity.clone());
        let report = salvage(&SalvageConfig::new(source, &target).keys(keys), &|_, _| {})?;
        let db = Db::open(target.join("data.db"), Config::read_only()).unwrap();
        assert_eq!(db.digest(false).unwrap().0, report.restored.digest);
        let mut state = State::new();
        let mut scan = db.scan(&Selector::all(), TimeRange::ALL).unwrap();
        while let Some(run) = scan.next_run().unwrap() {
            let series = Rc::new(run.series.series.clone());
            for (time, bits) in run.timestamps.iter().zip(run.bits) {
                state.insert((Rc::clone(&series), *time), *bits);
            }
        }
        Ok((report, state))
    }

    /// Nothing that is not so, and nothing missing that the report does not tell of.
    fn judge(&mut self, report: &SalvageReport, found: &State, what: &str) {
        let truth = self.oracle.at(report.lsn);
        for ((series, time), bits) in found {
            match report.losses.is_inexact {
                true => {
                    let host = series.tags.iter().next().map_or("", |(_, host)| host);
                    let point = (format!("{} {host}", series.metric), *time, *bits);
                    assert!(self.written.contains(&point), "{what}: nobody wrote {point:?}");
                }
                false => assert_eq!(
                    truth.get(&(Rc::clone(series), *time)),
                    Some(bits),
                    "{what}: {series:?} at {time} was something else: {report:?}"
                ),
            }
        }
        let missing: Vec<_> = truth.keys().filter(|key| !found.contains_key(*key)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(!report.is_complete(), "{what}: {} points are missing in silence", missing.len());
        let losses = &report.losses;
        let whole_names = losses.list.iter().all(|loss| loss.time.is_some());
        if whole_names && losses.withheld == 0 {
            assert!(missing.len() as u64 <= losses.points, "{what}: {} missing: {losses:?}", missing.len());
            for (series, time) in missing {
                let told =
                    losses.list.iter().any(|loss| loss.time.is_some_and(|range| range.contains(*time)));
                assert!(told, "{what}: {series:?} at {time} is missing and not told: {losses:?}");
            }
        }
    }
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

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                _ = found.insert(path.clone(), path)
            };
        }
    }
    found.into_values().collect()
}

#[test]
fn what_is_whole_comes_back_whole() {
    let mut place = Place::new();
    let newest = place.oracle.last_lsn();
    let digest = oracle::digest(&place.oracle.at(newest));
    for source in ["repo", "sealed", "snapshot", "data.db"] {
        let (report, found) = place.salvage(&place.path(source)).unwrap();
        assert!(report.is_complete() && report.lsn == newest, "{source}: {report:?}");
        assert_eq!(report.restored.digest, digest, "{source}");
        place.judge(&report, &found, source);
    }
}

#[test]
fn nothing_is_invented_and_nothing_whole_is_missing_wherever_a_repository_is_damaged() {
    damage_everywhere("repo");
}

#[test]
fn nothing_is_invented_wherever_an_encrypted_repository_is_damaged() {
    damage_everywhere("sealed");
}

fn damage_everywhere(repository: &str) {
    let mut place = Place::new();
    let repository = place.path(repository);
    let (mut salvaged, mut lossy) = (0, 0);
    for path in files(&repository) {
        let name = path.strip_prefix(&repository).unwrap().to_str().unwrap().to_owned();
        let whole = fs::read(&path).unwrap();
        let mut damages: Vec<(String, Option<Vec<u8>>)> =
            vec![("gone".into(), None), ("half".into(), Some(whole[..whole.len() / 2].to_vec()))];
        let is_container = name.contains(".db");
        let flips = if is_container || name.contains("wal") { 24 } else { 2 };
        for flip in 0..flips {
            // In a container the first 64 KiB are nearly empty.
            let start = if is_container { 65_536.min(whole.len() - 1) } else { 0 };
            let at = start + (whole.len() - start) * flip / flips + flip % 7;
            let at = at.min(whole.len() - 1);
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (flip % 8);
            damages.push((format!("byte {at}"), Some(bytes)));
        }
        for (what, bytes) in damages {
            let what = format!("{name}, {what}");
            changed(&path, bytes.as_deref(), || {
                let (report, found) =
                    place.salvage(&repository).unwrap_or_else(|error| panic!("{what}: {error}"));
                place.judge(&report, &found, &what);
                salvaged += 1;
                lossy += u32::from(!report.is_complete());
            });
        }
    }
    assert!(salvaged > 150 && lossy > 30, "{salvaged} {lossy}");
}

#[test]
fn nothing_is_invented_out_of_damaged_files_either() {
    let mut place = Place::new();
    for source in ["snapshot", "data.db"] {
        let source = place.path(source);
        let all = match source.is_dir() {
            true => files(&source),
            false => files(place.folder.path())
                .into_iter()
                .filter(|path| path.parent() == source.parent())
                .collect(),
        };
        let all: Vec<PathBuf> = all
            .into_iter()
            .filter(|path| {
                path.to_str().unwrap().contains("data.db") && fs::metadata(path).unwrap().len() > 0
            })
            .filter(|path| !path.to_str().unwrap().contains("lock"))
            .collect();
        for path in all {
            let whole = fs::read(&path).unwrap();
            let start = if path.ends_with("data.db") { 65_536 } else { 0 };
            for flip in 0..40 {
                let at = (start + (whole.len() - start) * flip / 40 + flip % 5).min(whole.len() - 1);
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << (flip % 8);
                let what = format!("{}, byte {at}", path.display());
                changed(&path, Some(&bytes), || {
                    // A log that is damaged in its header may have been of anything.
                    if let Ok((report, found)) = place.salvage(&source) {
                        place.judge(&report, &found, &what);
                    } else {
                        panic!("{what}: nothing came back");
                    }
                });
            }
        }
    }
}

#[test]
fn the_program_tells_what_is_lost_by_series_and_exits_with_3() {
    let place = Place::new();
    let (source, dest) = (place.path("repo"), place.path("out"));
    let (source, dest) = (source.to_str().unwrap(), dest.to_str().unwrap());
    let arguments = ["restore", "--source", source, "--dest", dest, "--salvage"];
    chronicle(&arguments).done();
    let path = files(&place.path("repo")).into_iter().find(|path| path.ends_with("base/data.db")).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // The first block of the first segment of points is behind its header.
    let magic = bytes.windows(4).skip(65_536).position(|window| window == b"CHRN").unwrap() + 65_536;
    for at in (magic..bytes.len()).step_by(600) {
        bytes[at] ^= 1;
    }
    fs::write(&path, bytes).unwrap();
    chronicle(&arguments).failed(1);
    let ran = chronicle(&[&arguments[..], &["--force"]].concat());
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.contains("lost: base/data.db") && ran.out.contains("host="), "{ran:?}");
    let json = chronicle(&[&arguments[..], &["--force", "--json"]].concat());
    assert!(json.out.contains("\"complete\":false"), "{json:?}");
    chronicle(&["restore", "--source", source, "--dest", dest, "--salvage", "--dry-run"]).failed(2);
}
