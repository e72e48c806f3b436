//! One point as a JSON object.
use super::cursor::Cursor;
use super::number::{is_json_integer, parse_json_number};
use crate::error::{Error, Result};
use crate::export::convert::{bad_part, check_tags, read_time};
use crate::export::row::{Piece, TextRow, Texts};
use crate::export::{Context, ReadResult};
use crate::text::{parse_number, shorten};
use crate::time::TimeUnit;
use alloc::string::String;

/// The buffers of an object that is read.
#[derive(Debug, Default)]
pub(in crate::export) struct Object {
    texts: Texts,
}

/// What stands in an object.
#[derive(Debug, Default)]
struct Members {
    metric: Option<Piece>,
    timestamp: Option<(i64, Option<TimeUnit>)>,
    value: Option<f64>,
    has_tags: bool,
}

/// Reads the object that `text` is, and gives its point away.
pub(in crate::export) fn read_point(
    object: &mut Object,
    text: &str,
    context: &mut Context<'_>,
    sink: &mut dyn FnMut(TextRow<'_>) -> Result<()>,
) -> ReadResult {
    let options = context.options;
    object.texts.clear();
    let members = read_members(text, &mut object.texts, *context.time_unit)?;
    let texts = &object.texts;
    let missing = |key: &str| Error::invalid(alloc::format!("the object has no key {key:?}"));
    let (timestamp, time_unit) = members.timestamp.ok_or_else(|| missing("timestamp"))?;
    let value = members.value.ok_or_else(|| missing("value"))?;
    let metric = match (members.metric, &options.metric) {
        (Some(piece), None) => texts.get(text, piece),
        (None, Some(metric)) => metric,
        (None, None) => {
            let problem = "the object has no key \"metric\"; or name the metric of the whole file";
            return Err(Error::invalid(problem).into());
        }
        (Some(_), Some(metric)) => {
            return Err(Error::invalid(alloc::format!(
                "the metric is given as {} and the object names one too; give only one",
                shorten(metric.as_bytes())
            ))
            .into());
        }
    };
    options.limits.check_name("metric name", metric)?;
    check_tags(text, texts, options)?;
    *context.time_unit = time_unit;
    let row = TextRow {
        record: text,
        texts,
        extra_tags: &options.extra_tags,
        metric,
        timestamp,
        value,
        line: context.line,
        repeats_tags: false,
        tags_text: "",
    };
    context.give(row, sink)
}

fn read_members(text: &str, texts: &mut Texts, unit: Option<TimeUnit>) -> Result<Members> {
    let mut cursor = Cursor::new(text);
    let mut members = Members::default();
    cursor.expect(b'{', "an object such as {\"timestamp\":..,\"metric\":..,\"tags\":{..},\"value\":..}")?;
    let mut is_first = true;
    while !cursor.take(b'}') {
        if !is_first {
            cursor.expect(b',', "a comma or a closing brace")?;
        }
        is_first = false;
        let key = cursor.string(&mut texts.unescaped, "a key in quotes")?;
        cursor.expect(b':', "a colon")?;
        let is_repeated = match texts.get(text, key) {
            "timestamp" => members.timestamp.replace(read_timestamp(&mut cursor, texts, unit)?).is_some(),
            "metric" => {
                let wanted = "the metric's name in quotes";
                members.metric.replace(cursor.string(&mut texts.unescaped, wanted)?).is_some()
            }
            "value" => members.value.replace(read_value(&mut cursor, texts)?).is_some(),
            "tags" => {
                read_tags(&mut cursor, texts)?;
                core::mem::replace(&mut members.has_tags, true)
            }
            other => {
                let problem = "an unknown key; a point has timestamp, metric, tags and value";
                return Err(bad_part("key", other, problem));
            }
        };
        if is_repeated {
            return Err(bad_part("key", texts.get(text, key), "it is there twice"));
        }
    }
    match cursor.peek() {
        None => Ok(members),
        Some(_) => Err(cursor.expected("nothing behind the object")),
    }
}

fn read_tags(cursor: &mut Cursor<'_>, texts: &mut Texts) -> Result<()> {
    cursor.expect(b'{', "the tags as an object of strings")?;
    let mut is_first = true;
    while !cursor.take(b'}') {
        if !is_first {
            cursor.expect(b',', "a comma or a closing brace")?;
        }
        is_first = false;
        let key = cursor.string(&mut texts.unescaped, "a tag key in quotes")?;
        cursor.expect(b':', "a colon")?;
        let value = cursor.string(&mut texts.unescaped, "a tag value in quotes")?;
        texts.tags.push((key, value));
    }
    Ok(())
}

/// A string, taken for itself: its text, which need not be kept.
fn text_of<'b, 'a: 'b>(cursor: &mut Cursor<'a>, unescaped: &'b mut String, wanted: &str) -> Result<&'b str> {
    let piece = cursor.string(unescaped, wanted)?;
    let text: &'b str = if piece.is_unescaped { unescaped.as_str() } else { cursor.text };
    Ok(text.get(piece.start..piece.end).unwrap_or_default())
}

fn read_timestamp(
    cursor: &mut Cursor<'_>,
    texts: &mut Texts,
    unit: Option<TimeUnit>,
) -> Result<(i64, Option<TimeUnit>)> {
    if cursor.peek() == Some(b'"') {
        return read_time("timestamp", text_of(cursor, &mut texts.unescaped, "a time")?, unit);
    }
    let start = *cursor;
    let word = cursor.word();
    if is_json_integer(word) {
        return read_time("timestamp", word, unit);
    }
    if parse_json_number(word).is_some() {
        let problem =
            "a fraction or an exponent would lose nanoseconds; write a whole number, or RFC 3339 in quotes";
        return Err(bad_part("timestamp", word, problem));
    }
    Err({ start }.expected("a whole number, or a time in quotes"))
}

fn read_value(cursor: &mut Cursor<'_>, texts: &mut Texts) -> Result<f64> {
    if cursor.peek() == Some(b'"') {
        let text = text_of(cursor, &mut texts.unescaped, "a number")?;
        let problem = "it is not a number; in quotes are NaN, +Inf, -Inf and NaN:<16 hex digits>";
        return parse_number(text.as_bytes()).ok_or_else(|| bad_part("value", text, problem));
    }
    let start = *cursor;
    let word = cursor.word();
    parse_json_number(word).ok_or_else(|| match word {
        "null" => start.fail("the value is null; leave the point out, or write \"NaN\""),
        _ => { start }.expected("a number that fits f64, or \"NaN\", \"+Inf\", \"-Inf\" in quotes"),
    })
}
