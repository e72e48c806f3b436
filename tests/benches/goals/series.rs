//! A million series in one metric, and a million metrics: writing, what each takes, opening, finding by tag, asking one.
use crate::context::{Context, file_len, quiet};
use crate::report::{Goal, Line};
use chronicle::query::{Aggregate, Query, tag};
use chronicle::{Config, Db, Point};
use chronicle_core::engine::{Opening, Options};
use chronicle_core::format::{HEADER_AREA_LEN, SegmentKind};
use chronicle_core::source::Step;
use chronicle_tests::measure::{Samples, resident_bytes};
use std::fs;
use std::path::Path;
use std::time::Instant;

const START: i64 = 1_700_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;
const BATCH: usize = 10_000;
/// Runs of what is measured several times.
const RUNS: usize = 9;

pub(crate) fn run(context: &mut Context) {
    let series = if context.quick { 100_000 } else { 1_000_000 };
    one_metric(context, series);
    many_metrics(context, series);
}

/// Four tags as people have them: a host of eight racks a region, and a container of its own for every series.
fn container(number: usize, second: i64) -> Point {
    let host = number / 100;
    Point::new("container.cpu.usage", START + second * SECOND, number as f64)
        .tag("container", format!("c-{number:07}"))
        .tag("host", format!("host-{host:05}"))
        .tag("rack", format!("rack-{}", host % 80))
        .tag("region", format!("region-{}", host % 10))
}

fn one_metric(context: &mut Context, series: usize) {
    let what = format!("{series} series of a metric");
    let path = context.fresh("series").join("data.db");
    let before = resident_bytes();
    let db = Db::open(&path, quiet()).unwrap();
    let created = write(&db, series, |number| container(number, 0));
    let again = write(&db, series, |number| container(number, 60));
    let push = |context: &mut Context, line: Line| context.report.push(line);
    push(context, Line::one("series", format!("{what}: new, written"), "k series/s", created / 1e3));
    push(context, Line::one("series", format!("{what}: a second point each"), "k points/s", again / 1e3));
    let started = Instant::now();
    db.checkpoint().unwrap();
    let sealed = started.elapsed().as_secs_f64();
    let (loaded, bytes) = db.names_in_memory();
    assert_eq!(loaded, series as u64);
    let each = bytes as f64 / series as f64;
    let resident = resident_bytes().zip(before).map_or(0.0, |(now, before)| now as f64 - before as f64);
    push(
        context,
        Line::one("series", format!("{what}: memory of the names"), "B/series", each)
            .goal(Goal::at_most(100.0, 80.0))
            .note(format!(
                "last seal {sealed:.2} s; process grew by {:.0} B/series",
                resident / series as f64
            )),
    );
    db.compact().unwrap();
    db.close().unwrap();
    let disk = dictionary_bytes(&path) as f64 / series as f64;
    let all = file_len(&path) as f64 / series as f64;
    let line = Line::one("series", format!("{what}: names on disk"), "B/series", disk);
    push(context, line.note(format!("the file has {all:.1} B/series with two points in each")));

    let one = || Query::metric("container.cpu.usage").tag("container", format!("c-{:07}", series / 3));
    let [mut open, mut first, mut answered] = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        let started = Instant::now();
        let db = Db::open(&path, Config::default()).unwrap();
        open.push(started.elapsed().as_secs_f64() * 1e3);
        assert_eq!(db.names_in_memory().0, 0, "opening reads no names");
        let started = Instant::now();
        assert_eq!(db.query(&one()).unwrap().rows().unwrap().len(), 2);
        first.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        assert_eq!(db.query(&one()).unwrap().rows().unwrap().len(), 2);
        answered.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let samples = |figures: Vec<f64>| figures.into_iter().collect::<Samples>();
    push(
        context,
        Line::new("series", format!("{what}: open"), "ms", samples(open)).goal(Goal::at_most(10.0, 2.0)),
    );
    let load = samples(first);
    let note = format!(
        "{:.3} us a series: names loaded, tags indexed, segments' indexes read",
        load.median() * 1e3 / series as f64
    );
    push(context, Line::new("series", format!("{what}: first query of one"), "ms", load).note(note));
    push(context, Line::new("series", format!("{what}: next query of one"), "ms", samples(answered)));

    let db = Db::open(&path, Config::default()).unwrap();
    let count = |query: Query| query.aggregate(Aggregate::Count);
    let all = || Query::metric("container.cpu.usage");
    let on_rack_7 = (0..series / 100).filter(|host| host % 80 == 7).count() * 100;
    let questions = [
        ("a host of 100 series", all().tag("host", "host-00077"), 100),
        ("two tags", all().tag("rack", "rack-7").tag("region", "region-7"), on_rack_7),
        ("a list of 100 values", all().tag_in("container", (0..100).map(|n| format!("c-{:07}", n * 7))), 100),
        ("a regular expression", all().filter(tag("container").matches("^c-00077").unwrap()), 100),
        ("all of them", all(), series),
    ];
    for (name, query, expected) in questions {
        let mut figures = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            let rows = db.query(&count(query.clone())).unwrap().rows().unwrap();
            figures.push(started.elapsed().as_secs_f64() * 1e3);
            assert_eq!(rows[0].values[0], 2.0 * expected as f64, "{name}");
        }
        push(context, Line::new("series", format!("{what}: count, {name}"), "ms", samples(figures)));
    }
    let (_, bytes) = db.names_in_memory();
    let line =
        Line::one("series", format!("{what}: names and tag index"), "B/series", bytes as f64 / series as f64);
    push(context, line);
}

fn many_metrics(context: &mut Context, metrics: usize) {
    let what = format!("{metrics} metrics of a series");
    let path = context.fresh("metrics").join("data.db");
    let db = Db::open(&path, quiet()).unwrap();
    let point = |number: usize| {
        Point::new(format!("team.{}.metric.{number:07}", number % 100), START, 1.0).tag("host", "a")
    };
    let created = write(&db, metrics, point);
    context.report.push(Line::one("series", format!("{what}: written"), "k series/s", created / 1e3));
    db.checkpoint().unwrap();
    let bytes = db.names_in_memory().1 as f64 / metrics as f64;
    db.close().unwrap();
    let line = Line::one("series", format!("{what}: memory of the names"), "B/series", bytes);
    context.report.push(line.note(format!("{:.1} B on disk", file_len(&path) as f64 / metrics as f64)));
    let [mut open, mut one, mut all] = [const { Vec::new() }; 3];
    for _ in 0..3 {
        let started = Instant::now();
        let db = Db::open(&path, Config::default()).unwrap();
        open.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        let query = Query::metric(format!("team.7.metric.{:07}", 12_307));
        assert_eq!(db.query(&query).unwrap().rows().unwrap().len(), 1);
        one.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        assert_eq!(db.digest(true).unwrap().0.points, metrics as u64);
        all.push(started.elapsed().as_secs_f64() * 1e3);
    }
    for (name, figures) in [("open", open), ("first query of one", one), ("digest, every name loaded", all)] {
        let line = Line::new("series", format!("{what}: {name}"), "ms", figures.into_iter().collect());
        context.report.push(line);
    }
}

/// Writes a point of each series; series a second.
fn write(db: &Db, series: usize, point: impl Fn(usize) -> Point) -> f64 {
    let mut seconds = 0.0;
    for first in (0..series).step_by(BATCH) {
        let batch: Vec<Point> = (first..(first + BATCH).min(series)).map(&point).collect();
        let started = Instant::now();
        db.write_batch(&batch).unwrap();
        seconds += started.elapsed().as_secs_f64();
    }
    series as f64 / seconds
}

/// Bytes of the dictionary runs of a database.
fn dictionary_bytes(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    let mut opening = Opening::new(&bytes[..HEADER_AREA_LEN as usize], Options::default()).unwrap();
    assert!(matches!(opening.step(&mut bytes.as_slice()).unwrap(), Step::Ready(())));
    let snapshot = opening.into_engine(&[], 0).unwrap().snapshot();
    let runs = snapshot.segments().filter(|entry| entry.kind == SegmentKind::Dictionary);
    runs.map(|entry| entry.summary.len).sum()
}
