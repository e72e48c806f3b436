//! Opening: a small and a large database, for writing and for reading, and the first answer; memory of a full scan.
use crate::context::{Context, file_len};
use crate::report::{Goal, Line};
use crate::resident;
use chronicle::query::Query;
use chronicle::{Config, Db};
use chronicle_tests::measure::{Cost, Samples, time};
use std::path::Path;

const HOUR: i64 = 3600 * 1_000_000_000;

pub(crate) fn run(context: &mut Context) {
    let small = context.devops_db();
    let start = context.devops()[0].timestamps[0];
    let large = context.large_db();
    let small_query = Query::metric("cpu.usage_user").tag("host", "host_7").range(start..start + HOUR);
    let large_query = Query::metric("random").tag("number", "77").range(start..start + HOUR);
    for (path, query) in [(&small, &small_query), (&large, &large_query)] {
        line(context, path, query, false);
        line(context, path, query, true);
    }
    if let Some(peak) = resident::measure(&["scan".into(), large.display().to_string()]) {
        let what = format!("memory: full scan + query of {}", megabytes(&large));
        context.report.push(
            Line::one("open", what, "MiB", peak)
                .goal(Goal::at_most(256.0, 256.0))
                .note("resident peak of a process that opens it for reading, mapped pages included"),
        );
    }
}

fn megabytes(path: &Path) -> String {
    format!("{:.0} MB", file_len(path) as f64 / 1e6)
}

fn line(context: &mut Context, path: &Path, query: &Query, read_only: bool) {
    let mut answering = Samples::default();
    let runs = context.runs(21);
    let work = context.devops_work();
    let ours = || {
        let config = if read_only { Config::read_only() } else { Config::default() };
        let (db, cost) = time(|| Db::open(path, config).unwrap());
        let (rows, answered) = time(|| db.query(query).unwrap().rows().unwrap().len());
        assert!(rows > 0);
        db.close().unwrap();
        answering.push((cost.wall + answered.wall) * 1e3);
        cost
    };
    let compared = context.peers.openings(work, runs, ours);
    let milliseconds = |cost: &Cost| cost.wall * 1e3;
    let mode = if read_only { "reading" } else { "writing" };
    let what = format!("open {} for {mode}", megabytes(path));
    context.report.push(
        Line::new("open", what, "ms", compared.ours(milliseconds))
            .peers(compared.peers(milliseconds))
            .goal(Goal::at_most(1.5, 0.5))
            .note(format!(
                "{:.3} ms to the first answer (an hour of one series); peers open the devops data for writing and \
                 answer something small",
                answering.median()
            )),
    );
}
