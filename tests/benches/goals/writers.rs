//! Writers: through series handles, several at once, and what readers feel of one that writes as fast as it can.
use crate::context::{BATCH, Context, points, write_batch};
use crate::report::{Better, Goal, Line};
use chronicle::query::Query;
use chronicle::{Config, Db, SeriesHandle, SeriesPoint};
use chronicle_tests::measure::{Pairs, Samples, time};
use chronicle_tests::workload::{self, PointRef, SeriesData};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const HOUR: i64 = 3600 * 1_000_000_000;

pub(crate) fn run(context: &mut Context) {
    let data = context.devops();
    let batches: Vec<Vec<PointRef<'_>>> = workload::batches(&data, BATCH).collect();
    ingest(context, &data, &batches);
    beside(context, &data, &batches);
}

fn open(folder: &Path) -> Db {
    Db::open(folder.join("data.db"), Config::default()).unwrap()
}

fn handles(db: &Db, data: &[SeriesData]) -> Vec<SeriesHandle> {
    let handle = |series: &SeriesData| db.series(series.metric.as_str(), series.tags.clone()).unwrap();
    data.iter().map(handle).collect()
}

/// By names in turn with handles; points are put into batches of handles inside the time measured. Then two threads.
fn ingest(context: &mut Context, data: &[SeriesData], batches: &[Vec<PointRef<'_>>]) {
    let total = points(data) as f64;
    let by_names = |context: &Context| {
        let db = open(&context.fresh("writers"));
        time(|| batches.iter().for_each(|batch| write_batch(&db, batch))).1
    };
    let by_handles = |context: &Context| {
        let db = open(&context.fresh("writers"));
        let handles = handles(&db, data);
        let write = |batch: &Vec<PointRef<'_>>| {
            let batch: Vec<SeriesPoint<'_>> =
                batch.iter().map(|point| handles[point.index].at(point.timestamp, point.value)).collect();
            write_batch(&db, &batch);
        };
        let cost = time(|| batches.iter().for_each(write)).1;
        assert_eq!(db.gauges().series, data.len(), "handles are of the same series");
        cost
    };
    let by_two = |context: &Context| {
        let db = open(&context.fresh("writers"));
        let every_second = |first: usize| batches.iter().skip(first).step_by(2);
        time(|| {
            std::thread::scope(|scope| {
                scope.spawn(|| every_second(1).for_each(|batch| write_batch(&db, batch)));
                every_second(0).for_each(|batch| write_batch(&db, batch));
            });
        })
        .1
    };
    by_names(context);
    let (mut wall, mut cpu, mut two) = (Pairs::default(), Pairs::default(), Pairs::default());
    for _ in 0..context.runs(3) {
        let (named, handled, threads) = (by_names(context), by_handles(context), by_two(context));
        wall.push(total / handled.wall, total / named.wall);
        cpu.push(total / handled.cpu, total / named.cpu);
        two.push(total / threads.wall, total / named.wall);
    }
    let peer = "by names, until the last batch returned";
    let line = Line::new("writers", "durable batches of 10,000 through handles, wall", "points/s", wall.a())
        .against(peer, wall.b().median(), wall.ratio())
        .goal(Goal::at_least(10e6, 20e6))
        .note("until the last batch returned");
    context.report.push(line);
    let line = Line::new("writers", "through handles, per CPU second", "points/s", cpu.a())
        .against(peer, cpu.b().median(), cpu.ratio())
        .better(Better::More);
    context.report.push(line);
    let line = Line::new("writers", "two threads by names, wall", "points/s", two.a())
        .against(peer, two.b().median(), two.ratio())
        .better(Better::More);
    context.report.push(line);
}

/// One series, one hour, over and over, alone and beside a writer.
fn beside(context: &mut Context, data: &[SeriesData], batches: &[Vec<PointRef<'_>>]) {
    let db = open(&context.fresh("writers"));
    let (first, rest) = batches.split_at(batches.len() / 4);
    first.iter().for_each(|batch| write_batch(&db, batch));
    let series = &data[data.len() / 2];
    let start = series.timestamps[0];
    let query = series.tags.iter().fold(Query::metric(series.metric.as_str()), |query, (key, value)| {
        query.tag(key.as_str(), value.as_str())
    });
    let query = query.range(start..start + HOUR);
    let ask = || {
        let started = Instant::now();
        assert!(!db.query(&query).unwrap().rows().unwrap().is_empty());
        started.elapsed().as_secs_f64() * 1e6
    };
    let mut idle = Samples::default();
    (0..context.runs(20_000)).for_each(|_| idle.push(ask()));
    let (mut busy, done) = (Samples::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            rest.iter().for_each(|batch| write_batch(&db, batch));
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            busy.push(ask());
        }
    });
    for (what, quantile) in
        [("an hour of a series beside a full-speed writer, p50", 0.5), ("the same, p99", 0.99)]
    {
        let (quiet, loud) = (idle.quantile(quantile), busy.quantile(quantile));
        let line = Line::one("writers", what, "us", loud)
            .against("nobody writes", quiet, quiet / loud)
            .better(Better::Less)
            .note("sealing and compaction run too, on two cores");
        context.report.push(line);
    }
}
