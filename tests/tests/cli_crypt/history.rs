//! What comes back, and what can't be read.
use crate::place::text;
use crate::sealed::{Sealed, config, files};
use chronicle::backup::Repository;
use chronicle::backup::repository::Moment;
use chronicle::crypt::{EncryptTo, Keys, Passphrase};
use chronicle::destination::{FolderDestination, objects};
use chronicle::query::Query;
use chronicle::{BackupManager, DeltaBackupConfig, Point};
use chronicle_tests::metered::Metered;
use chronicle_tests::program::chronicle;
use std::sync::Arc;

#[test]
fn every_recorded_moment_comes_back_through_encryption_by_program_and_library() {
    let mut sealed = Sealed::new();
    let (identity, recipient) = (sealed.identity.clone(), sealed.recipient());
    let mut number = 0;
    let moments = sealed.place.history(|place, db| {
        number += 1;
        match number % 2 {
            0 => drop(place.create(&["--encrypt-to", &recipient])),
            _ => {
                let config = config(place, &identity);
                let report = BackupManager::new(db).create_delta_backup_with(&config, &|_, _| {}).unwrap();
                assert_eq!(report.base_reason, None, "the host goes on from what it knows");
                assert_eq!(report.record.previous.is_none(), number == 1);
            }
        }
    });
    assert!(moments.len() >= 13);
    let repository = Repository::open_with(sealed.place.path("my repo"), &sealed.keys()).unwrap();
    for moment in &moments {
        let expected = sealed.place.digest(moment.lsn);
        assert_eq!(sealed.restored_digest(moment.lsn, &format!("by lsn {}", moment.lsn)), expected);
        let opened = repository.open_at(&Moment::Lsn { lsn: moment.lsn, epoch: None }).unwrap();
        assert_eq!(opened.db.digest(false).unwrap().0.to_string(), expected, "in place");
    }
    let (source, key) = (sealed.place.at("my repo"), sealed.place.at("key.txt"));
    let middle = moments[7];
    let (at, dest) = (format!("lsn:{}", middle.lsn), sealed.place.at("by program"));
    let arguments =
        ["restore", "--source", &source, "--dest", &dest, "--at", &at, "--identity", &key, "--json"];
    assert_eq!(text(&chronicle(&arguments).json(), "digest"), sealed.place.digest(middle.lsn));
    for verb in ["digest", "metrics", "inspect"] {
        chronicle(&[verb, "--path", &source, "--identity", &key]).done();
    }
    let listed = chronicle(&["backup", "list", "--source", &source, "--identity", &key]).done();
    assert!(!listed.contains("encrypted"), "the key shows what there is: {listed}");
    chronicle(&["verify", "--path", &source, "--identity", &key]).done();
    let (dest, metric) = (sealed.place.at("part"), "memory");
    let arguments = ["restore", "--source", &source, "--dest", &dest, "--metric", metric, "--identity", &key];
    chronicle(&arguments).done();
    let scratch = sealed.place.at("");
    chronicle(&["drill", "--source", &source, "--identity", &key, "--dir", &scratch]).done();
}

#[test]
fn no_name_tag_or_setting_lies_in_plain_in_a_repository() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    let names = ["zymurgy_metric", "quixotic_key", "xylophone_value", "downsampled_zymurgy"];
    for batch in 0..3 {
        db.write(Point::new(names[0], batch, 1.5).tag(names[1], names[2])).unwrap();
        match batch {
            0 => drop(db.add_downsampling(rule(&names)).unwrap()),
            1 => db.checkpoint().unwrap(),
            _ => {}
        }
        sealed.create(&db);
    }
    let files = files(&sealed.place.path("my repo"));
    assert!(files.iter().any(|file| file.ends_with("delta-002/metadata.json")), "{files:?}");
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        for name in names {
            let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
            assert!(!found, "{name} lies in {}", file.display());
        }
        let name = file.file_name().unwrap().to_str().unwrap();
        let is_for_all = name.ends_with(".json") || file.parent().unwrap().ends_with("claims");
        assert!(is_for_all || bytes.starts_with(b"age-encryption.org/v1\n"), "{}", file.display());
    }
    // The same search finds them where they do lie.
    let log = std::fs::read(sealed.place.path("data.db.wal-00000000000000000001")).unwrap();
    assert!(log.windows(names[0].len()).any(|window| window == names[0].as_bytes()));
}

fn rule(names: &[&str; 4]) -> chronicle::Downsampling {
    chronicle::Downsampling::new(names[0], std::time::Duration::from_secs(300))
        .function_to(chronicle::query::Aggregate::Mean, names[3])
}

#[test]
fn a_host_that_lost_what_it_knew_makes_a_base_and_says_so() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    db.write(Point::new("cpu", 1, 1.0)).unwrap();
    sealed.create(&db);
    db.write(Point::new("cpu", 2, 1.0)).unwrap();
    assert_eq!(sealed.create(&db).record.entry.to_string(), "delta-001");
    let states = || {
        files(sealed.place.folder.path())
            .into_iter()
            .filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with("data.db.state-delta-"))
    };
    let state = states().next().unwrap();
    let mut bytes = std::fs::read(&state).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&state, &bytes).unwrap();
    // With the key nothing is lost.
    let with_key = sealed.config().keys(sealed.keys());
    let report = BackupManager::new(&db).create_delta_backup_with(&with_key, &|_, _| {}).unwrap();
    assert_eq!((report.record.entry.to_string().as_str(), &report.base_reason), ("delta-002", &None));
    std::fs::remove_file(states().next().unwrap()).unwrap();
    db.close().unwrap();
    let created = sealed.place.create(&["--encrypt-to", &sealed.recipient()]);
    assert_eq!(text(&created, "point"), "base-003");
    assert!(text(&created, "base_reason").contains("delta-002"), "{created}");
    assert_eq!(sealed.restored_digest(2, "back"), text(&created, "digest"));
}

#[test]
fn a_passphrase_opens_what_was_made_with_it() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    let passphrase = Passphrase::new("correct horse").unwrap();
    let config = || {
        let to = EncryptTo::Passphrase(passphrase.clone());
        DeltaBackupConfig::new(sealed.place.path("my repo")).continue_newest().encrypt_to(to)
    };
    for time in 1..3 {
        db.write(Point::new("cpu", time, 1.0)).unwrap();
        let report = BackupManager::new(&db).create_delta_backup_with(&config(), &|_, _| {}).unwrap();
        assert_eq!(report.record.number(), time as u64 - 1);
    }
    let expected = db.digest(false).unwrap().0.to_string();
    db.close().unwrap();
    let (file, wrong) = (sealed.place.path("pass phrase"), sealed.place.path("wrong"));
    std::fs::write(&file, "correct horse\n").unwrap();
    std::fs::write(&wrong, "incorrect horse\n").unwrap();
    let (source, file, wrong) = (sealed.place.at("my repo"), file.to_str().unwrap(), wrong.to_str().unwrap());
    let digest = chronicle(&["digest", "--path", &source, "--passphrase-file", file, "--json"]).json();
    assert_eq!(text(&digest, "digest"), expected);
    let error = chronicle(&["digest", "--path", &source, "--passphrase-file", wrong]).failed(1);
    assert!(error.contains("the passphrase is the wrong one"), "{error}");
    let key = sealed.place.path("my repo/key.age");
    let mut bytes = std::fs::read(&key).unwrap();
    let at = bytes.len() - 60;
    bytes[at] ^= 1;
    std::fs::write(&key, bytes).unwrap();
    let error = chronicle(&["digest", "--path", &source, "--passphrase-file", file]).failed(3);
    assert!(error.contains("key.age"), "{error}");
    assert_eq!(chronicle(&["backup", "verify", "--source", &source, "--level", "stored"]).code, Some(3));
}

#[test]
fn an_encrypted_snapshot_directory_is_restored_read_and_verified() {
    let mut sealed = Sealed::new();
    let db = sealed.place.open();
    for batch in 0..3 {
        sealed.place.write(&db, batch);
        db.checkpoint().unwrap();
    }
    let end = sealed.place.write(&db, 3);
    db.close().unwrap();
    let (source, dest, key) =
        (sealed.place.at("data.db"), sealed.place.at("many/one"), sealed.place.at("key.txt"));
    let arguments = [
        "backup",
        "create",
        "--source",
        &source,
        "--dest",
        &dest,
        "--encrypt-to",
        &sealed.recipient(),
        "--json",
    ];
    let made = chronicle(&arguments).json();
    let expected = sealed.place.digest(end.lsn);
    assert_eq!(text(&made, "digest"), expected);
    chronicle(&arguments).failed(1);
    let beside: Vec<_> = files(sealed.place.folder.path())
        .into_iter()
        .filter(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            name.contains("slot-") || name.contains("state-") || name.contains("secret-")
        })
        .collect();
    assert!(beside.is_empty(), "{beside:?}");
    let read = chronicle(&["digest", "--path", &dest, "--identity", &key, "--json"]).json();
    assert_eq!(text(&read, "digest"), expected);
    chronicle(&["verify", "--path", &dest, "--identity", &key]).done();
    let back = sealed.place.at("back");
    let restored =
        chronicle(&["restore", "--source", &dest, "--dest", &back, "--identity", &key, "--json"]).json();
    assert_eq!(text(&restored, "digest"), expected);
    // The newest of a folder is not taken as if the encrypted ones were not there.
    let (many, next) = (sealed.place.at("many"), sealed.place.at("next"));
    let error = chronicle(&["restore", "--source", &many, "--dest", &next, "--identity", &key]).failed(1);
    assert!(error.contains("encrypted snapshots"), "{error}");
}

#[test]
fn a_small_question_fetches_its_chunks_and_no_others() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    let mut random = chronicle_tests::workload::Random::new(7);
    for hour in 0..30i64 {
        let points: Vec<Point> = (0..3600 * 8i64)
            .map(|at| {
                let time = (hour * 3600 + at / 8) * 1_000_000_000;
                Point::new(format!("m{}", at % 8), time, random.below(1 << 40) as f64)
            })
            .collect();
        db.write_batch(&points).unwrap();
    }
    db.checkpoint().unwrap();
    db.compact().unwrap();
    let counted = Arc::new(Metered::new(FolderDestination::new(sealed.place.path("counted")).unwrap()));
    let to = EncryptTo::recipients([sealed.identity.recipient()]).unwrap();
    let config = DeltaBackupConfig::to_destination(counted.clone()).encrypt_to(to);
    BackupManager::new(&db).create_delta_backup(config).unwrap();
    let repository = Repository::at_destination_with(counted.clone(), &sealed.keys()).unwrap();
    let opened = repository.open_at(&Moment::Latest).unwrap();
    counted.asked();
    let query = Query::metric("m3").range(0..600_000_000_000).count(600_000_000_000);
    let rows = opened.db.query(&query).unwrap().rows().unwrap();
    assert_eq!(rows[0].values, [Some(600.0)]);
    let bytes = counted.asked().got;
    let stored: u64 = objects(&counted.inner, None).map(|object| object.unwrap().len).sum();
    println!("{bytes} of {stored} bytes");
    assert!(bytes < 12 * 65_552, "{bytes} bytes were read of {stored}");
    assert!(stored > 3 << 20);
    let none = Repository::at_destination_with(counted, &Keys::none()).unwrap();
    assert!(none.open_at(&Moment::Latest).is_err());
}
