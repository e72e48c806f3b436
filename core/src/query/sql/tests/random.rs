//! Queries print themselves and read back, and no text breaks the parser.
use super::NOW;
use crate::model::TimeRange;
use crate::query::{Aggregate, Fill, Filter, GroupBy, Matcher, Order, Query, Regex, Select, parse_sql};
use alloc::string::String;
use proptest::prelude::*;
extern crate std;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_.:]{0,6}",
        "\\PC{1,8}",
        prop::sample::select(alloc::vec![
            "time", "value", "from", "Now", "mean", "'", "\"", "a''b", "\n", "ü-1"
        ])
        .prop_map(String::from),
    ]
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let values = || prop::collection::vec(prop_oneof![text(), Just(String::new())], 0..4);
    (text(), values(), 0..6u8).prop_map(|(key, values, form)| {
        let value = values.first().cloned().unwrap_or_default();
        match form {
            0 => Matcher::Equal { key, value },
            1 => Matcher::NotEqual { key, value },
            2 => Matcher::In { key, values },
            3 => Matcher::NotIn { key, values },
            // Not every text is a pattern.
            form => {
                let regex = Regex::new(&value).unwrap_or_else(|_| Regex::new("^'a.b").unwrap());
                if form == 4 { Matcher::Match { key, regex } } else { Matcher::NotMatch { key, regex } }
            }
        }
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let one = matcher().prop_map(Filter::from);
    let nested = one.prop_recursive(6, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::all),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::any),
            inner.prop_map(|filter| !filter),
        ]
    });
    prop_oneof![Just(Filter::default()), nested]
}

fn fill() -> impl Strategy<Value = Fill> {
    let value = prop_oneof![any::<f64>(), any::<u64>().prop_map(f64::from_bits)];
    prop_oneof![
        Just(Fill::None),
        Just(Fill::Null),
        Just(Fill::Previous),
        Just(Fill::Linear),
        value.prop_map(Fill::Value)
    ]
}

fn query() -> impl Strategy<Value = Query> {
    use Aggregate::*;
    let aggregates = prop_oneof![
        Just(alloc::vec![Count, Sum, Mean, Min]),
        (0.0..=100.0).prop_map(|p| alloc::vec![Percentile(p), Max, Percentile(0.0), Stddev]),
        Just(alloc::vec![First, Rate, Last]),
    ];
    let groups = prop_oneof![
        Just(GroupBy::AllTags),
        prop::collection::btree_set(text(), 0..4).prop_map(|keys| GroupBy::Tags(keys.into_iter().collect())),
    ];
    let select = prop_oneof![
        Just((Select::Points, None, GroupBy::default())),
        (aggregates.prop_map(Select::Aggregates), prop::option::of(1..=i64::MAX), groups),
    ];
    let edge = || prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>()];
    (
        (text(), filter(), (edge(), edge()), select),
        (any::<bool>(), fill(), prop::option::of(any::<u64>()), prop_oneof![Just(0), any::<u64>()]),
    )
        .prop_map(
            |((metric, filter, (min, max), (select, window_ns, group_by)), (late, fill, limit, offset))| {
                Query {
                    metric,
                    filter,
                    range: TimeRange { min, max },
                    select,
                    fill: if window_ns.is_some() { fill } else { Fill::None },
                    window_ns,
                    group_by,
                    order: if late { Order::Descending } else { Order::Ascending },
                    limit,
                    offset,
                }
            },
        )
}

/// Pieces of queries in any order: far more likely than random bytes to reach the far corners of the parser.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "SELECT",
        "FROM",
        "WHERE",
        "AND",
        "OR",
        "FILL(",
        "linear)",
        "EXPLAIN",
        "~",
        "!~",
        "(a = 'b'",
        "/",
        "IN",
        "NOT",
        "GROUP BY",
        "ORDER BY",
        "LIMIT",
        "OFFSET",
        "*",
        "(",
        ")",
        ",",
        "=",
        "<",
        ">=",
        "time",
        "value",
        "now()",
        "'",
        "\"",
        "5m",
        "1",
        "-",
        "+",
        "m",
        "mean(value)",
        "time(5m)",
        "'2024-01-28'",
        "\u{0}",
        "ü",
        "percentile(value, ",
        "99999999999999999999",
        ";",
        "SELECT * FROM m WHERE",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..30).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_query_prints_itself_and_reads_back(query in query()) {
        query.check().unwrap();
        let text = query.to_sql();
        prop_assert_eq!(parse_sql(&text, NOW).unwrap_or_else(|error| panic!("{text}\n{error}")), query);
    }

    #[test]
    fn any_bytes_are_a_query_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        soup in soup(),
        any in "\\PC{0,60}",
    ) {
        for text in [String::from_utf8_lossy(&bytes).into_owned(), soup, any] {
            if let Ok(query) = parse_sql(&text, NOW) {
                prop_assert_eq!(parse_sql(&query.to_sql(), 0).unwrap(), query);
            }
        }
    }
}
