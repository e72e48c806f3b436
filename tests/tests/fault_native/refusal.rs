//! What is not a database of ours, or not ours to open: the promised error, and nothing created or changed.
use crate::support::{Nobody, allow, contents, run, victim};
use chronicle::{Config, Db, Error, ErrorKind};
use chronicle_tests::ledger::{Ledger, busy_config, fill};
use std::path::Path;

/// Opens `path` for writing and for reading; nothing in its folder may change. A writer may leave an empty lock file.
fn refused(path: &Path) -> [Error; 2] {
    let folder = path.parent().unwrap();
    let before = contents(folder);
    [Config::default(), Config::read_only()].map(|config| {
        let error = Db::open(path, config).err().unwrap_or_else(|| panic!("{} was opened", path.display()));
        let mut after = contents(folder);
        after.retain(|found, bytes| before.contains_key(found) || !(is_lock(found) && bytes.is_empty()));
        assert!(before == after, "{}: {:?}", path.display(), after.keys());
        assert!(error.to_string().contains(&path.display().to_string()), "{error} names the file");
        error
    })
}

fn is_lock(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".lock")
}

#[test]
fn a_second_writer_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut writer = victim(&[&"write", &path, &"os", &"1000000"]);
    writer.expect("ack");
    let error = Db::open(&path, Config::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains(&format!("pid {}", writer.id())), "{error}");
    writer.kill();
    Ledger::default().check_after_crash(&path, 1, busy_config(Default::default()));
}

#[test]
fn files_of_other_kinds_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("empty"), b"").unwrap();
    std::fs::write(
        at("random"),
        (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>(),
    )
    .unwrap();
    std::fs::write(at("short"), b"CHRONDB").unwrap();
    std::fs::write(at("zeros"), vec![0; 100_000]).unwrap();
    std::fs::write(at("picture.png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0").unwrap();
    std::fs::write(at("sqlite.db"), [b"SQLite format 3\0".as_slice(), &[1; 100_000]].concat()).unwrap();
    run("mkfifo", &[&at("fifo")]);
    for name in ["folder", "fifo", "picture.png", "sqlite.db", "random"] {
        for error in refused(&at(name)) {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error:?}");
        }
    }
    // These may be what is left of a database.
    for name in ["empty", "zeros", "short"] {
        for error in refused(&at(name)) {
            assert!(
                matches!(error.kind(), ErrorKind::Damaged | ErrorKind::InvalidInput),
                "{name}: {error:?}"
            );
        }
    }
}

#[test]
fn a_newer_format_is_refused_by_name_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = Db::open(&path, Config::default()).unwrap();
    fill(&db, 3);
    db.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for slot in [0, 32 << 10] {
        if bytes[slot..slot + 8].iter().all(|&byte| byte == 0) {
            continue;
        }
        // The version, and the hash made right: what a newer Chronicle would write.
        bytes[slot + 8] = 9;
        let root_len = u32::from_le_bytes(bytes[slot + 80..slot + 84].try_into().unwrap()) as usize;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[slot..slot + 112]).update(&bytes[slot + 128..slot + 128 + root_len]);
        bytes[slot + 112..slot + 128].copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    }
    std::fs::write(&path, &bytes).unwrap();
    for error in refused(&path) {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.message().contains('9'), "{error} names the version");
    }
}

#[test]
fn without_permission_nothing_is_opened_and_the_error_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    fill(&Db::open(&path, Config::default()).unwrap(), 3);
    let Some(nobody) = Nobody::new() else { return };
    for file in std::fs::read_dir(folder.path()).unwrap() {
        allow(&file.unwrap().path(), 0o600);
    }
    allow(folder.path(), 0o755);
    let before = contents(folder.path());
    for verb in ["open", "read"] {
        let (status, lines) = nobody.victim(&[&verb, &path]).finish();
        assert_eq!(status.code(), Some(3), "{verb}: {lines:?}");
        assert!(
            lines[0].starts_with("error Permission ") && lines[0].contains("ermission"),
            "{verb}: {lines:?}"
        );
    }
    assert!(before == contents(folder.path()));
}
