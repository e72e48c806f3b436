//! The golden fixture: bytes that an earlier build wrote are read to the same data.
use crate::support::copy_folder;
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{Config, Db, restore_snapshot};
use std::path::{Path, PathBuf};

/// What `victim golden` printed.
const DIGEST: &str = "654-56e251b90af75573f6746e06d7e9db7b";
const LSN: u64 = 11;
/// Sum of the values of the series `late`: the numbers of the commits up to 10 but the fifth, a deletion.
const SUM: f64 = (10 * 11 / 2 - 5) as f64;

fn fixture(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/v0").join(name);
    copy_folder(&golden, &folder.path().join(name));
    let path = folder.path().join(name).join("data.db");
    (folder, path)
}

fn check(db: &Db) {
    for trust_stored in [true, false] {
        assert_eq!(db.digest(trust_stored).unwrap().0.to_string(), DIGEST);
    }
    let rows = db.query_sql("SELECT sum(value) FROM late").unwrap().rows().unwrap();
    assert_eq!(rows.iter().map(|row| row.values[0]).collect::<Vec<_>>(), [Some(SUM)]);
}

#[test]
fn the_golden_database_and_snapshot_are_read_as_they_were_written() {
    for name in ["database", "snapshot"] {
        let (_folder, path) = fixture(name);
        let found = verify(&path, VerifyLevel::Deep).unwrap();
        assert!(found.report.is_sound(), "{name}: {}", found.report);
        assert!(found.report.log_commits > 0 && found.report.segments >= 3, "{name}: {}", found.report);
        let db = Db::open(&path, Config::read_only()).unwrap();
        assert_eq!(db.position().lsn, LSN);
        check(&db);
    }
}

#[test]
fn the_golden_database_is_written_on_and_the_golden_snapshot_restored() {
    let (_folder, path) = fixture("database");
    let db = Db::open(&path, Config::default()).unwrap();
    check(&db);
    db.compact().unwrap();
    check(&db);
    let (folder, _) = fixture("snapshot");
    let target = folder.path().join("restored");
    let report = restore_snapshot(folder.path().join("snapshot"), &target).unwrap();
    assert!(report.digest_proven);
    check(&Db::open(target.join("data.db"), Config::default()).unwrap());
}
