//! The house as `core/docs/architecture.md` describes it, checked: which room may use which, and what is absent.
//!
//! Only text is looked at: paths that start with `crate::` (or climb to the crate's root with `super::`) in code that
//! is not test code and not comment.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What everything may stand on; these use only each other.
const BASE: &[&str] = &["error", "ids", "model", "digest", "statistics", "time", "text"];

/// The rooms of core above the base, lowest first, and what each may use beside the base. `room::Item` allows the one
/// item only.
const ROOMS: &[(&str, &[&str])] = &[
    ("codec", &[]),
    ("format", &["codec", "source::ByteRange"]),
    ("segment", &["format", "codec"]),
    ("source", &["segment"]),
    ("head", &["format"]),
    ("query", &[]),
    ("catalog", &["format", "head::Position", "source"]),
    ("crypt", &["source::ByteRange"]),
    ("export", &[]),
    ("engine", &["catalog", "codec", "format", "head", "query", "segment", "source"]),
    ("backup", &["engine", "catalog", "codec", "format", "head", "query", "segment", "source"]),
    ("verify", &["engine", "catalog", "codec", "format", "head", "query", "segment", "source"]),
];

/// Rooms of the native host with a rule, and what of their crate each may use.
const HOST_ROOMS: &[(&str, &[&str])] = &[
    ("crypt", &["destination", "error", "files", "host"]),
    // Of plugins only what opens one: a URL may name one.
    ("destination", &["error", "files", "host", "plugin::open", "ErrorKind", "Result"]),
    ("plugin", &["destination", "error", "files"]),
    ("schedule", &["backup", "db", "error", "files", "host", "verify", "Db", "Error", "ErrorKind"]),
];

/// Files above 400 lines, each with the reason why it is not two.
const LONG_FILES: &[(&str, &str)] = &[];
const LINES_MAX: usize = 400;

/// Who but `host.rs` may ask for the time or for randomness, each with the reason.
const CLOCK_AND_CHANCE: &[(&str, &str)] = &[
    (
        "host-native/src/cli/args.rs",
        "`now` as an argument; the binary sees only what the library makes public",
    ),
    ("host-native/src/files/lock.rs", "the time in the lock file, for people; nothing is decided by it"),
    (
        "host-native/src/files/paths.rs",
        "names of temporary files, which must be distinct and can't wait for an error",
    ),
];

/// A source file without its comments and its test code.
struct Source {
    /// From the repository's root, with `/`.
    name: String,
    text: String,
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every Rust file below `folder`, test files included.
fn files(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source { code: code_of(&text), name, text });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!found.is_empty(), "no Rust files in {folder}");
    found
}

/// [`files`] without those that only a test build has.
fn production_files(folder: &str) -> Vec<Source> {
    let all = files(folder);
    let mut test_only = BTreeSet::new();
    for file in &all {
        let lines: Vec<&str> = file.text.lines().collect();
        for [attribute, item] in lines.array_windows() {
            if attribute.trim() == "#[cfg(test)]"
                && let Some(module) =
                    item.trim().rsplit("mod ").next().and_then(|rest| rest.strip_suffix(';'))
            {
                let folder = match file.name.strip_suffix("/mod.rs").or(file.name.strip_suffix("/lib.rs")) {
                    Some(folder) => folder,
                    None => file.name.strip_suffix(".rs").unwrap(),
                };
                test_only.insert(format!("{folder}/{module}"));
            }
        }
    }
    let is_test = |name: &str| {
        test_only.iter().any(|module| {
            name.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    };
    all.into_iter().filter(|file| !is_test(&file.name)).collect()
}

/// The text without comments and without items under `#[cfg(test)]`. Relies on rustfmt: an item ends with a line that
/// closes at its own indentation.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("#[cfg(test)]") || trimmed.starts_with("#[cfg(all(test") {
            let indent = line.len() - trimmed.len();
            for line in lines.by_ref() {
                let trimmed = line.trim_start();
                let at_indent = line.len() - trimmed.len() == indent;
                if at_indent
                    && (trimmed.ends_with(';') || trimmed.starts_with('}') || trimmed.ends_with("{}"))
                {
                    break;
                }
            }
        } else {
            code.push_str(line.split("//").next().unwrap_or_default());
            code.push('\n');
        }
    }
    code
}

/// Places where `word` stands as a whole word.
fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part))
}

/// Paths below the crate's root that a file names, as `room` or `room::Item`; groups in braces are taken apart.
fn uses(file: &Source, crate_folder: &str) -> BTreeSet<String> {
    let inner = file.name.strip_prefix(crate_folder).unwrap().trim_start_matches('/');
    let module = inner.strip_suffix("/mod.rs").or(inner.strip_suffix(".rs")).unwrap();
    let depth = module.split('/').count();
    let to_root = format!("{}::", vec!["super"; depth].join("::"));
    let mut found = BTreeSet::new();
    for start in ["crate::", to_root.as_str()] {
        for (at, _) in file.code.match_indices(start) {
            // A longer chain of `super::` is the same place only from its own start.
            if file.code[..at].ends_with("::") || file.code[..at].ends_with("$") {
                continue;
            }
            names(&file.code[at + start.len()..], &mut found);
        }
    }
    found
}

/// The paths that a `use` tree or an expression's path starts with, two names deep.
fn names(tree: &str, found: &mut BTreeSet<String>) {
    for first in branches(tree) {
        let room = identifier(first);
        match first[room.len()..].strip_prefix("::") {
            Some(rest) => {
                found.extend(branches(rest).iter().map(|item| format!("{room}::{}", identifier(item))))
            }
            None => drop(found.replace(room.to_owned())),
        }
    }
}

/// `{a, b::{c, d}}` as `a` and `b::{c, d}`; anything else as itself.
fn branches(tree: &str) -> Vec<&str> {
    let Some(inside) = tree.strip_prefix('{') else { return vec![tree] };
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(inside[start..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn room_of(path: &str) -> &str {
    path.split("::").next().unwrap()
}

#[track_caller]
fn assert_none(problems: Vec<String>, rule: &str) {
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
}

#[test]
fn core_uses_downward_only() {
    let mut problems = Vec::new();
    for file in production_files("core/src") {
        let inner = file.name.strip_prefix("core/src/").unwrap();
        if inner == "lib.rs" {
            continue;
        }
        let room = inner.split('/').next().unwrap().trim_end_matches(".rs");
        let allowed = match ROOMS.iter().find(|(name, _)| *name == room) {
            Some((_, allowed)) => *allowed,
            None if BASE.contains(&room) => &[],
            None => {
                problems.push(format!(
                    "{} is in no known room: give `{room}` a line here and in architecture.md",
                    file.name
                ));
                continue;
            }
        };
        for path in uses(&file, "core/src") {
            let used = room_of(&path);
            let is_allowed = used == room
                || BASE.contains(&used)
                || allowed.contains(&used)
                || allowed.contains(&path.as_str());
            if !is_allowed {
                problems.push(format!("{} uses {path}", file.name));
            }
        }
    }
    assert_none(problems, "rooms of core use only what lies below them");
}

#[test]
fn rooms_of_the_host_use_downward_only() {
    let mut problems = Vec::new();
    for (room, allowed) in HOST_ROOMS {
        let folder = format!("host-native/src/{room}");
        for file in production_files(&folder) {
            for path in uses(&file, "host-native/src") {
                let used = room_of(&path);
                if used != *room && !allowed.contains(&used) && !allowed.contains(&path.as_str()) {
                    problems.push(format!("{} uses {path}", file.name));
                }
            }
        }
    }
    assert_none(problems, "rooms of the host use only what lies below them");
}

#[test]
fn every_room_that_has_a_rule_exists_or_is_planned() {
    let planned = ["backup", "verify"];
    for (room, _) in ROOMS.iter().filter(|(room, _)| !planned.contains(room)) {
        let place = root().join("core/src").join(room);
        assert!(place.is_dir() || place.with_extension("rs").is_file(), "{room} is gone: drop its rule");
    }
}

#[test]
fn core_has_no_std_no_async_no_unsafe() {
    let mut problems = Vec::new();
    for file in production_files("core/src") {
        if file.code.contains("std::") || file.code.contains("extern crate std") {
            problems.push(format!("{} uses std", file.name));
        }
        for word in ["async", "await", "unsafe", "println", "eprintln", "dbg"] {
            if has_word(&file.code, word) {
                problems.push(format!("{} says `{word}`", file.name));
            }
        }
    }
    assert_none(problems, "core is sans-io: no clock, thread, file, print, or unsafe code");
    let lib = fs::read_to_string(root().join("core/src/lib.rs")).unwrap();
    assert!(lib.contains("#![no_std]") && lib.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn only_maps_and_the_cache_of_compiled_plugins_are_unsafe() {
    let unsafe_files: Vec<String> = production_files("host-native/src")
        .into_iter()
        .filter(|file| has_word(&file.code, "unsafe"))
        .map(|file| file.name)
        .collect();
    assert_eq!(unsafe_files, ["host-native/src/files/map.rs", "host-native/src/plugin/cache.rs"]);
}

#[test]
fn only_the_command_line_prints() {
    let may_print = |name: &str| name == "host-native/src/main.rs" || name.starts_with("host-native/src/cli");
    let mut problems = Vec::new();
    for file in production_files("host-native/src").into_iter().filter(|file| !may_print(&file.name)) {
        for word in ["println", "eprintln", "print", "eprint", "dbg"] {
            if file.code.contains(&format!("{word}!")) && has_word(&file.code, word) {
                problems.push(format!("{} says {word}!", file.name));
            }
        }
    }
    assert_none(problems, "a library does not print");
}

#[test]
fn only_host_rs_asks_for_time_and_randomness() {
    let mut problems = Vec::new();
    let excused = |name: &str| CLOCK_AND_CHANCE.iter().any(|(excused, _)| *excused == name);
    for file in production_files("host-native/src") {
        if file.name == "host-native/src/host.rs" || excused(&file.name) {
            continue;
        }
        for word in ["SystemTime::now", "getrandom", "RandomState"] {
            if has_word(&file.code, word) {
                problems.push(format!("{} says {word}", file.name));
            }
        }
    }
    assert_none(problems, "time and chance enter in one place");
}

#[test]
fn no_folder_at_the_top_but_those_of_the_house() {
    let known = ["core", "host-native", "host-wasm", "plugins", "www", "tests", "target"];
    let mut problems = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() && !name.starts_with('.') && !known.contains(&name.as_str()) {
            problems.push(name);
        }
    }
    assert_none(problems, "folders at the top are the house's rooms");
}

#[test]
fn every_module_says_what_it_is() {
    let mut problems = Vec::new();
    for folder in ["core/src", "host-native/src"] {
        for file in production_files(folder) {
            if !file.text.starts_with("//!") {
                problems.push(file.name);
            }
        }
    }
    assert_none(problems, "a module opens with //!: what it is, what it keeps true, what it is not");
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut problems = Vec::new();
    let mut all = Vec::new();
    for folder in ["core", "host-native", "tests/src", "tests/tests", "tests/benches"] {
        all.extend(files(folder));
    }
    for file in &all {
        let lines = file.text.lines().count();
        let excused = LONG_FILES.iter().any(|(name, _)| *name == file.name);
        if lines > LINES_MAX && !excused {
            problems.push(format!("{} has {lines} lines: which second noun is in it?", file.name));
        }
        if lines <= LINES_MAX && excused {
            problems.push(format!("{} has {lines} lines and needs no excuse any more", file.name));
        }
    }
    assert_none(problems, "files are short");
}

/// The checks above can fail: what they look for is found where it is.
#[test]
fn the_reader_of_sources_sees_what_is_there() {
    let text = "use crate::{engine::{A, B}, ids};\n// crate::gone::X\nfn f() { super::super::query::g(); }\n\
                #[cfg(test)]\nmod tests {\n    use crate::never::X;\n}\nuse super::near;\n";
    let file = Source { name: "core/src/format/page.rs".into(), text: text.into(), code: code_of(text) };
    let found: Vec<String> = uses(&file, "core/src").into_iter().collect();
    assert_eq!(found, ["engine::A", "engine::B", "ids", "query::g"]);
    assert!(has_word("unsafe { }", "unsafe") && !has_word("forbid(unsafe_code)", "unsafe"));
    assert!(production_files("core/src").iter().any(|file| file.name == "core/src/lib.rs"));
    assert!(!production_files("core/src").iter().any(|file| file.name.ends_with("examples.rs")));
}
