//! Folders of snapshots: whole directories go, and nothing that is no snapshot.
use chronicle::backup::{PruneConfig, plan_prune, prune_with, restore_snapshot};
use chronicle::{BackupManager, Config, Db, ErrorKind, Keep};
use chronicle_tests::ledger::{self, Ledger};
use std::collections::BTreeSet;
use std::path::Path;

fn snapshots(folder: &Path, count: u64) -> (Db, Ledger) {
    let config = Config { background: false, ..ledger::busy_config(chronicle::Durability::Os) };
    let db = Db::open(folder.join("data.db"), config).unwrap();
    for number in 1..=count {
        ledger::fill(&db, number * 5);
        // The names say nothing of the order.
        let name = format!("backup/of day {}", (number * 7) % 10);
        std::fs::create_dir_all(folder.join("backup")).unwrap();
        BackupManager::new(&db).create_snapshot(folder.join(name)).unwrap();
    }
    (db, Ledger::default())
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_folder_of_snapshots_keeps_the_newest_and_everything_that_is_no_snapshot() {
    let place = tempfile::tempdir().unwrap();
    let (db, mut ledger) = snapshots(place.path(), 6);
    let folder = place.path().join("backup");
    for foreign in ["of day 0.partial-0123", "notes", "a database"] {
        std::fs::create_dir(folder.join(foreign)).unwrap();
    }
    std::fs::write(folder.join("notes/metadata.json"), b"{\"title\": \"of another program\"}").unwrap();
    std::fs::write(folder.join("a database/data.db"), b"of somebody").unwrap();
    std::fs::write(folder.join("list.txt"), b"of somebody").unwrap();
    let before = names(&folder);
    let plan = plan_prune(&PruneConfig::new(&folder, Keep::last(2))).unwrap().to_string();
    assert!(plan.contains("2 snapshots stay, 4 go"), "{plan}");
    assert_eq!(names(&folder), before, "a plan does nothing");
    let report = chronicle::prune(&folder, Keep::last(2)).unwrap();
    assert_eq!((report.points_kept, report.points_removed, report.records_deleted), (2, 4, 4));
    let gone: BTreeSet<String> = before.difference(&names(&folder)).cloned().collect();
    assert_eq!(gone, ["of day 7", "of day 4", "of day 1", "of day 8"].map(str::to_owned).into());
    for (name, lsn) in [("of day 5", 25), ("of day 2", 30)] {
        let restored = restore_snapshot(folder.join(name), place.path().join(name)).unwrap();
        assert_eq!(restored.digest, ledger.digest(lsn));
    }
    // Killed between the loss of its name and that of its files.
    std::fs::rename(folder.join("of day 5"), folder.join("of day 5.partial-pruned")).unwrap();
    std::fs::remove_file(folder.join("of day 5.partial-pruned/metadata.json")).unwrap();
    assert_eq!(chronicle::prune(&folder, Keep::last(9)).unwrap().points_kept, 1);
    assert!(!folder.join("of day 5.partial-pruned").exists());
    db.close().unwrap();
}

#[test]
fn a_folder_with_two_databases_a_damaged_snapshot_or_foreign_files_in_one_is_not_pruned() {
    let place = tempfile::tempdir().unwrap();
    let (db, _) = snapshots(place.path(), 3);
    let folder = place.path().join("backup");
    let keep = |count| PruneConfig::new(&folder, Keep::last(count));
    let refused = |kind, says: &str| {
        let before = names(&folder);
        let error = prune_with(&keep(1)).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(names(&folder), before);
    };
    let other = tempfile::tempdir().unwrap();
    let (other_db, _) = snapshots(other.path(), 1);
    std::fs::rename(other.path().join("backup/of day 7"), folder.join("other")).unwrap();
    refused(ErrorKind::InvalidInput, "has other");
    std::fs::remove_dir_all(folder.join("other")).unwrap();

    std::fs::write(folder.join("of day 7/my notes"), b"dear to somebody").unwrap();
    refused(ErrorKind::InvalidInput, "my notes");
    assert_eq!(prune_with(&keep(3)).unwrap().points_removed, 0, "it stays, and may hold what it will");
    std::fs::remove_file(folder.join("of day 7/my notes")).unwrap();

    let record = folder.join("of day 4/metadata.json");
    let bytes = std::fs::read(&record).unwrap();
    std::fs::write(&record, &bytes[..bytes.len() - 9]).unwrap();
    refused(ErrorKind::Damaged, "metadata.json");
    std::fs::write(&record, &bytes).unwrap();

    let newest = folder.join("of day 1/data.db");
    let data = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &data[..data.len() - 4_096]).unwrap();
    refused(ErrorKind::Damaged, "nothing is pruned");
    std::fs::write(&newest, &data).unwrap();

    assert_eq!(prune_with(&keep(0)).unwrap_err().kind(), ErrorKind::InvalidInput, "no rule");
    assert_eq!(prune_with(&keep(1)).unwrap().points_removed, 2);
    drop((db, other_db));
}
