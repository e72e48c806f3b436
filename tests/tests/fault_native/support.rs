//! What the fault tests share.
use chronicle_tests::child::Victim;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
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

/// True, after a line that nobody overlooks, when the test can't run here.
pub(crate) fn skipped(why: Option<&str>) -> bool {
    if let Some(why) = why {
        // Not eprintln!, which the test harness keeps to itself when a test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    }
    why.is_some()
}

/// Whether a tool is installed.
pub(crate) fn has_tool(name: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Whether we may mount.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
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

/// Sets the mode of a file or folder.
pub(crate) fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a file of ours");
}

/// Runs a tool, and panics with what it said when it fails.
pub(crate) fn run(program: &str, arguments: &[&dyn AsRef<OsStr>]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the tool starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A mount that goes away with its value.
pub(crate) struct Mount(pub(crate) PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Every file under a folder with its bytes; what is not a regular file, with its kind.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder of ours") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a kind");
        let path = entry.path();
        if kind.is_dir() {
            found.extend(contents(&path));
            found.insert(path, b"folder".to_vec());
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).expect("a readable file");
            found.insert(path, bytes);
        } else {
            found.insert(path, format!("{kind:?}").into_bytes());
        }
    }
    found
}

/// Copies the files of a folder into a new one.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder of ours") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}
