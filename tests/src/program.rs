//! Running the program `chronicle` as a user does.
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ran {
    /// Standard output, of a run that must have ended well.
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// The one JSON object on standard output, of a run that must have ended well.
    pub fn json(self) -> Value {
        parse(&self.done())
    }

    /// Standard error, of a run that must have failed with `code`: without panics and debug output, in few lines.
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{self:?}");
        assert!(self.err.starts_with("error: ") || self.err.starts_with('{'), "{self:?}");
        self.err
    }

    /// The error object on standard error, of a run that must have failed with `code`.
    pub fn json_error(self, code: i32) -> Value {
        parse(&self.failed(code))["error"].clone()
    }
}

/// A JSON document.
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs `chronicle` with these arguments.
pub fn chronicle<S: AsRef<OsStr>>(arguments: &[S]) -> Ran {
    ran(command().args(arguments).stdin(Stdio::null()).output().unwrap())
}

/// Runs it with these bytes on standard input.
pub fn chronicle_with_input<S: AsRef<OsStr>>(arguments: &[S], input: &[u8]) -> Ran {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A program that refuses the first line may close its input early.
        scope.spawn(move || drop(stdin.write_all(input)));
        ran(child.wait_with_output().unwrap())
    })
}

/// The program, as a command.
pub fn command() -> Command {
    Command::new(program())
}

fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The program that was built beside the tests. An older one than the sources would make the tests say nothing.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join(format!("chronicle{}", std::env::consts::EXE_SUFFIX));
    let hint = "build it first: cargo build -p chronicle (cargo test --workspace does)";
    let built = std::fs::metadata(&program).and_then(|metadata| metadata.modified());
    let built = built.unwrap_or_else(|error| panic!("{}: {error}; {hint}", program.display()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for sources in ["host-native/src", "core/src"] {
        let newest = newest(&root.join(sources));
        assert!(newest <= built, "{} is older than {sources}; {hint}", program.display());
    }
    program
}

/// Modules that only unit tests are made of: cargo does not build the program anew when they change.
const TEST_MODULES: [&str; 4] = ["tests", "tests.rs", "naive.rs", "examples.rs"];

fn newest(folder: &Path) -> SystemTime {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let entries = entries.filter(|entry| !TEST_MODULES.iter().any(|name| entry.file_name() == *name));
    let times = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => newest(&entry.path()),
        false => entry.metadata().unwrap().modified().unwrap(),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
