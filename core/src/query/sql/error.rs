//! Errors that point at the word they are about.
use crate::error::{Error, ErrorKind};
use alloc::string::String;

/// A stretch of the text, as byte offsets on character boundaries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// From the start of this one to the end of another.
    pub(super) fn to(self, end: Self) -> Self {
        Self { start: self.start, end: end.end.max(self.end) }
    }
}

/// Characters of the line shown before and behind the start of the word; a query may be one very long line.
const SHOWN_BEFORE: usize = 60;
const SHOWN_BEHIND: usize = 60;

/// An error about `span` of `text`: the message, then the line, then carets under the word.
pub(super) fn error_at(text: &str, span: Span, kind: ErrorKind, message: &str) -> Error {
    let before = text.get(..span.start).unwrap_or(text);
    let behind = text.get(span.start..).unwrap_or_default();
    let line_number = 1 + before.matches('\n').count();
    let line_before = before.rsplit('\n').next().unwrap_or_default();
    let line_behind = behind.split('\n').next().unwrap_or_default();
    let column = line_before.chars().count();

    let cut_before = column.saturating_sub(SHOWN_BEFORE);
    let mut shown = String::new();
    if cut_before > 0 {
        shown.push_str("...");
    }
    shown.extend(line_before.chars().skip(cut_before).map(printable));
    let indent = shown.chars().count();
    shown.extend(line_behind.chars().take(SHOWN_BEHIND).map(printable));
    if line_behind.chars().nth(SHOWN_BEHIND).is_some() {
        shown.push_str("...");
    }
    let word = text.get(span.start..span.end).unwrap_or_default();
    let word_length = word.split('\n').next().unwrap_or_default().chars().count();
    let carets = "^".repeat(word_length.clamp(1, SHOWN_BEHIND));
    let shown = shown.trim_end();
    Error::new(kind, alloc::format!("{message}\n  {shown}\n  {}{carets}", " ".repeat(indent)))
        .at(alloc::format!("line {line_number}, column {}", column + 1))
}

/// Control characters (tabs, carriage returns) would move the caret away from its word.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// A word of the text inside a message, cut if it is long.
pub(super) fn shown(word: &str) -> String {
    match word.char_indices().nth(40) {
        Some((cut, _)) => alloc::format!("`{}...`", word.get(..cut).unwrap_or_default()),
        None => alloc::format!("`{word}`"),
    }
}
