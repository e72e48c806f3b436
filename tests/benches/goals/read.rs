//! Reading: the sum of everything, an hour of one series, five-minute means of a host's day.
use crate::context::{BATCH, Context, file_len, points};
use crate::report::{Goal, Line};
use crate::sqlite::Sqlite;
use chronicle::query::{Aggregate, Query, minutes};
use chronicle::{Config, Db};
use chronicle_tests::measure::{Pairs, alternate, cpu_seconds};
use chronicle_tests::workload::{self, SeriesData};
use std::time::Instant;

const HOUR: i64 = 3600 * 1_000_000_000;
/// Short queries measured as one.
const REPEAT: usize = 200;

pub(crate) fn run(context: &mut Context) {
    let data = context.devops();
    let path = context.devops_db();
    let db = Db::open(&path, Config::read_only()).unwrap();
    // A tenth of the batches, so the first 2.4 hours of every series: enough for each query's own range but the day's.
    let mut peer = Sqlite::open(&context.fresh("read-peer").join("sqlite.db"), "OFF");
    let day_of_a_host: Vec<SeriesData> = data[..10].to_vec();
    let tenth = workload::batches(&data, BATCH).take((points(&data) as usize / BATCH).div_ceil(10));
    let mut stored = 0;
    tenth.chain(workload::batches(&day_of_a_host, BATCH)).for_each(|batch| peer.write(&batch));
    stored += peer.fold("SELECT CAST(count(*) AS REAL) FROM points", &[]).0 as u64;
    everything(context, &db, &peer, points(&data), stored);
    hour(context, &db, &peer, &data);
    day(context, &db, &peer, &data);
    let len = file_len(&path);
    eprintln!("read      from a file of {:.1} MB", len as f64 / 1e6);
}

/// Metrics of the devops work.
fn metrics(data: &Db) -> Vec<String> {
    data.metrics().unwrap().into_iter().map(|metric| metric.name).collect()
}

fn everything(context: &mut Context, db: &Db, peer: &Sqlite, total: u64, stored: u64) {
    let metrics = metrics(db);
    let total = total as f64;
    let all = |aggregate: Aggregate| {
        let mut sum = 0.0;
        for metric in &metrics {
            let query = Query::metric(metric).aggregate(aggregate);
            sum += db.query(&query).unwrap().rows().unwrap()[0].values[0].unwrap();
        }
        assert!(sum.is_finite());
    };
    let sqlite = || {
        let started = Instant::now();
        assert_eq!(peer.fold("SELECT sum(value) FROM points", &[]).1, 1);
        stored as f64 / started.elapsed().as_secs_f64()
    };
    let by_statistics = || {
        let started = Instant::now();
        all(Aggregate::Sum);
        total / started.elapsed().as_secs_f64()
    };
    let pairs = alternate(context.runs(9), by_statistics, sqlite);
    let name = "SQLite sum(value)";
    let line = Line::new("read", "sum of everything, from statistics", "ms", pairs.a().map(|v| total / v * 1e3))
        .against(name, total / pairs.b().median() * 1e3, 1.0 / pairs.ratio())
        .goal(Goal::at_most(19.0 * total / 8.64e6, 1.0 * total / 8.64e6))
        .note(
            "ten queries, one per metric; SQLite's time is scaled to as many points; floor: DuckDB's 19 ms per 8.64 M",
        );
    context.report.push(line);

    // Every point goes through the kernel of the standard deviation, which statistics can't answer.
    let by_decoding = |aggregate: Aggregate| {
        let started = cpu_seconds();
        all(aggregate);
        total / (cpu_seconds() - started)
    };
    let pairs = alternate(context.runs(9), || by_decoding(Aggregate::Stddev), sqlite);
    let line = Line::new("read", "stddev of everything, by decoding, a core", "points/s", pairs.a())
        .against(name, pairs.b().median(), pairs.ratio())
        .goal(Goal::at_least(150e6, 455e6))
        .note("floor 0.4x of DuckDB's sum on one thread; the second bound is DuckDB's 455 M");
    context.report.push(line);
    let digest = || {
        let started = cpu_seconds();
        assert_eq!(db.digest(false).unwrap().0.points as f64, total);
        total / (cpu_seconds() - started)
    };
    let pairs = alternate(context.runs(5), digest, sqlite);
    let line = Line::new("read", "digest of everything, by decoding, a core", "points/s", pairs.a()).against(
        name,
        pairs.b().median(),
        pairs.ratio(),
    );
    context.report.push(line);
}

fn hour(context: &mut Context, db: &Db, peer: &Sqlite, data: &[SeriesData]) {
    let series = &data[0];
    let start = series.timestamps[0] + HOUR;
    let query = Query::metric(&series.metric).tag("host", "host_0").range(start..start + HOUR);
    let microseconds = |run: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..REPEAT).for_each(|_| run());
        started.elapsed().as_secs_f64() * 1e6 / REPEAT as f64
    };
    let ours = || {
        microseconds(&mut || {
            let mut answer = db.query(&query).unwrap();
            let (mut rows, mut sum) = (0, 0.0);
            while let Some(batch) = answer.next_batch().unwrap() {
                batch.rows(1).for_each(|(_, _, values)| sum += values[0]);
                rows += batch.len();
            }
            assert!(rows == 360 && sum.is_finite());
        })
    };
    let name = format!("{},", series.metric);
    let id = peer.id_of(&name_of_host(&name, data));
    let theirs = || {
        microseconds(&mut || {
            let sql = "SELECT value, time FROM points WHERE series = ?1 AND time >= ?2 AND time < ?3";
            assert_eq!(peer.fold(sql, &[&id, &start, &(start + HOUR)]).1, 360);
        })
    };
    let pairs = alternate(context.runs(15), ours, theirs);
    let line = Line::new("read", "one series, one hour (360 points), warm", "us", pairs.a())
        .against("SQLite by primary key, prepared", pairs.b().median(), pairs.ratio())
        .goal(Goal::at_most(15.0, 5.0));
    context.report.push(line);
}

/// The whole name under which the peer knows the first series.
fn name_of_host(metric: &str, data: &[SeriesData]) -> String {
    let tags: Vec<String> = data[0].tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{metric}{}", tags.join(","))
}

fn day(context: &mut Context, db: &Db, peer: &Sqlite, data: &[SeriesData]) {
    let host = &data[..10];
    let queries: Vec<Query> = host
        .iter()
        .map(|series| Query::metric(&series.metric).tag("host", "host_0").mean(minutes(5)))
        .collect();
    let ids: Vec<i64> =
        host.iter().map(|series| peer.id_of(&name_of_host(&format!("{},", series.metric), data))).collect();
    let ours = || {
        let started = Instant::now();
        for query in &queries {
            assert_eq!(db.query(query).unwrap().rows().unwrap().len(), 288);
        }
        started.elapsed().as_secs_f64() * 1e3
    };
    let theirs = || {
        let started = Instant::now();
        for id in &ids {
            let sql = "SELECT avg(value) FROM points WHERE series = ?1 GROUP BY time / 300000000000";
            assert_eq!(peer.fold(sql, &[id]).1, 288);
        }
        started.elapsed().as_secs_f64() * 1e3
    };
    let pairs: Pairs = alternate(context.runs(15), ours, theirs);
    let line = Line::new("read", "5-minute mean, 10 series of a host, a day", "ms", pairs.a())
        .against("SQLite, avg by primary key", pairs.b().median(), pairs.ratio())
        .goal(Goal::at_most(1.4, 0.6));
    context.report.push(line);
}
