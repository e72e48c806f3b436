//! Where the suite passes, and what it says where it can't.
use chronicle::ErrorKind;
use chronicle::destination::Bytes;
use chronicle::destination::conformance::{Options, Suitability, run as suite};
use chronicle::destination::{
    Destination, FolderDestination, Job, MemoryDestination, ObjectName, PutMode, open,
};
use chronicle_tests::system::{Mount, allow, contents, has_tool, is_root, run, skipped};
use std::path::Path;

fn passes(destination: &dyn Destination) {
    let card = suite(destination, &Options::default()).unwrap();
    assert_eq!(card.failed().collect::<Vec<_>>(), [""; 0], "{card}");
    assert_eq!(card.suitability(), Suitability::SeveralWriters);
    assert!(card.passed() && card.left.is_empty(), "{card}");
}

#[test]
fn memory_passes() {
    passes(&MemoryDestination::new());
}

#[test]
fn a_folder_passes_and_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("my backups ü");
    std::fs::create_dir_all(root.join("theirs/empty")).unwrap();
    std::fs::write(root.join("theirs/file.txt"), b"precious").unwrap();
    let foreign = format!("theirs/x.partial-{}", "0".repeat(32));
    std::fs::write(root.join(&foreign), b"of a job that is not ours").unwrap();
    let before = contents(&root);
    passes(&*open(root.to_str().unwrap()).unwrap());
    assert_eq!(contents(&root), before);
}

#[test]
fn a_folder_in_memory_passes() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else { return assert!(skipped(Some("no /dev/shm here"))) };
    passes(&FolderDestination::new(dir.path()).unwrap());
}

/// A tmpfs of this size; `None` after a loud line where we may not mount.
fn small_disk(at: &Path, options: &str) -> Option<Mount> {
    if skipped((!is_root()).then_some("this needs root, to mount a tmpfs")) {
        return None;
    }
    std::fs::create_dir(at).unwrap();
    run("mount", &[&"-t", &"tmpfs", &"-o", &options, &"tmpfs", &at]);
    Some(Mount(at.to_owned()))
}

#[test]
fn a_read_only_place_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(&dir.path().join("disk"), "size=2m,ro") else { return };
    for path in [disk.0.clone(), disk.0.join("new")] {
        let error = suite(&FolderDestination::new(path).unwrap(), &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
        assert!(error.to_string().contains("read-only"), "{error}");
    }
}

#[test]
fn a_place_that_is_not_ours_is_an_error_that_says_so() {
    if skipped((!is_root() || !has_tool("setpriv")).then_some("another user needs root and setpriv")) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    allow(dir.path(), 0o755);
    let victim = dir.path().join("victim");
    std::fs::copy(env!("CARGO_BIN_EXE_victim"), &victim).unwrap();
    allow(&victim, 0o755);
    let said = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&victim)
        .args(["put", dir.path().to_str().unwrap(), "a/b", "/proc/self/cmdline", "create", &"0".repeat(32)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.starts_with("error Permission") && said.contains("owner"), "{said}");
}

#[test]
fn a_place_whose_disk_is_not_mounted_is_an_error_and_not_an_empty_destination() {
    let dir = tempfile::tempdir().unwrap();
    let destination = FolderDestination::new(dir.path().join("not mounted/repo")).unwrap();
    let name = ObjectName::new("claims/0").unwrap();
    let kinds = [
        destination.stat(&name).map(|_| ()),
        destination.list(None, None, 1).map(|_| ()),
        destination.delete(&name),
        destination.put(&name, &Bytes(b"x"), PutMode::CreateOnly.by(Job::default())).map(|_| ()),
    ];
    for outcome in kinds {
        let error = outcome.unwrap_err();
        assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("mounted"), "{error}");
    }
    // One level is made by the first put, and is empty before.
    let new = FolderDestination::new(dir.path().join("repo")).unwrap();
    assert_eq!((new.stat(&name).unwrap(), new.list(None, None, 1).unwrap().objects.len()), (None, 0));
    assert!(!dir.path().join("repo").exists(), "looking makes nothing");
}

#[test]
fn a_full_place_says_full_shows_no_part_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(&dir.path().join("disk"), "size=2m") else { return };
    let destination = FolderDestination::new(disk.0.join("repo")).unwrap();
    let card = suite(&destination, &Options::default()).unwrap();
    assert!(!card.passed(), "{card}");
    assert!(card.to_string().contains("free some space"), "{card}");
    assert!(card.left.is_empty() && contents(&disk.0.join("repo")).is_empty(), "{:?}", contents(&disk.0));

    let (name, body) = (ObjectName::new("base/data.db").unwrap(), vec![7; 5 << 20]);
    let by = PutMode::CreateOnly.by(Job([1; 16]));
    for _ in 0..2 {
        let error = destination.put(&name, &Bytes(&body), by).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
        assert_eq!(destination.stat(&name).unwrap(), None);
    }
    run("mount", &[&"-o", &"remount,size=16m", &disk.0]);
    let _ = destination.put(&name, &Bytes(&body), by).unwrap();
    assert_eq!(destination.get(&name, u64::MAX).unwrap(), body);
    assert_eq!(contents(&disk.0.join("repo/base")).len(), 1, "nothing lies beside it");
}
