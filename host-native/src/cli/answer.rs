//! The rows of an answer in the forms they are written in.
use super::failure::Failure;
use super::report::{count, stdout_failure, time};
use super::rows::{Align, Table};
use chronicle::query::ResultSchema;
use chronicle::text::write_number;
use chronicle::time::write_timestamp;
use clap::ValueEnum;
use serde_json::{Value, json};
use std::io::{StdoutLock, Write};

/// Bytes that are written at once.
const WRITE_BYTES: usize = 64 << 10;
/// An absent value, for people and in JSON; in CSV it is an empty cell.
const NULL: &str = "null";

/// A form of the answer.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns
    Table,
    /// Comma-separated values with a header; an absent value is an empty cell
    Csv,
    /// One object: columns, rows, row_count and lsn; NaN and infinities are strings, absent tags and values null
    Json,
}

/// Writes rows to stdout in one of the forms.
pub(super) struct RowWriter {
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
    pub(super) fn new(format: Format, schema: &ResultSchema) -> Self {
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

    pub(super) fn row<'a>(
        &mut self,
        timestamp: i64,
        tags: impl Iterator<Item = &'a str>,
        values: impl Iterator<Item = Option<f64>>,
    ) -> Result<(), Failure> {
        let out = &mut self.buffer;
        match &mut self.form {
            Form::Table(table) => {
                let mut cells = vec![time(timestamp)];
                cells.extend(tags.map(str::to_owned));
                cells.extend(values.map(|value| value.map_or_else(|| NULL.to_owned(), number)));
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
                    if let Some(value) = value {
                        write_number(value.to_bits(), out);
                    }
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
                    let text = match value {
                        None => NULL.to_owned(),
                        Some(value) if value.is_finite() => number(value),
                        Some(value) => format!("\"{}\"", number(value)),
                    };
                    out.extend_from_slice(text.as_bytes());
                }
                out.push(b']');
            }
        }
        self.rows += 1;
        if self.buffer.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    pub(super) fn finish(&mut self, lsn: u64) -> Result<(), Failure> {
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

pub(super) fn number(value: f64) -> String {
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
