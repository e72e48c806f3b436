//! Conditions joined, fills, EXPLAIN, and errors that are known only later.
use crate::error::ErrorKind;
use crate::query::sql::{Named, Statement, error_at_name, parse_sql, parse_statement};
use crate::query::{Aggregate, Fill, Filter, Query, minutes, tag};
use alloc::string::ToString;

#[test]
fn conditions_join_as_they_bind() {
    let cpu = || Query::metric("cpu");
    let means = || cpu().mean(minutes(5));
    for (text, query) in [
        (
            "SELECT * FROM cpu WHERE a = '1' OR b = '2' AND NOT c = '3' OR (d ~ '^x' AND (e !~ 'y''' OR f =~ 'z'))",
            cpu().any_of([
                tag("a").equals("1"),
                tag("b").equals("2").and(tag("c").differs("3")),
                tag("d")
                    .matches("^x")
                    .unwrap()
                    .and((!tag("e").matches("y'").unwrap()).or(tag("f").matches("z").unwrap())),
            ]),
        ),
        (
            "SELECT * FROM cpu WHERE NOT (a = '1' OR NOT NOT b IN ('2')) AND (time >= 5 AND ((time < 10)))",
            cpu().tag_not("a", "1").tag_not_in("b", ["2"]).range(5..10),
        ),
        (
            "SELECT mean(value) FROM cpu GROUP BY time(5m) fill( Previous ) LIMIT 1",
            means().fill(Fill::Previous).limit(1),
        ),
        ("SELECT mean(value) FROM cpu GROUP BY time(5m) FILL(-1.5e-3)", means().fill(Fill::Value(-1.5e-3))),
        (
            "SELECT mean(value) FROM cpu GROUP BY time(5m) FILL(+Inf)",
            means().fill(Fill::Value(f64::INFINITY)),
        ),
        ("SELECT mean(value) FROM cpu FILL(none)", cpu().aggregate(Aggregate::Mean)),
    ] {
        assert_eq!(parse_sql(text, 0).unwrap(), query, "{text}");
    }
}

#[test]
fn explain_is_a_statement_and_no_query() {
    let text = "SELECT * FROM cpu";
    assert_eq!(parse_statement(text, 0).unwrap(), Statement::Select(Query::metric("cpu")));
    let explain = alloc::format!("explain {text}");
    assert_eq!(parse_statement(&explain, 0).unwrap(), Statement::Explain(Query::metric("cpu")));
    assert!(parse_sql(&explain, 0).unwrap_err().message().contains("EXPLAIN answers"));
    assert!(parse_statement("EXPLAIN EXPLAIN SELECT * FROM cpu", 0).is_err());
    assert_eq!(parse_sql("SELECT * FROM explain", 0).unwrap(), Query::metric("explain"));
}

#[test]
fn an_error_of_the_database_points_at_the_name_too() {
    let text = "SELECT max(value) FROM cpu WHERE cpu = 'a'";
    let at = |named, name| error_at_name(text, named, name, ErrorKind::NotFound, "no").to_string();
    let expected = alloc::format!("line 1, column 24: no\n  {text}\n  {}^^^", " ".repeat(23));
    assert_eq!(at(Named::Metric, "cpu"), expected);
    assert!(at(Named::Tag, "cpu").starts_with("line 1, column 34: no"));
    assert_eq!(at(Named::Tag, "dc"), "no");
}

#[test]
fn time_stands_under_neither_or_nor_not() {
    for (condition, reason) in [
        ("time > 5 OR time < 3", "can't stand under OR"),
        ("a = 'x' OR (b = 'y' AND time < 3)", "can't stand under OR"),
        ("NOT time > 5", "write the opposite"),
        ("NOT (a = 'x' AND time > 5)", "write the opposite"),
    ] {
        let error = parse_sql(&alloc::format!("SELECT * FROM m WHERE {condition}"), 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{condition}");
        assert!(error.message().contains(reason), "{error}");
    }
}

#[test]
fn a_wrong_pattern_is_pointed_at() {
    let error = parse_sql("SELECT * FROM m WHERE a ~ 'ab)c'", 0).unwrap_err();
    assert_eq!(error.place(), Some("line 1, column 30"));
    let bomb = parse_sql("SELECT * FROM m WHERE a ~ '((x{1000}){1000})'", 0).unwrap_err();
    assert_eq!(bomb.kind(), ErrorKind::LimitExceeded);
    let slash = parse_sql("SELECT * FROM m WHERE a =~ /x/", 0).unwrap_err();
    assert!(slash.message().contains("single quotes"), "{slash}");
}

#[test]
fn deep_parentheses_end_in_an_error() {
    let nested = |depth: usize| {
        alloc::format!("SELECT * FROM m WHERE {}a = 'b'{}", "(".repeat(depth), ")".repeat(depth))
    };
    assert_eq!(parse_sql(&nested(Filter::DEPTH_MAX), 0).unwrap(), Query::metric("m").tag("a", "b"));
    assert_eq!(parse_sql(&nested(Filter::DEPTH_MAX + 1), 0).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(parse_sql(&nested(20_000), 0).unwrap_err().kind(), ErrorKind::LimitExceeded);
    // No parenthesis of these is needed, yet each joins an OR into an AND.
    let deep =
        (0..60).fold("a = 'b'".to_string(), |inner, _| alloc::format!("a = 'b' OR b = 'c' AND ({inner})"));
    let error = parse_sql(&alloc::format!("SELECT * FROM m WHERE {deep}"), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}
