//! The system that tests run on: its tools, mounts and rights, where it has them.
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// True, after a line that nobody overlooks, when the test can't run here.
pub fn skipped(why: Option<&str>) -> bool {
    if let Some(why) = why {
        // Not eprintln!, which the test harness keeps to itself when a test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    }
    why.is_some()
}

/// Whether a tool is installed.
pub fn has_tool(name: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Whether we may mount.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// Sets the mode of a file or folder.
pub fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a file of ours");
}

/// Runs a tool, and panics with what it said when it fails.
pub fn run(program: &str, arguments: &[&dyn AsRef<OsStr>]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the tool starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A mount that goes away with its value.
pub struct Mount(
    /// Where it is.
    pub PathBuf,
);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Every file under a folder with its bytes; what is not a regular file, with its kind.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
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

/// Stops the file system at once; nothing that it holds in memory is written.
pub fn cut_power(mount: &Path) {
    // FS_IOC_SHUTDOWN with FS_SHUTDOWN_FLAGS_NOLOGFLUSH.
    let program = "import fcntl,os,sys,struct; \
        fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack('I',2))";
    run("python3", &[&"-c", &program, &mount]);
}
