//! A wrong key, a missing key and damage are three errors; and encryption that was asked for is never left out.
use crate::sealed::Sealed;
use chronicle::backup::Repository;
use chronicle::backup::repository::{EntryKind, Moment};
use chronicle::crypt::{EncryptTo, Identity, Keys};
use chronicle::{BackupManager, DeltaBackupConfig, ErrorKind, Point};
use chronicle_tests::program::chronicle;

#[test]
fn a_wrong_key_a_missing_key_and_damage_are_three_errors() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    db.write(Point::new("cpu", 1, 1.0)).unwrap();
    db.checkpoint().unwrap();
    sealed.create(&db);
    db.close().unwrap();
    let (source, key) = (sealed.place.at("my repo"), sealed.place.at("key.txt"));
    let other = sealed.write_key("other.txt", &Identity::random().unwrap());
    let missing = chronicle(&["digest", "--path", &source]).failed(1);
    assert!(missing.contains("no key is given") && missing.contains("--identity"), "{missing}");
    let wrong = chronicle(&["digest", "--path", &source, "--identity", &other]).failed(1);
    assert!(wrong.contains("the wrong one") && wrong.contains(&sealed.recipient()), "{wrong}");
    // Both keys: one fits.
    chronicle(&["digest", "--path", &source, "--identity", &other, "--identity", &key]).done();
    for (at, what) in [(5, "version"), (60, "stanza"), (-40i64, "payload")] {
        let path = sealed.place.path("my repo/base/data.db.age");
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let at = usize::try_from(at).unwrap_or_else(|_| bytes.len() - 40);
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let query = "SELECT * FROM cpu";
        let damage = chronicle(&["verify", "--path", &source, "--identity", &key]);
        assert_eq!(damage.code, Some(3), "{what}: {damage:?}");
        let read =
            chronicle(&["restore", "--source", &source, "--dest", &sealed.place.at("x"), "--identity", &key]);
        assert!(read.code == Some(3) || (what == "payload" && read.code == Some(0)), "{what}: {read:?}");
        let asked = chronicle(&["query", "--path", &source, "--identity", &key, query]);
        assert!(asked.code == Some(3) || (what == "payload" && asked.code == Some(0)), "{what}: {asked:?}");
        std::fs::write(&path, &whole).unwrap();
        if sealed.place.path("x").exists() {
            std::fs::remove_dir_all(sealed.place.path("x")).unwrap();
        }
    }
    let kinds = [Keys::none(), Keys::none().identity(Identity::random().unwrap())].map(|keys| {
        let repository = Repository::open_with(&source, &keys).unwrap();
        repository.open_at(&Moment::Latest).err().unwrap().kind()
    });
    assert_eq!(kinds, [ErrorKind::InvalidInput, ErrorKind::Permission]);
    let no_key = sealed.place.at("nothing.txt");
    std::fs::write(&no_key, "hello\n").unwrap();
    chronicle(&["digest", "--path", &source, "--identity", &no_key]).failed(1);
    chronicle(&[
        "backup",
        "create",
        "--source",
        &sealed.place.at("data.db"),
        "--dest",
        &source,
        "--delta",
        "--encrypt-to",
        "age1x",
    ])
    .failed(2);
}

#[test]
fn a_repository_is_encrypted_or_not_as_a_whole() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    db.write(Point::new("cpu", 1, 1.0)).unwrap();
    sealed.create(&db);
    let manager = BackupManager::new(&db);
    let kind = |config: DeltaBackupConfig| {
        manager.create_delta_backup_with(&config, &|_, _| {}).err().map(|error| error.kind())
    };
    let repository = || DeltaBackupConfig::new(sealed.place.path("my repo")).continue_newest();
    assert_eq!(kind(repository()), Some(ErrorKind::InvalidInput), "without recipients");
    assert_eq!(kind(repository().new_base()), Some(ErrorKind::InvalidInput), "also as a base");
    let other = Identity::random().unwrap();
    let both = || EncryptTo::recipients([other.recipient(), sealed.identity.recipient()]).unwrap();
    assert_eq!(kind(repository().encrypt_to(both())), Some(ErrorKind::InvalidInput), "to others");
    assert_eq!(kind(repository().encrypt_to(both()).change_recipients()), None);
    assert_eq!(kind(sealed.config()), Some(ErrorKind::InvalidInput), "the newest counts");
    assert_eq!(kind(repository().encrypt_to(both())), None);
    // The change came with a new base: the new recipient reads all of what is there from then on.
    let keys = Keys::none().identity(other.clone());
    let read =
        || Repository::open_with(sealed.place.path("my repo"), &keys).unwrap().open_at(&Moment::Latest);
    assert_eq!(read().unwrap().db.digest(false).unwrap().0.points, 1);
    let added = Repository::open(sealed.place.path("my repo")).unwrap().content().unwrap();
    let kinds: Vec<EntryKind> = added.timeline.points().iter().map(|point| point.entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Base, EntryKind::Base, EntryKind::Delta]);
    let plain = DeltaBackupConfig::new(sealed.place.path("plain")).continue_newest();
    assert_eq!(kind(plain.clone()), None);
    assert_eq!(kind(plain.encrypt_to(both())), Some(ErrorKind::InvalidInput), "a plain one stays plain");
}

#[test]
fn without_a_key_points_are_listed_and_what_is_stored_is_verified() {
    let sealed = Sealed::new();
    let db = sealed.place.open();
    for time in 1..4 {
        db.write(Point::new("cpu", time, 1.0)).unwrap();
        sealed.create(&db);
    }
    db.close().unwrap();
    let source = sealed.place.at("my repo");
    let listed = chronicle(&["backup", "list", "--source", &source]).done();
    assert!(listed.contains("delta-002") && listed.contains("encrypted"), "{listed}");
    let timeline = chronicle(&["backup", "timeline", "--source", &source]).done();
    assert!(timeline.contains("any moment from"), "{timeline}");
    for level in ["records", "stored"] {
        chronicle(&["backup", "verify", "--source", &source, "--level", level]).done();
    }
    let full = chronicle(&["backup", "verify", "--source", &source]).failed(1);
    assert!(full.contains("--identity") && full.contains("stored"), "{full}");
}
