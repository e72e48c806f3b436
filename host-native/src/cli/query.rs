//! `chronicle query`: answers a question in SQL, row by row, as a plot, or by what it takes.
use super::answer::{Format, RowWriter};
use super::failure::Failure;
use super::names::check_query;
use super::place::Source;
use super::plot::Plot;
use super::report::{self, Report, bytes, grouped};
use super::{Outcome, Status};
use chronicle::query::{Query, Statement, parse_statement};
use chronicle::{Db, now_ns};
use clap::Args;

/// Answer a query in SQL
#[derive(Args)]
#[command(
    name = "query",
    after_help = "\
[EXPLAIN] SELECT * | value | fn(value)[, ...] FROM metric [WHERE condition] [GROUP BY time(5m), tag, ... | *]
[FILL(none | null | previous | linear | number)] [ORDER BY time DESC] [LIMIT n] [OFFSET n]
condition: tag = 'x', !=, IN ('x', 'y'), NOT IN, ~ 'regex', !~, time >= now() - 1h, joined by AND, OR, NOT, ( )
fn: count sum mean min max first last stddev percentile(value, 99) rate. Times without a zone are UTC.

Examples:
  chronicle query --path data.db \"SELECT mean(value), max(value) FROM cpu WHERE host ~ '^web' GROUP BY time(5m), host\"
  chronicle query --path /backup/repo --at 2024-01-28T10:00:00Z 'SELECT max(value) FROM cpu'
  chronicle query --path data.db --format csv 'SELECT * FROM cpu WHERE time > now() - 1h' > cpu.csv"
)]
pub(super) struct QueryArgs {
    #[command(flatten)]
    source: Source,
    /// How rows are written; json is what --json gives
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Draw the answer, as wide as the terminal
    #[arg(long, conflicts_with_all = ["format", "json"])]
    plot: bool,
    /// Say what answering takes (blocks, bytes, time) in place of the rows; as EXPLAIN in the text
    #[arg(long, conflicts_with = "plot")]
    explain: bool,
    /// The query
    sql: String,
}

impl QueryArgs {
    pub(super) fn run(&self, json: bool) -> Outcome {
        // A query that does not parse is a wrong argument.
        let (query, explain) = match parse_statement(&self.sql, now_ns()).map_err(Failure::Usage)? {
            Statement::Explain(query) => (query, true),
            Statement::Select(query) => (query, self.explain),
            other => return Err(Failure::usage(format!("{other:?} is no query"))),
        };
        if explain && self.plot {
            return Err(Failure::usage("EXPLAIN has no rows to plot"));
        }
        let db = self.source.open()?;
        check_query(&db, &query, &self.sql)?;
        if explain {
            return Self::explain(&db, &query, json || self.format == Format::Json);
        }
        if self.plot {
            return Self::plot(&db, &query);
        }
        let mut answer = db.query(&query)?;
        let lsn = answer.position().lsn;
        let format = if json { Format::Json } else { self.format };
        let mut writer = RowWriter::new(format, answer.schema());
        let width = answer.schema().value_columns().len();
        while let Some(batch) = answer.next_batch()? {
            for (row, (timestamp, group, _)) in batch.rows(width).enumerate() {
                let group = answer.group(group);
                let tags =
                    answer.schema().tag_keys.iter().map(|key| group.map_or("", |group| group.get(key)));
                writer.row(timestamp, tags, batch.cells(row, width))?;
            }
        }
        writer.finish(lsn)?;
        Ok(Status::Done)
    }

    fn plot(db: &Db, query: &Query) -> Outcome {
        let mut answer = db.query(query)?;
        let columns = answer.schema().value_columns().to_vec();
        let mut plot = Plot::new(&query.metric, &columns);
        while let Some(batch) = answer.next_batch()? {
            for (row, (timestamp, group, _)) in batch.rows(columns.len()).enumerate() {
                plot.add(timestamp, group, batch.cells(row, columns.len()))?;
            }
        }
        let name = |group: u32| {
            let tags = answer.group(group).into_iter().flat_map(|group| group.iter());
            let tags = tags.filter(|(_, value)| !value.is_empty());
            tags.map(|(key, value)| format!("{}={}", report::name(key), report::name(value)))
                .collect::<Vec<_>>()
                .join(" ")
        };
        report::print(&plot.draw(name))?;
        Ok(Status::Done)
    }

    fn explain(db: &Db, query: &Query, json: bool) -> Outcome {
        let explanation = db.explain(query)?;
        let stats = explanation.stats;
        let milliseconds = explanation.elapsed.as_secs_f64() * 1e3;
        let mut report = Report::new().text("sql", query.to_sql()).line(query.to_sql());
        for (field, label, number) in [
            ("series", "series selected", stats.series),
            ("segments", "segments looked at", stats.segments),
            ("segments_skipped", "segments skipped", stats.segments_skipped),
            ("blocks_by_statistics", "blocks answered by statistics", stats.blocks_by_statistics),
            ("blocks_cached", "blocks in memory", stats.blocks_cached),
            ("blocks_decoded", "blocks decoded", stats.blocks_decoded),
            ("blocks_skipped", "blocks skipped", stats.blocks_skipped),
            ("points_decoded", "points decoded", stats.points_decoded),
            ("points_unsealed", "points in memory", stats.points_unsealed),
            ("bytes_read", "bytes read", stats.bytes_read),
            ("rows", "rows", stats.rows),
        ] {
            let shown = if field == "bytes_read" { bytes(number) } else { grouped(number) };
            report = report.line(format_args!("  {label:<30}{shown}")).text(field, number);
        }
        report
            .line(format_args!("  {:<30}{milliseconds:.3} ms", "time"))
            .field("elapsed_ms", milliseconds)
            .text("lsn", explanation.position.lsn)
            .print(json)?;
        Ok(Status::Done)
    }
}
