//! Every verb of the program, from outside: what it prints, in both forms, and how it ends.
use chronicle_tests::program::{chronicle, chronicle_with_input, command, parse};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A folder with a database of two metrics.
struct Place {
    folder: tempfile::TempDir,
}

const ROWS: &str = "timestamp,metric,value,host\n\
    2024-01-28T00:00:00Z,cpu,1,a\n\
    2024-01-28T00:01:00Z,cpu,2.5,a\n\
    2024-01-28T00:00:00Z,cpu,NaN,b\n\
    2024-01-28T00:00:00Z,memory,-Inf,\n";

impl Place {
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with_data() -> Self {
        let place = Self::empty();
        chronicle(&["init", "--path", &place.db()]).done();
        chronicle_with_input(&["import", "--path", &place.db()], ROWS.as_bytes()).done();
        place
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn db(&self) -> String {
        self.at("data.db")
    }

    fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// 64-bit integers are strings in JSON, so that no reader rounds them.
fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}

#[test]
fn init_makes_a_database_with_the_settings_asked_for_and_never_twice() {
    let place = Place::empty();
    let made =
        chronicle(&["init", "--path", &place.db(), "--partition", "1h", "--retention", "30d", "--json"])
            .json();
    assert_eq!((text(&made, "partition"), text(&made, "retention")), ("1h".into(), "30d".into()));
    assert_eq!(text(&made, "lineage").len(), 32);
    let before = fs::read(place.db()).unwrap();
    assert!(chronicle(&["init", "--path", &place.db()]).failed(1).contains("already"));
    assert_eq!(fs::read(place.db()).unwrap(), before);
    let seen = chronicle(&["inspect", "--path", &place.db(), "--json"]).json();
    assert_eq!((text(&seen, "partition"), text(&seen, "retention")), ("1h".into(), "30d".into()));
}

#[test]
fn write_takes_any_tag_value_and_time_that_means_one_moment() {
    let place = Place::empty();
    chronicle(&["init", "--path", &place.db()]).done();
    let write = |more: &[&str]| {
        let mut arguments = vec!["write", "--path"];
        let db = place.db();
        arguments.push(&db);
        arguments.extend_from_slice(&["--metric", "t"]);
        arguments.extend_from_slice(more);
        chronicle(&arguments)
    };
    let wrote = write(&["--tag", "k=a=b", "--value", "-1.5", "--time", "1706400000", "--json"]).json();
    assert_eq!(text(&wrote, "timestamp"), "2024-01-28T00:00:00Z");
    assert_eq!(text(&wrote, "lsn"), "1");
    write(&["--value", "-Inf", "--time", "1706400000000000001"]).done();
    write(&["--value", "1"]).done();
    assert!(write(&["--value", "1", "--time", "2024-01-28T00:00:00"]).failed(2).contains("zone"));
    write(&["--value", "x"]).failed(2);
    write(&["--value", "1", "--tag", "x"]).failed(2);
    write(&["--value", "1", "--tag", "=x"]).failed(2);
    write(&["--value", "1", "--tag", "x=1", "--tag", "x=2"]).failed(2);
    let rows = chronicle(&["query", "--path", &place.db(), "--json", "SELECT * FROM t LIMIT 2"]).json();
    assert_eq!(rows["columns"], parse(r#"["timestamp","k","value"]"#));
    assert_eq!(
        rows["rows"],
        parse(r#"[["2024-01-28T00:00:00Z","a=b",-1.5],["2024-01-28T00:00:00.000000001Z",null,"-Inf"]]"#)
    );
}

#[test]
fn query_answers_in_three_forms() {
    let place = Place::with_data();
    let query = |more: &[&str]| {
        let db = place.db();
        let mut arguments = vec!["query", "--path", &db];
        arguments.extend_from_slice(more);
        chronicle(&arguments)
    };
    let sql = "SELECT * FROM cpu";
    let table = "timestamp             host  value\n\
        --------------------  ----  -----\n\
        2024-01-28T00:00:00Z  a         1\n\
        2024-01-28T00:00:00Z  b       NaN\n\
        2024-01-28T00:01:00Z  a       2.5\n\
        (3 rows)\n";
    assert_eq!(query(&[sql]).done(), table);
    let csv = "timestamp,host,value\n\
        2024-01-28T00:00:00Z,a,1\n2024-01-28T00:00:00Z,b,NaN\n2024-01-28T00:01:00Z,a,2.5\n";
    assert_eq!(query(&["--format", "csv", sql]).done(), csv);
    let json = query(&["--format", "json", sql]).json();
    assert_eq!(json["rows"][1], parse(r#"["2024-01-28T00:00:00Z","b","NaN"]"#));
    assert_eq!((text(&json, "row_count"), text(&json, "lsn")), ("3".into(), "1".into()));
    assert_eq!(query(&["SELECT * FROM cpu WHERE host = 'none'"]).done().lines().last(), Some("(0 rows)"));
}

#[test]
fn a_query_that_can_t_be_meant_says_which_word() {
    let place = Place::with_data();
    let query = |sql: &str| chronicle(&["query", "--path", &place.db(), sql]);
    let error = query("SELEC * FROM cpu").failed(2);
    assert!(error.contains("did you mean SELECT") && error.contains("^^^^^"), "{error}");
    assert!(query("SELECT * FROM cup").failed(1).contains("did you mean cpu?"));
    assert!(query("SELECT * FROM temperature").failed(1).contains("there are cpu, memory"));
    let error = chronicle(&["query", "--path", &place.db(), "--json", "SELECT * FROM cup"]).json_error(1);
    assert_eq!(text(&error, "kind"), "not_found");
    assert!(text(&error, "place").ends_with("data.db"));
}

#[test]
fn metrics_inspect_and_digest_agree() {
    let place = Place::with_data();
    let metrics = chronicle(&["metrics", "--path", &place.db(), "--json"]).json();
    assert_eq!(metrics["metrics"][0]["metric"], "cpu");
    assert_eq!(metrics["metrics"][0]["points"], "3");
    assert_eq!(metrics["metrics"][0]["last"], "2024-01-28T00:01:00Z");
    assert!(
        chronicle(&["metrics", "--path", &place.db()]).done().ends_with("(2 metrics, 3 series, 4 points)\n")
    );
    let inspect = chronicle(&["inspect", "--path", &place.db(), "--json"]).json();
    for (field, expected) in [("lsn", "1"), ("metrics", "2"), ("series", "3"), ("head_points", "4")] {
        assert_eq!(text(&inspect, field), expected, "{field}");
    }
    let lines = chronicle(&["inspect", "--path", &place.db()]).done();
    for label in ["lineage", "epoch", "partition", "segments", "head", "free", "features", "file "] {
        assert!(lines.lines().any(|line| line.starts_with(label)), "{label}");
    }
    let quick = chronicle(&["digest", "--path", &place.db(), "--json"]).json();
    let checked = chronicle(&["digest", "--path", &place.db(), "--check", "--json"]).json();
    assert_eq!(quick["digest"], checked["digest"]);
    assert_eq!(text(&quick, "points"), "4");
    let line = format!("{} lsn 1\n", text(&quick, "digest"));
    assert_eq!(chronicle(&["digest", "--path", &place.db()]).done(), line);
}

#[test]
fn a_rehearsed_deletion_counts_what_the_real_one_deletes() {
    let place = Place::with_data();
    let delete = |more: &[&str]| {
        let db = place.db();
        let mut arguments = vec!["delete", "--path", &db, "--metric", "cpu", "--json"];
        arguments.extend_from_slice(more);
        chronicle(&arguments)
    };
    let count = |ran: &Value| (text(ran, "points"), text(ran, "series"));
    let late: &[&str] = &["--tag", "host=a", "--start", "2024-01-28T00:00:30Z"];
    let rehearsed = delete(&[late, &["--dry-run"]].concat()).json();
    assert_eq!(count(&rehearsed), ("1".into(), "1".into()));
    assert_eq!(chronicle(&["digest", "--path", &place.db(), "--json"]).json()["points"], "4");
    let deleted = delete(late).json();
    assert_eq!(count(&deleted), count(&rehearsed));
    assert_eq!(text(&deleted, "lsn"), "2");
    assert_eq!(chronicle(&["digest", "--path", &place.db(), "--json"]).json()["points"], "3");
    assert_eq!(delete(late).json()["lsn"], Value::Null, "nothing to delete is no commit");
    delete(&["--start", "5", "--end", "5"]).failed(2);
    assert!(chronicle(&["delete", "--path", &place.db(), "--metric", "cpi"]).failed(1).contains("mean cpu"));
    chronicle(&["delete", "--path", &place.db()]).failed(2);
}

#[test]
fn a_compaction_keeps_every_point() {
    let place = Place::with_data();
    let before = chronicle(&["digest", "--path", &place.db()]).done();
    let report = chronicle(&["compact", "--path", &place.db(), "--json"]).json();
    assert_eq!(text(&report, "segments_after"), "1");
    assert_eq!(chronicle(&["digest", "--path", &place.db(), "--check"]).done(), before);
}

#[test]
fn a_snapshot_is_verified_read_and_restored_to_the_same_digest() {
    let place = Place::with_data();
    let (snapshot, restored) = (place.at("snapshot"), place.at("restored"));
    let digest = text(&chronicle(&["digest", "--path", &place.db(), "--json"]).json(), "digest");
    let create = ["backup", "create", "--source", &place.db(), "--dest", &snapshot, "--json"];
    let plan = chronicle(&[create.as_slice(), &["--dry-run"]].concat()).json();
    assert!(!Path::new(&snapshot).exists(), "a rehearsal makes nothing");
    let made = chronicle(&create).json();
    assert_eq!(text(&made, "digest"), digest);
    assert_eq!(text(&made, "bytes"), text(&plan, "bytes"));
    chronicle(&create).failed(1);
    for level in ["records", "full", "deep"] {
        let verified = chronicle(&["verify", "--path", &snapshot, "--level", level, "--json"]).json();
        assert_eq!(verified["sound"], true);
    }
    assert_eq!(text(&chronicle(&["digest", "--source", &snapshot, "--json"]).json(), "digest"), digest);
    let restore = ["restore", "--source", &snapshot, "--dest", &restored, "--json"];
    chronicle(&[restore.as_slice(), &["--dry-run"]].concat()).json();
    assert!(!Path::new(&restored).exists());
    let report = chronicle(&restore).json();
    assert_eq!((text(&report, "digest"), text(&report, "points")), (digest.clone(), "4".into()));
    assert_eq!(names(Path::new(&restored)), ["data.db"]);
    assert!(chronicle(&restore).json_error(1)["message"].as_str().unwrap().contains("--force"));
    let again = chronicle(&[restore.as_slice(), &["--force"]].concat()).json();
    assert!(PathBuf::from(text(&again, "replaced")).join("data.db").exists());
}

#[test]
fn damage_ends_with_status_3_and_nothing_to_restore_with_4() {
    let place = Place::with_data();
    let snapshot = place.at("snapshot");
    chronicle(&["backup", "create", "--source", &place.db(), "--dest", &snapshot]).done();
    let data = Path::new(&snapshot).join("data.db");
    let mut bytes = fs::read(&data).unwrap();
    let last = bytes.len() - 5_000;
    bytes[last] ^= 1;
    fs::write(&data, bytes).unwrap();
    let verified = chronicle(&["verify", "--path", &snapshot, "--json"]);
    assert_eq!(verified.code, Some(3));
    let verified = parse(&verified.out);
    assert_eq!(verified["sound"], false);
    assert!(verified["findings"][0]["place"].as_str().unwrap().contains("data.db"));
    let error =
        chronicle(&["restore", "--source", &snapshot, "--dest", &place.at("new"), "--json"]).json_error(3);
    assert_eq!(text(&error, "kind"), "damaged");
    assert!(!Path::new(&place.at("new")).join("data.db").exists());
    fs::create_dir(place.at("nothing")).unwrap();
    let nothing = place.at("nothing");
    let error =
        chronicle(&["restore", "--source", &nothing, "--dest", &place.at("new"), "--json"]).json_error(4);
    assert_eq!(text(&error, "kind"), "not_restorable");
}

#[test]
fn an_output_file_appears_whole_or_not_at_all_and_never_over_a_database() {
    let place = Place::with_data();
    let output = place.at("out.csv");
    fs::write(&output, "old").unwrap();
    chronicle(&["export", "--path", &place.db(), "--metric", "cup", "--output", &output]).failed(1);
    assert_eq!(fs::read(&output).unwrap(), b"old");
    let report = chronicle(&["export", "--path", &place.db(), "--output", &output, "--json"]).json();
    assert_eq!(fs::metadata(&output).unwrap().len().to_string(), text(&report, "bytes"));
    let before = fs::read(place.db()).unwrap();
    for name in ["data.db", "data.db.wal-1", "data.db.lock"] {
        chronicle(&["export", "--path", &place.db(), "--output", &place.at(name)]).failed(2);
    }
    assert_eq!(fs::read(place.db()).unwrap(), before);
    assert!(!place.names().iter().any(|name| name.contains("tmp")), "{:?}", place.names());
}

#[test]
fn the_report_of_an_export_to_stdout_does_not_mix_with_the_data() {
    let place = Place::with_data();
    let ran = chronicle(&["export", "--path", &place.db(), "--metric", "memory", "--json"]);
    assert_eq!(ran.out, "timestamp,metric,value\n2024-01-28T00:00:00Z,memory,-Inf\n");
    assert_eq!(text(&parse(&ran.err), "points"), "1");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::empty();
    chronicle(&["init", "--path", &place.db()]).done();
    let rows: String = (0..200_000).map(|second| format!("{},{second}\n", 1_706_400_000 + second)).collect();
    let input = format!("timestamp,value\n{rows}");
    chronicle_with_input(&["import", "--path", &place.db(), "--metric", "m"], input.as_bytes()).done();
    for arguments in [["query", "SELECT * FROM m"].as_slice(), &["export"]] {
        let mut child = command()
            .args(arguments)
            .args(["--path", &place.db()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("timestamp"));
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    }
}

#[test]
fn every_verb_documents_itself_with_examples() {
    let verbs = [
        "demo",
        "init",
        "write",
        "import",
        "export",
        "query",
        "delete",
        "metrics",
        "inspect",
        "digest",
        "compact",
        "verify",
        "backup",
        "restore",
        "dest",
        "drill",
        "settings",
        "downsample",
        "completions",
    ];
    for verb in verbs {
        let help = chronicle(&[verb, "--help"]).done();
        let (flags, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{verb}: {help}"));
        let examples = examples.lines().filter(|line| line.contains("chronicle ")).count();
        assert!((2..=3).contains(&examples), "{verb} has {examples} examples");
        assert!(flags.contains("--json"));
        chronicle(&[verb, "--no-such-flag"]).failed(2);
        let error = chronicle(&[verb, "--no-such-flag", "--json"]).json_error(2);
        assert_eq!(text(&error, "kind"), "usage", "{verb}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(chronicle(&["completions", shell]).done().contains("chronicle"));
    }
}

#[test]
fn the_demo_restores_what_was_lost_and_leaves_nothing_behind() {
    let place = Place::empty();
    let told = chronicle(&["demo", "--dir", &place.at("demo")]).done();
    assert!(told.contains("the digests are equal"), "{told}");
    assert_eq!(names(Path::new(&place.at("demo/restored"))).first().map(String::as_str), Some("data.db"));
    chronicle(&["demo", "--dir", &place.at("demo")]).failed(1);
    let report = chronicle(&["demo", "--json"]).json();
    assert_eq!(report["restored_equal"], true);
}
