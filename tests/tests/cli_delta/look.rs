//! Looking at a repository: lists, verification, reading where it lies.
use crate::place::{Place, text};
use chronicle::verify::VerifyLevel;
use chronicle_tests::program::chronicle;

#[test]
fn list_and_timeline_tell_what_can_be_restored() {
    let mut place = Place::new();
    let moments = place.history(|place, db| {
        place.create_in_process(db);
    });
    let repository = place.at("my repo");
    let listed = chronicle(&["backup", "list", "--source", &repository, "--json"]).json();
    let points = listed["points"].as_array().unwrap();
    assert_eq!((text(&points[0], "point"), text(&points[1], "continues")), ("base".into(), "base".into()));
    let last = points.last().unwrap();
    assert_eq!(text(last, "digest"), place.digest(moments.last().unwrap().lsn));
    assert_eq!(text(&listed, "newest"), text(last, "point"));
    assert!(listed["newest_age_seconds"].as_f64().unwrap() >= 0.0);
    let told = chronicle(&["backup", "list", "--source", &repository]).done();
    assert!(told.contains("delta-003") && told.contains("the newest point"), "{told}");
    let timeline = chronicle(&["backup", "timeline", "--source", &repository, "--json"]).json();
    let spans = timeline["epochs"][0]["moments"].as_array().unwrap();
    assert_eq!(spans.len(), 1, "no gap: {timeline}");
    assert_eq!(text(&spans[0]["last"], "lsn"), moments.last().unwrap().lsn.to_string());
    let told = chronicle(&["backup", "timeline", "--source", &repository]).done();
    assert!(told.contains("any moment from"), "{told}");
    let nothing = place.at("nothing");
    chronicle(&["backup", "list", "--source", &nothing]).failed(4);
}

#[test]
fn every_byte_that_changes_in_a_repository_is_noticed() {
    let mut place = Place::new();
    let db = place.open();
    for batch in 0..3 {
        place.write(&db, batch);
        if batch > 0 {
            db.checkpoint().unwrap();
        }
        place.create_in_process(&db);
    }
    let repository = place.path("my repo");
    let verify = |level| chronicle::backup::verify_repository(&repository, level);
    assert!(verify(VerifyLevel::Full).unwrap().findings.is_empty());
    let mut files = Vec::new();
    let mut folders = vec![repository.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 12, "{files:?}");
    let mut flipped = 0;
    for file in &files {
        let whole = std::fs::read(file).unwrap();
        // Every byte of what is small; of the rest some, all over it, headers and zeros included.
        let stride = (whole.len() / 60).max(1);
        for at in (0..whole.len()).step_by(stride).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(file, &bytes).unwrap();
            let noticed = verify(VerifyLevel::Full).map_or(true, |report| !report.findings.is_empty());
            assert!(noticed, "byte {at} of {}", file.display());
            flipped += 1;
        }
        std::fs::write(file, &whole).unwrap();
    }
    assert!(flipped > 500, "{flipped}");
    let (path, cut) = (place.at("my repo"), place.path("my repo/base/data.db"));
    chronicle(&["verify", "--path", &path]).done();
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
    let found = chronicle(&["backup", "verify", "--source", &path, "--level", "records"]);
    assert_eq!(found.code, Some(3), "{found:?}");
    assert!(found.out.contains("base/data.db") && found.out.contains("needs it"), "{found:?}");
    std::fs::remove_file(&cut).unwrap();
    assert_eq!(chronicle(&["verify", "--path", &path, "--json"]).code, Some(3));
    std::fs::write(&cut, &whole).unwrap();
    assert_eq!(chronicle(&["verify", "--path", &path, "--json"]).json()["sound"], true);
}

#[test]
fn every_moment_is_read_in_place_as_it_was() {
    let mut place = Place::new();
    let moments = place.history(|place, db| {
        place.create_in_process(db);
    });
    let repository = place.at("my repo");
    let source = ["--path", repository.as_str(), "--at"];
    for moment in &moments {
        let at = chronicle::time::format_timestamp(moment.commit_time_ns);
        let digest = |more: &[&str]| {
            let found = chronicle(&[&["digest"], &source[..], &[&at, "--json"], more].concat()).json();
            text(&found, "digest")
        };
        let expected = place.digest(moment.lsn);
        assert_eq!(
            (digest(&["--check"]), digest(&[])),
            (expected.clone(), expected),
            "commit {}",
            moment.lsn
        );
    }
    // Every verb that reads says the same of the moment as of a restored database.
    let (middle, restored) = (format!("lsn:{}", moments[7].lsn), place.at("restored/data.db"));
    place.restore(&middle, "restored");
    let here = [&source[..], &[&middle]].concat();
    let there = ["--path", &restored];
    for verb in [
        &["query", "SELECT mean(value), max(value) FROM cpu WHERE host = 'h1' GROUP BY time(30m)"][..],
        &["query", "SELECT * FROM memory", "--format", "csv"],
        &["metrics"],
        &["export", "--format", "csv"],
    ] {
        let of = |place: &[&str]| chronicle(&[verb, place].concat()).done();
        assert_eq!(of(&here), of(&there), "{verb:?}");
    }
    let seen = chronicle(&[&["inspect", "--json"], &here[..]].concat()).json();
    assert_eq!(text(&seen, "lsn"), moments[7].lsn.to_string());
    let newest = chronicle(&[&["metrics"], &source[..], &["latest"]].concat());
    assert!(newest.err.contains("the newest point is"), "{newest:?}");
    chronicle(&[&["metrics"], &source[..], &["2000-01-01T00:00:00Z"]].concat()).failed(4);
    chronicle(&[&["metrics"], &source[..], &["2000-01-01T00:00:00"]].concat()).failed(2);
    let db = place.at("data.db");
    chronicle(&["metrics", "--path", &db, "--at", "lsn:1"]).failed(4);
    let dest = place.at("x");
    chronicle(&["backup", "create", "--source", &repository, "--dest", &dest]).failed(1);
}
