//! `chronicle export`: writes points as text.
use super::args::{Span, Tags, parse_metric};
use super::import::{Format, WhenBad};
use super::names::check_metric;
use super::output::{DASH, Output};
use super::place::Source;
use super::progress::{Progress, Unit};
use super::report::{Report, bytes, count};
use super::{Outcome, Status};
use chronicle::export::{ExportOptions, Exporter};
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;

/// Export points as a text file
#[derive(Args)]
#[command(after_help = "\
The file appears whole or not at all. The report goes to standard output, or to standard error when the data goes to
standard output; its digest is that of the points that were written.

Examples:
  chronicle export --path data.db --metric cpu --tag host=a --start 2024-01-28T00:00:00Z --end 2024-01-29T00:00:00Z
  chronicle export --path /backup/repo --at lsn:4711 --output then.csv
  chronicle export --path /backup/snapshot-2024-01-28 | gzip > all.csv.gz")]
pub(super) struct Export {
    #[command(flatten)]
    source: Source,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Only this metric
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    metric: Option<String>,
    #[command(flatten)]
    tags: Tags,
    #[command(flatten)]
    span: Span,
    /// What happens to points that the format can't hold (line: NaN, infinities, names with line feeds): stop before the
    /// first byte, or leave them out and exit with status 1
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = WhenBad::Fail)]
    on_error: WhenBad,
    /// The file, which is replaced if it exists, or - for standard output
    #[arg(long, value_name = "FILE", default_value = DASH)]
    output: PathBuf,
}

impl Export {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let range = self.span.range()?;
        let db = self.source.open()?;
        if let Some(metric) = &self.metric {
            check_metric(&db, metric)?;
        }
        let selector = self.tags.selector(self.metric.as_deref());
        let mut output = Output::create(&self.output, db.path())?;
        let is_aside = output.is_stdout();
        let (total, _) = db.count(&selector, range)?;
        let started = Instant::now();
        let mut progress = Progress::new("exporting", Unit::Points, Some(total));
        let options = ExportOptions::new(self.format.into(), &mut output)
            .on_error(self.on_error.into())
            .selector(selector)
            .range(range)
            .on_progress(|so_far| progress.set(so_far.points));
        let exported = Exporter::new(&db).export(options);
        drop(progress);
        let report = exported.map_err(|error| output.explain(error))?;
        output.finish()?;
        let seconds = started.elapsed().as_secs_f64();
        let mut text = Report::new()
            .line(format_args!(
                "exported {} of {} ({}) as of lsn {}, {seconds:.1} s",
                count(report.points, "point"),
                count(report.series, "series"),
                bytes(report.bytes),
                report.lsn
            ))
            .line(format_args!("digest {}", report.digest));
        if let Some(example) = &report.left_out_example {
            let points = count(report.left_out, "point");
            text = text
                .line(format_args!("left out {points} that the format can't hold, the first is {example}"));
        }
        let text = text
            .text("points", report.points)
            .text("series", report.series)
            .text("bytes", report.bytes)
            .text("digest", report.digest)
            .text("lsn", report.lsn)
            .text("left_out", report.left_out)
            .field("left_out_example", report.left_out_example);
        if is_aside {
            text.print_aside(json)
        } else {
            text.print(json)?
        }
        Ok(if report.left_out > 0 { Status::Incomplete } else { Status::Done })
    }
}
