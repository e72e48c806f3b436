//! A line of line protocol: measurement, tags, fields, time; each field is a point.
use super::VALUE;
use super::boundary::LineBoundary;
use super::field::{Value, read_value};
use super::names::Name;
use crate::error::{Error, Result};
use crate::export::convert::{bad_part, check_options, check_tags, utf8};
use crate::export::row::{Piece, TextRow, Texts};
use crate::export::{Context, OnError, ReadOptions, ReadResult, Refusal, TextFormat};
use crate::text::shorten;
use crate::time::TimeUnit;
use alloc::string::String;
use alloc::vec::Vec;

/// Line protocol for [`TextReader`](crate::export::TextReader).
#[derive(Debug, Default)]
pub struct LineFormat {
    boundary: LineBoundary,
    texts: Texts,
    fields: Vec<(Piece, f64)>,
    /// Fields that can't be stored.
    refused: Vec<Error>,
    /// Where the tags stand in the line, escapes and all.
    tags: (usize, usize),
    /// Measurement, a point, the field.
    metric: String,
}

impl TextFormat for LineFormat {
    type Row<'a> = TextRow<'a>;

    const STARTS_AT_LINES: bool = true;

    fn start(&mut self, options: &ReadOptions) -> Result<()> {
        if options.metric.is_some() {
            let problem = "every line of line protocol names its metric; do not give one for the whole file";
            return Err(Error::invalid(problem));
        }
        check_options(options)
    }

    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        self.boundary.find_end(bytes)
    }

    fn restart(&mut self) {
        self.boundary = LineBoundary::default();
    }

    fn spans_lines(&self) -> bool {
        self.boundary.has_string()
    }

    fn read(
        &mut self,
        record: &[u8],
        context: &mut Context<'_>,
        sink: &mut dyn FnMut(TextRow<'_>) -> Result<()>,
    ) -> ReadResult {
        let start = record.iter().position(|&byte| byte != b' ' && byte != b'\t');
        let Some(start) = start.filter(|&start| record.get(start) != Some(&b'#')) else { return Ok(()) };
        // A string that is never closed makes it doubtful where the line ends, and so does what comes of it.
        let line = utf8(record, "line").map_err(Refusal::Structure)?;
        let (measurement, timestamp) = self.parse(line, start, context).map_err(Refusal::Structure)?;
        self.give(line, measurement, timestamp, context, sink)
    }

    fn cut_off(&self) -> Option<Error> {
        self.boundary.is_open().then(|| Error::invalid("a string is open at the end of the file"))
    }
}

impl LineFormat {
    /// Reads all of a line that is no comment; tags and fields are kept in `self`.
    fn parse(&mut self, line: &str, start: usize, context: &Context<'_>) -> Result<(Piece, i64)> {
        self.texts.clear();
        self.fields.clear();
        self.refused.clear();
        let bytes = line.as_bytes();
        let (measurement, mut at) = Name::Measurement.read(line, start, &mut self.texts.unescaped);
        if measurement.start == measurement.end {
            return Err(Error::invalid("the line starts with a comma: the measurement has no name"));
        }
        let tags_from = at;
        while bytes.get(at) == Some(&b',') {
            at = self.read_tag(line, at + 1)?;
        }
        self.tags = (tags_from, at);
        at = skip_spaces(bytes, at);
        if at == bytes.len() {
            return Err(Error::invalid("the line has no fields; it is measurement,tag=value field=1.5 time"));
        }
        loop {
            at = self.read_field(line, at)?;
            match bytes.get(at) {
                Some(b',') => at += 1,
                _ => break,
            }
        }
        check_tags(line, &self.texts, context.options)?;
        Ok((measurement, read_time(line, at, context)?))
    }
    #[inline]
    fn read_tag(&mut self, line: &str, at: usize) -> Result<usize> {
        let bytes = line.as_bytes();
        let (key, at) = Name::Other.read(line, at, &mut self.texts.unescaped);
        let shown = |texts: &Texts| String::from(texts.get(line, key));
        if key.start == key.end {
            return Err(Error::invalid(
                "a tag without a key; a comma or a space in a name is written \\, or \\ ",
            ));
        }
        if bytes.get(at) != Some(&b'=') {
            return Err(bad_part("tag", &shown(&self.texts), "it has no value; it is written key=value"));
        }
        let (value, at) = Name::Other.read(line, at + 1, &mut self.texts.unescaped);
        if value.start == value.end {
            return Err(bad_part("tag", &shown(&self.texts), "its value is empty; leave the tag out"));
        }
        if bytes.get(at) == Some(&b'=') {
            let problem = "an equals sign in its value is written \\=";
            return Err(bad_part("tag", &shown(&self.texts), problem));
        }
        self.texts.tags.push((key, value));
        Ok(at)
    }
    #[inline]
    fn read_field(&mut self, line: &str, at: usize) -> Result<usize> {
        let (key, at) = Name::Other.read(line, at, &mut self.texts.unescaped);
        let shown = self.texts.get(line, key);
        if line.as_bytes().get(at) != Some(&b'=') {
            return Err(bad_part("field", shown, "it has no value; it is written key=1.5"));
        }
        if shown.is_empty() {
            return Err(Error::invalid("a field without a key; it is written key=1.5"));
        }
        let (value, at) = read_value(line, at + 1, shown)?;
        match value {
            Value::Number(value) => self.fields.push((key, value)),
            Value::Refused(error) => self.refused.push(error),
        }
        Ok(at)
    }
    /// Gives the points of a line away: all that can be stored.
    fn give(
        &mut self,
        line: &str,
        measurement: Piece,
        timestamp: i64,
        context: &mut Context<'_>,
        sink: &mut dyn FnMut(TextRow<'_>) -> Result<()>,
    ) -> ReadResult {
        let Self { texts, fields, refused, metric, tags, .. } = self;
        let options = context.options;
        let measurement = texts.get(line, measurement);
        metric.clear();
        metric.push_str(measurement);
        metric.push('.');
        // Before the first point is given away: a line that ends the import leaves nothing of itself behind.
        let longest = fields.iter().map(|(key, _)| texts.get(line, *key).len()).max().unwrap_or(0);
        if metric.len() + longest > options.limits.name_bytes_max {
            for (key, _) in fields.iter() {
                set_metric(metric, measurement, texts.get(line, *key));
                options.limits.check_name("metric name", metric)?;
            }
        }
        if options.on_error == OnError::Fail
            && let Some(error) = refused.pop()
        {
            refused.clear();
            return Err(Refusal::Record(error));
        }
        let tags_text = line.get(tags.0..tags.1).unwrap_or_default();
        for (index, &(key, value)) in fields.iter().enumerate() {
            set_metric(metric, measurement, texts.get(line, key));
            let row = TextRow {
                record: line,
                texts,
                extra_tags: &options.extra_tags,
                metric,
                timestamp,
                value,
                line: context.line,
                repeats_tags: index > 0,
                tags_text,
            };
            context.give(row, sink)?;
        }
        refused.drain(..).try_for_each(|error| context.skip_part(error))
    }
}

/// Field `f` of measurement `m` is `m.f`; field `value` is `m`. `metric` starts with the measurement.
#[inline]
fn set_metric(metric: &mut String, measurement: &str, field: &str) {
    metric.truncate(measurement.len());
    if field != VALUE {
        metric.push('.');
        metric.push_str(field);
    }
}

/// Reads the time that stands at `at`, or takes the one that lines without it get.
fn read_time(line: &str, at: usize, context: &Context<'_>) -> Result<i64> {
    let at = skip_spaces(line.as_bytes(), at);
    let text = line.get(at..).unwrap_or_default();
    let text = text.trim_end_matches([' ', '\t']);
    if text.is_empty() {
        return context.options.now_ns.ok_or_else(|| Error::invalid("the line has no timestamp"));
    }
    let integer = text.parse::<i64>().map_err(|_| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let problem = if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty() {
            "the integer does not fit 64 bits"
        } else {
            "it is not a whole number; a space or a comma in a name is written \\  or \\,"
        };
        bad_part("timestamp", text, problem)
    })?;
    let unit = context.time_unit.unwrap_or(TimeUnit::Ns);
    unit.to_ns(integer).ok_or_else(|| {
        let problem =
            alloc::format!("as a time in {unit} it lies outside 1677 to 2262; give the right time unit");
        bad_part("timestamp", &shorten(text.as_bytes()), &problem)
    })
}

#[inline]
fn skip_spaces(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| byte != b' ').unwrap_or(rest.len())
}
