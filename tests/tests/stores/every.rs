//! The same stories on every kind of store: part of a moment, prune, drill, encryption and streams, by the program.
use crate::place::{make_bucket, with_azure, with_s3};
use crate::scenario::{open, run, story, text, write};
use chronicle::crypt::Identity;
use chronicle_tests::program::Ran;
use chronicle_tests::servers::{Server, azurite, moto, webdav};
use std::path::PathBuf;
use std::process::Command;

/// A store with its server, and what a command needs to reach it.
pub(crate) struct Place {
    prepare: Box<dyn Fn(&mut Command)>,
    url: String,
    more: &'static [&'static str],
    dir: tempfile::TempDir,
    _server: Option<Server>,
}

impl Place {
    fn of(
        server: Option<Server>,
        dir: tempfile::TempDir,
        url: String,
        more: &'static [&'static str],
        prepare: impl Fn(&mut Command) + 'static,
    ) -> Self {
        Self { prepare: Box::new(prepare), url, more, dir, _server: server }
    }

    fn folder() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("repo").to_str().unwrap().to_owned();
        Some(Self::of(None, dir, url, &[], |_| {}))
    }

    fn s3() -> Option<Self> {
        let server = moto()?;
        make_bucket(&server.url());
        let url = server.url();
        let dir = tempfile::tempdir().unwrap();
        Some(Self::of(Some(server), dir, "s3://bucket/a b/repo".into(), &[], move |command| {
            with_s3(command, &url)
        }))
    }

    fn azure() -> Option<Self> {
        let server = azurite()?;
        crate::contract::make_container(&server.url(), "container");
        let url = server.url();
        let dir = tempfile::tempdir().unwrap();
        Some(Self::of(Some(server), dir, "az://container/a b/repo".into(), &[], move |command| {
            with_azure(command, &url)
        }))
    }

    fn webdav() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let server = webdav(dir.path())?;
        let url = server.url().replace("//", "//me:ge%20heim@") + "/repo";
        Some(Self::of(Some(server), dir, url, &["--single-writer"], |_| {}))
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(&*self.prepare, arguments)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn backup(&self, more: &[&str]) -> Ran {
        let data = self.at("data.db");
        let create = ["backup", "create", "--source", &data, "--dest", &self.url, "--delta", "--json"];
        self.run(&[&create, self.more, more].concat())
    }
}

fn deltas(place: &Place) {
    story(&*place.prepare, &place.url, place.more);
}

fn part(place: &Place) {
    let db = open(&place.path("data.db"));
    for batch in 0..3 {
        write(&db, batch);
        place.backup(&[]).done();
    }
    let lsn = format!("lsn:{}", db.position().lsn - 1);
    let part = place.at("part");
    place
        .run(&[
            "restore", "--source", &place.url, "--dest", &part, "--at", &lsn, "--metric", "cpu", "--tag",
            "host=h2",
        ])
        .done();
    let question = "SELECT count(value) FROM cpu WHERE host = 'h2'";
    let whole = place.run(&["query", "--path", &place.url, "--at", &lsn, question]).done();
    assert_eq!(place.run(&["query", "--path", &format!("{part}/data.db"), question]).done(), whole);
    let metrics = place.run(&["metrics", "--path", &format!("{part}/data.db")]).done();
    assert!(metrics.contains("cpu") && !metrics.contains("memory"), "{metrics}");
}

fn pruned(place: &Place) {
    let db = open(&place.path("data.db"));
    for batch in 0..5 {
        write(&db, batch);
        db.compact().unwrap();
        place.backup(&[]).done();
    }
    let told = place.run(&["backup", "prune", "--dest", &place.url, "--keep-last", "2", "--json"]).json();
    assert_eq!(
        (text(&told, "points_kept"), text(&told, "points_removed")),
        ("2".into(), "3".into()),
        "{told}"
    );
    place.run(&["backup", "verify", "--source", &place.url]).done();
    let out = place.at("out");
    let restored = place.run(&["restore", "--source", &place.url, "--dest", &out, "--json"]).json();
    assert_eq!(text(&restored, "digest"), db.digest(false).unwrap().0.to_string());
    write(&db, 5);
    place.backup(&[]).done();
}

fn drilled(place: &Place) {
    let db = open(&place.path("data.db"));
    write(&db, 0);
    place.backup(&[]).done();
    let report = place.at("drill.json");
    place.run(&["drill", "--source", &place.url, "--dir", &place.at(""), "--report", &report]).done();
    let points = place.run(&["backup", "list", "--source", &place.url, "--json"]).json();
    assert!(
        points["points"][0]["restored"].is_string() || points["points"][0]["proof"].is_object(),
        "{points}"
    );
    assert!(std::fs::metadata(report).unwrap().len() > 100);
}

fn sealed(place: &Place) {
    let db = open(&place.path("data.db"));
    let identity = Identity::random().unwrap();
    let (key, recipient) = (place.at("key.txt"), identity.recipient().to_string());
    std::fs::write(&key, &*identity.to_secret_text()).unwrap();
    for batch in 0..3 {
        write(&db, batch);
        place.backup(&["--encrypt-to", &recipient]).done();
    }
    let digest = db.digest(false).unwrap().0.to_string();
    place.run(&["restore", "--source", &place.url, "--dest", &place.at("no")]).failed(1);
    let restore =
        ["restore", "--source", &place.url, "--dest", &place.at("out"), "--identity", &key, "--json"];
    assert_eq!(text(&place.run(&restore).json(), "digest"), digest);
    place.run(&["backup", "verify", "--source", &place.url, "--identity", &key]).done();
    // And what is shipped behind the newest point.
    let stream = [
        "backup",
        "stream",
        "--once",
        "--source",
        &place.at("data.db"),
        "--dest",
        &place.url,
        "--encrypt-to",
        &recipient,
    ];
    place.run(&[&stream, place.more].concat()).done();
}

fn streamed(place: &Place) {
    let db = open(&place.path("data.db"));
    write(&db, 0);
    let stream =
        ["backup", "stream", "--once", "--json", "--source", &place.at("data.db"), "--dest", &place.url];
    let stream = [&stream, place.more].concat();
    place.run(&stream).done();
    write(&db, 1);
    let told = place.run(&stream).json();
    assert_eq!(
        (text(&told, "shipped_lsn"), &told["error"]),
        (db.position().lsn.to_string(), &serde_json::Value::Null)
    );
    let timeline = place.run(&["backup", "timeline", "--source", &place.url]).done();
    assert!(timeline.contains(&format!("(LSN {})", db.position().lsn)), "{timeline}");
    let restored =
        place.run(&["restore", "--source", &place.url, "--dest", &place.at("out"), "--json"]).json();
    assert_eq!(text(&restored, "digest"), db.digest(false).unwrap().0.to_string());
}

macro_rules! on_every_store {
    ($($store:ident),*) => { $(
        mod $store {
            use super::Place;

            #[test]
            fn deltas_are_made_listed_verified_restored_and_read_in_place() {
                let Some(place) = Place::$store() else { return };
                super::deltas(&place);
            }

            #[test]
            fn a_part_of_a_moment_is_restored() {
                let Some(place) = Place::$store() else { return };
                super::part(&place);
            }

            #[test]
            fn points_are_pruned_and_what_stays_is_whole() {
                let Some(place) = Place::$store() else { return };
                super::pruned(&place);
            }

            #[test]
            fn a_drill_restores_and_leaves_its_note() {
                let Some(place) = Place::$store() else { return };
                super::drilled(&place);
            }

            #[test]
            fn an_encrypted_repository_opens_with_its_key_only() {
                let Some(place) = Place::$store() else { return };
                super::sealed(&place);
            }

            #[test]
            fn commits_are_shipped_and_come_back() {
                let Some(place) = Place::$store() else { return };
                super::streamed(&place);
            }
        }
    )* };
}

on_every_store!(folder, s3, azure, webdav);
