//! `kill -9` of a snapshot and of a restore: what has its name is whole, and the next run takes up the rest.
use crate::support::{rounds, victim};
use chronicle::digest::Digest;
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{BackupManager, Config, Db, Durability, Point};
use chronicle_tests::child::last_number;
use chronicle_tests::workload::Random;
use std::path::Path;
use std::time::{Duration, Instant};

/// About 10 MB of values that don't compress.
fn database(path: &Path) -> Digest {
    let config = Config { durability: Durability::Os, seal_points: 300_000, ..Config::default() };
    let db = Db::open(path, config).unwrap();
    let mut random = Random::new(4);
    for batch in 0..100 {
        let point = |i: i64| {
            Point::new("noise", batch * 10_000 + i, f64::from_bits(random.bits() >> 2))
                .tag("s", (i % 10).to_string())
        };
        db.write_batch(&(0..10_000).map(point).collect::<Vec<_>>()).unwrap();
    }
    db.checkpoint().unwrap();
    db.write(Point::new("late", 1, 1.0)).unwrap();
    let digest = db.digest(true).unwrap().0;
    db.close().unwrap();
    digest
}

/// Whether a snapshot or a database at this path is whole; nothing at all is fine, a half is not.
fn is_whole(path: &Path, digest: Digest) -> bool {
    if !path.exists() {
        return false;
    }
    let found = verify(path, VerifyLevel::Full).unwrap();
    assert!(found.report.is_sound(), "{}", found.report);
    let data = if path.is_dir() { path.join("data.db") } else { path.to_owned() };
    assert_eq!(Db::open(data, Config::read_only()).unwrap().digest(true).unwrap().0, digest);
    true
}

#[test]
fn killed_snapshots_and_restores_leave_nothing_half_and_resume() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let digest = database(&path);
    let good = folder.path().join("good");
    BackupManager::new(&Db::open(&path, Config::read_only()).unwrap()).create_snapshot(&good).unwrap();
    kill_and_go_on("snapshot", &path, folder.path(), "", digest);
    kill_and_go_on("restore", &good, folder.path(), "data.db", digest);
}

fn kill_and_go_on(verb: &str, source: &Path, folder: &Path, published: &str, digest: Digest) {
    let calm = folder.join(format!("calm-{verb}"));
    let mut running = victim(&[&verb, &source, &calm]);
    running.expect("start");
    let started = Instant::now();
    running.expect("resumed");
    let usual = started.elapsed();
    let (mut random, mut resumed, mut interrupted) = (Random::new(9), 0, 0);
    for round in 0..rounds(3) {
        let target = folder.join(format!("{verb}-{round}"));
        for _ in 0..3 {
            let mut running = victim(&[&verb, &source, &target]);
            running.expect("start");
            std::thread::sleep(Duration::from_micros(random.below(usual.as_micros() as u64)));
            let lines = running.kill();
            let whole = is_whole(&target.join(published), digest);
            assert!(whole || !lines.iter().any(|line| line.starts_with("resumed")), "{lines:?}");
            if whole {
                break;
            }
            interrupted += 1;
        }
        if !target.join(published).exists() {
            let (status, lines) = victim(&[&verb, &source, &target]).finish();
            assert!(status.success(), "{lines:?}");
            resumed += last_number(&lines, "resumed");
            assert!(is_whole(&target.join(published), digest));
        }
        assert!(leftovers(&target).is_empty(), "{:?}", leftovers(&target));
        std::fs::remove_dir_all(&target).unwrap();
    }
    assert!(interrupted > 0 && resumed > 0, "{verb}: {interrupted} interrupted, {resumed} bytes resumed");
}

/// Folders of unfinished work, inside the target or beside it. An empty one harms nobody: that is what a restore leaves
/// which was killed after its database had its name.
fn leftovers(target: &Path) -> Vec<std::ffi::OsString> {
    let name = target.file_name().unwrap().to_string_lossy().into_owned();
    let inside = std::fs::read_dir(target).unwrap();
    let beside = std::fs::read_dir(target.parent().unwrap()).unwrap();
    let is_empty = |path: &Path| std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let entries = inside.chain(beside).map(Result::unwrap).filter(|entry| !is_empty(&entry.path()));
    let names = entries.map(|entry| entry.file_name());
    let left = |found: &std::ffi::OsString| {
        let found = found.to_string_lossy();
        found.starts_with(".chronicle-restore") || found.starts_with(&format!("{name}.partial-"))
    };
    names.filter(left).collect()
}
