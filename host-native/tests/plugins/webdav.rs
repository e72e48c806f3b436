//! The WebDAV plugin against rclone's server (`apt-get install rclone`): requests, the suite, and a repository.
use super::backups::done;
use super::component;
use chronicle::destination::conformance::{Options, run};
use chronicle::plugin::{PluginConfig, PluginHome};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with its test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new("rclone")
            .args(["serve", "webdav", "--user", "me", "--pass", "geheim", "--addr", &address])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rclone is needed: apt-get install rclone");
        let server = Self { child, address };
        let started = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "rclone does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn url(&self) -> String {
        format!("http://{}/backups", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file with the header that lets requests in: me:geheim.
fn authorization(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("authorization");
    std::fs::write(&path, "Basic bWU6Z2VoZWlt\n").unwrap();
    path
}

#[test]
fn the_webdav_plugin_passes_the_suite_for_a_single_writer() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let keys = tempfile::tempdir().unwrap();
    let mut config = PluginConfig::default();
    config.settings.insert("url".to_owned(), server.url());
    config.grants.private_hosts = vec![server.address.clone()];
    let refused = PluginHome::open_file(&component("webdav"), &config).unwrap();
    let error = run(&refused, &Options::trial()).unwrap_err();
    assert_eq!(error.kind(), chronicle::ErrorKind::Permission, "without its header: {error}");

    let header = chronicle::plugin::SecretFrom::File(authorization(keys.path()));
    config.grants.headers.insert(server.address.clone(), [("authorization".to_owned(), header)].into());
    let destination = PluginHome::open_file(&component("webdav"), &config).unwrap().single_writer();
    let card = run(&destination, &Options { objects: 1_010, ..Options::default() }).unwrap();
    assert!(card.passed(), "{card}");
    // rclone takes the old object away before it moves the new one there; nothing of Chronicle is overwritten but hints.
    let failed: Vec<_> = card.failed().filter(|id| *id != "put.overwrite.whole").collect();
    assert_eq!(failed, Vec::<&str>::new(), "{card}");
}

#[test]
fn a_repository_on_a_webdav_server_is_restored_from() {
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(folder.path());
    let home = home.path();
    let wasm = component("webdav");
    let url = format!("url={}", server.url());
    let header = format!("{}=authorization=file:{}", server.address, authorization(home).display());
    let add =
        ["plugin", "add", wasm.to_str().unwrap(), "--set", &url, "--allow-private-host", &server.address];
    done(home, &[&add[..], &["--header", &header]].concat());
    let repository = "plugin://webdav/repo";
    done(home, &["init", "--path", "data.db"]);
    for value in ["1", "2"] {
        done(home, &["write", "--path", "data.db", "--metric", "m", "--value", value]);
        let create =
            ["backup", "create", "--source", "data.db", "--delta", "--dest", repository, "--single-writer"];
        done(home, &create);
    }
    std::fs::create_dir(home.join("restored")).unwrap();
    done(home, &["restore", "--source", repository, "--dest", "restored", "--at", "latest"]);
    let digest =
        |path: &str| done(home, &["digest", "--path", path]).split_whitespace().next().unwrap().to_owned();
    assert_eq!(digest("restored/data.db"), digest("data.db"));
    assert!(folder.path().join("backups/repo/delta-001/metadata.json").is_file());
}
