//! Text formats through the program: what goes out comes in again, and what a format can't hold is said before it is lost.
use chronicle::{Config, Db, Point};
use chronicle_tests::program::{chronicle, chronicle_with_input, command, parse};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const NAMES: [&str; 12] = [
    "a,b",
    "\"quoted\"",
    " spaces ",
    "é𝄞\u{feff}",
    "=",
    "a\\ b",
    "'",
    "\u{7f}\u{1b}[0m",
    "\r",
    "value",
    "m.value",
    "{\"a\":1}",
];

/// Names that line protocol can't hold.
const LINE_BREAKERS: [&str; 3] = ["two\nlines", "# comment", "ends with \\"];

fn new_db(folder: &Path, name: &str) -> String {
    let path = folder.join(name).to_str().unwrap().to_owned();
    chronicle(&["init", "--path", &path]).done();
    path
}

fn digest(db: &str) -> Value {
    chronicle(&["digest", "--path", db, "--check", "--json"]).json()["digest"].clone()
}

fn points(names: &[&str], values: &[f64]) -> Vec<Point> {
    let mut points = Vec::new();
    for (i, metric) in names.iter().enumerate() {
        for (j, value) in values.iter().enumerate() {
            let time = [i64::MIN, i64::MAX, 0, -1][(i + j) % 4];
            let (key, tag) = (names[(i + j) % names.len()], names[(i * 3 + j) % names.len()]);
            let point = Point::new(*metric, time, *value).tag("x", "");
            points.push(if j == 0 { point } else { point.tag(key, tag).tag("host", "v") });
        }
    }
    points
}

fn db_of(folder: &Path, points: &[Point]) -> String {
    let path = folder.join("from.db");
    let db = Db::open(&path, Config::default()).unwrap();
    db.write_batch(points).unwrap();
    db.close().unwrap();
    path.to_str().unwrap().to_owned()
}

/// Exports a database and imports it into a new one; answers the new one's path.
fn copy(folder: &Path, from: &str, format: &str) -> String {
    let file = folder.join(format).to_str().unwrap().to_owned();
    let export = ["export", "--path", from, "--format", format, "--output", &file, "--json"];
    let exported = chronicle(&export).json();
    assert_eq!((&exported["digest"], &exported["left_out"]), (&digest(from), &"0".into()));
    let to = new_db(folder, &format!("{format}.db"));
    let import = ["import", "--path", &to, "--format", format, "--input", &file, "--json"];
    let imported = chronicle(&import).json();
    assert_eq!(imported["points"], exported["points"], "counts in = counts out");
    assert_eq!(imported["bytes"], exported["bytes"]);
    to
}

#[test]
fn hostile_names_and_values_have_the_same_digest_after_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let names = [NAMES.as_slice(), &LINE_BREAKERS].concat();
    let values =
        [0.0, -0.0, f64::NAN, f64::from_bits(0xfff8_dead_beef_0001), f64::NEG_INFINITY, 5e-324, 1e300, 0.1];
    let from = db_of(folder.path(), &points(&names, &values));
    for format in ["csv", "json", "jsonl"] {
        let to = copy(folder.path(), &from, format);
        assert_eq!(digest(&to), digest(&from), "{format}");
    }
}

#[test]
fn what_line_protocol_holds_has_the_same_digest_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let from =
        db_of(folder.path(), &points(&NAMES, &[0.0, -0.0, 5e-324, f64::MAX, 0.1, 9_007_199_254_740_993.0]));
    let to = copy(folder.path(), &from, "line");
    assert_eq!(digest(&to), digest(&from));
}

#[test]
fn line_protocol_refuses_what_it_can_not_hold_before_its_first_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = points(&NAMES, &[1.0, 2.0]);
    let held = all.len();
    all.extend(points(&LINE_BREAKERS, &[1.0]));
    all.push(Point::new("z", 5_000_000_000, f64::NAN).tag("host", "a"));
    all.push(Point::new("z", 6_000_000_000, f64::INFINITY).tag("host", "a"));
    all.push(Point::new("z", 7_000_000_000, 7.0).tag("host", "a"));
    let from = db_of(folder.path(), &all);
    let file = folder.path().join("out.lp").to_str().unwrap().to_owned();
    let export = ["export", "--path", &from, "--format", "line", "--json"];

    let ran = chronicle(&export);
    assert_eq!(ran.out, "", "not one byte");
    let error = ran.json_error(1);
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("5 of the points have no place"), "{message}");
    chronicle(&[export.as_slice(), &["--output", &file]].concat()).failed(1);
    assert!(!Path::new(&file).exists());
    let one = chronicle(&[export.as_slice(), &["--metric", "z"]].concat()).json_error(1);
    let message = one["message"].as_str().unwrap();
    assert!(message.contains("2 of the points"), "{message}");
    assert!(message.contains("\"z\", \"host\"=\"a\" at 1970-01-01T00:00:05Z: the value is NaN"), "{message}");

    let ran = chronicle(&[export.as_slice(), &["--output", &file, "--on-error", "skip"]].concat());
    assert_eq!(ran.code, Some(1), "something was left out");
    let report = parse(&ran.out);
    assert_eq!(report["points"], (held + 1).to_string());
    assert_eq!(report["left_out"], "5");
    assert!(report["left_out_example"].is_string());
    let to = new_db(folder.path(), "to.db");
    chronicle(&["import", "--path", &to, "--format", "line", "--input", &file]).done();
    assert_eq!(digest(&to), report["digest"]);
}

#[test]
fn lines_of_telegraf_become_metrics_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let db = new_db(folder.path(), "data.db");
    let text = "# telegraf\ncpu,host=a usage_idle=99.5,usage_user=0.5,n=8i 1706400000\n\
        disk,host=a value=1 1706400000\nlog,host=a message=\"cpu,host=b usage_idle=0 1706400000\n\" 1706400000\n";
    let import =
        ["import", "--path", &db, "--format", "line", "--time-unit", "s", "--tag", "site=x", "--json"];
    let error = chronicle_with_input(&import, text.as_bytes()).json_error(1);
    assert_eq!(error["place"], "standard input: line 4");
    assert!(error["message"].as_str().unwrap().contains("nothing was imported"));

    let ran = chronicle_with_input(&[import.as_slice(), &["--on-error", "skip"]].concat(), text.as_bytes());
    assert_eq!(ran.code, Some(1));
    let report = parse(&ran.out);
    assert_eq!((&report["points"], &report["skipped"]), (&"4".into(), &"1".into()));
    let out = chronicle(&["export", "--path", &db]).done();
    assert_eq!(
        out,
        "timestamp,metric,value,host,site\n\
         2024-01-28T00:00:00Z,cpu.usage_idle,99.5,a,x\n\
         2024-01-28T00:00:00Z,cpu.usage_user,0.5,a,x\n\
         2024-01-28T00:00:00Z,cpu.n,8,a,x\n\
         2024-01-28T00:00:00Z,disk,1,a,x\n"
    );
    let usage = ["import", "--path", &db, "--format", "line", "--metric", "m"];
    assert!(chronicle_with_input(&usage, b"").failed(2).contains("--metric does not go with"));
}

#[test]
fn a_line_without_a_time_gets_the_clock_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let db = new_db(folder.path(), "data.db");
    let before = chronicle::now_ns();
    chronicle_with_input(&["import", "--path", &db, "--format", "line"], b"m value=1\n").done();
    let out = chronicle(&["export", "--path", &db, "--format", "line"]).done();
    let time: i64 = out.trim_end().strip_prefix("m value=1 ").unwrap().parse().unwrap();
    assert!(before <= time && time <= chronicle::now_ns());
}

#[test]
fn options_of_an_import_apply_to_json_as_to_csv() {
    let folder = tempfile::tempdir().unwrap();
    let db = new_db(folder.path(), "data.db");
    for (format, text) in [
        ("json", "[{\"timestamp\":1,\"value\":2},\n {\"timestamp\":\"2\",\"value\":\"NaN\"}]"),
        ("jsonl", "{\"timestamp\":3,\"value\":2}\n{\"timestamp\":4,\"value\":\"+Inf\"}"),
    ] {
        let import = [
            "import",
            "--path",
            &db,
            "--format",
            format,
            "--metric",
            "t",
            "--tag",
            "room=a=b",
            "--time-unit",
            "us",
            "--json",
        ];
        assert_eq!(chronicle_with_input(&import, text.as_bytes()).json()["points"], "2");
        let bad = chronicle_with_input(&import, b"{\"timestamp\":1.5}\n").json_error(1);
        assert!(bad["place"].as_str().unwrap().starts_with("standard input: line 1"), "{bad}");
    }
    let out = chronicle(&["export", "--path", &db]).done();
    assert_eq!(out.lines().count(), 5);
    assert!(out.contains("1970-01-01T00:00:00.000004Z,t,+Inf,a=b"), "{out}");
}

#[test]
fn what_is_no_text_of_a_format_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let db = new_db(folder.path(), "data.db");
    fs::write(folder.path().join("noise"), [0xffu8, 0, 1, b'\n', b'{', 0x80]).unwrap();
    let noise = folder.path().join("noise").to_str().unwrap().to_owned();
    for format in ["csv", "json", "jsonl", "line"] {
        chronicle(&["import", "--path", &db, "--format", format, "--input", &noise]).failed(1);
        chronicle_with_input(&["import", "--path", &db, "--format", format], b"[{\"a").failed(1);
    }
    chronicle(&["import", "--path", &db, "--format", "yaml"]).failed(2);
}

#[test]
fn what_came_through_a_silent_pipe_is_visible_before_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let db = new_db(folder.path(), "data.db");
    let mut child = command()
        .args(["import", "--path", &db, "--format", "line", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"m value=1 1\nm value=2 2\nm val").unwrap();
    pipe.flush().unwrap();
    let started = Instant::now();
    loop {
        let seen = chronicle(&["digest", "--path", &db, "--json"]).json()["points"].clone();
        if seen == "2" {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{seen} points are visible");
        std::thread::sleep(Duration::from_millis(100));
    }
    pipe.write_all(b"ue=3 3").unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    let report = parse(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!((&report["points"], &report["commits"]), (&"3".into(), &"2".into()));
}
