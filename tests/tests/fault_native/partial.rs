//! `kill -9` of a snapshot and of a restore: what has its name is whole, and the next run takes up the rest.
use crate::support::{rounds, victim};
use chronicle::digest::Digest;
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{BackupManager, Config, Db, Durability, Point};
use chronicle_tests::child::last_number;
use chronicle_tests::workload::Random;
use std::path::{Path, PathBuf};
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
        // Until two were interrupted, the second when something was copied; now and then one is too quick for us.
        let mut here = 0;
        for _ in 0..50 {
            let mut running = victim(&[&verb, &source, &target]);
            running.expect("start");
            if here == 0 {
                std::thread::sleep(Duration::from_micros(random.below(usual.as_micros() as u64)));
            }
            while here == 1 && staged_bytes(&target) < (1 << 20) && !target.join(published).exists() {
                std::hint::spin_loop();
            }
            let lines = running.kill();
            let whole = is_whole(&target.join(published), digest);
            assert!(whole || !lines.iter().any(|line| line.starts_with("resumed")), "{lines:?}");
            if whole {
                std::fs::remove_dir_all(&target).unwrap();
                continue;
            }
            here += 1;
            if here == 2 {
                break;
            }
        }
        interrupted += here;
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

/// Folders of unfinished work, inside the target or beside it.
fn staging(target: &Path) -> Vec<PathBuf> {
    let name = target.file_name().unwrap().to_string_lossy().into_owned();
    let folders = [Some(target), target.parent()].into_iter().flatten();
    let entries = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let unfinished = entries.filter(|entry| {
        let found = entry.file_name().to_string_lossy().into_owned();
        found.starts_with(".chronicle-restore") || found.starts_with(&format!("{name}.partial-"))
    });
    unfinished.map(|entry| entry.path()).collect()
}

/// Bytes of the data file in them.
fn staged_bytes(target: &Path) -> u64 {
    let files =
        staging(target).into_iter().filter_map(|folder| std::fs::metadata(folder.join("data.db")).ok());
    files.map(|file| file.len()).sum()
}

/// Those that still hold something. An empty one harms nobody: a restore leaves it that was killed after its database had
/// its name.
fn leftovers(target: &Path) -> Vec<PathBuf> {
    let is_empty = |path: &PathBuf| std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    staging(target).into_iter().filter(|folder| !is_empty(folder)).collect()
}
