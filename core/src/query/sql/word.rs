//! The words of the language: which are reserved, which will come, and which one was probably meant.
use crate::text::nearest;
use alloc::string::String;

/// Words that are not names unless they are quoted.
pub(super) const KEYWORDS: [&str; 16] = [
    "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "GROUP", "BY", "ORDER", "ASC", "DESC", "LIMIT",
    "OFFSET", "FILL", "AS",
];

/// Words of other dialects, and what to do instead where there is something.
const NOT_YET: [(&str, &str); 9] = [
    ("AS", "; a column has the text of its expression"),
    ("LIKE", "; write tag ~ '^a'"),
    ("REGEXP", "; write tag ~ '^a'"),
    ("BETWEEN", "; write time >= ... AND time < ..."),
    ("DISTINCT", ""),
    ("HAVING", ""),
    ("JOIN", "; a query reads one metric"),
    ("UNION", "; a query reads one metric"),
    ("WITH", ""),
];

/// Functions as other dialects call them, and as they are written here.
const SYNONYMS: [(&str, &str); 7] = [
    ("avg", "mean(value)"),
    ("average", "mean(value)"),
    ("median", "percentile(value, 50)"),
    ("quantile", "percentile(value, 99)"),
    ("std", "stddev(value)"),
    ("stdev", "stddev(value)"),
    ("derivative", "rate(value)"),
];

/// The expression for a function that has another name elsewhere.
pub(super) fn synonym(function: &str) -> Option<&'static str> {
    SYNONYMS.iter().find(|(other, _)| other.eq_ignore_ascii_case(function)).map(|(_, ours)| *ours)
}

/// What follows "... is not yet supported" for a word that later versions will read.
pub(super) fn not_yet(word: &str) -> Option<&'static str> {
    NOT_YET.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, instead)| *instead)
}

/// True for a name that can stand without quotes.
pub(super) fn is_plain_name(name: &str) -> bool {
    name.starts_with(starts_name)
        && name.chars().all(continues_name)
        && !["time", "value"].iter().chain(&KEYWORDS).any(|word| word.eq_ignore_ascii_case(name))
}

/// True for the first character of a word.
pub(super) fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// True for the characters after it.
pub(super) fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | ':')
}

/// `; did you mean ...?` when one of `candidates` is near to what was written, else nothing.
pub(super) fn suggestion(written: &str, candidates: &[&str]) -> String {
    // A short word may not become another one by half of its letters.
    let distance_max = if written.chars().count() < 7 { 1 } else { 2 };
    let near = nearest(written, candidates.iter().copied(), distance_max);
    near.map_or_else(String::new, |word| alloc::format!("; did you mean {word}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let functions = crate::query::Aggregate::NAMES;
        for (written, meant) in [
            ("maen", "mean"),
            ("men", "mean"),
            ("PERCENTIL", "percentile"),
            ("cuont", "count"),
            ("lst", "last"),
        ] {
            assert_eq!(suggestion(written, &functions), alloc::format!("; did you mean {meant}?"));
        }
        for written in ["median", "x", "", "mix(", "lower"] {
            assert_eq!(suggestion(written, &functions), "", "{written}");
        }
    }

    #[test]
    fn every_word_that_is_not_a_name_is_quoted() {
        for name in ["a", "_x", "cpu.load", "a:b", "größe", "timer", "x1"] {
            assert!(is_plain_name(name), "{name}");
        }
        for name in ["", "1a", "a-b", "a/b", "a b", "from", "Time", "VALUE", "a\"", ".a", "ä\n"] {
            assert!(!is_plain_name(name), "{name}");
        }
    }
}
