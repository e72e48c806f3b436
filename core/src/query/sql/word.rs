//! The words of the language: which are reserved, which will come, and which one was probably meant.
use alloc::string::String;
use alloc::vec::Vec;

/// Words that are not names unless they are quoted.
pub(super) const KEYWORDS: [&str; 16] = [
    "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "GROUP", "BY", "ORDER", "ASC", "DESC", "LIMIT",
    "OFFSET", "FILL", "AS",
];

/// Words of other dialects, and what to do instead where there is something.
const NOT_YET: [(&str, &str); 12] = [
    ("OR", "; for several values of one tag write tag IN ('a', 'b')"),
    ("NOT", " before a condition; write tag != 'a' or tag NOT IN ('a', 'b')"),
    ("FILL", "; windows without points are left out"),
    ("AS", "; a column has the text of its expression"),
    ("LIKE", "; write tag = 'a' or tag IN ('a', 'b')"),
    ("REGEXP", "; write tag = 'a' or tag IN ('a', 'b')"),
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
    let written = written.to_lowercase();
    let length = written.chars().count();
    let nearest = candidates
        .iter()
        .filter(|_| length <= 24)
        .map(|candidate| (distance(&written, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| {
            // A short word may not become another one by half of its letters.
            *distance <= if length < 7 { 1 } else { 2 } && *distance < length.min(candidate.len())
        })
        .min();
    nearest.map_or_else(String::new, |(_, word)| alloc::format!("; did you mean {word}?"))
}

/// Letters to change, add or take away; swapped neighbours count as one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (mut older, mut above): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for (i, x) in a.iter().enumerate() {
        let mut row = alloc::vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(older[j - 1] + 1);
            }
            row.push(cost);
        }
        older = core::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
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
