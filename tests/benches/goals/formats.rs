//! Text formats: from a file to durable and sealed, and from a database to text, per CPU second.
use crate::context::{Context, points, quiet};
use crate::report::{Goal, Line};
use chronicle::export::{ExportOptions, Exporter, Format};
use chronicle::import::{ImportOptions, Importer};
use chronicle::{Config, Db, PointSource};
use chronicle_tests::measure::{Samples, time};
use chronicle_tests::workload::{self, SeriesData};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;

const FORMATS: [(&str, Format); 5] = [
    ("csv", Format::Csv),
    ("json", Format::Json),
    ("jsonl", Format::JsonLines),
    ("line", Format::Line),
    ("line, ten fields a line", Format::Line),
];

pub(crate) fn run(context: &mut Context) {
    let data = context.devops();
    let total = points(&data) as f64;
    let source = context.devops_db();
    let runs = context.runs(3);
    for (name, format) in FORMATS {
        let folder = context.fresh("formats");
        let file = folder.join("text");
        let is_grouped = name.contains("ten fields");
        if is_grouped {
            fs::write(&file, grouped(&data)).unwrap();
        } else {
            let mut out = Samples::default();
            for run in 0..=runs {
                let cost = export(&source, &file, format, total as u64);
                if run > 0 {
                    out.push(total / cost);
                }
            }
            let line = Line::new("formats", format!("export {name}, per CPU second"), "points/s", out);
            context.report.push(match format {
                Format::JsonLines => line.goal(Goal::at_least(5e6, 5e6)),
                _ => line,
            });
        }
        let mut out = Samples::default();
        for run in 0..=runs {
            let cost = import(&context.fresh("formats-db"), &file, format, total as u64);
            if run > 0 {
                out.push(total / cost);
            }
        }
        let bytes = fs::metadata(&file).unwrap().len() as f64 / total;
        let line = Line::new("formats", format!("import {name}, per CPU second"), "points/s", out)
            .note(format!("{bytes:.0} B a point; until closed, everything sealed"));
        context.report.push(match format {
            Format::Line => line.goal(Goal::at_least(2e6, 5e6)),
            _ => line,
        });
    }
}

/// CPU seconds of an export.
fn export(database: &Path, file: &Path, format: Format, total: u64) -> f64 {
    let db = Db::open(database, quiet()).unwrap();
    let (report, cost) = time(|| {
        let out = File::create(file).unwrap();
        Exporter::new(&db).export(ExportOptions::new(format, out)).unwrap()
    });
    assert_eq!(report.points, total);
    cost.cpu
}

/// CPU seconds of an import into an empty database, closed at the end.
fn import(folder: &Path, file: &Path, format: Format, total: u64) -> f64 {
    let (report, cost) = time(|| {
        let db = Db::open(folder.join("data.db"), Config::default()).unwrap();
        let report =
            Importer::new(&db).import(ImportOptions::new(format, File::open(file).unwrap())).unwrap();
        db.close().unwrap();
        report
    });
    assert_eq!((report.points, report.skipped), (total, 0));
    cost.cpu
}

/// The workload as agents write it: the ten fields of a host in one line, hosts in turn.
fn grouped(data: &[SeriesData]) -> String {
    let mut text = String::new();
    for batch in workload::batches(data, 10) {
        text.push_str("cpu");
        for (key, value) in &batch[0].series.tags {
            let _ = write!(text, ",{key}={value}");
        }
        for (index, point) in batch.iter().enumerate() {
            let field = point.metric().strip_prefix("cpu.").unwrap();
            let _ = write!(text, "{}{field}={}", if index == 0 { " " } else { "," }, point.value);
        }
        let _ = writeln!(text, " {}", batch[0].timestamp);
    }
    text
}
