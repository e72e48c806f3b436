//! Backups on S3 and WebDAV as a user makes them: the same verbs with another URL.
use crate::place::{SECRET, backend, make_bucket};
use chronicle::backup::{BackupOptions, Repository};
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, Config, Db, Point};
use chronicle_tests::program::{Ran, command, parse};
use chronicle_tests::servers::{moto, webdav};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const MINUTE: i64 = 60_000_000_000;

pub(crate) fn open(path: &Path) -> Db {
    Db::open(path, Config { background: false, ..Config::default() }).unwrap()
}

pub(crate) fn write(db: &Db, batch: i64) {
    let point = |i: i64| {
        let time = (batch * 30 + i) * MINUTE;
        Point::new(["cpu", "memory"][i as usize % 2], time, (batch * 100 + i) as f64)
            .tag("host", format!("h{}", i % 5))
    };
    db.write_batch(&(0..40).map(point).collect::<Vec<_>>()).unwrap();
}

pub(crate) fn run(prepare: &dyn Fn(&mut Command), arguments: &[&str]) -> Ran {
    let mut command = command();
    prepare(&mut command);
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{ran:?}");
    ran
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}

/// Deltas, listed, verified, restored to every commit, and read where they lie.
pub(crate) fn story(prepare: &dyn Fn(&mut Command), repository: &str, more: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data.db");
    let path = data.to_str().unwrap();
    let db = open(&data);
    let mut moments = Vec::new();
    for batch in 0..4 {
        write(&db, batch);
        moments.push((db.position(), db.digest(false).unwrap().0.to_string()));
        if batch % 2 == 0 {
            db.checkpoint().unwrap();
        }
        if batch != 1 {
            let arguments = ["backup", "create", "--source", path, "--dest", repository, "--delta", "--json"];
            let made = run(prepare, &[&arguments, more].concat()).json();
            assert_eq!(made["single_writer"], !more.is_empty());
            assert_eq!(text(&made, "digest"), moments.last().unwrap().1);
        }
    }
    let points = run(prepare, &["backup", "list", "--source", repository, "--json"]).json();
    assert_eq!(points["points"].as_array().unwrap().len(), 3);
    let timeline = run(prepare, &["backup", "timeline", "--source", repository]).done();
    assert!(timeline.contains("any moment from"), "{timeline}");
    run(prepare, &["backup", "verify", "--source", repository]).done();
    for (index, (position, digest)) in moments.iter().enumerate() {
        let dest = dir.path().join(format!("restored-{index}"));
        let at = format!("lsn:{}", position.lsn);
        let dest = dest.to_str().unwrap();
        let restored =
            run(prepare, &["restore", "--source", repository, "--dest", dest, "--at", &at, "--json"]).json();
        assert_eq!(text(&restored, "digest"), *digest, "{at}");
        let question = "SELECT max(value) FROM cpu GROUP BY time(30m), host";
        let there = run(prepare, &["query", "--path", repository, "--at", &at, question]).done();
        let here = run(prepare, &["query", "--path", &format!("{dest}/data.db"), question]).done();
        assert_eq!(there, here, "{at}");
    }
    let nothing = run(
        prepare,
        &["restore", "--source", repository, "--dest", "/nowhere", "--at", "2000-01-01T00:00:00Z"],
    );
    nothing.failed(4);
    if repository.contains("://") {
        let snapshot =
            run(prepare, &["backup", "create", "--source", path, "--dest", &format!("{repository}-2")]);
        assert!(snapshot.failed(1).contains("--delta"));
    }
    assert!(!Path::new("s3:").exists() && !Path::new("http:").exists());
}

#[test]
fn deltas_on_webdav_are_those_of_a_single_writer() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = webdav(dir.path()) else { return };
    let url = server.url().replace("//", "//me:ge%20heim@") + "/repo";
    let data = dir.path().join("data.db");
    open(&data).close().unwrap();
    let arguments = ["backup", "create", "--source", data.to_str().unwrap(), "--dest", &url, "--delta"];
    let refused = run(&|_| {}, &arguments).failed(1);
    assert!(refused.contains("--single-writer") && !refused.contains("heim"), "{refused}");
}

#[test]
fn what_a_store_was_found_to_do_is_noted_and_not_tried_again() {
    let Some(server) = moto() else { return };
    make_bucket(&server.url());
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("data.db"));
    write(&db, 0);
    let (manager, backend) = (BackupManager::new(&db), backend(&server.url(), "all"));
    let first = manager.backup_to_storage(&backend, BackupOptions::prefix("one/")).unwrap();
    assert_eq!(first.place, "s3://bucket/all/one");
    let again = manager.backup_to_storage(&backend, BackupOptions::prefix("one/")).unwrap_err();
    assert_eq!(again.kind(), chronicle::ErrorKind::AlreadyExists, "{again}");
    let store = backend.at("one").unwrap();
    let name = chronicle::destination::ObjectName::new("destination.json").unwrap();
    let note = parse(&String::from_utf8(store.get(&name, 1 << 16).unwrap()).unwrap());
    assert_eq!((&note["several_writers"], note["failed"].as_array().unwrap().len()), (&true.into(), 0));
    assert!(note["passed"].as_array().unwrap().iter().any(|id| id == "put.create-only.race"));
    // Nothing of the trial stays, and a damaged note is found out anew.
    let objects = store.list(None, None, 1_000).unwrap().objects;
    assert!(objects.len() < 12, "{objects:?}");
    let _ = store
        .put(
            &name,
            &chronicle::destination::Bytes(b"{}"),
            chronicle::destination::PutMode::Overwrite.by(crate::place::JOB),
        )
        .unwrap();
    write(&db, 1);
    let config =
        chronicle::DeltaBackupConfig::to_destination(std::sync::Arc::clone(&store)).continue_newest();
    manager.create_delta_backup(config).unwrap();
    assert!(store.get(&name, 1 << 16).unwrap().len() > 100);
    let repository = Repository::at_destination(store).unwrap();
    assert!(repository.verify(VerifyLevel::Full, &|_, _| {}).unwrap().findings.is_empty());
}
