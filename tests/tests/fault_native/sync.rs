//! System calls that fail once: the writer stops or goes on, and what was acknowledged is there.
use crate::support::{has_tool, rounds, skipped};
use chronicle_tests::child::{Victim, last_number};
use chronicle_tests::ledger::{Ledger, busy_config};
use std::path::Path;
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
        let (status, lines) = write_under_strace(&path, &format!("fdatasync:error=EIO:when={when}"), &[]);
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

/// Lets the victim write 150 commits while one system call fails.
fn write_under_strace(path: &Path, inject: &str, more: &[&str]) -> (std::process::ExitStatus, Vec<String>) {
    let said = path.with_file_name("stderr");
    let call = inject.split(':').next().unwrap_or_default();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    command.arg(format!("inject={inject}")).arg(env!("CARGO_BIN_EXE_victim"));
    command.arg("write").arg(path).args(["sync", "150"]).args(more);
    command.stderr(std::fs::File::create(&said).unwrap());
    let outcome = Victim::start(&mut command).finish();
    let said = std::fs::read_to_string(said).unwrap();
    assert!(!said.contains("panicked"), "{inject}: {said}");
    outcome
}

#[test]
fn whatever_system_call_fails_once_nothing_acknowledged_is_lost_and_nothing_panics() {
    if skipped((!has_tool("strace")).then_some("strace is needed to make system calls fail")) {
        return;
    }
    let calls = [
        ("fdatasync", "EIO", 1),
        ("fdatasync", "ENOSPC", 40),
        ("fsync", "EIO", 2),
        ("pwrite64", "EIO", 1),
        ("pwrite64", "EIO", 60),
        ("pwrite64", "ENOSPC", 20),
        ("ftruncate", "EIO", 2),
        ("unlink", "EIO", 3),
        ("rename", "EIO", 1),
        ("openat", "EMFILE", 20),
        ("mmap", "ENOMEM", 60),
        ("pread64", "EIO", 8),
        ("copy_file_range", "EIO", 2),
        ("flock", "EINTR", 1),
    ];
    let mut failed = 0;
    for (call, error, first) in calls {
        for round in 0..rounds(2) {
            let folder = tempfile::tempdir().unwrap();
            let (path, snapshots) = (folder.path().join("data.db"), folder.path().join("snapshots"));
            std::fs::create_dir(&snapshots).unwrap();
            let inject = format!("{call}:error={error}:when={}", first + round * 9);
            let option = format!("snapshots={}", snapshots.display());
            let (status, lines) = write_under_strace(&path, &inject, &["compact", &option]);
            let code = status.code();
            // A process whose loader or allocator was refused has other codes.
            assert!(code.is_some_and(|code| code != 101), "{inject}: {status} {lines:?}");
            failed += usize::from(lines.iter().any(|line| line.starts_with("error")));
            let acknowledged = last_number(&lines, "ack");
            if path.exists() {
                Ledger::default().check_after_crash(&path, acknowledged, busy_config(Default::default()));
            } else {
                assert_eq!(acknowledged, 0, "{inject}");
            }
        }
    }
    assert!(failed > calls.len() / 2, "only {failed} failures were noticed");
}
