//! Reading: the sum of everything, an hour of one series, five-minute means of a host's day, all from compacted databases
//! of the whole devops work. Answers of peers are compared with Chronicle's.
use crate::context::{Context, points};
use crate::peers::{self, Member, compare};
use crate::report::{Better, Goal, Line};
use chronicle::query::{Aggregate, Query, minutes};
use chronicle::{Config, Db};
use chronicle_tests::measure::{Cost, time};
use chronicle_tests::workload::SeriesData;

const HOUR: i64 = 3600 * 1_000_000_000;
/// Short queries measured as one.
const REPEAT: usize = 100;

pub(crate) fn run(context: &mut Context) {
    let data = context.devops();
    let path = context.devops_db();
    let db = Db::open(&path, Config::read_only()).unwrap();
    let mut members = context.peers.open(context.devops_work());
    everything(context, &db, &mut members, &data);
    hour(context, &db, &mut members, &data);
    day(context, &db, &mut members, &data);
    peers::close(members);
}

/// How far `answer` is from what is right, relative to it.
fn off(right: f64, answer: f64) -> f64 {
    (answer - right).abs() / right.abs().max(f64::MIN_POSITIVE)
}

fn everything(context: &mut Context, db: &Db, members: &mut [Member], data: &[SeriesData]) {
    let metrics: Vec<String> = db.metrics().unwrap().into_iter().map(|metric| metric.name).collect();
    let total = points(data) as f64;
    let of_all = |aggregate: Aggregate| {
        let of = |metric: &String| {
            db.query(&Query::metric(metric).aggregate(aggregate)).unwrap().rows().unwrap()[0].values[0]
                .unwrap()
        };
        metrics.iter().map(of).sum::<f64>()
    };
    let first = data.iter().map(|series| series.timestamps[0]).min().unwrap();
    let last = data.iter().filter_map(|series| series.timestamps.last().copied()).max().unwrap();
    let range = first..last + 1;
    let difference = |right: &f64, answer: &f64| off(*right, *answer);

    let by_statistics = || time(|| of_all(Aggregate::Sum));
    let runs = context.runs(9);
    let what = "sum of everything, from statistics";
    let compared = compare(members, what, runs, by_statistics, |store| store.sum(&range), difference);
    let milliseconds = |cost: &Cost| cost.wall * 1e3;
    let line = Line::new("read", what, "ms", compared.ours(milliseconds))
        .peers(compared.peers(milliseconds))
        .goal(Goal::at_most(19.0 * total / 8.64e6, 1.0 * total / 8.64e6))
        .note(
            "ten queries, one per metric; peers add up every point, with all their threads; floor: DuckDB's 19 ms per \
             8.64 M on one thread",
        );
    context.report.push(line);

    // Every point goes through the kernel of the standard deviation, which statistics can't answer; the sum is asked
    // for outside the time measured, to be compared.
    let sum = of_all(Aggregate::Sum);
    let by_decoding = || {
        let (deviation, cost) = time(|| of_all(Aggregate::Stddev));
        assert!(deviation.is_finite());
        (sum, cost)
    };
    let what = "stddev of everything, by decoding, a core";
    let one = |store: &mut dyn peers::Store| store.sum_on_one_thread(&range);
    let compared = compare(members, what, runs, by_decoding, one, difference);
    let per_core = |cost: &Cost| total / cost.cpu;
    let line = Line::new("read", what, "points/s", compared.ours(per_core))
        .peers(compared.peers(per_core))
        .goal(Goal::at_least(150e6, 455e6))
        .note(
            "per CPU second; peers do the sum, DuckDB on one thread; floor 0.4x of DuckDB's 455 M, which is the aim",
        );
    context.report.push(line);

    let runs = context.runs(5);
    let digests = (0..runs).map(|_| {
        let (digest, cost) = time(|| db.digest(false).unwrap().0);
        assert_eq!(digest.points as f64, total);
        per_core(&cost)
    });
    let line = Line::new("read", "digest of everything, by decoding, a core", "points/s", digests.collect())
        .better(Better::More);
    context.report.push(line);
}

fn hour(context: &mut Context, db: &Db, members: &mut [Member], data: &[SeriesData]) {
    let series = &data[0];
    let start = series.timestamps[0] + HOUR;
    let query = Query::metric(&series.metric).tag("host", "host_0").range(start..start + HOUR);
    let fetch = || {
        let mut answer = db.query(&query).unwrap();
        let (mut rows, mut sum) = (0, 0.0);
        while let Some(batch) = answer.next_batch().unwrap() {
            batch.rows(1).for_each(|(_, _, values)| sum += values[0]);
            rows += batch.len() as u64;
        }
        (rows, sum)
    };
    let ours = || peers::repeated(REPEAT, fetch);
    let what = "one series, one hour (360 points), warm";
    let theirs = |store: &mut dyn peers::Store| store.values(series, start..start + HOUR, REPEAT);
    let difference = |right: &(u64, f64), answer: &(u64, f64)| {
        off(right.0 as f64, answer.0 as f64).max(off(right.1, answer.1))
    };
    let compared = compare(members, what, context.runs(15), ours, theirs, difference);
    let microseconds = |cost: &Cost| cost.wall * 1e6;
    let line = Line::new("read", what, "us", compared.ours(microseconds))
        .peers(compared.peers(microseconds))
        .goal(Goal::at_most(15.0, 5.0))
        .note(
            "every value reaches the caller; DuckDB's as Python objects, VictoriaMetrics' as JSON over HTTP",
        );
    context.report.push(line);
}

fn day(context: &mut Context, db: &Db, members: &mut [Member], data: &[SeriesData]) {
    let host = &data[..10];
    let of_host = |series: &SeriesData| Query::metric(&series.metric).tag("host", "host_0").mean(minutes(5));
    let queries: Vec<Query> = host.iter().map(of_host).collect();
    let ours = || {
        time(|| {
            let rows = queries.iter().flat_map(|query| db.query(query).unwrap().rows().unwrap());
            rows.map(|row| row.values[0].unwrap()).collect::<Vec<f64>>()
        })
    };
    let difference = |right: &Vec<f64>, answer: &Vec<f64>| {
        assert_eq!(right.len(), 2880);
        let pairs = right.iter().zip(answer).map(|(&right, &answer)| off(right, answer));
        if answer.len() == right.len() { pairs.fold(0.0, f64::max) } else { f64::INFINITY }
    };
    let what = "5-minute mean, 10 series of a host, a day";
    let compared = compare(members, what, context.runs(15), ours, |store| store.means(host), difference);
    let milliseconds = |cost: &Cost| cost.wall * 1e3;
    let line = Line::new("read", what, "ms", compared.ours(milliseconds))
        .peers(compared.peers(milliseconds))
        .goal(Goal::at_most(1.4, 0.6));
    context.report.push(line);
}
