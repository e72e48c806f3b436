//! Several histories of one database in a repository: they are told apart, or refused.
use crate::place::{Place, text};
use chronicle_tests::program::chronicle;
use std::fs;

/// A copy of the stopped database, in a folder of its own.
fn copy(place: &Place, name: &str) -> String {
    let folder = place.path(name);
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(place.folder.path()).unwrap().map(Result::unwrap) {
        let file = entry.file_name().into_string().unwrap();
        if file == "data.db" || file.starts_with("data.db.wal") {
            fs::copy(entry.path(), folder.join(file)).unwrap();
        }
    }
    place.at(&format!("{name}/data.db"))
}

fn commit(place: &mut Place, batch: i64) -> u64 {
    let db = place.open();
    let lsn = place.write(&db, batch).lsn;
    db.close().unwrap();
    lsn
}

#[test]
fn a_new_base_is_never_a_second_history_of_an_epoch() {
    let mut place = Place::new();
    commit(&mut place, 0);
    place.create(&[]);
    let old = copy(&place, "old copy");
    let fourth = commit(&mut place, 1);
    place.create(&[]);
    let fifth = commit(&mut place, 2);
    place.create(&[]);
    let dest = place.at("my repo");
    let base = |source: &str| {
        chronicle(&["backup", "create", "--source", source, "--dest", &dest, "--delta", "--new-base"])
    };
    let error = base(&old).failed(1);
    assert!(error.contains("was rewound") && error.contains("chronicle restore"), "{error}");
    // It goes another way, and passes the newest point.
    for value in ["7", "8", "9"] {
        chronicle(&["write", "--path", &old, "--metric", "other", "--value", value]).done();
        let error = base(&old).failed(1);
        assert!(error.contains("was rewound") || error.contains("different ways"), "{error}");
    }
    for lsn in [fourth, fifth] {
        let expected = place.digest(lsn);
        let found = chronicle(&["digest", "--path", &dest, "--at", &format!("lsn:{lsn}"), "--json"]).json();
        assert_eq!(text(&found, "digest"), expected);
    }
    // The database itself may begin anew whenever it likes.
    base(&place.at("data.db")).done();
    chronicle(&["backup", "verify", "--source", &dest]).done();
}

#[test]
fn a_moment_that_another_line_has_too_names_it() {
    let mut place = Place::new();
    let first = commit(&mut place, 0);
    place.create(&[]);
    let (second, third) = (commit(&mut place, 1), commit(&mut place, 2));
    let fourth = commit(&mut place, 3);
    place.create(&[]);
    let (dest, back) = (place.at("my repo"), place.at("back"));
    let at = |lsn: u64| format!("lsn:{lsn}");
    let restored =
        chronicle(&["restore", "--source", &dest, "--dest", &back, "--at", &at(first), "--json"]).json();
    assert_eq!(restored["other_lines"].as_array().unwrap().len(), 0);
    let old = text(&restored, "parent");
    let source = place.at("back/data.db");
    chronicle(&["write", "--path", &source, "--metric", "other", "--value", "1"]).done();
    chronicle(&["backup", "create", "--source", &source, "--dest", &dest, "--delta"]).done();
    // The second commit of the newest line is another than that of the old one.
    let (one, two) = (place.at("one"), place.at("two"));
    let here =
        chronicle(&["restore", "--source", &dest, "--dest", &one, "--at", &at(second), "--json"]).json();
    assert_ne!(text(&here, "digest"), place.digest(second));
    assert_eq!(here["other_lines"][0]["epoch"].as_str(), Some(&*old), "{here}");
    let there =
        ["restore", "--source", &dest, "--dest", &two, "--at", &at(second), "--epoch", &old, "--json"];
    let there = chronicle(&there).json();
    assert_eq!(text(&there, "digest"), place.digest(second));
    assert_eq!(there["other_lines"].as_array().unwrap().len(), 0);
    let read = ["digest", "--path", &dest, "--at", &at(third), "--epoch", &old, "--json"];
    assert_eq!(text(&chronicle(&read).json(), "digest"), place.digest(third));
    let error = chronicle(&["digest", "--path", &dest, "--at", &at(fourth)]).failed(4);
    assert!(error.contains("--epoch"), "{error}");
    let error = chronicle(&["digest", "--path", &dest, "--at", "latest", "--epoch", &old]).failed(2);
    assert!(error.contains("timeline"), "{error}");
}

#[test]
fn what_is_in_the_way_is_told_with_the_command_that_moves_it() {
    let mut place = Place::new();
    let first = commit(&mut place, 0);
    commit(&mut place, 1);
    place.create(&[]);
    let (dest, full, at) = (place.at("my repo"), place.at("full"), format!("lsn:{first}"));
    chronicle(&["restore", "--source", &dest, "--dest", &full]).done();
    let error = chronicle(&["restore", "--source", &dest, "--dest", &full, "--at", &at]).failed(1);
    let command = format!("chronicle restore --source '{dest}' --dest '{full}' --at {at} --force");
    assert!(error.contains(&command), "{error}");
}
