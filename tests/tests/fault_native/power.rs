//! A power cut: ext4 on a loop device, shut down under a writer, mounted again.
use crate::support::{Mount, has_tool, is_root, rounds, run, skipped, victim};
use chronicle_tests::child::last_number;
use chronicle_tests::ledger::{Ledger, busy_config};
use chronicle_tests::system::cut_power;
use chronicle_tests::workload::Random;
use std::time::Duration;

#[test]
fn synced_commits_survive_a_power_cut() {
    let lacks = ["python3", "mkfs.ext4", "mount"].into_iter().find(|tool| !has_tool(tool));
    let why = (!is_root()).then_some("a power cut needs root, to mount a loop device").or(lacks);
    if skipped(why) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (image, at) = (folder.path().join("image"), folder.path().join("disk"));
    std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    std::fs::create_dir(&at).unwrap();
    run("mkfs.ext4", &[&"-q", &image]);
    let (mut ledger, mut random, mut last) = (Ledger::default(), Random::new(5), 0);
    for round in 0..rounds(5) {
        run("mount", &[&"-o", &"loop", &image, &at]);
        let mount = Mount(at.clone());
        let path = at.join("data.db");
        if round > 0 {
            last = ledger.check_after_crash(&path, last, busy_config(Default::default()));
        }
        let mut writer = victim(&[&"write", &path, &"sync", &"1000000", &"compact"]);
        writer.expect("ack");
        std::thread::sleep(Duration::from_millis(30 + random.below(300)));
        cut_power(&at);
        // What was acknowledged by the time the power went, and lines that were on their way.
        let lines = writer.kill();
        last = last.max(last_number(&lines, "ack"));
        run("umount", &[&at]);
        std::mem::forget(mount);
    }
    run("mount", &[&"-o", &"loop", &image, &at]);
    let _mount = Mount(at.clone());
    ledger.check_after_crash(&at.join("data.db"), last, busy_config(Default::default()));
    assert!(last > 50, "the test did little: {last} commits");
}
