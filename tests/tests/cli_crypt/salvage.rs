//! Salvage and diff with a key: what opens comes back, and without a key there is nothing but an error.
use crate::place::text;
use crate::sealed::{Sealed, files};
use chronicle::{Db, Point};
use chronicle_tests::program::chronicle;
use chronicle_tests::workload::Random;

const SERIES: u64 = 20;
const POINTS: i64 = 2_000;

/// Points that don't compress, so that their container has many chunks.
fn fill(db: &Db) {
    let mut random = Random::new(5);
    for series in 0..SERIES {
        let points: Vec<Point> = (0..POINTS)
            .map(|i| Point::new("noise", i * 1_000_000_000, random.unit()))
            .map(|point| point.tag("of", series.to_string()))
            .collect();
        db.write_batch(&points).unwrap();
    }
    db.checkpoint().unwrap();
}

#[test]
fn the_chunks_that_open_come_back_and_those_that_do_not_are_told() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    fill(&db);
    sealed.create(&db);
    db.close().unwrap();
    let repository = sealed.place.path("my repo");
    let container = files(&repository).into_iter().find(|path| path.ends_with("base/data.db.age")).unwrap();
    let whole = std::fs::read(&container).unwrap();
    assert!(whole.len() > 4 * 65_536, "{} bytes are too few to tell", whole.len());
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut header = whole.clone();
    header[60] ^= 1;
    let (source, key) = (sealed.place.at("my repo"), sealed.place.at("key.txt"));
    // Of a damaged chunk its points are lost; of what was cut off at any place those behind it, and perhaps the index of all.
    let cases = [
        ("flipped", flipped, SERIES as i64 * POINTS / 2),
        ("header", header, 0),
        ("cut", whole[..whole.len() - 70_000].to_vec(), 0),
    ];
    for (name, bytes, least) in cases {
        std::fs::write(&container, bytes).unwrap();
        let dest = sealed.place.at(name);
        let ran = chronicle(&[
            "restore",
            "--source",
            &source,
            "--dest",
            &dest,
            "--salvage",
            "--json",
            "--identity",
            &key,
        ]);
        assert_eq!(ran.code, Some(3), "{name}: {ran:?}");
        let told = chronicle_tests::program::parse(&ran.out);
        let back: i64 = text(&told, "points").parse().unwrap();
        assert!(back >= least && back < SERIES as i64 * POINTS, "{name}: {back} points");
        assert!(!told["losses"].as_array().unwrap().is_empty(), "{name}");
    }
    std::fs::write(&container, &whole).unwrap();
    let dest = sealed.place.at("no key");
    chronicle(&["restore", "--source", &source, "--dest", &dest, "--salvage"]).failed(1);
    assert!(!sealed.place.path("no key/data.db").exists());
}

#[test]
fn two_points_are_compared_with_the_key_as_those_of_a_plain_repository() {
    let mut sealed = Sealed::new();
    let plain = sealed.place.at("plain");
    let db = sealed.place.open();
    for batch in 0..4 {
        sealed.place.write(&db, batch);
        if batch > 0 {
            db.checkpoint().unwrap();
        }
        sealed.create(&db);
        let config = chronicle::DeltaBackupConfig::new(&plain).continue_newest();
        chronicle::BackupManager::new(&db).create_delta_backup(config).unwrap();
    }
    db.close().unwrap();
    let (source, key) = (sealed.place.at("my repo"), sealed.place.at("key.txt"));
    let diff = |more: &[&str]| chronicle(&[&["backup", "diff", "--json"], more].concat());
    let wanted = diff(&["--source", &plain, "delta-001", "latest"]).json();
    let found = diff(&["--source", &source, "--identity", &key, "delta-001", "latest"]).json();
    assert!(!wanted["metrics"].as_array().unwrap().is_empty());
    assert_eq!(found, wanted);
    diff(&["--source", &source, "delta-001", "latest"]).failed(1);
}
