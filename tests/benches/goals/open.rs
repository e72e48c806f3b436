//! Opening: a small and a large database, for writing and for reading, and the first answer; memory of a full scan.
use crate::context::{Context, file_len};
use crate::report::{Goal, Line};
use crate::resident;
use crate::sqlite::Sqlite;
use chronicle::query::Query;
use chronicle::{Config, Db};
use chronicle_tests::measure::{Pairs, Samples};
use chronicle_tests::workload;
use std::path::{Path, PathBuf};
use std::time::Instant;

const HOUR: i64 = 3600 * 1_000_000_000;

pub(crate) fn run(context: &mut Context) {
    let small = context.devops_db();
    let start = context.devops()[0].timestamps[0];
    let large = context.large_db();
    let peer = peer(context);
    let small_query = Query::metric("cpu.usage_user").tag("host", "host_7").range(start..start + HOUR);
    let large_query = Query::metric("random").tag("number", "77").range(start..start + HOUR);
    for (path, query) in [(&small, &small_query), (&large, &large_query)] {
        line(context, path, query, &peer, false);
        line(context, path, query, &peer, true);
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

/// SQLite's file of the size of the small database; opening it does not depend on the size.
fn peer(context: &Context) -> PathBuf {
    let path = context.fresh("open-peer").join("sqlite.db");
    let mut sqlite = Sqlite::open(&path, "OFF");
    workload::batches(&workload::devops(5, 24, 1), 10_000).for_each(|batch| sqlite.write(&batch));
    drop(sqlite);
    path
}

fn line(context: &mut Context, path: &Path, query: &Query, peer: &Path, read_only: bool) {
    let (mut opening, mut answering) = (Pairs::default(), Samples::default());
    for run in 0..=context.runs(21) {
        let config = if read_only { Config::read_only() } else { Config::default() };
        let started = Instant::now();
        let db = Db::open(path, config).unwrap();
        let opened = started.elapsed().as_secs_f64() * 1e3;
        let rows = db.query(query).unwrap().rows().unwrap().len();
        let answered = started.elapsed().as_secs_f64() * 1e3;
        assert!(rows > 0);
        db.close().unwrap();

        let started = Instant::now();
        let sqlite = rusqlite::Connection::open(peer).unwrap();
        // SQLite opens its file with the first statement.
        let tables: i64 =
            sqlite.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
        let theirs = started.elapsed().as_secs_f64() * 1e3;
        assert!(tables > 0);
        if run > 0 {
            opening.push(opened, theirs);
            answering.push(answered);
        }
    }
    let mode = if read_only { "reading" } else { "writing" };
    let what = format!("open {} for {mode}", megabytes(path));
    context.report.push(
        Line::new("open", what, "ms", opening.a())
            .against("SQLite open + schema", opening.b().median(), opening.ratio())
            .goal(Goal::at_most(1.5, 0.5))
            .note(format!("{:.3} ms to the first answer (an hour of one series)", answering.median())),
    );
}
