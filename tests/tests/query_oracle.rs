//! Random questions about random databases, against answers that are computed point by point.
use chronicle_core::engine::{QueryRun, QueryStats};
use chronicle_core::error::{ErrorKind, Result};
use chronicle_core::query::{Fill, Query, parse_sql};
use chronicle_core::source::Step;
use chronicle_tests::naive::{self, Group};
use chronicle_tests::question::{Filling, Question};
use chronicle_tests::simulator::{SimDb, Work, small_options};

type Rows = Vec<(i64, Group, Vec<Option<f64>>)>;

/// Runs a query over everything visible now.
fn run(db: &mut SimDb, query: &Query, memory_max: u64) -> Result<(Rows, QueryStats)> {
    let view = db.view(&query.selector(), query.range);
    let mut source = db.disk.data.bytes();
    let mut run = QueryRun::new(query, view.view, memory_max)?;
    let width = run.schema().value_columns().len();
    let mut rows = Rows::new();
    loop {
        match run.step(&mut source)? {
            Step::Missing(ranges) => panic!("everything is in memory, yet {ranges:?} are missing"),
            Step::Done => return Ok((rows, run.stats())),
            Step::Ready(batch) => {
                for (row, (timestamp, group, _)) in batch.rows(width).enumerate() {
                    let group = run.group(group).expect("the group of a row").iter();
                    let group = group.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
                    rows.push((timestamp, group, batch.cells(row, width).collect()));
                }
            }
        }
    }
}

fn check(db: &mut SimDb, question: &Question) -> bool {
    let text = question.sql();
    let query = parse_sql(&text, 0).unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(parse_sql(&query.to_sql(), 0).unwrap(), query, "{text}");
    let state = db.oracle.at(db.engine.position().lsn);
    let Some(expected) = naive::answer(question, &state) else {
        // Too many to list, and so too many to answer in 64 KiB, unless only a few are wanted.
        if question.limit.is_none() {
            assert_eq!(run(db, &query, 64 << 10).unwrap_err().kind(), ErrorKind::OverBudget, "{text}");
        }
        return false;
    };
    let (found, stats) = run(db, &query, 1 << 30).unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(stats.rows, found.len() as u64, "{text}");
    for (row, (expected, found)) in expected.iter().zip(&found).enumerate() {
        assert_eq!((expected.0, &expected.1), (found.0, &found.1), "row {row} of\n{text}");
        assert_eq!(expected.2.len(), found.2.len(), "row {row} of\n{text}");
        for (cell, value) in expected.2.iter().zip(&found.2) {
            assert!(cell.is(*value), "row {row} of\n{text}\nexpected {:?}\nfound {:?}", expected.2, found.2);
        }
    }
    assert_eq!(found.len(), expected.len(), "rows of\n{text}");
    !found.is_empty()
}

#[test]
fn every_form_of_question_is_answered_as_arithmetic_says() {
    let seeds = std::env::var("CHRONICLE_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(24);
    let (mut answered, mut asked, mut filled) = (0, 0, 0);
    for seed in 0..seeds {
        let mut work = Work::new(0x5eed_0000 + seed);
        let mut db = SimDb::new(small_options(), seed);
        for step in 1..=160 {
            work.step(&mut db);
            if step % 10 > 0 {
                continue;
            }
            let state = db.oracle.at(db.engine.position().lsn);
            let times: Vec<i64> = state.keys().map(|(_, time)| *time).collect();
            let mut metrics: Vec<String> = state.keys().map(|(series, _)| series.metric.clone()).collect();
            metrics.dedup();
            if metrics.is_empty() {
                continue;
            }
            for _ in 0..40 {
                let question = Question::random(&mut work.random, &metrics, &times);
                asked += 1;
                let has_rows = check(&mut db, &question);
                answered += u32::from(has_rows);
                filled += u32::from(has_rows && question.fill != Filling::None);
            }
        }
    }
    // The questions are worth asking: most have an answer, and many of these are filled.
    assert!(answered * 3 > asked, "{answered} of {asked} had rows");
    assert!(filled * 20 > asked, "{filled} of {asked} were filled");
}

#[test]
fn a_query_over_everything_ends_within_a_small_budget() {
    let mut work = Work::new(7);
    let mut db = SimDb::new(small_options(), 7);
    for _ in 0..60 {
        work.step(&mut db);
    }
    db.write(&work.batch(2_000), true);
    for budget in [1 << 10, 1 << 20] {
        for query in [
            Query::metric("cpu").mean(1).group_by_all(),
            Query::metric("cpu").percentile(50.0, i64::MAX),
            Query::metric("cpu"),
            Query::metric("cpu").mean(1).group_by_all().fill(Fill::Linear).range(0..i64::MAX),
        ] {
            match run(&mut db, &query, budget) {
                Ok((rows, _)) => {
                    assert!(budget > 1 << 10 || rows.len() < 100, "{} in {budget}", query.to_sql())
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::OverBudget, "{error}"),
            }
        }
    }
    let filled = Query::metric("cpu").mean(1).fill(Fill::Null).range(0..i64::MAX);
    let error = run(&mut db, &filled, 1 << 20).unwrap_err();
    assert!(error.message().contains("filling 9223372036854775807 windows"), "{error}");
    let (rows, _) = run(&mut db, &filled.limit(5).offset(3), 1 << 20).unwrap();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
}

#[test]
fn bad_text_is_refused_quickly() {
    let started = std::time::Instant::now();
    let long = format!("SELECT * FROM m WHERE a = '{}'", "x".repeat(10 << 20));
    assert_eq!(parse_sql(&long, 0).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let deep = format!("SELECT * FROM m WHERE {}a = 'b'{}", "(".repeat(30_000), ")".repeat(30_000));
    assert_eq!(parse_sql(&deep, 0).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let nots = format!("SELECT * FROM m WHERE {}a = 'b'", "NOT ".repeat(10_001));
    assert_eq!(parse_sql(&nots, 0).unwrap(), Query::metric("m").tag_not("a", "b"));
    for bomb in ["a{1000}{1000}", "(a{1000}){1000}", "((a{1,1000}){1,1000}){1,1000}"] {
        assert!(parse_sql(&format!("SELECT * FROM m WHERE a ~ '{bomb}'"), 0).is_err(), "{bomb}");
    }
    let many =
        |count| format!("SELECT * FROM m WHERE {}", vec!["a ~ '(a|a+|[c-y]){100}c$'"; count].join(" OR "));
    assert_eq!(parse_sql(&many(Query::PATTERNS_MAX + 1), 0).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let query = parse_sql(&many(Query::PATTERNS_MAX), 0).unwrap();
    let tags = chronicle_core::model::Tags::new([("a", "a".repeat(200) + "b")]).unwrap();
    assert!(!query.filter.matches(&tags));
    // A second on a machine of its own.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
