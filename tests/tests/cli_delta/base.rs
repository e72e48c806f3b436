//! `base/` by hand: a folder of a repository that is a database, frozen as a snapshot is.
use crate::place::{Place, text};
use chronicle::{Config, Db, ErrorKind};
use chronicle_tests::program::chronicle;

#[test]
fn a_base_is_read_verified_and_restored_as_the_snapshot_that_it_is() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    db.checkpoint().unwrap();
    // Behind the checkpoint: it lies in the log of the base.
    let first = place.write(&db, 1);
    place.create_in_process(&db);
    place.write(&db, 2);
    place.create(&[]);
    let third = place.write(&db, 3);
    place.create(&["--new-base"]);
    for (base, lsn) in [("base", first.lsn), ("base-002", third.lsn)] {
        let (folder, digest) = (place.at(&format!("my repo/{base}")), place.digest(lsn));
        for path in [folder.clone(), format!("{folder}/data.db")] {
            let found = chronicle(&["digest", "--path", &path, "--json"]).json();
            assert_eq!(text(&found, "digest"), digest, "{path}");
            let found =
                chronicle(&["query", "--path", &path, "--format", "csv", "SELECT count(value) FROM cpu"]);
            assert!(found.done().lines().count() > 1);
        }
        chronicle(&["verify", "--path", &folder]).done();
        let target = place.at(&format!("of {base}"));
        let restored = chronicle(&["restore", "--source", &folder, "--dest", &target, "--json"]).json();
        assert_eq!(text(&restored, "digest"), digest);
    }
    // Frozen: nobody writes to it, and reading leaves nothing there.
    let path = place.path("my repo/base/data.db");
    assert_eq!(Db::open(&path, Config::default()).err().unwrap().kind(), ErrorKind::ReadOnly);
    let names: Vec<_> = std::fs::read_dir(place.path("my repo/base")).unwrap().map(Result::unwrap).collect();
    let ours = |name: &str| {
        ["data.db", "metadata.json"].contains(&name)
            || name.starts_with("data.db.wal-")
            || name.starts_with("list-")
    };
    assert!(names.iter().all(|entry| ours(&entry.file_name().to_string_lossy())), "{names:?}");
    // A delta is no database by itself, and says what to do.
    let error =
        chronicle(&["query", "--path", &place.at("my repo/delta-001"), "SELECT * FROM cpu"]).failed(1);
    assert!(error.contains("--at"), "{error}");
}

#[test]
fn a_base_that_is_not_what_its_record_says_is_damage() {
    let mut place = Place::new();
    let db = place.open();
    place.write(&db, 0);
    place.create_in_process(&db);
    let base = place.path("my repo/base");
    let log = std::fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().path());
    let log = log.into_iter().find(|path| path.to_string_lossy().contains(".wal-")).unwrap();
    let len = log.metadata().unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(len - 100).unwrap();
    chronicle(&["digest", "--path", &place.at("my repo/base")]).failed(3);
    chronicle(&["verify", "--path", &place.at("my repo/base")]);
}
