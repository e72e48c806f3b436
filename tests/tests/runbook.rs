//! The runbook does what it says: each of its commands is run, in a scene where the thing has happened.
use chronicle_tests::document::{Block, blocks};
use chronicle_tests::program::{chronicle, chronicle_with_input, command};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A machine whose root is a temporary folder.
struct Machine {
    root: tempfile::TempDir,
}

/// What stands at the start of the paths of the page.
const TOPS: [&str; 4] = ["/var/lib", "/backup", "/etc", "/mnt"];

const ROWS: &str = "timestamp,metric,value,host\n\
    2024-01-28T00:00:00Z,cpu,1,a\n2024-01-28T00:01:00Z,cpu,2,b\n2024-01-28T00:00:00Z,memory,3,a\n";

impl Machine {
    /// With a database of two metrics and three commits, a repository with a point after the first and after the second, and a configuration.
    fn new() -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap() };
        for top in ["/var/lib/chronicle", "/backup", "/etc", "/mnt/other"] {
            fs::create_dir_all(machine.path(top)).unwrap();
        }
        let db = machine.db();
        chronicle(&["init", "--path", &db]).done();
        chronicle(&["write", "--path", &db, "--metric", "memory", "--value", "1", "--time", "1706400000"])
            .done();
        machine.backup();
        chronicle_with_input(&["import", "--path", &db], ROWS.as_bytes()).done();
        machine.backup();
        let config = "[[job]]\nname = \"a\"\nsource = \"/var/lib/chronicle/data.db\"\ndest = \"/backup/repo\"\nevery = \"1s\"\n";
        fs::write(machine.path("/etc/chronicle.toml"), machine.moved(&config)).unwrap();
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn db(&self) -> String {
        self.path("/var/lib/chronicle/data.db").to_str().unwrap().to_owned()
    }

    fn repo(&self) -> String {
        self.path("/backup/repo").to_str().unwrap().to_owned()
    }

    fn backup(&self) {
        chronicle(&["backup", "create", "--source", &self.db(), "--dest", &self.repo(), "--delta"]).done();
    }

    fn count(&self, metric: &str) -> Value {
        let sql = format!("SELECT count(value) FROM {metric}");
        chronicle(&["query", "--path", &self.db(), "--json", &sql]).json()["rows"][0][1].clone()
    }

    /// A text of the page with its paths below the root.
    fn moved(&self, text: &str) -> String {
        let root = self.root.path().to_str().unwrap();
        TOPS.iter().fold(text.to_owned(), |text, top| text.replace(top, &format!("{root}{top}")))
    }

    /// Runs the commands of a block: each must end as its comment says, well if it has none. Answers what they print.
    fn run(&self, block: &Block) -> Vec<String> {
        let mut printed = Vec::new();
        for line in block.text.lines() {
            let line = line.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {line}"));
            let (line, comment) = line.split_once("  #").unwrap_or((line, ""));
            let code = comment.trim().strip_prefix("exit ").map_or(0, |code| code.parse::<i32>().unwrap());
            let output = Command::new("bash")
                .args(["-c", &self.moved(line)])
                .env("PATH", path_with_the_program())
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
            printed.push(String::from_utf8(output.stdout).unwrap());
        }
        printed
    }

    /// Runs all commands of a section.
    fn section(&self, heading: &str) -> Vec<String> {
        let blocks = blocks("core/docs/runbook.md");
        let found: Vec<&Block> = blocks.iter().filter(|block| block.section == heading).collect();
        assert!(!found.is_empty(), "{heading}");
        found.into_iter().flat_map(|block| self.run(block)).collect()
    }
}

fn path_with_the_program() -> OsString {
    let program = command().get_program().to_owned();
    let mut path = Path::new(&program).parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

#[test]
fn every_section_with_commands_has_a_scene() {
    let text = include_str!("runbook.rs");
    let mut commands = 0;
    for block in blocks("core/docs/runbook.md") {
        assert_eq!(block.language, "console", "{block:?}");
        assert!(
            text.contains(&format!("section(\"{}\")", block.section)),
            "{} is run by no test",
            block.section
        );
        commands += block.text.lines().count();
    }
    assert!(commands >= 25, "{commands}");
}

#[test]
fn the_disk_died() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path("/var/lib/chronicle")).unwrap();
    machine.section("The disk died");
    assert_eq!(machine.count("cpu"), 2);
    let points = chronicle(&["backup", "list", "--source", &machine.repo(), "--json"]).json();
    assert_eq!(points["points"].as_array().unwrap().len(), 3, "it goes on in the same repository");
}

#[test]
fn someone_deleted_a_metric() {
    let machine = Machine::new();
    chronicle(&["delete", "--path", &machine.db(), "--metric", "cpu"]).done();
    chronicle(&["write", "--path", &machine.db(), "--metric", "memory", "--value", "9", "--tag", "host=z"])
        .done();
    machine.backup();
    let printed = machine.section("Someone deleted a metric");
    assert!(printed[1].contains('2'), "{printed:?}");
    assert_eq!((machine.count("cpu"), machine.count("memory")), (2.into(), 3.into()));
}

#[test]
fn a_backup_fails_to_verify() {
    let machine = Machine::new();
    let object = machine.path("/backup/repo/base/data.db");
    let mut bytes = fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&object, bytes).unwrap();
    let printed = machine.section("A backup fails to verify");
    assert!(printed[0].contains("base/data.db"), "{printed:?}");
    let restored = machine.path("/restored");
    chronicle(&["restore", "--source", &machine.repo(), "--dest", restored.to_str().unwrap()]).done();
}

#[test]
fn the_backups_are_stale() {
    let machine = Machine::new();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let printed = machine.section("The backups are stale");
    assert!(printed[1].contains("nobody is told"), "{printed:?}");
    assert!(printed[3].contains("a: backup success, delta-002"), "{printed:?}");
}

#[test]
fn the_disk_is_full() {
    let machine = Machine::new();
    machine.backup();
    machine.backup();
    machine.section("The disk is full");
    let points = chronicle(&["backup", "list", "--source", &machine.repo(), "--json"]).json();
    assert_eq!(points["points"].as_array().unwrap().len(), 2);
}

#[test]
fn the_repositorys_host_is_gone() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path("/backup")).unwrap();
    machine.section("The repository's host is gone");
    let slots = chronicle(&["backup", "slots", "--path", &machine.db(), "--json"]).json();
    let slots = slots["slots"].as_array().unwrap().clone();
    assert_eq!(slots.len(), 1, "{slots:?}");
    assert!(slots[0]["repository"].as_str().unwrap().ends_with("/mnt/other/repo"));
}
