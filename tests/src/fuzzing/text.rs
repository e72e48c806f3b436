//! Text from people: SQL, patterns, times, durations, numbers.
use chronicle_core::query::{Regex, Statement, parse_sql, parse_statement};
use chronicle_core::text::{parse_number, write_number};
use chronicle_core::time::{
    format_duration, format_timestamp, parse_duration, parse_timestamp, parse_timestamp_lenient,
};

/// Now, in queries.
const NOW_NS: i64 = 1_706_400_000_000_000_000;

/// A query as SQL text. What is read prints as text that reads back to it.
pub fn decode_sql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(Statement::Select(query) | Statement::Explain(query)) = parse_statement(text, NOW_NS) {
        let printed = query.to_sql();
        let again = parse_sql(&printed, NOW_NS).unwrap_or_else(|error| panic!("{printed}\n{error}"));
        assert_eq!(query, again, "{printed}");
    }
}

pub(super) fn sql_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "SELECT mean(value) FROM cpu WHERE host = 'a' AND time > now() - 1h GROUP BY time(5m), host LIMIT 10",
        "SELECT * FROM \"my metric\"",
        "select count(value), sum(value), percentile(value, 99.5) from m where a != 'x' and b in ('1','2') group by *",
        "SELECT max(value) FROM m WHERE time >= '2024-01-28T10:00:00Z' AND time < '2024-01-29' GROUP BY time(1d)",
        "SELECT first(value), last(value), stddev(value) FROM m WHERE h = 'it''s' OR h = 'b' ORDER BY time DESC OFFSET 2",
        "EXPLAIN SELECT mean(value) FROM m WHERE NOT (a ~ '^x' AND (b !~ 'y' OR c = '')) AND time > 5 GROUP BY time(5m), * FILL(-1.5e3)",
        "SELECT mean(value) FROM m WHERE ((a = '1')) GROUP BY time(1w) FILL(linear) LIMIT 3",
        "SELECT rate(value) FROM m WHERE host =~ /a.*b/ AND host !~ /c/ AND time >= 1706400000000000000",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

/// A regular expression, and behind a line break what is searched: it ends, soon.
pub fn decode_regex(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pattern, value) = text.split_once('\n').unwrap_or((text, "aaaaaaaaaaaaaaaab"));
    if let Ok(regex) = Regex::new(pattern) {
        let found = regex.is_match(value);
        assert_eq!(regex.as_str(), pattern);
        // In a group it means the same.
        if let Ok(grouped) = Regex::new(&format!("(?:{pattern})")) {
            assert_eq!(grouped.is_match(value), found, "{pattern}");
        }
    }
}

pub(super) fn regex_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "^web-[0-9]+$\nweb-12",
        "(?i)größe|[^a-z_]{2,3}?\nGRÖSSE",
        r"(a+)+$",
        r"(?P<n>\d\W\x41\x{1F600}|[[:alpha:]\]-])*",
        "(x{100}){30}",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

/// A time as text, in both forms.
pub fn decode_timestamp_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let strict = parse_timestamp(text);
    let lenient = parse_timestamp_lenient(text);
    if let Ok(ns) = strict {
        assert_eq!(lenient, Ok(ns), "the lenient form reads what the strict one does");
        assert_eq!(parse_timestamp(&format_timestamp(ns)), Ok(ns));
    }
    if let Ok(ns) = lenient {
        assert_eq!(parse_timestamp(&format_timestamp(ns)), Ok(ns));
    }
}

pub(super) fn timestamp_seeds() -> Vec<Vec<u8>> {
    let seed = |ns: i64| {
        let text = format_timestamp(ns);
        assert_eq!(parse_timestamp(&text), Ok(ns));
        text.into_bytes()
    };
    let mut seeds: Vec<Vec<u8>> = [0, NOW_NS, 1, -1, i64::MIN, i64::MAX].into_iter().map(seed).collect();
    let others = [
        "2016-12-31T23:59:60Z",
        "2024-02-29 10:00:00.5+05:30",
        "2024-01-28T10:00:00",
        "2024-01-28 10:00:00-0800",
    ];
    seeds.extend(others.map(|text| text.as_bytes().to_vec()));
    seeds
}

/// A duration as text.
pub fn decode_duration_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(ns) = parse_duration(text) {
        assert!(ns >= 0);
        assert_eq!(parse_duration(&format_duration(ns)), Ok(ns));
    }
}

pub(super) fn duration_seeds() -> Vec<Vec<u8>> {
    let seed = |ns: i64| {
        let text = format_duration(ns);
        assert_eq!(parse_duration(&text), Ok(ns));
        text.into_bytes()
    };
    [1, 1_000, 90_061_001_001_001, 604_800_000_000_000, i64::MAX].into_iter().map(seed).collect()
}

/// A number as text.
pub fn decode_number_text(data: &[u8]) {
    if let Some(value) = parse_number(data) {
        let mut text = Vec::new();
        write_number(value.to_bits(), &mut text);
        assert_eq!(parse_number(&text).map(f64::to_bits), Some(value.to_bits()));
    }
}

pub(super) fn number_seeds() -> Vec<Vec<u8>> {
    let seed = |value: f64| {
        let mut text = Vec::new();
        write_number(value.to_bits(), &mut text);
        assert_eq!(parse_number(&text).map(f64::to_bits), Some(value.to_bits()));
        text
    };
    let values =
        [0.0, -0.0, 21.5, 1e300, 5e-324, f64::MAX, f64::NAN, f64::NEG_INFINITY, 123_456_789_012_345.0];
    let mut seeds: Vec<Vec<u8>> = values.into_iter().map(seed).collect();
    seeds.extend([&b"+1.5E-05"[..], b".5", b"1.", b"Infinity", b"NaN:fff8000000000001"].map(<[u8]>::to_vec));
    seeds
}
