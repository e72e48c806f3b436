//! `chronicle query`: fills, conditions, plots and EXPLAIN on the command line, and its words for what is wrong.
use chronicle::query::{Fill, Query, minutes, parse_sql, tag};
use chronicle::{Config, Db, ErrorKind, Point, Selector};
use chronicle_tests::program::{chronicle, parse};

const START: i64 = 1_706_400_000_000_000_000;

struct Place(tempfile::TempDir);

impl Place {
    /// Six hosts, a point a minute for two hours, sealed; then a few points that are not. One series has a gap.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let db = Db::open(place.db(), Config::default()).unwrap();
        let mut points = Vec::new();
        for host in 0..6 {
            for minute in (0..120).filter(|minute| host > 0 || *minute < 5 || *minute >= 15) {
                let value = f64::from(host * 1_000 + minute);
                let point = Point::new("cpu", START + minutes(minute.into()), value)
                    .tag("host", format!("web-{host}"));
                points.push(if host < 3 { point.tag("dc", "x") } else { point });
            }
        }
        db.write_batch(&points).unwrap();
        db.write_batch(&[Point::new("memory", START, 1.0)]).unwrap();
        db.checkpoint().unwrap();
        db.close().unwrap();
        place
    }
    fn db(&self) -> String {
        self.0.path().join("data.db").to_str().unwrap().to_owned()
    }
    fn query(&self, more: &[&str]) -> chronicle_tests::program::Ran {
        let db = self.db();
        let mut arguments = vec!["query", "--path", &db];
        arguments.extend_from_slice(more);
        chronicle(&arguments)
    }
}

#[test]
fn an_absent_value_is_no_number_in_any_form() {
    let place = Place::new();
    let sql = "SELECT max(value), count(value) FROM cpu WHERE host = 'web-0' AND time < '2024-01-28 00:20:00' \
               GROUP BY time(5m) FILL(null)";
    let csv = "timestamp,max(value),count(value)\n2024-01-28T00:00:00Z,4,5\n2024-01-28T00:05:00Z,,0\n\
               2024-01-28T00:10:00Z,,0\n2024-01-28T00:15:00Z,19,5\n";
    assert_eq!(place.query(&["--format", "csv", sql]).done(), csv);
    let json = place.query(&["--json", sql]).json();
    assert_eq!(json["rows"][1], parse(r#"["2024-01-28T00:05:00Z",null,0]"#));
    assert!(place.query(&[sql]).done().contains("2024-01-28T00:05:00Z        null             0\n"));
    let db = Db::open(place.db(), Config::read_only()).unwrap();
    let rows = db.query_sql(sql).unwrap().rows().unwrap();
    assert_eq!(rows[2].values, [None, Some(0.0)]);
}

#[test]
fn an_unknown_name_is_pointed_at_with_the_one_that_was_meant() {
    let place = Place::new();
    for (sql, caret, words) in [
        ("SELECT * FROM cup", "^^^", "did you mean cpu?"),
        ("SELECT * FROM cpu WHERE hots = 'web-1'", "^^^^", "did you mean host?"),
        ("SELECT max(value) FROM cpu GROUP BY time(1h), dcc", "^^^", "did you mean dc?"),
        ("SELECT max(value) FROM cpu WHERE \"no such\" ~ 'x'", "^^^^^^^^^", "there are dc, host"),
        ("SELECT * FROM memory WHERE host = 'a'", "^^^^", "it has no tags"),
    ] {
        let error = place.query(&[sql]).failed(1);
        assert!(error.contains(words) && error.lines().any(|line| line.trim() == caret), "{sql}\n{error}");
    }
    // True of series without the tag, so there is an answer.
    assert!(place.query(&["SELECT * FROM memory WHERE rack != 'a'"]).done().contains("(1 row)"));
    assert!(place.query(&["SELECT maen(value) FROM cpu"]).failed(2).contains("did you mean mean?"));
    assert!(
        place.query(&["SELECT max(value) FROM cpu GRUOP BY host"]).failed(2).contains("did you mean GROUP?")
    );
}

#[test]
fn explain_says_what_was_read_and_what_was_not() {
    let place = Place::new();
    let explain = |sql: &str| {
        let json = place.query(&["--json", sql]).json();
        let number = |name: &str| {
            json[name].as_str().unwrap_or_else(|| panic!("{name}: {json}")).parse::<u64>().unwrap()
        };
        assert!(json["elapsed_ms"].as_f64().unwrap() > 0.0);
        ["series", "blocks_by_statistics", "blocks_decoded", "points_decoded", "points_unsealed", "rows"]
            .map(number)
    };
    assert_eq!(explain("EXPLAIN SELECT sum(value) FROM cpu WHERE dc = ''"), [3, 3, 0, 0, 0, 1]);
    let [series, by_statistics, decoded, points, unsealed, rows] =
        explain("EXPLAIN SELECT stddev(value) FROM cpu WHERE host IN ('web-1', 'web-2') GROUP BY *");
    assert_eq!((series, by_statistics, decoded, points, unsealed, rows), (2, 0, 2, 240, 0, 2));
    assert_eq!(explain("EXPLAIN SELECT * FROM cpu WHERE time < '2020-01-01'"), [6, 0, 0, 0, 0, 0]);
    let text = place.query(&["--explain", "SELECT * FROM cpu LIMIT 3"]).done();
    assert!(
        text.starts_with("SELECT * FROM cpu LIMIT 3\n") && text.contains("rows                          3"),
        "{text}"
    );

    let db = Db::open(place.db(), Config::default()).unwrap();
    db.write_batch(&[Point::new("cpu", START, 5.0).tag("host", "web-9")]).unwrap();
    let stats = db.explain(&Query::metric("cpu")).unwrap().stats;
    assert_eq!((stats.series, stats.points_unsealed, stats.rows), (7, 1, 6 * 120 - 10 + 1));
    assert!(stats.bytes_read > 0 && stats.segments >= 1, "{stats:?}");
    let skipped =
        db.explain(&Query::metric("cpu").tag("host", "web-5").percentile(50.0, minutes(1))).unwrap().stats;
    assert!(
        skipped.blocks_skipped >= 5 && skipped.blocks_decoded + skipped.blocks_cached == 1,
        "{skipped:?}"
    );
    assert!(db.query_sql("EXPLAIN SELECT * FROM cpu").err().unwrap().message().contains("EXPLAIN"));
}

#[test]
fn a_plot_has_axes_and_a_legend() {
    let place = Place::new();
    let one =
        place.query(&["--plot", "SELECT mean(value) FROM cpu WHERE host = 'web-1' GROUP BY time(5m)"]).done();
    assert!(
        one.starts_with("mean(value) of cpu\n") && one.contains('┤') && one.contains("min 1002"),
        "{one}"
    );
    assert!(one.lines().all(|line| line.chars().count() <= 80), "{one}");
    let many =
        place.query(&["--plot", "SELECT mean(value), max(value) FROM cpu GROUP BY time(5m), host"]).done();
    assert!(many.contains("a host=web-0 mean(value)") && many.contains("the first 10 of 12 lines"), "{many}");
    assert!(place.query(&["--plot", "SELECT * FROM cpu WHERE time < 0"]).done().contains("nothing to draw"));
    place.query(&["--plot", "--json", "SELECT * FROM cpu"]).failed(2);
    place.query(&["--plot", "EXPLAIN SELECT * FROM cpu"]).failed(2);
}

#[test]
fn a_filter_chooses_what_is_deleted_too() {
    let place = Place::new();
    let db = Db::open(place.db(), Config::default()).unwrap();
    let filter =
        tag("host").matches("[0-1]$").unwrap().or(tag("dc").equals("").and(tag("host").differs("web-4")));
    let selector = Selector::metric("cpu").filter(filter.clone());
    let count = |query: &Query| db.query(query).unwrap().rows().unwrap().len();
    assert_eq!(count(&Query::metric("cpu").filter(filter.clone())), 4 * 120 - 10);
    db.delete(&selector, ..).unwrap();
    assert_eq!(count(&Query::metric("cpu").filter(filter.clone())), 0);
    assert_eq!(count(&Query::metric("cpu")), 2 * 120);
    assert_eq!(count(&Query::metric("cpu").not(filter)), 2 * 120);
}

#[test]
fn a_fill_beyond_the_budget_is_refused_in_words() {
    let place = Place::new();
    let db = Db::open(place.db(), Config::read_only()).unwrap();
    let options = chronicle::QueryOptions { memory_max: Some(1 << 20), ..chronicle::QueryOptions::default() };
    let query = parse_sql("SELECT mean(value) FROM cpu GROUP BY time(1ms), * FILL(linear)", 0).unwrap();
    let error = db.query_with(&query, options.clone()).unwrap().rows().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OverBudget);
    assert!(error.message().contains("windows of 6 groups"), "{error}");
    let few = Query { limit: Some(2), fill: Fill::Null, ..query };
    assert_eq!(db.query_with(&few, options).unwrap().rows().unwrap().len(), 2);
}
