//! What is lost or damaged at one place comes back from a copy at another, and from nowhere else.
use crate::place::JOB;
use crate::scenario::{open, write};
use chronicle::backup::Repository;
use chronicle::destination::{Bytes, Destination, MemoryDestination, PutMode, objects};
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, DeltaBackupConfig, ErrorKind};
use std::path::Path;
use std::sync::Arc;

fn repository(dir: &Path) -> Arc<dyn Destination> {
    let store: Arc<dyn Destination> = Arc::new(MemoryDestination::new());
    let db = open(&dir.join("data.db"));
    for batch in 0..3 {
        write(&db, batch);
        db.checkpoint().unwrap();
        write(&db, batch + 10);
        let config = DeltaBackupConfig::to_destination(Arc::clone(&store)).continue_newest();
        BackupManager::new(&db).create_delta_backup(config).unwrap();
    }
    store
}

fn copy(from: &dyn Destination) -> Arc<dyn Destination> {
    let to: Arc<dyn Destination> = Arc::new(MemoryDestination::new());
    for object in objects(from, None) {
        let name = object.unwrap().name;
        let bytes = from.get(&name, 1 << 30).unwrap();
        let _ = to.put(&name, &Bytes(&bytes), PutMode::Overwrite.by(JOB)).unwrap();
    }
    to
}

fn of(store: &Arc<dyn Destination>) -> Repository {
    Repository::at_destination(Arc::clone(store)).unwrap()
}

#[test]
fn every_object_that_is_lost_or_changed_is_put_back_from_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let whole = repository(dir.path());
    let mut seen = 0;
    for object in objects(&*whole, None).map(Result::unwrap) {
        let name = object.name.as_str();
        if ["manifest.json", "state.json", "proofs/"].iter().any(|hint| name.starts_with(hint)) {
            continue;
        }
        for lost in [true, false] {
            if !lost && (name.starts_with("claims/") || object.len == 0) {
                continue; // A claim that is there is never replaced.
            }
            let harmed = copy(&*whole);
            if lost {
                harmed.delete(&object.name).unwrap();
            } else {
                let mut bytes = whole.get(&object.name, 1 << 30).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                let _ = harmed.put(&object.name, &Bytes(&bytes), PutMode::Overwrite.by(JOB)).unwrap();
            }
            let planned = of(&harmed).mend(&of(&whole), true).unwrap();
            assert!(planned.mended.contains(&name.to_owned()), "{name} lost {lost}: {planned:?}");
            let done = of(&harmed).mend(&of(&whole), false).unwrap();
            assert!(done.left.is_empty() && done.mended == planned.mended, "{name} lost {lost}: {done:?}");
            assert_eq!(harmed.get(&object.name, 1 << 30).unwrap(), whole.get(&object.name, 1 << 30).unwrap());
            assert!(of(&harmed).verify(VerifyLevel::Full, &|_, _| {}).unwrap().findings.is_empty(), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
    assert!(of(&copy(&*whole)).mend(&of(&whole), false).unwrap().mended.is_empty());
}

#[test]
fn another_repository_or_a_damaged_copy_brings_nothing_in() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (repository(one.path()), repository(two.path()));
    let refused = of(&ours).mend(&of(&theirs), false).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
    let name = chronicle::destination::ObjectName::new("base/data.db").unwrap();
    let damaged = copy(&*ours);
    let mut bytes = ours.get(&name, 1 << 30).unwrap();
    bytes[5_000] ^= 1;
    let _ = damaged.put(&name, &Bytes(&bytes), PutMode::Overwrite.by(JOB)).unwrap();
    let harmed = copy(&*ours);
    harmed.delete(&name).unwrap();
    let report = of(&harmed).mend(&of(&damaged), false).unwrap();
    assert!(
        report.mended.is_empty() && report.left.len() == 1 && report.left[0].0 == "base/data.db",
        "{report:?}"
    );
}
