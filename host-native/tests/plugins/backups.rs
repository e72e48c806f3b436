//! The folder plugin as a place for backups: the suite, and the program from the first backup to a restore at a moment.
use super::{component, with_folder};
use chronicle::destination::conformance::{Options, run};
use chronicle::plugin::{PluginConfig, PluginHome};
use std::path::Path;
use std::process::{Command, Output};

#[test]
fn the_folder_plugin_passes_the_suite() {
    let store = tempfile::tempdir().unwrap();
    let config = with_folder(PluginConfig::default(), "store", store.path(), true);
    let destination = PluginHome::open_file(&component("folder"), &config).unwrap();
    let card = run(&destination, &Options { objects: 1_010, ..Options::default() }).unwrap();
    assert_eq!(card.failed().collect::<Vec<_>>(), Vec::<&str>::new(), "{card}");
    assert!(card.passed(), "{card}");
    assert_eq!(std::fs::read_dir(store.path()).unwrap().count(), 0, "nothing of it stays");
}

fn chronicle(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chronicle"));
    command.env("CHRONICLE_PLUGINS", home.join("plugins")).current_dir(home).args(arguments).output().unwrap()
}

fn done(home: &Path, arguments: &[&str]) -> String {
    let output = chronicle(home, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_delta_repository_in_a_plugin_is_restored_at_a_moment() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let wasm = component("folder");
    std::fs::create_dir(home.join("store")).unwrap();
    done(home, &["plugin", "add", wasm.to_str().unwrap(), "--allow-folder", "store=store"]);
    let repository = "plugin://folder/repo";
    let write = |value: &str| done(home, &["write", "--path", "data.db", "--metric", "m", "--value", value]);
    let digest = |path: &str, at: &[&str]| done(home, &[&["digest", "--path", path], at].concat());
    done(home, &["init", "--path", "data.db"]);
    write("1");
    let first = digest("data.db", &[]);
    done(home, &["backup", "create", "--source", "data.db", "--delta", "--dest", repository]);
    write("2");
    done(home, &["backup", "create", "--source", "data.db", "--delta", "--dest", repository]);
    let second = digest("data.db", &[]);
    assert_ne!(first, second);
    for (target, at, expected) in [("then", "lsn:1", &first), ("now", "latest", &second)] {
        std::fs::create_dir(home.join(target)).unwrap();
        done(home, &["restore", "--source", repository, "--dest", target, "--at", at]);
        let digest_of = |line: &str| line.split_whitespace().next().unwrap().to_owned();
        let restored = digest(&format!("{target}/data.db"), &[]);
        assert_eq!(digest_of(&restored), digest_of(expected), "{target}");
    }
    done(home, &["verify", "--path", repository]);
    assert!(home.join("store/repo/delta-001/metadata.json").is_file());
}

#[test]
fn a_backup_to_a_plugin_that_breaks_its_contract_fails_and_another_destination_still_works() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let wasm = component("misbehaving");
    done(home, &["init", "--path", "data.db"]);
    done(home, &["write", "--path", "data.db", "--metric", "m", "--value", "1"]);
    for way in ["tear", "wrong-bytes", "panic", "lie-size"] {
        let set = format!("way={way}");
        done(home, &["plugin", "add", wasm.to_str().unwrap(), "--set", &set]);
        let failed = chronicle(
            home,
            &["backup", "create", "--source", "data.db", "--delta", "--dest", "plugin://misbehaving"],
        );
        let error = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(matches!(failed.status.code(), Some(1 | 3)), "{way}: {:?} {error}", failed.status);
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{way}: {error}");
    }
    done(home, &["backup", "create", "--source", "data.db", "--delta", "--dest", "elsewhere"]);
}
