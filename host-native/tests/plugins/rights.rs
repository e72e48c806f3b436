//! What was not granted is not there: files, hosts, secrets. Each test tries it.
use super::{component, misbehaving, name, put, way, with_folder};
use chronicle::ErrorKind;
use chronicle::destination::Destination;
use chronicle::plugin::{PluginConfig, PluginHome, SecretFrom};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A server that answers every request with 200 and hands out what it read.
fn server() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (seen, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            if seen.send(String::from_utf8_lossy(&head).into_owned()).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

fn asks(address: &str) -> PluginConfig {
    let mut config = way("http", "stat");
    config.call_time_ms = 5_000;
    config.settings.insert("address".to_owned(), address.to_owned());
    config
}

#[test]
fn a_file_outside_of_granted_folders_is_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    for config in [way("file", "stat"), with_folder(way("file", "stat"), "state", folder.path(), true)] {
        let error = misbehaving(&config).stat(&name("a")).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Permission, "no file is seen"));
    }
}

#[test]
fn a_folder_that_was_granted_for_reading_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let destination = misbehaving(&with_folder(way("panic-once", "put"), "state", folder.path(), false));
    let _ = put(&destination, "a", b"x").unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_plugin_is_not_opened_without_the_folder_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let read_only = with_folder(PluginConfig::default(), "store", folder.path(), false);
    for config in [PluginConfig::default(), read_only] {
        let error = PluginHome::open_file(&component("folder"), &config).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
        assert!(error.to_string().contains("--allow-folder store=PATH"), "{error}");
    }
}

#[test]
fn a_socket_is_never_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut config = way("host", "stat");
    config.settings.insert("address".to_owned(), address.clone());
    config.grants.private_hosts = vec![address];
    let error = misbehaving(&config).stat(&name("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}

#[test]
fn a_host_that_was_not_granted_sees_nothing_of_a_plugin() {
    let (address, requests) = server();
    let mut elsewhere = asks(&address);
    elsewhere.grants.private_hosts = vec!["127.0.0.1".to_owned(), "127.0.0.1:1".to_owned()];
    let mut public_only = asks(&address);
    public_only.grants.hosts = vec![address.clone()];
    let mut by_name = asks(&address.replace("127.0.0.1", "localhost"));
    by_name.grants.hosts = vec![address.replace("127.0.0.1", "localhost")];
    for (config, words) in [
        (asks(&address), "which was not granted"),
        (elsewhere, "which was not granted"),
        (public_only, "--allow-private-host"),
        (by_name, "--allow-private-host"),
    ] {
        let error = misbehaving(&config).stat(&name("a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(requests.recv_timeout(Duration::from_millis(200)).is_err());
}

#[test]
fn a_granted_host_is_reached_with_the_header_that_the_plugin_never_sees() {
    let (address, requests) = server();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "Bearer 12345\n").unwrap();
    let mut config = asks(&address);
    config.grants.private_hosts = vec![address.clone()];
    let header = [("authorization".to_owned(), SecretFrom::File(secret.path().to_owned()))];
    config.grants.headers.insert(address, header.into());
    let error = misbehaving(&config).stat(&name("a")).unwrap_err();
    assert_eq!(error.message(), "status 200");
    let request = requests.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(request.contains("authorization: Bearer 12345\r\n"), "{request}");
}

#[test]
fn a_secret_is_seen_only_when_it_was_granted_under_its_name() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "geheim\n").unwrap();
    let from = SecretFrom::File(secret.path().to_owned());
    let mut other = way("secret", "stat");
    other.grants.secrets.insert("other".to_owned(), from.clone());
    for config in [way("secret", "stat"), other] {
        let error = misbehaving(&config).stat(&name("a")).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Permission, "no secret is seen"));
    }
    let mut granted = way("secret", "stat");
    granted.grants.secrets.insert("password".to_owned(), from);
    let error = misbehaving(&granted).stat(&name("a")).unwrap_err();
    assert_eq!(error.message(), "seen: geheim");
}
