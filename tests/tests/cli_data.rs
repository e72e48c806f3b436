//! Data through the program: what goes in comes out, real and hostile, and what is no data is refused in words.
use chronicle::{Config, Db, Point};
use chronicle_tests::program::{chronicle, chronicle_with_input, parse};
use chronicle_tests::workload::{self, Random};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn new_db(folder: &Path, name: &str) -> String {
    let path = folder.join(name).to_str().unwrap().to_owned();
    chronicle(&["init", "--path", &path]).done();
    path
}

fn digest(db: &str) -> Value {
    chronicle(&["digest", "--path", db, "--check", "--json"]).json()["digest"].clone()
}

/// Exports a database and imports it into a new one.
fn copy_by_csv(folder: &Path, from: &str, name: &str) -> String {
    let csv = folder.join(format!("{name}.csv")).to_str().unwrap().to_owned();
    let exported = chronicle(&["export", "--path", from, "--output", &csv, "--json"]).json();
    assert_eq!(exported["digest"], digest(from));
    let to = new_db(folder, name);
    let imported = chronicle(&["import", "--path", &to, "--input", &csv, "--json"]).json();
    assert_eq!(imported["points"], exported["points"], "counts in = counts out");
    assert_eq!(imported["bytes"], exported["bytes"]);
    to
}

#[test]
fn hostile_names_and_values_survive_export_and_import() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let names = [
        "a,b",
        "\"quoted\"",
        "two\nlines",
        " spaces ",
        "é𝄞\u{feff}",
        "tag:x",
        "\r",
        "timestamp",
        "=",
        "'",
        "\u{7f}\u{1b}[0m",
    ];
    let values =
        [0.0, -0.0, f64::NAN, f64::from_bits(0xfff8_dead_beef_0001), f64::INFINITY, f64::MIN_POSITIVE, 1e300];
    let db = Db::open(&path, Config::default()).unwrap();
    let mut points = Vec::new();
    for (i, metric) in names.iter().enumerate() {
        for (j, value) in values.iter().enumerate() {
            let time = [i64::MIN, i64::MAX, 0, -1][(i + j) % 4];
            let (key, tag) = (names[(i + j) % names.len()], names[(i * 3 + j) % names.len()]);
            points.push(Point::new(*metric, time, *value).tag(key, tag).tag("value", "v"));
        }
    }
    db.write_batch(&points).unwrap();
    db.close().unwrap();
    let from = path.to_str().unwrap();
    let to = copy_by_csv(folder.path(), from, "b.db");
    assert_eq!(digest(&to), digest(from));
    let hostile = chronicle(&["metrics", "--path", from]).done();
    assert!(!hostile.contains('\u{1b}'), "names must not steer a terminal");
}

#[test]
fn real_series_survive_and_a_query_agrees_with_arithmetic() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = root.join("../../shared/data/nab");
    let nab = if shared.exists() { shared } else { root.join("fixtures/nab") };
    let series = workload::real(&nab).unwrap();
    assert!(series.len() >= 2);
    for data in series {
        let folder = tempfile::tempdir().unwrap();
        let name = data.metric.as_str();
        let file = nab.join(&data.tags[0].1).join(format!("{name}.csv"));
        let db = new_db(folder.path(), "data.db");
        let import = ["import", "--path", &db, "--metric", name, "--input", file.to_str().unwrap(), "--json"];
        assert_eq!(chronicle(&import).json()["points"], data.timestamps.len().to_string());
        let to = copy_by_csv(folder.path(), &db, "copy.db");
        assert_eq!(digest(&to), digest(&db));

        // Of rows with one time the last one counts.
        let points: BTreeMap<i64, f64> = data
            .timestamps
            .iter()
            .zip(&data.bits)
            .map(|(&time, &bits)| (time, f64::from_bits(bits)))
            .collect();
        let mut days: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (time, value) in points {
            days.entry(time.div_euclid(86_400_000_000_000)).or_default().push(value);
        }
        let sql = format!("SELECT count(value), max(value), mean(value) FROM \"{name}\" GROUP BY time(1d)");
        let answer = chronicle(&["query", "--path", &db, "--format", "json", &sql]).json();
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!(rows.len(), days.len(), "{name}");
        for (row, (day, values)) in rows.iter().zip(days) {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let max = values.iter().copied().fold(f64::MIN, f64::max);
            assert_eq!(row[0], chronicle::time::format_timestamp(day * 86_400_000_000_000));
            assert_eq!(row[1].as_f64(), Some(values.len() as f64));
            assert_eq!(row[2].as_f64(), Some(max));
            let got = row[3].as_f64().unwrap();
            assert!((got - mean).abs() <= mean.abs() * 1e-12, "{name}: {got} and {mean}");
        }
    }
}

#[test]
fn a_bad_line_ends_an_import_with_its_number_and_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let db = new_db(folder.path(), "data.db");
    let mut rows = String::from("timestamp,metric,value\n");
    (0..25_000).for_each(|i| rows.push_str(&format!("{},m,{i}\n", 1_706_400_000 + i)));
    rows.push_str("yesterday,m,1\n1706400000,m,7\n");
    let import = ["import", "--path", &db, "--json"];
    let error = chronicle_with_input(&import, rows.as_bytes()).json_error(1);
    assert_eq!(error["place"], "standard input: line 25002");
    assert!(error["message"].as_str().unwrap().contains("20000 points before it are committed, up to lsn 2"));
    assert_eq!(chronicle(&["digest", "--path", &db, "--json"]).json()["points"], "20000");

    let skipping = [import.as_slice(), &["--on-error", "skip"]].concat();
    let ran = chronicle_with_input(&skipping, rows.as_bytes());
    assert_eq!(ran.code, Some(1), "something was left out");
    let report = parse(&ran.out);
    assert_eq!((&report["points"], &report["skipped"]), (&"25001".into(), &"1".into()));
    assert_eq!(report["examples"][0]["line"], "25002");
    assert_eq!(report["commits"], "3");
    assert_eq!(chronicle(&["digest", "--path", &db, "--json"]).json()["points"], "25000");
}

#[test]
fn options_of_an_import_apply_to_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let db = new_db(folder.path(), "data.db");
    let arguments = [
        "import",
        "--path",
        &db,
        "--format",
        "csv",
        "--metric",
        "t",
        "--tag",
        "room=a=b",
        "--time-unit",
        "us",
    ];
    chronicle_with_input(&arguments, b"timestamp,value\n1,2\n").done();
    let out = chronicle(&["export", "--path", &db]).done();
    assert_eq!(out, "timestamp,metric,value,room\n1970-01-01T00:00:00.000001Z,t,2,a=b\n");
    let twice = [arguments.as_slice(), &["--tag", "room=c"]].concat();
    chronicle_with_input(&twice, b"timestamp,value\n1,2\n").failed(1);
    chronicle_with_input(&arguments, b"").failed(1);
}

#[test]
fn what_is_no_csv_and_no_sql_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let db = new_db(folder.path(), "data.db");
    chronicle(&["write", "--path", &db, "--metric", "m", "--value", "1"]).done();
    let mut random = Random::new(1);
    for round in 0..20 {
        let mut bytes: Vec<u8> = (0..random.below(3_000)).map(|_| random.bits() as u8).collect();
        if round % 2 == 1 {
            bytes.splice(0..0, b"timestamp,metric,value\n1,m,1\n".iter().copied());
        }
        let ran = chronicle_with_input(&["import", "--path", &db], &bytes);
        if ran.code != Some(0) {
            ran.failed(1);
        }
        let sql: String = bytes.iter().filter(|byte| **byte != 0).map(|&byte| char::from(byte)).collect();
        let sql = if round % 2 == 1 { format!("SELECT {sql}") } else { sql };
        chronicle(&["query", "--path", &db, "--", &sql]).failed(2);
    }
}

#[test]
fn what_is_no_database_is_refused_by_every_verb_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("empty"), b"").unwrap();
    let mut random = Random::new(2);
    fs::write(at("noise"), (0..100_000).map(|_| random.bits() as u8).collect::<Vec<u8>>()).unwrap();
    let verbs: [&[&str]; 9] = [
        &["write", "--metric", "m", "--value", "1"],
        &["import"],
        &["export"],
        &["query", "SELECT * FROM m"],
        &["delete", "--metric", "m"],
        &["metrics"],
        &["inspect"],
        &["digest"],
        &["compact"],
    ];
    for name in ["folder", "empty", "noise", "absent", "noise/inside"] {
        for verb in verbs {
            let ran = chronicle(&[verb, &["--path", &at(name)]].concat());
            let code = if ran.code == Some(4) && name == "folder" { 4 } else { 1 };
            let error = ran.failed(code);
            assert!(error.contains(name), "{error}");
        }
    }
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["empty", "folder", "noise"], "no lock file beside what is not ours");
}

#[test]
fn a_second_writer_is_told_who_has_it_and_a_reader_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, Config::default()).unwrap();
    db.write(Point::new("m", 1, 1.0)).unwrap();
    let path = path.to_str().unwrap();
    let write = ["write", "--path", path, "--metric", "m", "--value", "2", "--json"];
    let error = chronicle(&write).json_error(1);
    assert_eq!(error["kind"], "busy");
    assert!(error["message"].as_str().unwrap().contains(&format!("pid {}", std::process::id())));
    for _ in 0..3 {
        db.write(Point::new("m", db.position().lsn as i64 + 1, 1.0)).unwrap();
        let seen = chronicle(&["digest", "--path", path, "--json"]).json();
        assert_eq!(seen["points"], db.digest(false).unwrap().0.points.to_string());
    }
    assert_eq!(chronicle(&["verify", "--path", path, "--json"]).json()["live"], true);
    let snapshot = folder.path().join("snapshot");
    let create = ["backup", "create", "--source", path, "--dest", snapshot.to_str().unwrap(), "--json"];
    assert_eq!(chronicle(&create).json()["points"], "4");
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_refused_in_words() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let db = PathBuf::from(new_db(folder.path(), "data.db"));
    fs::set_permissions(&db, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&db).is_ok() {
        // The superuser may read anything.
        return;
    }
    let error = chronicle(&["metrics", "--path", db.to_str().unwrap()]).failed(1);
    assert!(error.contains("Permission denied"), "{error}");
}
