//! Installing: settings are checked by name, more rights need more grants, compiled code is only ever our own.
use super::{component, name, put, way, with_folder};
use chronicle::ErrorKind;
use chronicle::destination::Destination;
use chronicle::plugin::{PluginConfig, PluginHome};
use std::fs;
use std::path::{Path, PathBuf};

fn compiled(home: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(home.join("folder")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
}

#[test]
fn a_plugin_is_installed_once_and_opened_by_name() {
    let (home, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plugins = PluginHome::at(home.path());
    assert!(plugins.list().unwrap().is_empty());
    let missing = plugins.open("folder", None).err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let config = with_folder(PluginConfig::default(), "store", store.path(), true);
    let added = plugins.add(&component("folder"), None, config).unwrap();
    assert_eq!((added.name.as_str(), added.replaced), ("folder", None));
    let destination = plugins.open("folder", Some(name("a/b"))).unwrap();
    assert_eq!(destination.place(), "plugin://folder/a/b");
    let _ = put(&destination, "c", b"x").unwrap();
    assert_eq!(fs::read(store.path().join("a/b/c")).unwrap(), b"x");
    assert_eq!(plugins.list().unwrap().len(), 1);
}

#[test]
fn compiled_code_that_is_damaged_or_that_others_could_write_is_not_loaded() {
    use std::os::unix::fs::PermissionsExt;
    let (home, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plugins = PluginHome::at(home.path());
    let config = with_folder(PluginConfig::default(), "store", store.path(), true);
    plugins.add(&component("folder"), None, config).unwrap();
    let [cached] = <[PathBuf; 1]>::try_from(compiled(home.path())).unwrap();
    let good = fs::read(&cached).unwrap();

    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for bad in [damaged, good[..100].to_vec(), Vec::new()] {
        fs::write(&cached, bad).unwrap();
        plugins.open("folder", None).unwrap();
        assert_eq!(fs::read(&cached).unwrap(), good, "it is compiled again, and left for the next");
    }
    // Another's file: left aside and replaced, whatever is in it.
    fs::set_permissions(&cached, fs::Permissions::from_mode(0o666)).unwrap();
    plugins.open("folder", None).unwrap();
    assert_eq!(fs::metadata(&cached).unwrap().permissions().mode() & 0o022, 0);
}

#[test]
fn a_component_that_was_changed_behind_our_back_is_damage() {
    let (home, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plugins = PluginHome::at(home.path());
    let config = with_folder(PluginConfig::default(), "store", store.path(), true);
    plugins.add(&component("folder"), None, config).unwrap();
    fs::copy(component("misbehaving"), plugins.get("folder").unwrap().component).unwrap();
    assert_eq!(plugins.open("folder", None).err().unwrap().kind(), ErrorKind::Damaged);
}

#[test]
fn a_version_that_asks_for_more_is_refused_until_that_is_granted() {
    let (home, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plugins = PluginHome::at(home.path());
    let config = with_folder(PluginConfig::default(), "store", store.path(), true);
    plugins.add(&component("folder"), Some("mine"), config).unwrap();
    let greedy = plugins.add(&component("misbehaving"), Some("mine"), way("none", "put")).unwrap_err();
    assert_eq!(greedy.kind(), ErrorKind::Permission, "{greedy}");
    for wish in ["--allow-folder state=PATH", "--allow-secret password=env:NAME", "--allow-host HOST"] {
        assert!(greedy.to_string().contains(wish), "{greedy}");
    }
    assert_eq!(plugins.open("mine", None).unwrap().place(), "plugin://mine");

    let mut more = with_folder(way("none", "put"), "state", store.path(), true);
    more.grants.hosts = vec!["example.org".to_owned()];
    more.grants.secrets.insert("password".to_owned(), "env:PATH".parse().unwrap());
    let added = plugins.add(&component("misbehaving"), Some("mine"), more).unwrap();
    assert_eq!(added.replaced.as_deref(), Some("0.1.0"));
}

#[test]
fn a_setting_that_is_wrong_is_named() {
    let mut unknown = way("none", "put");
    unknown.settings.insert("color".to_owned(), "red".to_owned());
    let mut number = way("none", "put");
    number.settings.insert("size".to_owned(), "many".to_owned());
    let missing = PluginConfig::default();
    let empty = way("", "put");
    for (config, words) in [
        (unknown, "setting color: the plugin has no such setting"),
        (number, "setting size: \"many\" is no number"),
        (missing, "setting way: it must be given"),
        (empty, "setting way: a way is needed"),
    ] {
        let error = PluginHome::open_file(&component("misbehaving"), &config).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn what_is_no_plugin_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.wasm");
    for bytes in
        [&b""[..], b"(component)", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0", b"\0asm\x0d\0\x01\0garbage"]
    {
        fs::write(&path, bytes).unwrap();
        let error = PluginHome::open_file(&path, &PluginConfig::default()).err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported), "{error:?}");
    }
}
