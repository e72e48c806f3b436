//! `settings` and `downsample`, from outside.
use chronicle_tests::program::{chronicle, chronicle_with_input};
use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        chronicle(&["init", "--path", &place.db(), "--partition", "1d"]).done();
        let row =
            |minute: i32| format!("2024-01-28T{:02}:{:02}:00Z,cpu,{minute},a\n", minute / 60, minute % 60);
        let rows: String = (0..180).map(row).collect();
        let csv = format!("timestamp,metric,value,host\n{rows}");
        chronicle_with_input(&["import", "--path", &place.db()], csv.as_bytes()).done();
        place
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn db(&self) -> String {
        self.at("data.db")
    }

    fn json(&self, verb: &[&str], flags: &[&str]) -> Value {
        let db = self.db();
        chronicle(&[verb, &["--path", &db], flags, &["--json"]].concat()).json()
    }
}

#[test]
fn settings_are_shown_and_changed_and_inspect_says_the_same() {
    let place = Place::new();
    let shown = place.json(&["settings"], &[]);
    assert_eq!((&shown["retention"], &shown["retention_bytes"]), (&Value::Null, &Value::Null));
    let flags = ["--retention", "900w", "--retention-size", "10GB"];
    let changed = place.json(&["settings"], &flags);
    assert_eq!(
        (changed["retention"].as_str(), changed["retention_bytes"].as_str()),
        (Some("900w"), Some("10000000000"))
    );
    place.json(&["settings"], &["--metric", "cpu", "--retention", "none"]);
    let changed = place.json(&["settings"], &["--retention-size", "none"]);
    assert_eq!((changed["retention"].as_str(), &changed["retention_bytes"]), (Some("900w"), &Value::Null));
    assert_eq!(changed["retention_of"][0]["metric"], "cpu");
    let seen = place.json(&["inspect"], &[]);
    assert_eq!(
        (&seen["retention"], &seen["retention_of"]),
        (&changed["retention"], &changed["retention_of"])
    );
    let cleared = place.json(&["settings"], &["--metric", "cpu", "--retention", "default"]);
    assert_eq!(cleared["retention_of"], Value::Array(Vec::new()));
    for wrong in [
        &["--retention", "default"][..],
        &["--retention", "0s"],
        &["--retention-size", "10"],
        &["--metric", "cpu"],
        &["--resume", "--suspend"],
    ] {
        let db = place.db();
        chronicle(&[&["settings", "--path", &db][..], wrong].concat()).failed(2);
    }
}

#[test]
fn a_rule_is_added_carried_out_listed_and_removed() {
    let place = Place::new();
    let add = ["--metric", "cpu", "--every", "1h", "--function", "mean", "--function", "percentile(50)"];
    let added = place
        .json(&["downsample", "add"], &[&add[..], &["--where", "host = 'a'", "--keep", "900w"]].concat());
    assert_eq!(added["id"], "1");
    assert_eq!(added["rule"]["functions"][0]["target"], "cpu.mean_1h");
    let list = place.json(&["downsample", "list"], &[]);
    assert_eq!(list["rules"][0]["up_to_date"], false);
    let done = place.json(&["downsample", "run"], &[]);
    assert_eq!(done["points"], "6");
    let answer =
        chronicle(&["query", "--path", &place.db(), "--format", "csv", "SELECT * FROM \"cpu.mean_1h\""])
            .done();
    assert!(answer.contains("2024-01-28T01:00:00Z,a,89.5"), "{}", answer);
    let list = place.json(&["downsample", "list"], &[]);
    assert_eq!(list["rules"][0]["up_to_date"], true);
    assert_eq!(place.json(&["settings"], &[])["retention_of"][0]["retention"], "900w");
    place.json(&["downsample", "remove"], &["--id", "1"]);
    assert_eq!(place.json(&["downsample", "list"], &[])["rules"], Value::Array(Vec::new()));
    let db = place.db();
    chronicle(&["downsample", "remove", "--path", &db, "--id", "1"]).failed(1);
    for wrong in [&["--function", "median"][..], &["--function", "max", "--target", "a", "--target", "b"]] {
        let flags = ["downsample", "add", "--path", &db, "--metric", "cpu", "--every", "1h"];
        chronicle(&[&flags[..], wrong].concat()).failed(2);
    }
    let looping = [
        "downsample",
        "add",
        "--path",
        &db,
        "--metric",
        "cpu",
        "--every",
        "1h",
        "--function",
        "max",
        "--target",
        "cpu",
    ];
    chronicle(&looping).failed(1);
}

#[test]
fn a_restored_database_says_that_it_is_suspended_until_it_is_resumed() {
    let place = Place::new();
    place.json(&["downsample", "add"], &["--metric", "cpu", "--every", "1h", "--function", "max"]);
    let (db, backup, restored) = (place.db(), place.at("backup"), place.at("restored"));
    chronicle(&["backup", "create", "--source", &db, "--dest", &backup]).done();
    chronicle(&["restore", "--source", &backup, "--dest", &restored]).done();
    let db = format!("{restored}/data.db");
    let inspected = chronicle(&["inspect", "--path", &db]).done();
    assert!(inspected.contains("suspended"), "{}", inspected);
    let run = chronicle(&["downsample", "run", "--path", &db, "--json"]).json();
    assert_eq!((run["points"].as_str(), run["suspended"].as_bool()), (Some("0"), Some(true)));
    chronicle(&["settings", "--path", &db, "--resume"]).done();
    assert!(!chronicle(&["inspect", "--path", &db]).done().contains("suspended"));
    let run = chronicle(&["downsample", "run", "--path", &db, "--json"]).json();
    assert_eq!(run["points"], "3");
}
