//! Syncs that fail: the writer stops, and what was acknowledged before is there.
use crate::support::{has_tool, rounds, skipped};
use chronicle_tests::child::{Victim, last_number};
use chronicle_tests::ledger::{Ledger, busy_config};
use std::process::Command;

#[test]
fn after_a_failed_sync_nothing_more_is_acknowledged_and_nothing_acknowledged_is_lost() {
    if skipped((!has_tool("strace")).then_some("strace is needed to make system calls fail")) {
        return;
    }
    let mut failed = 0;
    for round in 0..rounds(6) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        let when = 5 + round * 23;
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e"]);
        command.arg(format!("inject=fdatasync:error=EIO:when={when}"));
        command.arg(env!("CARGO_BIN_EXE_victim")).args(["write".as_ref(), path.as_os_str()]);
        command.args(["sync", "150"]);
        let (status, lines) = Victim::start(&mut command).finish();
        let acknowledged = last_number(&lines, "ack");
        let errors: Vec<&String> = lines.iter().filter(|line| line.starts_with("error")).collect();
        if let Some(first) = errors.first() {
            failed += 1;
            assert_eq!(status.code(), Some(3));
            assert!(first.starts_with("error Io") || first.starts_with("error Poisoned"), "{first}");
            assert!(errors.last().unwrap().starts_with("error Poisoned"), "{errors:?}");
            assert_eq!(errors.len(), 2, "the write that failed, and the next one: {errors:?}");
            assert!(lines.last().unwrap().starts_with("error"), "nothing was acknowledged after it");
        }
        Ledger::default().check_after_crash(&path, acknowledged, busy_config(Default::default()));
    }
    assert!(failed >= 3, "only {failed} syncs failed");
}
