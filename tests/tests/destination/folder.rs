//! A folder that is not what it seems: links, strangers, other writers.
use chronicle::ErrorKind;
use chronicle::destination::{
    Bytes, Destination, FileBody, FolderDestination, Job, ObjectName, Put, PutMode, objects,
};
use chronicle::files::regular_file::{Access, RegularFile};
use chronicle_tests::system::contents;
use std::os::unix::fs::symlink;
use std::path::Path;

const JOB: Job = Job([0xa5; 16]);

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

fn folder(dir: &Path) -> FolderDestination {
    FolderDestination::new(dir.join("repo")).unwrap()
}

fn put(destination: &FolderDestination, at: &str, bytes: &[u8], mode: PutMode) -> chronicle::Result<Put> {
    destination.put(&name(at), &Bytes(bytes), mode.by(JOB))
}

#[test]
fn no_link_leads_out_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (destination, outside) = (folder(dir.path()), dir.path().join("outside"));
    std::fs::create_dir_all(outside.join("deep")).unwrap();
    std::fs::write(outside.join("secret"), b"secret").unwrap();
    let _ = put(&destination, "a", b"a", PutMode::CreateOnly).unwrap();
    let root = destination.path();
    symlink(&outside, root.join("base")).unwrap();
    symlink(outside.join("secret"), root.join("claim")).unwrap();
    symlink(outside.join("new"), root.join("dangling")).unwrap();
    let part = format!("data.partial-{JOB}");
    symlink(outside.join("secret"), root.join(&part)).unwrap();
    let before = contents(&outside);
    for at in ["base/secret", "base/new", "base/deep/new", "claim", "dangling"] {
        let at = name(at);
        for mode in [PutMode::CreateOnly, PutMode::Overwrite] {
            let outcome = destination.put(&at, &Bytes(b"x"), mode.by(JOB));
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidInput, "{at}");
        }
        assert!(destination.get(&at, 100).is_err() && destination.stat(&at).is_err(), "{at}");
        assert!(destination.get_range(&at, 0, 1).is_err() && destination.hash(&at).is_err(), "{at}");
        assert!(destination.delete(&at).is_err(), "{at}");
    }
    assert!(put(&destination, "data", b"x", PutMode::Overwrite).is_err(), "a link where the part would be");
    let listed: Vec<_> = objects(&destination, None).map(|object| object.unwrap().name).collect();
    assert_eq!(listed, [name("a")]);
    assert_eq!(destination.clean(None, &|_| true).unwrap().removed, 0);
    assert_eq!(contents(&outside), before);
}

#[test]
fn a_stranger_in_the_way_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let destination = folder(dir.path());
    let _ = put(&destination, "file", b"object", PutMode::CreateOnly).unwrap();
    std::fs::create_dir_all(destination.path().join("folder/in")).unwrap();
    let before = contents(destination.path());
    for at in ["file/below", "folder", "folder/in"] {
        for mode in [PutMode::CreateOnly, PutMode::Overwrite] {
            assert_eq!(
                put(&destination, at, b"x", mode).unwrap_err().kind(),
                ErrorKind::InvalidInput,
                "{at}"
            );
        }
        assert_eq!(destination.stat(&name(at)).unwrap(), None);
        destination.delete(&name(at)).unwrap();
    }
    destination.delete(&name("folder/in/none")).unwrap();
    assert_eq!(contents(destination.path()), before);
}

#[test]
fn files_that_are_no_objects_are_neither_listed_nor_cleaned() {
    let dir = tempfile::tempdir().unwrap();
    let destination = folder(dir.path());
    let _ = put(&destination, "sub/object", b"x", PutMode::CreateOnly).unwrap();
    let strangers = [
        "sub/a:b",
        "sub/x.partial-",
        "sub/x.partial-12",
        "sub/trailing.",
        "sub/x.partial-zz",
        "sub/object.tmp-0",
    ];
    for stranger in strangers {
        std::fs::write(destination.path().join(stranger), b"theirs").unwrap();
    }
    let fifo = destination.path().join("sub/fifo");
    chronicle_tests::system::run("mkfifo", &[&fifo]);
    let before = contents(destination.path());
    assert_eq!(destination.clean(None, &|_| true).unwrap(), Default::default());
    assert_eq!(contents(destination.path()), before);
    let listed: Vec<_> = objects(&destination, None).map(|object| object.unwrap().name.to_string()).collect();
    // Names that an object may have are objects, as far as a folder can tell.
    assert_eq!(
        listed,
        ["sub/object", "sub/object.tmp-0", "sub/x.partial-", "sub/x.partial-12", "sub/x.partial-zz"]
    );
}

#[test]
fn the_part_of_a_living_put_is_neither_written_nor_cleaned_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let destination = folder(dir.path());
    let _ = put(&destination, "sub/other", b"x", PutMode::CreateOnly).unwrap();
    let part = destination.path().join(format!("sub/object.partial-{JOB}"));
    std::fs::write(&part, b"half of").unwrap();
    let living = std::fs::File::open(&part).unwrap();
    living.lock().unwrap();
    assert_eq!(
        put(&destination, "sub/object", b"x", PutMode::CreateOnly).unwrap_err().kind(),
        ErrorKind::Busy
    );
    let cleaned = destination.clean(None, &|_| true).unwrap();
    assert_eq!((cleaned.removed, cleaned.kept), (0, 1));
    assert_eq!(std::fs::read(&part).unwrap(), b"half of");
    // Closing alone leaves the lock to a child that another test is just starting.
    living.unlock().unwrap();
    drop(living);
    let cleaned = destination.clean(None, &|job| job != JOB).unwrap();
    assert_eq!((cleaned.removed, cleaned.kept), (0, 1), "its job is not over");
    let cleaned = destination.clean(Some(&name("sub")), &|job| job == JOB).unwrap();
    assert_eq!((cleaned.removed, cleaned.bytes, cleaned.kept), (1, 7, 0));
    assert!(!part.exists());
}

#[test]
fn a_part_that_is_a_second_name_of_an_object_is_never_written_to() {
    // What a kill between linking and unlinking leaves on a network file system.
    let dir = tempfile::tempdir().unwrap();
    let destination = folder(dir.path());
    let _ = put(&destination, "sub/object", b"whole", PutMode::CreateOnly).unwrap();
    let object = destination.path().join("sub/object");
    let part = |of: &str| destination.path().join(format!("sub/{of}.partial-{JOB}"));
    for mode in [PutMode::CreateOnly, PutMode::Overwrite] {
        std::fs::hard_link(&object, part("object")).unwrap();
        let outcome = put(&destination, "sub/object", b"other", mode).unwrap();
        assert_eq!(outcome == Put::Written, mode == PutMode::Overwrite);
        assert!(!part("object").exists());
    }
    std::fs::hard_link(&object, part("new")).unwrap();
    assert_eq!(put(&destination, "sub/new", b"new", PutMode::CreateOnly).unwrap(), Put::Written);
    assert_eq!(
        (std::fs::read(&object).unwrap(), std::fs::read(destination.path().join("sub/new")).unwrap()),
        (b"other".to_vec(), b"new".to_vec())
    );
}

#[test]
fn an_interrupted_put_keeps_what_is_right_and_replaces_the_rest() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let destination = folder(dir.path());
    let _ = put(&destination, "sub/other", b"x", PutMode::CreateOnly).unwrap();
    let body: Vec<u8> = (0..5_000_000u32).map(|index| (index * 7 + index / 251) as u8).collect();
    let source = dir.path().join("source");
    std::fs::write(&source, [b"in front", body.as_slice(), b"behind"].concat()).unwrap();
    let source = RegularFile::open(&source, Access::ReadOnly).unwrap();
    let part = destination.path().join(format!("sub/object.partial-{JOB}"));
    let mut wrong = body.clone();
    wrong[3_000_000] ^= 1;
    let longer = [body.as_slice(), b"more"].concat();
    let found =
        [&body[..0], &body[..1], &body[..3_000_000], &wrong[..], &body[..], &longer[..], &[0; 4_000_000]];
    for found in found {
        std::fs::write(&part, found).unwrap();
        let inode = std::fs::metadata(&part).unwrap().ino();
        let from_file = FileBody::new(&source, 8, body.len() as u64).unwrap();
        assert_eq!(
            destination.put(&name("sub/object"), &from_file, PutMode::Overwrite.by(JOB)).unwrap(),
            Put::Written
        );
        let object = destination.path().join("sub/object");
        assert!(std::fs::read(&object).unwrap() == body, "found {} bytes", found.len());
        assert_eq!(std::fs::metadata(&object).unwrap().ino(), inode, "it was gone on with");
        assert!(!part.exists());
    }
}

#[test]
fn an_object_is_copied_into_a_file_exactly_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let destination = folder(dir.path());
    let _ = put(&destination, "object", b"0123456789", PutMode::CreateOnly).unwrap();
    let target = RegularFile::open(&dir.path().join("target"), Access::CreateNew).unwrap();
    destination.get_to(&name("object"), 3, 5, &target, 2).unwrap();
    assert_eq!(target.read_to_end(0).unwrap(), b"\0\x0034567");
    for (offset, len) in [(6, 5), (11, 0), (u64::MAX, 1)] {
        let error = destination.get_to(&name("object"), offset, len, &target, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
    }
    assert_eq!(destination.get_to(&name("none"), 0, 0, &target, 0).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn folders_come_and_go_under_puts_and_deletions_and_no_object_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let destination = folder(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let destination = &destination;
            scope.spawn(move || {
                let object = name(&format!("come/and/go/{thread}"));
                for round in 0..100u8 {
                    let put = destination.put(
                        &object,
                        &Bytes(&[thread, round]),
                        PutMode::CreateOnly.by(Job([thread; 16])),
                    );
                    assert_eq!(put.unwrap(), Put::Written);
                    assert_eq!(destination.get(&object, 2).unwrap(), [thread, round]);
                    destination.delete(&object).unwrap();
                }
            });
        }
    });
    assert_eq!(contents(destination.path()).len(), 0);
}
