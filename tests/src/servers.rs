//! Servers that tests of object stores run against, where they are installed (`tests/servers/install.sh`): each on a port of
//! its own, gone with its value.
use crate::system::{has_tool, skipped};
use std::ffi::OsString;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start, on a machine that does much else.
const START_TIME_MAX: Duration = Duration::from_secs(120);

/// A server at work.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Where it answers, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts a program, and waits until its port answers.
    fn start(program: OsString, arguments: impl FnOnce(u16) -> Vec<String>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(&program)
            .args(arguments(port))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut server = Self { child, port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < START_TIME_MAX, "{} does not start", program.display());
            assert!(server.child.try_wait().unwrap().is_none(), "{} ended", program.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `tests/servers/install.sh` puts them.
fn cache() -> PathBuf {
    match std::env::var_os("CHRONICLE_TEST_SERVERS") {
        Some(cache) => cache.into(),
        None => {
            Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache/chronicle-test-servers")
        }
    }
}

fn installed(file: &str) -> Option<PathBuf> {
    Some(cache().join(file)).filter(|path| path.exists())
}

fn missing(name: &str) -> Option<Server> {
    skipped(Some(&format!("{name} is not installed; run tests/servers/install.sh")));
    None
}

/// An S3 server, the right one. Its buckets are empty.
pub fn moto() -> Option<Server> {
    let program = match installed("moto/bin/moto_server") {
        Some(program) => program.into_os_string(),
        None if has_tool("moto_server") => "moto_server".into(),
        None => return missing("moto"),
    };
    Some(Server::start(program, |port| {
        ["-H", "127.0.0.1", "-p", &port.to_string()].map(String::from).to_vec()
    }))
}

/// An S3 server that overwrites what it should only create, and answers ranges wrongly.
pub fn s3rver(folder: &Path) -> Option<Server> {
    let Some(script) = installed("node_modules/s3rver/bin/s3rver.js").filter(|_| has_tool("node")) else {
        return missing("s3rver");
    };
    let folder = folder.display().to_string();
    Some(Server::start("node".into(), |port| {
        let port = port.to_string();
        [
            script.to_str().unwrap(),
            "-d",
            &folder,
            "-a",
            "127.0.0.1",
            "-p",
            &port,
            "--configure-bucket",
            "bucket",
        ]
        .map(String::from)
        .to_vec()
    }))
}

/// Azure Blob Storage.
pub fn azurite() -> Option<Server> {
    let Some(script) = installed("node_modules/azurite/dist/src/blob/main.js").filter(|_| has_tool("node"))
    else {
        return missing("azurite");
    };
    Some(Server::start("node".into(), |port| {
        let port = port.to_string();
        [
            script.to_str().unwrap(),
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            &port,
            "--inMemoryPersistence",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--silent",
        ]
        .map(String::from)
        .to_vec()
    }))
}

/// WebDAV, over a folder.
pub fn webdav(folder: &Path) -> Option<Server> {
    if !has_tool("rclone") {
        return missing("rclone");
    }
    let folder = folder.display().to_string();
    Some(Server::start("rclone".into(), |port| {
        let at = format!("127.0.0.1:{port}");
        ["serve", "webdav", "--addr", &at, "--user", "me", "--pass", "ge heim", &folder]
            .map(String::from)
            .to_vec()
    }))
}
