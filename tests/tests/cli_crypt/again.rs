//! Attempts that are repeated send the same bytes; and what a host without the key may plan.
use crate::sealed::{Sealed, files};
use chronicle::backup::Repository;
use chronicle::backup::repository::Moment;
use chronicle::crypt::EncryptTo;
use chronicle::destination::FolderDestination;
use chronicle::{BackupManager, DeltaBackupConfig, ErrorKind, Point};
use chronicle_core::backup::repository::{Entry, EntryRecord, Inventory, Keep, PrunePlan};
use chronicle_tests::metered::Metered;
use std::collections::BTreeSet;
use std::sync::Arc;

#[test]
fn an_attempt_that_died_is_taken_up_with_the_same_bytes() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    db.write(Point::new("cpu", 1, 1.0)).unwrap();
    db.checkpoint().unwrap();
    db.write(Point::new("cpu", 2, 1.0)).unwrap();
    let folder = sealed.place.path("counted");
    let counting = Arc::new(Metered::new(FolderDestination::new(&folder).unwrap()));
    let config = || {
        let to = EncryptTo::recipients([sealed.identity.recipient()]).unwrap();
        DeltaBackupConfig::to_destination(counting.clone()).encrypt_to(to).continue_newest()
    };
    let manager = BackupManager::new(&db);
    counting.refuse(Some("metadata.json"));
    let error = manager.create_delta_backup_with(&config(), &|_, _| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    let sent = |folder: &std::path::Path| -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let data = files(folder).into_iter().filter(|file| file.extension().is_some_and(|end| end == "age"));
        data.map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
    };
    let before = sent(&folder);
    assert!(before.len() >= 3, "container, log and pages: {}", before.len());
    let secrets = || {
        files(sealed.place.folder.path())
            .into_iter()
            .filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with("data.db.secret-delta-"))
    };
    assert_eq!(secrets().count(), 1);
    counting.refuse(None);
    let report = manager.create_delta_backup_with(&config(), &|_, _| {}).unwrap();
    assert_eq!((report.record.number(), report.bytes_resumed), (0, report.bytes), "nothing was sent again");
    assert!(sent(&folder) == before, "not a byte of what was there is another one");
    assert_eq!(secrets().count(), 0, "the secret is gone with the job");
    // Without the secret the objects are sent anew.
    db.write(Point::new("cpu", 3, 1.0)).unwrap();
    counting.refuse(Some("metadata.json"));
    manager.create_delta_backup_with(&config(), &|_, _| {}).unwrap_err();
    std::fs::remove_file(secrets().next().unwrap()).unwrap();
    counting.refuse(None);
    let report = manager.create_delta_backup_with(&config(), &|_, _| {}).unwrap();
    assert_eq!((report.record.number(), report.bytes_resumed), (1, 0));
    let repository = Repository::at_destination_with(counting, &sealed.keys()).unwrap();
    let opened = repository.open_at(&Moment::Latest).unwrap();
    assert_eq!(opened.db.digest(false).unwrap().0.points, 3);
}

#[test]
fn a_prune_is_planned_without_the_key_and_names_what_is_stored() {
    let mut sealed = Sealed::new();
    let db = sealed.place.open();
    for batch in 0..6 {
        sealed.place.write(&db, batch);
        db.compact().unwrap();
        sealed.create(&db);
    }
    db.close().unwrap();
    let folder = sealed.place.path("my repo");
    let records = files(&folder).into_iter().filter(|file| file.ends_with("metadata.json")).map(|file| {
        let entry = Entry::parse(file.parent().unwrap().file_name().unwrap().to_str().unwrap()).unwrap();
        let record = EntryRecord::parse(entry, &std::fs::read(&file).unwrap());
        assert!(record.as_ref().unwrap().as_point().unwrap().is_withheld(), "no key is at hand");
        (entry, Some(record))
    });
    let inventory = Inventory::new(records);
    let keep = Keep { last: 1, ..Keep::default() };
    let kept = PrunePlan::choose(&inventory, &keep, &BTreeSet::new(), None).unwrap();
    let plan = PrunePlan::new(&inventory, &keep, kept, |_| Ok(Vec::new())).unwrap();
    assert!(!plan.condemned_objects.is_empty() && !plan.needed.is_empty());
    for name in plan.condemned_objects.iter().chain(&plan.needed) {
        assert!(folder.join(format!("{name}.age")).is_file(), "{name}");
    }
    // What is condemned can go: the newest point is read as before.
    let expected = sealed.place.digest(6);
    for name in &plan.condemned_objects {
        std::fs::remove_file(folder.join(format!("{name}.age"))).unwrap();
    }
    let repository = Repository::open_with(&folder, &sealed.keys()).unwrap();
    let newest = repository.open_at(&Moment::Latest).unwrap();
    assert_eq!(newest.db.digest(false).unwrap().0.to_string(), expected);
}
