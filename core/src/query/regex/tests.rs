//! What patterns take, which are refused, and that none is slow.
extern crate std;
use super::simulate;
use super::{PATTERN_BYTES_MAX, Regex};
use crate::error::ErrorKind;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[track_caller]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

#[test]
fn patterns_take_what_they_say() {
    for (pattern, takes, leaves) in [
        ("web", &["web", "my-web-1", "wweb"][..], &["", "we", "wxeb", "WEB"][..]),
        ("^web$", &["web"], &["my-web", "web-1", ""]),
        ("", &["", "a"], &[]),
        ("^$", &[""], &["a", "\n"]),
        ("^(a|bc)+$", &["a", "bc", "abca"], &["", "b", "ac"]),
        ("^a{2,3}$", &["aa", "aaa"], &["a", "aaaa"]),
        ("^a{2,}$", &["aa", "aaaaa"], &["a"]),
        ("^(ab){2}$", &["abab"], &["ab", "ababab"]),
        ("^a?b*?c+$", &["c", "abbc", "bcc"], &["ab", "aac"]),
        ("^.$", &["a", "ü", "\u{1F600}"], &["", "ab", "\n"]),
        ("(?s)^.$", &["\n"], &["", "ab"]),
        ("^[a-c_-]$", &["a", "c", "_", "-"], &["d", "A"]),
        ("^[^a-c]$", &["d", "\n", "ü"], &["a"]),
        ("^[]a]$", &["]", "a"], &["b"]),
        ("^[[:alpha:][:digit:].]$", &["x", "7", "."], &["-"]),
        (r"^\d\w\s\.$", &["1_\t."], &["a_ .", "1- .", "1a a"]),
        (r"^[\d\]]\x41\x{1F600}$", &["]A\u{1F600}", "5A\u{1F600}"], &["A"]),
        (r"\Aa\z", &["a"], &["ba", "a\n"]),
        ("(?i)größe", &["GRÖßE", "Größe"], &["GROSSE"]),
        ("(?i:a)b", &["Ab", "ab"], &["aB"]),
        ("a(?i)b(?-i)c", &["aBc", "abc"], &["Abc", "abC"]),
        ("(?P<host>a)(?<n>b)", &["ab"], &["a"]),
        ("a||b", &["", "x"], &[]),
        ("(a*)*b", &["b", "aab"], &["aa"]),
        ("x(^|y)z$", &["xyz"], &["xz", "xyzz"]),
        ("$^", &[""], &["a"]),
        ("a{0}b", &["b"], &["a"]),
    ] {
        let regex = regex(pattern);
        takes.iter().for_each(|text| assert!(regex.is_match(text), "{pattern} takes {text:?}"));
        leaves.iter().for_each(|text| assert!(!regex.is_match(text), "{pattern} leaves {text:?}"));
    }
}

#[test]
fn wrong_patterns_are_refused_with_the_reason_and_the_place() {
    use ErrorKind::{InvalidInput, LimitExceeded, Unsupported};
    for (pattern, kind, place, reason) in [
        ("ab(c", InvalidInput, 3, "never closed"),
        ("ab)c", InvalidInput, 3, "closes no group"),
        ("a[b", InvalidInput, 2, "never closed"),
        ("[z-a]", InvalidInput, 2, "to a later one"),
        ("[[:nope:]]", InvalidInput, 2, "no such class"),
        ("ü*a**", InvalidInput, 5, "can't be repeated"),
        ("*a", InvalidInput, 1, "nothing to repeat"),
        ("a{x}", InvalidInput, 2, "{3,5}"),
        ("a{3", InvalidInput, 2, "{3,5}"),
        ("a{3,2}", InvalidInput, 2, "ends before it starts"),
        ("a{1001}", LimitExceeded, 2, "at most 1000"),
        (r"a\", InvalidInput, 2, "ends behind a backslash"),
        (r"\q", InvalidInput, 1, "no such escape"),
        (r"\x{110000}", InvalidInput, 1, "\\x{1F600}"),
        (r"\bweb", Unsupported, 1, "word boundaries"),
        (r"\pL", Unsupported, 1, "Unicode"),
        (r"(a)\1", Unsupported, 4, "back references"),
        ("a(?=b)", Unsupported, 2, "look-around"),
        ("(?<!b)a", Unsupported, 1, "look-around"),
        ("(?m)^a", Unsupported, 1, "only i and s"),
        ("(?", InvalidInput, 1, "flags"),
    ] {
        let error = Regex::new(pattern).unwrap_err();
        assert_eq!(error.kind(), kind, "{pattern}: {error}");
        assert!(error.message().contains(reason), "{pattern}: {error}");
        assert_eq!(error.place(), Some(format!("character {place} of the pattern").as_str()), "{pattern}");
    }
}

#[test]
fn a_bomb_is_refused_or_matched_in_linear_time() {
    let started = Instant::now();
    let text = format!("{}b", "a".repeat(20_000));
    let doubled = format!("{}{}$", "a?".repeat(500), "a".repeat(500));
    let lower = "^(([a-z])+.)+[A-Z]([a-z])+$";
    for pattern in ["(a+)+$", "^(a*)*$", "^(a|a)*$", "^(a|aa)+$", lower, "(x+x+)+y", &doubled] {
        assert!(!regex(pattern).is_match(&text), "{pattern}");
    }
    for pattern in
        ["(a{1000}){1000}", "((a{100}){100}){100}", "((a{0,1000}){0,1000}){0,1000}", "(((.|b){99}){99}){99}"]
    {
        assert_eq!(Regex::new(pattern).unwrap_err().kind(), ErrorKind::LimitExceeded, "{pattern}");
    }
    assert_eq!(Regex::new("a{1000}{1000}").unwrap_err().kind(), ErrorKind::InvalidInput);
    let nothing = (0..20).fold(String::new(), |inner, _| format!("({inner}){{1000}}"));
    assert!(regex(&nothing).is_match("a"));
    let deep = format!("{}a{}", "(".repeat(2_000), ")".repeat(2_000));
    assert_eq!(Regex::new(&deep).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(Regex::new(&"a".repeat(PATTERN_BYTES_MAX + 1)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let wide = r"(?i)[\x{0}-\x{10FFFF}]".repeat(100);
    assert_eq!(Regex::new(&wide).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn programs_with_too_many_states_are_simulated() {
    let pattern = "(a|b)*a(a|b){12}c";
    let regex = regex(pattern);
    assert!(regex.0.dfa.is_none());
    assert!(regex.is_match("bbabbbbabbbbabac") && !regex.is_match("bbbbbbbbbbbbbbabac"));
}

/// A pattern and texts in which it has a chance.
fn pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        6 => prop::sample::select(Vec::from(["a", "b", "c", "ü", "-", "\u{1F600}"])).prop_map(String::from),
        2 => prop::sample::select(Vec::from([".", "[ab]", "[^a]", "[a-b-]", "[^-ü]", "[]b]", "^", "$", "[[:alpha:]]", r"\x62", r"\.", ""]))
            .prop_map(String::from),
    ];
    atom.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|nodes| nodes.concat()),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|nodes| format!("(?:{})", nodes.join("|"))),
            (
                inner.clone(),
                prop::sample::select(Vec::from(["*", "+", "?", "*?", "{2}", "{0,2}", "{1,}", "{0}"]))
            )
                .prop_map(|(node, times)| format!("({node}){times}")),
            inner.clone().prop_map(|node| format!("(?i:{node})")),
            inner.prop_map(|node| format!("(?s)({node})")),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let letters = Vec::from(["a", "b", "c", "A", "B", "ü", "Ü", "-", ".", "\n", "]", "\u{1F600}"]);
    prop::collection::vec(prop::sample::select(letters), 0..8).prop_map(|letters| letters.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn matches_are_those_of_the_regex_crate(pattern in pattern(), texts in prop::collection::vec(text(), 1..6)) {
        let theirs = ::regex::Regex::new(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let ours = regex(&pattern);
        for text in texts {
            prop_assert_eq!(ours.is_match(&text), theirs.is_match(&text), "{} in {:?}", &pattern, &text);
            let simulated = simulate::is_match(&ours.0.program, &text);
            prop_assert_eq!(simulated, theirs.is_match(&text), "simulated: {} in {:?}", &pattern, &text);
        }
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(pattern in r"[\[\](){}|*+?^$.,:<>!=\\\-a-dPxisDdwWsS0-9ü]{0,24}", text in "\\PC{0,12}") {
        if let Ok(regex) = Regex::new(&pattern) {
            prop_assert_eq!(regex.is_match(&text), simulate::is_match(&regex.0.program, &text));
            prop_assert_eq!(regex.as_str().to_string(), pattern);
        }
    }
}
