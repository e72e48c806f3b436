//! The page of promises names tests that are there and run, for every promise.
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../core/docs/promises.md");
const PROMISES: usize = 16;

/// Whether a file has a test of this name that is not ignored.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.starts_with(&format!("fn {name}(")));
    let above = at.map(|at| lines[..at].iter().rev().take_while(|line| line.starts_with("#[")));
    above.is_some_and(|mut above| {
        let attributes: Vec<&str> = above.by_ref().copied().collect();
        attributes.contains(&"#[test]") && !attributes.iter().any(|line| line.starts_with("#[ignore"))
    })
}

#[test]
fn every_promise_names_tests_that_are_there_and_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut of_each = Vec::new();
    for line in PAGE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            assert!(title.starts_with(&format!("{}. ", of_each.len() + 1)), "{title}");
            of_each.push(0);
        }
        let Some(test) = line.strip_prefix("- ") else { continue };
        let parts: Vec<&str> = test.split('`').collect();
        let ["", file, " ", name, ""] = parts[..] else { panic!("{line}") };
        let source = fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(has_test(&source, name), "{file} has no test {name}");
        *of_each.last_mut().unwrap() += 1;
    }
    assert_eq!(of_each.len(), PROMISES);
    assert!(of_each.iter().all(|&tests| tests >= 3), "{of_each:?}");
}

#[test]
fn a_test_that_is_ignored_or_gone_is_no_test() {
    assert!(has_test("#[test]\nfn a() {", "a"));
    assert!(!has_test("#[test]\n#[ignore]\nfn a() {", "a"));
    assert!(!has_test("fn a() {", "a"));
    assert!(!has_test("#[test]\nfn ab() {", "a"));
}
