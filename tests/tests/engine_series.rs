//! Many series: their names are read when they are needed and no earlier, are found by tag, and survive what can happen
//! between their first point and the dictionary run that defines them.
use chronicle_core::engine::{Engine, Opening, Options, ReadView, Selector};
use chronicle_core::error::ErrorKind;
use chronicle_core::format::{HEADER_AREA_LEN, LogStart, SegmentKind};
use chronicle_core::model::{Limits, Point, TimeRange};
use chronicle_core::query::{Filter, Matcher, Regex};
use chronicle_core::source::{ByteRange, Step};
use chronicle_tests::simulator::{BASE_NS, ColdStore, Loss, SimDb, at_hand, small_options};
use chronicle_tests::workload::Random;

const SECOND: i64 = 1_000_000_000;

fn point(metric: &str, series: usize, second: i64) -> Point {
    Point::new(metric, BASE_NS + second * SECOND, series as f64)
        .tag("host", format!("host-{series:04}"))
        .tag("rack", format!("rack-{}", series % 7))
}

/// 1,000 metrics of 30 series each, in one dictionary run of several blocks.
fn thousand_metrics() -> SimDb {
    let mut db = SimDb::new(Options::default(), 1);
    for metric in 0..1000 {
        let name = format!("metric.{metric:04}");
        db.write(&(0..30).map(|series| point(&name, series, 0)).collect::<Vec<_>>(), false);
    }
    db.seal();
    db
}

fn open_cold(store: &mut ColdStore<'_>, header: &[u8]) -> Engine {
    store.fetch(vec![ByteRange::new(0, HEADER_AREA_LEN)]);
    let mut opening = Opening::new(header, Options::default()).unwrap();
    store.drive(|store| opening.step(store)).unwrap();
    assert!(matches!(opening.log_start(), LogStart::From { .. }));
    opening.into_engine(&[], 0).unwrap()
}

fn cold_view(engine: &mut Engine, store: &mut ColdStore<'_>, selector: &Selector) -> ReadView {
    let step =
        |store: &mut ColdStore<'_>| engine.with_names(store, |engine| engine.view(selector, TimeRange::ALL));
    store.drive(step).unwrap().unwrap()
}

#[test]
fn opening_reads_no_names_and_a_view_reads_those_of_its_metric() {
    let mut db = thousand_metrics();
    let bytes = db.disk.data.bytes().to_vec();
    let snapshot = db.engine.snapshot();
    let run = snapshot.segments().find(|entry| entry.kind == SegmentKind::Dictionary).unwrap();
    assert!(run.summary.blocks >= 8, "{} blocks", run.summary.blocks);
    let mut store = ColdStore::new(&bytes);
    let mut engine = open_cold(&mut store, &bytes[..HEADER_AREA_LEN as usize]);
    let of_run = |store: &ColdStore<'_>| {
        let extent = run.extent();
        let ranges = store.rounds.iter().flatten();
        let inside = ranges.filter(|range| range.offset < extent.end() && extent.offset < range.end());
        inside.map(|range| range.len).sum::<u64>()
    };
    assert_eq!(of_run(&store), 0, "bytes of the dictionary that opening read");
    assert_eq!((engine.gauges().series, engine.names_in_memory().0), (30_000, 0));

    let view = cold_view(&mut engine, &mut store, &Selector::metric("metric.0500").tag("host", "host-0007"));
    let [series] = view.series() else { panic!("{} series", view.series().len()) };
    let expected = [("host", "host-0007"), ("rack", "rack-0")];
    assert_eq!((series.metric(), series.tags().collect::<Vec<_>>()), ("metric.0500", expected.to_vec()));
    let read = of_run(&store);
    let block = run.summary.len / u64::from(run.summary.blocks);
    let most = u64::from(run.summary.index_len) + 2 * block + block / 2;
    assert!(read > 0 && read <= most, "{read} bytes of {} were read for a metric", run.summary.len);

    // Metrics that lay in the same blocks came along; nothing is asked for twice.
    let rounds = store.rounds.len();
    cold_view(&mut engine, &mut store, &Selector::metric("metric.0501"));
    assert_eq!(store.rounds.len(), rounds, "the neighbour was loaded, too");
    let all = cold_view(&mut engine, &mut store, &Selector::all());
    assert_eq!((all.series().len(), engine.names_in_memory().0), (30_000, 30_000));
    assert!(of_run(&store) <= run.summary.len + most, "each block is read about once");
}

#[test]
fn a_metric_that_a_tail_of_the_log_adds_to_is_put_together_when_it_is_needed() {
    let mut db = SimDb::new(small_options(), 1);
    let write = |db: &mut SimDb, series: std::ops::Range<usize>, second: i64| {
        db.write(&series.map(|series| point("cpu", series, second)).collect::<Vec<_>>(), true);
    };
    write(&mut db, 0..300, 0);
    db.seal();
    write(&mut db, 200..400, 1);
    // The series are in the log alone, twice; then in a run of their own.
    for round in 0..2 {
        db = db.crash(Loss::All, &mut Random::new(round)).unwrap();
        assert_eq!((db.engine.gauges().series, db.engine.names_in_memory().0), (400, 0));
    }
    let mut other = db.disk.clone();
    assert!(db.seal(), "a seal loads what the replay met");
    db.check_all();
    write(&mut db, 399..401, 2);
    db = db.reopen().unwrap();
    db.check_all();
    assert_eq!(db.engine.gauges().series, 401);

    // Written to before anything is read.
    std::mem::swap(&mut db.disk, &mut other);
    let oracle = &mut db.oracle;
    oracle.cut(2);
    db.acknowledged = 2;
    db = db.crash(Loss::None, &mut Random::new(3)).unwrap();
    write(&mut db, 350..450, 3);
    db.check_all();
    db.seal();
    db = db.reopen().unwrap();
    assert_eq!(db.engine.gauges().series, 450);
    db.check_all();
}

#[test]
fn commits_that_are_taken_back_leave_no_series_in_a_metric_that_was_loaded_for_them() {
    let mut db = SimDb::new(small_options(), 1);
    db.write(&(0..300).map(|series| point("cpu", series, 0)).collect::<Vec<_>>(), true);
    db.seal();
    db = db.reopen().unwrap();
    for round in 0..3 {
        let settled = db.engine.position().lsn;
        db.prepare(&[point("cpu", 1000 + round, 1), point("cpu", 7, 1), point("new", round, 1)]).unwrap();
        let write = db.engine.take_log_write(0).unwrap().unwrap();
        db.prepare(&[point("cpu", 2000 + round, 1), point("newer", 0, 1)]).unwrap();
        let found =
            db.view(&Selector::metric("cpu").tag("host", format!("host-{}", 1000 + round)), TimeRange::ALL);
        assert!(found.view.series().is_empty(), "a series is seen before its commit");
        assert_eq!(db.engine.retract(write), 2);
        db.oracle.cut(settled);
        db.check_all();
        assert_eq!(db.engine.metric_names().collect::<Vec<_>>(), ["cpu"]);
    }
    // The numbers are given anew, to other names.
    db.write(&[point("cpu", 3000, 2), point("other", 1, 2), point("cpu", 1000, 2)], true);
    db.check_all();
    db.seal();
    db = db.reopen().unwrap();
    db.check_all();
    assert_eq!(db.engine.gauges().series, 303);
}

/// Some condition on one of the tags of [`random_point`], or on one that no series has; or some of them joined.
fn filter(random: &mut Random, depth: u64) -> Filter {
    if depth > 0 && random.below(3) > 0 {
        let parts: Vec<Filter> = (0..1 + random.below(3)).map(|_| filter(random, depth - 1)).collect();
        return match random.below(4) {
            0 => Filter::any(parts),
            1 => !Filter::any(parts),
            2 => !Filter::all(parts),
            _ => Filter::all(parts),
        };
    }
    let key = ["id", "host", "rack", "zone", "gone"][random.below(5) as usize].to_owned();
    let mut value = || match random.below(5) {
        0 => String::new(),
        1 => "nothing has this".into(),
        _ => {
            let values = [3000, 60, 5][random.below(3) as usize];
            random.below(values).to_string()
        }
    };
    let (value, values) = (value(), vec![value(), value(), value()]);
    let regex = Regex::new(["^1", "[02468]$", "^$", "7|99", "."][random.below(5) as usize]).unwrap();
    let matcher = match random.below(6) {
        0 => Matcher::Equal { key, value },
        1 => Matcher::NotEqual { key, value },
        2 => Matcher::In { key, values: values[..random.below(4) as usize].to_vec() },
        3 => Matcher::NotIn { key, values: values[..random.below(4) as usize].to_vec() },
        4 => Matcher::Match { key, regex },
        _ => Matcher::NotMatch { key, regex },
    };
    matcher.into()
}

fn random_point(random: &mut Random, number: usize) -> Point {
    let mut point = Point::new("m", BASE_NS, 0.0).tag("id", number.to_string());
    for (key, values) in [("host", 60), ("rack", 5), ("zone", 2)] {
        if random.below(4) > 0 {
            point = point.tag(key, random.below(values).to_string());
        }
    }
    point
}

#[test]
fn what_the_tag_index_finds_is_what_a_look_at_every_series_finds() {
    let mut db = SimDb::new(Options::default(), 1);
    let mut random = Random::new(5);
    let mut written = 0;
    // At first too few for an index, later more and more behind the one that was built.
    for round in 0..30 {
        let count = [10, 100, 600][round % 3] + random.below(100) as usize;
        let batch: Vec<Point> =
            (written..written + count).map(|number| random_point(&mut random, number)).collect();
        db.write(&batch, false);
        written += count;
        if round % 10 == 4 {
            // Some that are indexed while they are in flight and then taken back.
            db.prepare(&[random_point(&mut random, written)]).unwrap();
            let write = db.engine.take_log_write(0).unwrap().unwrap();
            db.view(&Selector::metric("m").tag("rack", "1"), TimeRange::ALL);
            db.engine.retract(write);
            db.oracle.cut(db.engine.position().lsn);
        }
        if round % 10 == 7 {
            db.seal();
            db = db.reopen().unwrap();
        }
        let all = db.view(&Selector::metric("m"), TimeRange::ALL);
        assert_eq!(all.view.series().len(), written);
        let all: Vec<_> = all.view.series().iter().map(|series| series.info()).collect();
        for _ in 0..8 {
            let filter = filter(&mut random, 2);
            let expected = all.iter().filter(|info| filter.matches(&info.series.tags));
            let selector = Selector { metric: Some("m".into()), filter: filter.clone() };
            let found = db.view(&selector, TimeRange::ALL);
            let found: Vec<_> = found.view.series().iter().map(|series| series.info()).collect();
            assert!(found.iter().eq(expected), "{filter:?} among {written} series");
        }
    }
}

#[test]
fn the_first_series_above_the_limit_is_refused_and_nothing_is_lost() {
    let limits = Limits { series_max: 20_000, ..Limits::default() };
    let mut db = SimDb::new(Options { limits, ..Options::default() }, 1);
    let mut refused = 0;
    let mut memory = None;
    for batch in 0..200 {
        let first = batch * 990;
        let points: Vec<Point> = (first..first + 990).map(|series| point("m", series, 0)).collect();
        if refused == 0 && first + 990 <= 20_000 {
            db.write(&points, true);
            continue;
        }
        let error = db.prepare(&points).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        let place = format!("point {} of the batch", 20_000 - 20 * 990);
        assert!(error.message().contains("series_max"), "{error}");
        assert_eq!(error.place().map(|it| it.contains(&place)), Some(true), "{error}");
        refused += 1;
        // What is refused takes no memory, however often.
        assert_eq!(*memory.get_or_insert(db.engine.names_in_memory()), db.engine.names_in_memory());
    }
    assert!(refused > 100);
    // Known series go on, and so do new ones up to the limit exactly.
    db.write(&(0..990).map(|series| point("m", series, 1)).collect::<Vec<_>>(), true);
    db.write(&(19_800..20_000).map(|series| point("m", series, 1)).collect::<Vec<_>>(), true);
    assert_eq!(db.prepare(&[point("m", 20_000, 1)]).unwrap_err().kind(), ErrorKind::LimitExceeded);
    db.seal();
    // Stored series count as well, loaded or not.
    let mut db = db.reopen().unwrap();
    assert_eq!(db.prepare(&[point("other", 0, 1)]).unwrap_err().kind(), ErrorKind::LimitExceeded);
    db.check_all();
    assert_eq!(db.engine.gauges().series, 20_000);
}

#[test]
fn runs_of_the_dictionary_are_merged_block_by_block_from_afar() {
    let mut db = SimDb::new(small_options(), 1);
    for round in 0..5 {
        for metric in ["b", "a", "c"] {
            let series = round * 40..round * 40 + 40;
            db.write(&series.map(|series| point(metric, series, round as i64)).collect::<Vec<_>>(), true);
        }
        db.seal();
    }
    let bytes = db.disk.data.bytes().to_vec();
    let mut merge = db.engine.begin_dictionary_merge(1).unwrap();
    let mut store = ColdStore::new(&bytes);
    let built = store.drive(|store| merge.step(store)).unwrap().unwrap();
    assert_eq!(built.summary.series, 600);
    drop(merge);
    assert!(db.merge_dictionary(1));
    assert!(!db.merge_dictionary(1));
    let db = db.reopen();
    db.unwrap().check_all();
}

#[test]
fn a_load_that_another_one_overtook_changes_nothing() {
    let mut db = SimDb::new(small_options(), 1);
    db.write(&(0..50).map(|series| point("m", series, 0)).collect::<Vec<_>>(), true);
    db.seal();
    db = db.reopen().unwrap();
    let mut slow = db.engine.load_all_names().unwrap();
    assert!(matches!(slow.step(&mut db.disk.data.bytes()).unwrap(), Step::Ready(())));
    db.write(&[point("m", 50, 1)], true);
    let begin = |engine: &mut Engine| engine.view(&Selector::all(), TimeRange::ALL);
    assert_eq!(at_hand(db.engine.with_names(&mut db.disk.data.bytes(), begin)).unwrap().series().len(), 51);
    db.engine.install_names(slow).unwrap();
    db.check_all();
    assert_eq!(db.engine.gauges().series, 51);
}
