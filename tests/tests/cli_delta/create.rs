//! Making points: what each brings, who is refused, who wins.
use crate::place::{Place, config, text};
use chronicle::{BackupManager, Db, DeltaBackupConfig, ErrorKind, Point};
use chronicle_tests::program::chronicle;
use serde_json::Value;

#[test]
fn the_first_point_brings_everything_the_next_what_is_new_and_one_without_news_only_a_record() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    db.checkpoint().unwrap();
    // From another process, while this one has the database open for writing.
    let base = place.create(&[]);
    assert_eq!((text(&base, "point"), base["continues"].is_null()), ("base".into(), true));
    place.write(&db, 1);
    let plan = place.create(&["--dry-run"]);
    assert_eq!(text(&plan, "point"), "delta-001");
    assert!(!place.path("my repo/claims/1").exists(), "a dry run claims nothing");
    let delta = place.create(&[]);
    assert_eq!((text(&delta, "point"), text(&delta, "continues")), ("delta-001".into(), "base".into()));
    let bytes = |report: &Value| text(report, "bytes").parse::<u64>().unwrap();
    assert!(bytes(&delta) < 4_096, "only the log of one batch is new: {delta}");
    assert_eq!(bytes(&plan), bytes(&delta));
    let nothing = place.create(&[]);
    assert_eq!((text(&nothing, "bytes"), text(&nothing, "point")), ("0".into(), "delta-002".into()));
    let names: Vec<_> = std::fs::read_dir(place.path("my repo/delta-002")).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing new is a record and nothing else");
    let digest = place.digest(2);
    assert_eq!(text(&nothing, "digest"), digest);
    let restored = place.restore("latest", "restored");
    assert_eq!((text(&restored, "digest"), text(&restored, "from")), (digest, "delta-002".into()));
    assert!(restored["newest_age"].is_string(), "how old the newest point is gets printed: {restored}");
}

#[test]
fn another_database_a_rewound_and_a_forked_one_are_refused_with_the_reason() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    let old = place.path("old copy");
    std::fs::create_dir(&old).unwrap();
    let copy = |to: &str| {
        let to = place.path(to);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(place.folder.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name == "data.db" || name.starts_with("data.db.wal") {
                std::fs::copy(entry.path(), to.join(name)).unwrap();
            }
        }
    };
    db.close().unwrap();
    copy("old copy");
    copy("forked");
    let db = place.open();
    place.write(&db, 1);
    place.create_in_process(&db);
    drop(db);
    let create = |source: &str, code: i32| {
        let (source, dest) = (place.at(source), place.at("my repo"));
        chronicle(&["backup", "create", "--source", &source, "--dest", &dest, "--delta"]).failed(code)
    };
    assert!(create("old copy/data.db", 1).contains("rewound"));
    let forked = Db::open(place.path("forked/data.db"), config()).unwrap();
    forked.write(Point::new("x", 1, 1.0)).unwrap();
    forked.write(Point::new("x", 2, 1.0)).unwrap();
    drop(forked);
    assert!(create("forked/data.db", 1).contains("different ways"));
    let foreign = place.at("foreign.db");
    chronicle(&["init", "--path", &foreign]).done();
    let error = create("foreign.db", 1);
    let repository = place.open().identity().lineage.to_hex();
    assert!(error.contains("another database") && error.contains(&repository), "{error}");
    assert!(!place.path("my repo/claims/1").exists(), "who is refused claims nothing");
}

#[test]
fn the_library_asks_for_a_state_or_a_new_base_where_points_are() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    let manager = BackupManager::new(&db);
    let repository = || DeltaBackupConfig::new(place.folder.path().join("my repo"));
    let state = manager.create_delta_backup(repository()).unwrap();
    let error = manager.create_delta_backup(repository()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    // It is saved and loaded by whatever serde writes.
    let saved = serde_json::to_string(&state).unwrap();
    let state = serde_json::from_str(&saved).unwrap();
    let second = manager.create_delta_backup(repository().base_state(state)).unwrap();
    assert_eq!(second.entry.to_string(), "delta-001");
    let other = DeltaBackupConfig::new(place.folder.path().join("other")).base_state(state);
    assert_eq!(manager.create_delta_backup(other).unwrap_err().kind(), ErrorKind::InvalidInput);
    let base = manager.create_delta_backup(repository().new_base()).unwrap();
    assert_eq!(base.entry.to_string(), "base-002");
    let next = manager.create_delta_backup_with(&repository().base_state(base), &|_, _| {}).unwrap();
    assert_eq!(next.record.previous.unwrap().entry.to_string(), "base-002");
}

#[test]
fn of_two_backups_at_once_one_wins_and_the_other_says_so() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    let repository = place.path("my repo");
    let ended = std::thread::scope(|scope| {
        let backup = || {
            let config = DeltaBackupConfig::new(&repository).continue_newest();
            BackupManager::new(&db).create_delta_backup_with(&config, &|_, _| {
                // Long enough for the other one to meet it.
                std::thread::sleep(std::time::Duration::from_millis(50));
            })
        };
        let threads = [scope.spawn(backup), scope.spawn(backup)];
        threads.map(|thread| thread.join().unwrap())
    });
    let won = ended.iter().filter(|result| result.is_ok()).count();
    let busy = ended.iter().filter_map(|result| result.as_ref().err());
    busy.for_each(|error| {
        assert!(error.kind() == ErrorKind::Busy && error.to_string().contains("at work"), "{error}")
    });
    assert_eq!(won, 1);
    let digest = place.digest(1);
    assert_eq!(text(&place.restore("latest", "restored"), "digest"), digest);
}
