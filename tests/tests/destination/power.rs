//! A power cut right after a promise: ext4 on a loop device, shut down, mounted again.
use chronicle::destination::{Bytes, Destination, FolderDestination, Job, ObjectName, Put, PutMode};
use chronicle_tests::system::{Mount, cut_power, has_tool, is_root, run, skipped};

const JOB: Job = Job([9; 16]);

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

fn put(destination: &dyn Destination, at: &str, bytes: &[u8], mode: PutMode) {
    assert_eq!(destination.put(&name(at), &Bytes(bytes), mode.by(JOB)).unwrap(), Put::Written, "{at}");
}

/// Each step makes one promise; the power goes right behind it.
const STEPS: &[fn(&dyn Destination)] = &[
    |to| put(to, "claims/0", b"claim", PutMode::CreateOnly),
    |to| put(to, "base/deep/data.db", &[1; 3_000_000], PutMode::CreateOnly),
    |to| put(to, "state.json", b"first", PutMode::Overwrite),
    |to| put(to, "state.json", b"second", PutMode::Overwrite),
    |to| to.delete(&name("claims/0")).unwrap(),
    |to| {
        // What somebody else made, and perhaps has not synced yet, is said to be there: then it stays.
        std::fs::create_dir(format!("{}/theirs", to.place())).unwrap();
        std::fs::write(format!("{}/theirs/object", to.place()), b"x").unwrap();
        std::fs::File::open(format!("{}/theirs/object", to.place())).unwrap().sync_all().unwrap();
        let outcome = to.put(&name("theirs/object"), &Bytes(b"y"), PutMode::CreateOnly.by(JOB)).unwrap();
        assert_eq!(outcome, Put::AlreadyThere);
    },
];

#[test]
fn what_was_promised_is_there_after_a_power_cut_and_what_was_deleted_is_gone() {
    let lacks = ["python3", "mkfs.ext4", "mount"].into_iter().find(|tool| !has_tool(tool));
    let why = (!is_root()).then_some("a power cut needs root, to mount a loop device").or(lacks);
    if skipped(why) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (image, at) = (dir.path().join("image"), dir.path().join("disk"));
    std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    std::fs::create_dir(&at).unwrap();
    run("mkfs.ext4", &[&"-q", &image]);
    let mut expected: Vec<(&str, Option<Vec<u8>>)> = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        {
            run("mount", &[&"-o", &"loop", &image, &at]);
            let _mount = Mount(at.clone());
            let destination = FolderDestination::new(at.join("repo")).unwrap();
            check(&destination, &expected, index);
            step(&destination);
            cut_power(&at);
        }
        match index {
            0 => expected.push(("claims/0", Some(b"claim".to_vec()))),
            1 => expected.push(("base/deep/data.db", Some(vec![1; 3_000_000]))),
            2 => expected.push(("state.json", Some(b"first".to_vec()))),
            3 => expected[2].1 = Some(b"second".to_vec()),
            4 => expected[0].1 = None,
            _ => expected.push(("theirs/object", Some(b"x".to_vec()))),
        }
    }
    run("mount", &[&"-o", &"loop", &image, &at]);
    let _mount = Mount(at.clone());
    check(&FolderDestination::new(at.join("repo")).unwrap(), &expected, STEPS.len());
}

fn check(destination: &dyn Destination, expected: &[(&str, Option<Vec<u8>>)], cuts: usize) {
    for (at, bytes) in expected {
        let found = destination.get(&name(at), 1 << 30).ok();
        assert!(found == *bytes, "{at} after {cuts} power cuts: {:?}", found.map(|bytes| bytes.len()));
    }
}
