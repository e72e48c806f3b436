//! A put into a folder that is killed, or refused, at every single system call that changes something.
use chronicle::destination::{Bytes, Destination, FolderDestination, Job, ObjectName, Put, PutMode};
use chronicle_tests::system::{contents, has_tool, skipped};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const NAME: &str = "base/deep/data.db";
const JOB: Job = Job([7; 16]);
/// Every call by which a put changes the folder, locks, or makes durable.
const CALLS: &[&str] = &[
    "mkdir",
    "openat",
    "flock",
    "copy_file_range",
    "ftruncate",
    "pwrite64",
    "fdatasync",
    "fsync",
    "renameat2",
    "rename",
    "linkat",
    "unlink",
];

/// A destination beside the object that is put.
struct Place {
    _dir: tempfile::TempDir,
    root: PathBuf,
    source: PathBuf,
    body: Vec<u8>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let body: Vec<u8> = (0..2_500_000u32).map(|index| (index * 13 + index / 257) as u8).collect();
        let source = dir.path().join("source");
        std::fs::write(&source, &body).unwrap();
        Self { root: dir.path().join("repo"), source, body, _dir: dir }
    }

    fn destination(&self) -> FolderDestination {
        FolderDestination::new(&self.root).unwrap()
    }

    /// Puts the source under strace, with these injections.
    fn put(&self, mode: &str, inject: &[&str]) -> Output {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o"]).arg(self.trace());
        for inject in inject {
            command.args(["-e", &format!("inject={inject}")]);
        }
        command.arg(env!("CARGO_BIN_EXE_victim")).arg("put").arg(&self.root).arg(NAME).arg(&self.source);
        command.args([mode, &JOB.to_hex()]).output().unwrap()
    }

    fn trace(&self) -> PathBuf {
        self.source.with_file_name("trace")
    }

    /// Whether a call was made to fail in the last put under strace.
    fn was_refused(&self) -> bool {
        std::fs::read_to_string(self.trace()).unwrap().contains("(INJECTED)")
    }

    /// An object that is there already, and beside it a part of the next one.
    fn make_old(&self, bytes: &[u8]) {
        let name = ObjectName::new(NAME).unwrap();
        let by = PutMode::CreateOnly.by(Job([1; 16]));
        assert_eq!(self.destination().put(&name, &Bytes(bytes), by).unwrap(), Put::Written);
        let half = &self.body[..self.body.len() / 2];
        let part = self.root.join(format!("{NAME}.partial-{JOB}"));
        std::fs::write(part, [half, &[0; 2_000_000]].concat()).unwrap();
    }

    fn object(&self) -> Option<Vec<u8>> {
        let name = ObjectName::new(NAME).unwrap();
        self.destination().stat(&name).unwrap().map(|_| self.destination().get(&name, 1 << 30).unwrap())
    }

    /// The object is `before` or the new one; the next put succeeds; nothing else lies there after a cleaning.
    fn check(&self, mode: PutMode, before: Option<&[u8]>, what: &str) {
        let object = if self.root.exists() { self.object() } else { None };
        let is_new = object.as_ref() == Some(&self.body);
        assert!(is_new || object.as_deref() == before, "{what}: a part is to be seen");
        let name = ObjectName::new(NAME).unwrap();
        let put = self.destination().put(&name, &Bytes(&self.body), mode.by(JOB)).unwrap();
        let there = is_new && mode == PutMode::CreateOnly;
        assert_eq!(put == Put::AlreadyThere, there, "{what}");
        assert!(self.object().as_ref() == Some(&self.body), "{what}: after the next put");
        let cleaned = self.destination().clean(None, &|job| job == JOB).unwrap();
        assert_eq!((cleaned.removed, cleaned.kept), (0, 0), "{what}: the next put leaves nothing");
        assert_eq!(self.files(), [Path::new(NAME)], "{what}");
    }

    /// The other way on: nobody puts again, and what was left is cleaned.
    fn check_cleaned(&self, before: Option<&[u8]>, what: &str) {
        if !self.root.exists() {
            return;
        }
        self.destination().clean(None, &|job| job == JOB).unwrap();
        let object = self.object();
        assert!(object.as_ref() == Some(&self.body) || object.as_deref() == before, "{what}");
        assert_eq!(self.files().len(), usize::from(object.is_some()), "{what}: litter: {:?}", self.files());
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = contents(&self.root).into_iter().filter(|(path, _)| path.is_file());
        files.map(|(path, _)| path.strip_prefix(&self.root).unwrap().to_owned()).collect()
    }
}

/// Breaks the put at the first, second, .. of each of the calls, until one comes through. A put that overwrites finds what an
/// interrupted one left: half of it right, and the rest not. Answers how often each call was broken.
fn break_everywhere(mode: PutMode, how: &dyn Fn(&str, u32) -> String) -> BTreeMap<&'static str, u32> {
    let overwrites = mode == PutMode::Overwrite;
    let word = if overwrites { "overwrite" } else { "create" };
    let before = overwrites.then_some(b"old".as_slice());
    let mut broken = BTreeMap::new();
    for call in CALLS {
        // The loader opens files, too; no run has as many calls of one kind.
        for when in 1..200 {
            let place = Place::new();
            if let Some(before) = before {
                place.make_old(before);
            }
            let inject = how(call, when);
            let output = place.put(word, &[&inject]);
            if output.status.success() {
                // What the loader can do without, or the end of this kind of calls.
                assert!(place.object().as_ref() == Some(&place.body), "{inject}");
                if place.was_refused() {
                    continue;
                }
                break;
            }
            *broken.entry(*call).or_default() += 1;
            assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{inject}: {output:?}");
            match when % 2 {
                0 => place.check_cleaned(before, &inject),
                _ => place.check(mode, before, &inject),
            }
        }
    }
    broken
}

fn no_strace() -> bool {
    skipped((!has_tool("strace")).then_some("strace is needed to kill at a system call"))
}

fn killed(output: &Output) -> bool {
    // strace ends by the signal that ended its child.
    output.status.signal() == Some(9) || output.status.code() == Some(128 + 9)
}

#[test]
fn killed_at_any_call_a_put_leaves_the_object_absent_or_whole_and_no_litter() {
    if no_strace() {
        return;
    }
    let how = |call: &str, when: u32| format!("{call}:signal=KILL:when={when}");
    let broken = break_everywhere(PutMode::CreateOnly, &how);
    for call in ["mkdir", "openat", "flock", "copy_file_range", "fdatasync", "fsync", "renameat2"] {
        assert!(broken.contains_key(call), "no kill at {call}: {broken:?}");
    }
    let broken = break_everywhere(PutMode::Overwrite, &how);
    for call in ["openat", "flock", "ftruncate", "copy_file_range", "fdatasync", "fsync", "rename"] {
        assert!(broken.contains_key(call), "no kill at {call}: {broken:?}");
    }
}

#[test]
fn killed_where_names_can_only_be_linked_a_put_is_as_safe() {
    if no_strace() {
        return;
    }
    let nfs = "renameat2:error=EINVAL";
    for call in ["linkat", "unlink"] {
        let place = Place::new();
        let output = place.put("create", &[nfs, &format!("{call}:signal=KILL:when=1")]);
        assert!(killed(&output), "{output:?}");
        place.check(PutMode::CreateOnly, None, call);
    }
    let place = Place::new();
    assert!(place.put("create", &[nfs]).status.success());
    assert_eq!(place.files(), [Path::new(NAME)]);
}

#[test]
fn where_names_can_be_neither_linked_nor_renamed_exclusively_that_is_said_and_nothing_is_there() {
    if no_strace() {
        return;
    }
    let place = Place::new();
    let output = place.put("create", &["renameat2:error=EINVAL", "linkat:error=EPERM"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("error Unsupported") && said.contains("single writer"), "{said}");
    assert_eq!((place.object(), place.files().len()), (None, 0));
    let neither = ["renameat2:error=EINVAL", "linkat:error=EPERM"];
    for (mode, said) in
        [("create-alone", "Written"), ("create-alone", "AlreadyThere"), ("overwrite", "Written")]
    {
        let output = place.put(mode, &neither);
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(said), "{mode}: {output:?}");
        assert_eq!(place.files(), [Path::new(NAME)]);
    }
}

#[test]
fn whatever_call_fails_once_the_object_is_absent_or_whole_and_the_next_put_succeeds() {
    if no_strace() {
        return;
    }
    for error in ["EIO", "ENOSPC"] {
        let how = |call: &str, when: u32| format!("{call}:error={error}:when={when}");
        let broken = break_everywhere(PutMode::CreateOnly, &how);
        for call in ["mkdir", "openat", "flock", "copy_file_range", "fdatasync", "fsync", "renameat2"] {
            assert!(broken.contains_key(call), "{call} never failed by {error}: {broken:?}");
        }
    }
}

#[test]
fn a_put_killed_between_link_and_unlink_is_known_again_by_its_job() {
    if no_strace() {
        return;
    }
    let place = Place::new();
    let _ = place.put("create", &["renameat2:error=EINVAL", "unlink:signal=KILL:when=1"]);
    assert!(place.object().as_ref() == Some(&place.body));
    assert_eq!(place.files().len(), 2, "killed between link and unlink");
    let output = place.put("create", &[]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("AlreadyThere"), "{output:?}");
    assert_eq!(place.files(), [Path::new(NAME)]);
}

#[test]
fn a_failed_sync_is_not_taken_for_durable_by_the_next_attempt() {
    if no_strace() {
        return;
    }
    let place = Place::new();
    let output = place.put("create", &["fdatasync:error=EIO:when=1"]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("error Io"), "{output:?}");
    assert_eq!(place.files().len(), 0, "what the system may have dropped is not gone on with");
    place.check(PutMode::CreateOnly, None, "after a failed sync");
}
