//! Texts to values, times and checked names, with errors that name the part and show the text.
use super::ReadOptions;
use super::row::{Piece, Texts};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Limits, Tags};
use crate::text::shorten;
use crate::time::{TimeUnit, parse_timestamp_lenient};

/// The record as text. `what` names such a record in the error: `row`, `line`, `object`.
pub(super) fn utf8<'a>(record: &'a [u8], what: &str) -> Result<&'a str> {
    core::str::from_utf8(record).map_err(|error| {
        let behind = record.get(error.valid_up_to()..).unwrap_or_default();
        Error::invalid(alloc::format!(
            "byte {} of the {what} is not UTF-8, at {}; convert the file to UTF-8",
            error.valid_up_to() + 1,
            shorten(behind)
        ))
    })
}

/// Reads a time; an integer counts `unit`. Answers the time and the unit: the given one, or the one that the size of the
/// integer suggests. Spaces around it do not matter. `part` names it in errors.
pub(super) fn read_time(part: &str, text: &str, unit: Option<TimeUnit>) -> Result<(i64, Option<TimeUnit>)> {
    let trimmed = text.trim_ascii();
    let digits = trimmed.strip_prefix('-').unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match parse_timestamp_lenient(trimmed) {
            Ok(ns) => Ok((ns, unit)),
            Err(_) if trimmed.is_empty() => Err(bad_part(part, text, "it is empty")),
            Err(error) => Err(Error::invalid(alloc::format!("{part}: {}", error.message()))),
        };
    }
    let out_of_range = |_| bad_part(part, text, "the integer does not fit 64 bits");
    let integer = trimmed.parse::<i64>().map_err(out_of_range)?;
    let unit = unit.unwrap_or_else(|| TimeUnit::of_integer(integer));
    let ns = unit.to_ns(integer).ok_or_else(|| {
        let problem = alloc::format!(
            "as a time in {unit} it lies outside 1677 to 2262; the unit is the one that was given, or that the first row suggests: give the time unit of the file"
        );
        bad_part(part, text, &problem)
    })?;
    Ok((ns, Some(unit)))
}

/// An error that names the part of the record and shows its text.
#[cold]
pub(super) fn bad_part(part: &str, text: &str, problem: &str) -> Error {
    Error::invalid(alloc::format!("{part}: {}: {problem}", shorten(text.as_bytes())))
}

/// Checks what holds for all points of a text once: the tags and the metric that the options give.
pub(super) fn check_options(options: &ReadOptions) -> Result<()> {
    let extra_tags = Tags::new(options.extra_tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    // Any name stands for those that the text brings.
    options.limits.check_series(options.metric.as_deref().unwrap_or("m"), &extra_tags)
}

/// Checks the number of tags of one point.
pub(super) fn check_tag_count(tags: usize, limits: &Limits) -> Result<()> {
    if tags > limits.tags_max {
        let message =
            alloc::format!("the row has {tags} tags; at most {} are accepted (tags_max)", limits.tags_max);
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    Ok(())
}

/// Checks the tags of one record: names within the limits, no key twice, none that is given for all points too. A tag
/// with an empty value is absent, but its key counts as given.
pub(super) fn check_tags(record: &str, texts: &Texts, options: &ReadOptions) -> Result<()> {
    let extra = options.extra_tags.iter().filter(|(_, value)| !value.is_empty()).count();
    check_tag_count(texts.tags.len() + extra, &options.limits)?;
    let key_of = |(key, _): &(Piece, Piece)| texts.get(record, *key);
    let mut previous: Option<&str> = None;
    for (index, pair) in texts.tags.iter().enumerate() {
        let (key, value) = (key_of(pair), texts.get(record, pair.1));
        options.limits.check_name("tag key", key)?;
        if !value.is_empty() {
            options.limits.check_name("tag value", value)?;
        }
        // Keys usually come sorted: then the one before tells that none is repeated.
        let is_sorted = previous.is_none_or(|previous| previous < key);
        if !is_sorted && texts.tags.iter().take(index).any(|other| key_of(other) == key) {
            return Err(bad_part("tag", key, "it is given twice; a tag has one value in a series"));
        }
        if options.extra_tags.iter().any(|(extra, _)| extra == key) {
            return Err(bad_part(
                "tag",
                key,
                "it is given for all points and in the text too; give only one",
            ));
        }
        // The largest so far: a smaller key sends the next one to the slow way, which is right too.
        if is_sorted {
            previous = Some(key);
        }
    }
    Ok(())
}
