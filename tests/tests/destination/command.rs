//! `chronicle dest test`.
use chronicle_tests::program::chronicle;
use chronicle_tests::system::{Mount, is_root, run, skipped};

#[test]
fn a_good_place_gets_its_card() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("repo").display().to_string();
    let told = chronicle(&["dest", "test", &place]).done();
    for part in [&place, "put.create-only.race", "list.pages", "safe for several writers"] {
        assert!(told.contains(part), "{told}");
    }
    let card = chronicle(&["dest", "test", &format!("file://{place}"), "--json"]).json();
    assert_eq!((&card["passed"], &card["suitability"]), (&true.into(), &"safe for several writers".into()));
    let checks = card["checks"].as_array().unwrap();
    assert!(checks.len() > 20 && checks.iter().all(|check| check["outcome"] == "passed"), "{card}");
    assert_eq!(std::fs::read_dir(dir.path().join("repo")).unwrap().count(), 0);
}

#[test]
fn a_bad_place_ends_with_an_error_and_a_place_that_fails_with_its_card() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("not/there/repo").display().to_string();
    assert!(chronicle(&["dest", "test", &missing]).failed(1).contains("mounted"));
    let error = chronicle(&["dest", "test", "plugin://sftp/x", "--json"]).json_error(1);
    assert_eq!(error["kind"], "unsupported");
    if skipped((!is_root()).then_some("a full disk needs root, to mount a tmpfs")) {
        return;
    }
    let at = dir.path().join("disk");
    std::fs::create_dir(&at).unwrap();
    run("mount", &[&"-t", &"tmpfs", &"-o", &"size=2m", &"tmpfs", &at]);
    let disk = Mount(at);
    let ran = chronicle(&["dest", "test", disk.0.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("FAILED") && ran.out.contains("not usable for backups"), "{ran:?}");
}
