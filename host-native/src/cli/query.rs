//! `chronicle query`: answers a question in SQL, row by row.
use super::failure::Failure;
use super::names::check_metric;
use super::place::Source;
use super::report::{count, stdout_failure, time};
use super::rows::{Align, Table};
use super::{Outcome, Status};
use chronicle::now_ns;
use chronicle::query::{ResultSchema, parse_sql};
use chronicle::text::write_number;
use chronicle::time::write_timestamp;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::io::{StdoutLock, Write};

/// Bytes that are written at once.
const WRITE_BYTES: usize = 64 << 10;

/// Answer a query in SQL
#[derive(Args)]
#[command(after_help = "\
SELECT * | value | fn(value)[, ...] FROM metric [WHERE tag = 'x' AND tag IN ('x', 'y') AND time >= now() - 1h]
[GROUP BY time(5m), tag, ...] [ORDER BY time DESC] [LIMIT n] [OFFSET n]
fn: count sum mean min max first last stddev percentile(value, 99) rate. Times without a zone are UTC.

Examples:
  chronicle query --path data.db 'SELECT * FROM cpu LIMIT 10'
  chronicle query --path data.db \"SELECT mean(value), max(value) FROM cpu WHERE host = 'a' GROUP BY time(5m), host\"
  chronicle query --path data.db --format csv 'SELECT * FROM cpu WHERE time > now() - 1h' > cpu.csv")]
pub(super) struct Query {
    #[command(flatten)]
    source: Source,
    /// How rows are written; json is what --json gives
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The query
    sql: String,
}

/// A form of the answer.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One object: columns, rows, row_count and lsn; NaN and infinities are strings, an absent tag is null
    Json,
}

impl Query {
    pub(super) fn run(&self, json: bool) -> Outcome {
        // A query that does not parse is a wrong argument.
        let query = parse_sql(&self.sql, now_ns()).map_err(Failure::Usage)?;
        let db = self.source.open()?;
        check_metric(&db, &query.metric)?;
        let mut answer = db.query(&query)?;
        let lsn = answer.position().lsn;
        let format = if json { Format::Json } else { self.format };
        let mut writer = RowWriter::new(format, answer.schema());
        let width = answer.schema().value_columns().len();
        while let Some(batch) = answer.next_batch()? {
            for (timestamp, group, values) in batch.rows(width) {
                let group = answer.group(group);
                let tags =
                    answer.schema().tag_keys.iter().map(|key| group.map_or("", |group| group.get(key)));
                writer.row(timestamp, tags, values)?;
            }
        }
        writer.finish(lsn)?;
        Ok(Status::Done)
    }
}

/// Writes rows to stdout in one of the forms.
struct RowWriter {
    form: Form,
    buffer: Vec<u8>,
    rows: u64,
    stdout: StdoutLock<'static>,
}

enum Form {
    Table(Table),
    Csv,
    Json,
}

impl RowWriter {
    fn new(format: Format, schema: &ResultSchema) -> Self {
        let mut buffer = Vec::new();
        let form = match format {
            Format::Table => {
                let names = 1 + schema.tag_columns().len();
                let align = |index| if index < names { Align::Left } else { Align::Right };
                let aligns: Vec<Align> = (0..schema.columns.len()).map(align).collect();
                Form::Table(Table::new(&schema.columns, &aligns))
            }
            Format::Csv => {
                for (index, column) in schema.columns.iter().enumerate() {
                    separate(index, &mut buffer);
                    csv_cell(column, &mut buffer);
                }
                buffer.push(b'\n');
                Form::Csv
            }
            Format::Json => {
                let columns = json!(schema.columns).to_string();
                buffer.extend_from_slice(format!("{{\"columns\":{columns},\"rows\":[").as_bytes());
                Form::Json
            }
        };
        Self { form, buffer, rows: 0, stdout: std::io::stdout().lock() }
    }

    fn row<'a>(
        &mut self,
        timestamp: i64,
        tags: impl Iterator<Item = &'a str>,
        values: &[f64],
    ) -> Result<(), Failure> {
        let out = &mut self.buffer;
        match &mut self.form {
            Form::Table(table) => {
                let mut cells = vec![time(timestamp)];
                cells.extend(tags.map(str::to_owned));
                cells.extend(values.iter().map(|value| number(*value)));
                table.push(cells, out);
            }
            Form::Csv => {
                write_timestamp(timestamp, out);
                for tag in tags {
                    out.push(b',');
                    csv_cell(tag, out);
                }
                for value in values {
                    out.push(b',');
                    write_number(value.to_bits(), out);
                }
                out.push(b'\n');
            }
            Form::Json => {
                out.extend_from_slice(if self.rows > 0 { b",\n[\"" } else { b"\n[\"" });
                write_timestamp(timestamp, out);
                out.push(b'"');
                for tag in tags {
                    out.push(b',');
                    let tag = if tag.is_empty() { Value::Null } else { Value::from(tag) };
                    out.extend_from_slice(tag.to_string().as_bytes());
                }
                for value in values {
                    out.push(b',');
                    let text = number(*value);
                    let text = if value.is_finite() { text } else { format!("\"{text}\"") };
                    out.extend_from_slice(text.as_bytes());
                }
                out.push(b']');
            }
        }
        self.rows += 1;
        if self.buffer.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    fn finish(&mut self, lsn: u64) -> Result<(), Failure> {
        match &mut self.form {
            Form::Table(table) => {
                table.finish(&mut self.buffer);
                self.buffer.extend_from_slice(format!("({})\n", count(self.rows, "row")).as_bytes());
            }
            Form::Csv => {}
            Form::Json => {
                let end = format!("\n],\"row_count\":\"{}\",\"lsn\":\"{lsn}\"}}\n", self.rows);
                self.buffer.extend_from_slice(end.as_bytes());
            }
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), Failure> {
        let written = self.stdout.write_all(&self.buffer).and_then(|()| self.stdout.flush());
        self.buffer.clear();
        written.map_err(|error| stdout_failure(&error))
    }
}

fn number(value: f64) -> String {
    let mut text = Vec::new();
    write_number(value.to_bits(), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn csv_cell(text: &str, out: &mut Vec<u8>) {
    if text.contains(['"', ',', '\n', '\r']) || text.trim() != text {
        out.extend_from_slice(format!("\"{}\"", text.replace('"', "\"\"")).as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}
