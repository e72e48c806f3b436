//! A clock that is set back.
use crate::support::{has_tool, skipped};
use chronicle::{Config, Db};
use chronicle_tests::child::Victim;
use std::process::Command;

#[test]
fn commit_times_stay_monotone_when_the_clock_is_set_back_a_day() {
    if skipped((!has_tool("faketime")).then_some("faketime is needed to set a process's clock")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut before = i64::MIN;
    for (last, shift) in [(10, "+0d"), (20, "-1d"), (30, "-30y"), (40, "+0d")] {
        let mut command = Command::new("faketime");
        command.args(["-f", shift, env!("CARGO_BIN_EXE_victim"), "write"]).arg(&path);
        let (status, lines) = Victim::start(command.args(["sync", &last.to_string()])).finish();
        assert!(status.success(), "{lines:?}");
        let db = Db::open(&path, Config::read_only()).unwrap();
        let position = db.position();
        assert_eq!(position.lsn, last);
        assert!(position.commit_time_ns > before, "{shift}: {} after {before}", position.commit_time_ns);
        before = position.commit_time_ns;
    }
}
