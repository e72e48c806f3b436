//! Text in, query out; text in, error out; and texts that nobody would write by accident.
extern crate std;
use super::{SQL_BYTES_MAX, parse_sql, parse_sql_within};
use crate::error::ErrorKind;
use crate::model::TimeRange;
use crate::query::{Aggregate, Query, days, hours, minutes, seconds};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

mod logic;
mod random;

const NOW: i64 = 1_706_400_000_000_000_000;

#[test]
fn each_form_reads_as_the_query_it_means() {
    let cpu = || Query::metric("cpu");
    let after = |min| TimeRange { min, max: i64::MAX };
    for (text, query) in [
        ("SELECT * FROM cpu", cpu()),
        ("select value from cpu;", cpu()),
        ("SELECT * FROM cpu.load:avg_1", Query::metric("cpu.load:avg_1")),
        ("SELECT * FROM \"cpu \"\"1\"\"\"", Query::metric("cpu \"1\"")),
        ("SELECT * FROM time", Query::metric("time")),
        (
            "SELECT mean(value) FROM cpu WHERE host = 'a' AND time > now() - 1h GROUP BY time(5m), host LIMIT 10",
            cpu()
                .tag("host", "a")
                .range(after(NOW - hours(1) + 1))
                .mean(minutes(5))
                .group_by(["host"])
                .limit(10),
        ),
        (
            "SELECT COUNT(*), Max( value ),percentile(value,99.9) FROM cpu GROUP BY *, time(1h30m)",
            cpu()
                .aggregate(Aggregate::Count)
                .aggregate(Aggregate::Max)
                .aggregate(Aggregate::Percentile(99.9))
                .window(minutes(90))
                .group_by_all(),
        ),
        (
            "SELECT rate(value) FROM cpu GROUP BY \"time\"",
            cpu().aggregate(Aggregate::Rate).group_by(["time"]),
        ),
        (
            "SELECT * FROM cpu WHERE a='it''s' AND b != '' AND c<>'x' AND d in ('1', '2') AND \"value\" NOT IN ('3')",
            cpu()
                .tag("a", "it's")
                .tag_not("b", "")
                .tag_not("c", "x")
                .tag_in("d", ["1", "2"])
                .tag_not_in("value", ["3"]),
        ),
        ("SELECT * FROM cpu WHERE a IN ()", cpu().tag_in("a", [""; 0])),
        ("SELECT * FROM cpu ORDER BY time DESC LIMIT 1 OFFSET 2", cpu().descending().limit(1).offset(2)),
        ("SELECT * FROM cpu ORDER BY time asc", cpu()),
    ] {
        assert_eq!(parse_sql(text, NOW).unwrap(), query, "{text}");
    }
}

#[test]
fn a_date_without_quotes_is_no_sum() {
    let error = parse_sql("SELECT * FROM m WHERE time >= 2014-07-01", 0).unwrap_err();
    assert!(error.message().contains("single quotes"), "{error}");
}

#[test]
fn moments_are_read_in_every_form() {
    for (condition, range) in [
        ("time >= '2024-01-28'", (NOW..).into()),
        ("time >= '2024-01-28T00:00:00Z'", (NOW..).into()),
        ("time >= '2024-01-28 02:00:00+02:00'", (NOW..).into()),
        ("time >= '2024-01-28 00:00:01.5'", (NOW + 1_500_000_000..).into()),
        ("time >= 1706400000000000000", (NOW..).into()),
        ("time >= 1706400000s", (NOW..).into()),
        ("time >= 1706400000000ms + 1d - 2h", (NOW + days(1) - hours(2)..).into()),
        ("time < NOW() - 1h30m - 5ns", (..NOW - minutes(90) - 5).into()),
        ("time>=now()-1w AND time<=now()", (NOW - days(7)..=NOW).into()),
        ("time > -5 AND time < -5s + 10s", (-4..seconds(5)).into()),
        ("time = 7", (7..=7).into()),
        ("time >= -9223372036854775808 AND time <= 9223372036854775807", TimeRange::ALL),
        ("time >= 9223372036854775808 - 1ns", (i64::MAX..).into()),
        ("time > 9223372036854775807", TimeRange::EMPTY),
        ("time < -9223372036854775808", TimeRange::EMPTY),
        ("time > 10 AND time >= 5 AND time < 20 AND time <= 30", (11..20).into()),
    ] {
        let query = parse_sql(&alloc::format!("SELECT * FROM m WHERE {condition}"), NOW).unwrap();
        assert_eq!(query.range, range, "{condition}");
    }
}

#[test]
fn an_error_points_at_the_word() {
    let error = |text| parse_sql(text, NOW).unwrap_err().to_string();
    assert_eq!(
        error("SELECT maen(value) FROM cpu"),
        "line 1, column 8: there is no function `maen`; did you mean mean?\n  \
         SELECT maen(value) FROM cpu\n         ^^^^"
    );
    assert_eq!(
        error("SELECT *\n\tFRM cpu\nLIMIT 1"),
        "line 2, column 2: expected FROM and the metric, found `FRM`; did you mean FROM?\n   FRM cpu\n   ^^^"
    );
    assert_eq!(
        error("SELECT * FROM größe WHERE ort = 'näh"),
        "line 1, column 33: this ' is never closed\n  SELECT * FROM größe WHERE ort = 'näh\n                                  ^"
    );
    assert_eq!(
        error("SELECT * FROM cpu WHERE time > 9223372036854775807 + 1h"),
        "line 1, column 32: this moment lies outside of what 64 bits of nanoseconds can hold (1677 to 2262)\n  \
         SELECT * FROM cpu WHERE time > 9223372036854775807 + 1h\n                                 ^^^^^^^^^^^^^^^^^^^^^^^^"
    );
    let long =
        alloc::format!("SELECT * FROM cpu WHERE a = '{}' XR b = '{}'", "x".repeat(300), "y".repeat(300));
    let message = error(&long);
    let lines: Vec<&str> = message.lines().collect();
    assert!(
        lines[0].starts_with("line 1, column 332: expected another clause or the end, found `XR`"),
        "{message}"
    );
    assert_eq!(lines[1].find("XR"), lines[2].find("^^"));
    assert!(lines[1].len() < 140 && lines[1].ends_with("...") && lines[1].contains("  ..."), "{message}");
}

#[test]
fn wrong_texts_are_refused_with_the_reason() {
    for (text, reason) in [
        ("", "expected SELECT, found the end of the query"),
        ("SELCT * FROM m", "did you mean SELECT?"),
        ("SELECT", "expected *, value or a function such as mean(value) after SELECT, found the end"),
        ("SELECT FROM m", "found `FROM`"),
        ("SELECT * m", "expected FROM"),
        ("SELECT * FROM", "expected the name of a metric"),
        ("SELECT * FROM where", "expected the name of a metric, found `where`"),
        ("SELECT * FROM 'm'", "names are written plain or in double quotes"),
        ("SELECT * FROM \"\"", "a name can't be empty"),
        ("SELECT * FROM cpu-load", "written in double quotes"),
        ("SELECT * FROM cpu/load", "written in double quotes"),
        ("SELECT *, mean(value) FROM m", "can't be mixed"),
        ("SELECT mean(value), value FROM m", "can't be mixed"),
        ("SELECT host FROM m", "`host` is not a column"),
        ("SELECT mean FROM m", "`mean` is not a column"),
        ("SELECT median(value) FROM m", "no function `median`; write percentile(value, 50)"),
        ("SELECT AVG(value) FROM m", "no function `AVG`; write mean(value)"),
        ("SELECT spread(value) FROM m", "no function `spread`; there are count, sum"),
        ("SELECT mean(host) FROM m", "expected value inside mean(), found `host`"),
        ("SELECT mean(*) FROM m", "expected value inside mean()"),
        ("SELECT mean(mean(value)) FROM m", "expected value inside mean()"),
        ("SELECT mean(value FROM m", "expected `)`, found `FROM`"),
        ("SELECT mean(value, 5) FROM m", "expected `)`, found `,`"),
        ("SELECT percentile(value) FROM m", "percentile(value, 99)"),
        ("SELECT percentile(value, 101) FROM m", "101 is not between 0 and 100"),
        ("SELECT percentile(value, 9x) FROM m", "not a number"),
        ("SELECT max(value), max(value) FROM m", "max(value) is asked for twice"),
        ("SELECT * FROM m WHERE", "expected a tag or time, found the end"),
        ("SELECT * FROM m WHERE host", "expected =, !=, IN, NOT IN, ~ or !~ after the tag"),
        ("SELECT * FROM m WHERE host = a", "single quotes: 'a'"),
        ("SELECT * FROM m WHERE host = \"a\"", "double quotes are for names"),
        ("SELECT * FROM m WHERE host = 5", "strings, written in single quotes: '5'"),
        ("SELECT * FROM m WHERE host > 'a'", "tags have no order"),
        ("SELECT * FROM m WHERE host IN 'a'", "expected `(`"),
        ("SELECT * FROM m WHERE host IN ('a',)", "value of the tag"),
        ("SELECT * FROM m WHERE host NOT = 'a'", "expected IN after NOT"),
        ("SELECT * FROM m WHERE host = 'a' AN time > 5", "did you mean AND?"),
        ("SELECT * FROM m WHERE time > yesterday", "expected a moment"),
        ("SELECT * FROM m WHERE time > \"2024-01-28\"", "written in single quotes"),
        ("SELECT * FROM m WHERE time > '2024-02-30'", "\"2024-02-30 00:00:00\" is not a timestamp"),
        ("SELECT * FROM m WHERE time > now", "expected `(`"),
        ("SELECT * FROM m WHERE time > now() - ", "expected a span such as 1h30m, found the end"),
        ("SELECT * FROM m WHERE time > now() - 5x", "is not a duration"),
        ("SELECT * FROM m WHERE time > 99999999999999999999", "does not fit into 64 bits"),
        ("SELECT * FROM m WHERE time > 9223372036s + 1s", "outside of what 64 bits"),
        ("SELECT * FROM m GROUP BY host", "GROUP BY needs a function"),
        ("SELECT mean(value) FROM m GROUP time(5m)", "expected BY after GROUP"),
        ("SELECT mean(value) FROM m GROUP BY time", "as in time(5m)"),
        ("SELECT mean(value) FROM m GROUP BY time(0s)", "longer than 0"),
        ("SELECT mean(value) FROM m GROUP BY time(5)", "the unit is missing"),
        ("SELECT mean(value) FROM m GROUP BY time(5m), time(1h)", "there is a window already"),
        ("SELECT mean(value) FROM m GROUP BY host, *", "* already stands for every tag"),
        ("SELECT mean(value) FROM m GROUP BY *, host", "* already stands for every tag"),
        ("SELECT mean(value) FROM m GROUP BY a, b, a", "\"a\" is grouped by twice"),
        ("SELECT * FROM m ORDER time", "expected BY after ORDER"),
        ("SELECT * FROM m LIMIT", "expected a number of rows"),
        ("SELECT * FROM m LIMIT -1", "expected a number of rows, found `-`"),
        ("SELECT * FROM m LIMIT 1.5", "not a whole number"),
        (
            "SELECT mean(value) FROM m GROUP BY time(5m) FILL(zero)",
            "expected none, null, previous, linear or a number",
        ),
        ("SELECT mean(value) FROM m GROUP BY time(5m) FILL(liner)", "did you mean linear?"),
        ("SELECT mean(value) FROM m GROUP BY time(5m) FILL()", "inside FILL()"),
        ("SELECT mean(value) FROM m GROUP BY time(5m) FILL(1 2)", "expected `)`"),
        ("SELECT mean(value) FROM m FILL(null)", "a fill needs windows"),
        ("SELECT * FROM m FILL(null)", "raw points have none"),
        ("SELECT * FROM m WHERE (a = 'x'", "expected AND, OR or `)`, found the end"),
        ("SELECT * FROM m WHERE (a = 'x' ADN b = 'y')", "did you mean AND?"),
        ("SELECT * FROM m WHERE a = 'x')", "found `)`"),
        ("SELECT * FROM m WHERE ()", "expected a tag or time"),
        ("SELECT * FROM m WHERE a ~ x", "expected a regular expression in single quotes"),
        ("SELECT * FROM m LIMIT 1 LIMIT 2", "each at most once"),
        ("SELECT * FROM m LIMIT 1 WHERE a = 'b'", "WHERE does not belong here"),
        ("SELECT * FROM m LIMT 1", "did you mean LIMIT?"),
        ("SELECT * FROM m; SELECT * FROM m", "SELECT does not belong here"),
        ("SELECT * FROM m \u{0}", "'\\0' is not expected here"),
    ] {
        let error = parse_sql(text, NOW).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}: {error}");
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn what_will_come_later_says_so() {
    for (text, word) in [
        ("SELECT * FROM m WHERE a LIKE 'x%'", "LIKE"),
        ("SELECT * FROM m WHERE time BETWEEN 1 AND 2", "BETWEEN"),
        ("SELECT * FROM m WHERE time != 5", "!="),
        ("SELECT * FROM m WHERE value > 5", "value"),
        ("SELECT mean(value) FROM m GROUP BY time(5m, 1m)", ","),
        ("SELECT mean(value) AS x FROM m", "AS"),
        ("SELECT DISTINCT value FROM m", "DISTINCT"),
        ("SELECT * FROM m ORDER BY host", "host"),
        ("SELECT * FROM m JOIN n", "JOIN"),
    ] {
        let error = parse_sql(text, NOW).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{text}: {error}");
        let message = error.to_string();
        let caret = message.lines().last().unwrap().find('^').unwrap();
        assert!(message.lines().nth(1).unwrap()[caret..].starts_with(word), "{message}");
    }
}

#[test]
fn lengths_are_limited() {
    let kind = |text: &str| parse_sql(text, NOW).unwrap_err().kind();
    assert_eq!(kind(&"SELECT ".repeat(1_500_000)), ErrorKind::LimitExceeded);
    let fits = alloc::format!("SELECT * FROM m{}", " ".repeat(SQL_BYTES_MAX - 15));
    assert!(parse_sql(&fits, NOW).is_ok());
    assert_eq!(kind(&alloc::format!("{fits} ")), ErrorKind::LimitExceeded);
    assert!(parse_sql_within(&alloc::format!("{fits} "), NOW, SQL_BYTES_MAX + 1).is_ok());
    let columns: Vec<String> = (0..65).map(|p| alloc::format!("percentile(value, {p})")).collect();
    assert_eq!(kind(&alloc::format!("SELECT {} FROM m", columns.join(", "))), ErrorKind::LimitExceeded);
    let tags: Vec<String> = (0..65).map(|i| alloc::format!("t{i}")).collect();
    let grouped = alloc::format!("SELECT sum(value) FROM m GROUP BY {}", tags.join(", "));
    assert_eq!(kind(&grouped), ErrorKind::LimitExceeded);
}

#[test]
fn deep_and_long_texts_end_in_an_error() {
    for piece in ["(", "max(", "NOT ", "- ", "'", "\"", "a,", "AND ", "\u{10FFFF}"] {
        for head in [
            "",
            "SELECT ",
            "SELECT * FROM m WHERE ",
            "SELECT * FROM m WHERE time > ",
            "SELECT max(value) FROM m GROUP BY ",
        ] {
            let text = alloc::format!("{head}{}", piece.repeat(10_001));
            assert!(parse_sql_within(&text, NOW, usize::MAX).is_err(), "{head}{piece}");
        }
    }
    // Legal, and as long as the limit lets it be.
    let sum = alloc::format!("SELECT * FROM m WHERE time > 0{}", "+9223372036854775807".repeat(3000));
    assert_eq!(parse_sql(&sum, NOW).unwrap_err().kind(), ErrorKind::InvalidInput);
    let list = alloc::format!("SELECT * FROM m WHERE a IN ('b'{})", ",'c'".repeat(10_000));
    assert!(parse_sql(&list, NOW).is_ok());
}
