//! What the fault tests share.
use chronicle_tests::child::Victim;
pub(crate) use chronicle_tests::system::{Mount, allow, contents, has_tool, is_root, run, skipped};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Rounds of a random test: `usual`, times `CHRONICLE_FAULT_ROUNDS`.
pub(crate) fn rounds(usual: usize) -> usize {
    let factor = std::env::var("CHRONICLE_FAULT_ROUNDS").ok().and_then(|text| text.parse().ok());
    usual * factor.unwrap_or(1)
}

/// The victim's command line.
fn victim_command(arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_victim"));
    command.args(arguments);
    command
}

/// A running victim.
pub(crate) fn victim(arguments: &[&dyn AsRef<OsStr>]) -> Victim {
    Victim::start(&mut victim_command(arguments))
}

/// The victim where everyone may run it, to be run as a user who owns nothing.
pub(crate) struct Nobody {
    program: tempfile::TempPath,
}

impl Nobody {
    /// `None`, after a loud line, when we can't become someone else.
    pub(crate) fn new() -> Option<Self> {
        let why = (!is_root() || !has_tool("setpriv")).then_some("another user needs root and setpriv");
        if skipped(why) {
            return None;
        }
        let program = tempfile::NamedTempFile::new().expect("a scratch file").into_temp_path();
        std::fs::copy(env!("CARGO_BIN_EXE_victim"), &program).expect("a copy");
        allow(&program, 0o755);
        Some(Self { program })
    }

    /// A running victim without any rights.
    pub(crate) fn victim(&self, arguments: &[&dyn AsRef<OsStr>]) -> Victim {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&self.program);
        Victim::start(command.args(arguments))
    }
}

/// Copies the files of a folder into a new one.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder of ours") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}
