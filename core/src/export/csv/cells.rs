//! One row cut into its cells.
//!
//! The buffers live as long as the reader: a row costs no allocation. Neighbours often differ only in front of their tags,
//! so the rest of a row is kept, and where it is the same again it is neither checked nor cut again.
use crate::error::{Error, Result};
use crate::export::convert::utf8;
use crate::text::shorten;
use alloc::string::String;
use alloc::vec::Vec;
use memchr::memchr;

/// The cells of the latest row, as spans of its text.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Cells in front of the tail.
    spans: Vec<(usize, usize)>,
    /// The text of a row with quoted cells, quotes undone.
    unquoted: String,
    /// The end of the latest row, from its first tag on; empty when it was cut otherwise.
    tail: String,
    /// Cells of the tail, as spans of it.
    tail_spans: Vec<(usize, usize)>,
    /// The tail is that of the last row that was taken.
    is_tail_taken: bool,
}

impl Cells {
    /// Cuts a row without its line end. Cells are read from what comes back with [`CutRow::get`]. `head` is the number of
    /// cells in front of the tail, if the row is to have one.
    pub(super) fn cut<'a>(
        &'a mut self,
        row: &'a [u8],
        quoted: bool,
        head: Option<usize>,
    ) -> Result<CutRow<'a>> {
        self.spans.clear();
        let tail_at = head.filter(|_| !quoted).and_then(|head| self.cut_head(row, head));
        let Some((head, tail)) = tail_at.and_then(|at| row.split_at_checked(at)) else {
            return self.cut_whole(row, quoted);
        };
        if tail != self.tail.as_bytes() || self.tail_spans.is_empty() {
            let text = utf8(row, "row")?;
            self.take_tail(text.get(head.len()..).unwrap_or_default());
        }
        let Ok(head) = core::str::from_utf8(head) else { return Err(not_text(row)) };
        let repeats = self.is_tail_taken && !self.tail.is_empty();
        Ok(CutRow { text: head, spans: &self.spans, tail: &self.tail, tail_spans: &self.tail_spans, repeats })
    }
    /// Says that the latest row was taken: when the next one has its tail, it repeats it.
    pub(super) fn taken(&mut self) {
        self.is_tail_taken = true;
    }

    /// Cuts the first cells, and answers where the rest starts; `None` when there is no rest.
    fn cut_head(&mut self, row: &[u8], count: usize) -> Option<usize> {
        let mut start = 0;
        for _ in 0..count {
            let len = memchr(b',', row.get(start..)?)?;
            self.spans.push((start, start + len));
            start += len + 1;
        }
        Some(start)
    }
    fn take_tail(&mut self, tail: &str) {
        self.tail.clear();
        self.tail.push_str(tail);
        self.tail_spans.clear();
        cut_plain(tail, &mut self.tail_spans);
        self.is_tail_taken = false;
    }
    fn cut_whole<'a>(&'a mut self, row: &'a [u8], quoted: bool) -> Result<CutRow<'a>> {
        self.spans.clear();
        self.tail.clear();
        self.tail_spans.clear();
        let row = utf8(row, "row")?;
        let text = if quoted {
            self.unquoted.clear();
            self.cut_quoted(row)?;
            self.unquoted.as_str()
        } else {
            cut_plain(row, &mut self.spans);
            row
        };
        Ok(CutRow { text, spans: &self.spans, tail: "", tail_spans: &[], repeats: false })
    }
    /// Cuts a row that has quoted cells, copying every cell without its quotes.
    fn cut_quoted(&mut self, row: &str) -> Result<()> {
        let mut rest = row;
        loop {
            let start = self.unquoted.len();
            rest = match rest.strip_prefix('"') {
                Some(inside) => self.unquote(inside)?,
                None => {
                    let (cell, behind) = rest
                        .split_at_checked(memchr(b',', rest.as_bytes()).unwrap_or(rest.len()))
                        .unwrap_or((rest, ""));
                    self.unquoted.push_str(cell);
                    behind
                }
            };
            self.spans.push((start, self.unquoted.len()));
            rest = match rest.strip_prefix(',') {
                Some(behind) => behind,
                None => return Ok(()),
            };
        }
    }
    /// Copies a quoted cell whose opening quote is behind us, and answers what follows its closing one: nothing, or a
    /// comma and more.
    fn unquote<'a>(&mut self, mut rest: &'a str) -> Result<&'a str> {
        loop {
            let Some((part, behind)) = rest.split_once('"') else {
                return Err(Error::invalid(
                    "a quoted cell is never closed; a quote inside a cell is written twice",
                ));
            };
            self.unquoted.push_str(part);
            if let Some(behind) = behind.strip_prefix('"') {
                self.unquoted.push('"');
                rest = behind;
            } else if behind.is_empty() || behind.starts_with(',') {
                return Ok(behind);
            } else {
                return Err(Error::invalid(alloc::format!(
                    "text follows the closing quote of a cell, at {}; a quote inside a quoted cell is written twice",
                    shorten(behind.as_bytes())
                )));
            }
        }
    }
}

/// Cuts a text without quoted cells.
fn cut_plain(text: &str, spans: &mut Vec<(usize, usize)>) {
    let mut start = 0;
    for (at, _) in text.bytes().enumerate().filter(|(_, byte)| *byte == b',') {
        spans.push((start, at));
        start = at + 1;
    }
    spans.push((start, text.len()));
}

/// The error of a row that is not text.
#[cold]
fn not_text(row: &[u8]) -> Error {
    utf8(row, "row").err().unwrap_or_else(|| Error::invalid("the row is not UTF-8"))
}

/// A row and where its cells are.
#[derive(Clone, Copy, Debug)]
pub(super) struct CutRow<'a> {
    text: &'a str,
    spans: &'a [(usize, usize)],
    tail: &'a str,
    tail_spans: &'a [(usize, usize)],
    repeats: bool,
}

impl<'a> CutRow<'a> {
    /// Number of cells, at least one.
    pub(super) fn len(&self) -> usize {
        self.spans.len() + self.tail_spans.len()
    }
    /// Bytes of the row without the quotes of its cells.
    pub(super) fn text_len(&self) -> usize {
        self.text.len() + self.tail.len()
    }
    /// The text of the cells behind the head; empty when the row was not cut there.
    pub(super) fn tail(&self) -> &'a str {
        self.tail
    }
    /// True when the tail is that of the last row that was taken.
    pub(super) fn repeats_tail(&self) -> bool {
        self.repeats
    }
    /// A cell without its quotes; empty when there is none of that number.
    #[inline]
    pub(super) fn get(&self, index: usize) -> &'a str {
        let (text, span) = match index.checked_sub(self.spans.len()) {
            Some(behind) => (self.tail, self.tail_spans.get(behind)),
            None => (self.text, self.spans.get(index)),
        };
        span.and_then(|&(start, end)| text.get(start..end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(row: &str, quoted: bool) -> Result<Vec<String>> {
        let mut cells = Cells::default();
        let row = cells.cut(row.as_bytes(), quoted, None)?;
        Ok((0..row.len()).map(|index| row.get(index).into()).collect())
    }

    #[test]
    fn quotes_are_undone_and_cells_kept_apart() {
        assert_eq!(cut("a,,c", false).unwrap(), ["a", "", "c"]);
        assert_eq!(cut("", false).unwrap(), [""]);
        assert!(cut("\"a\",\"b", true).unwrap_err().message().contains("never closed"));
        assert_eq!(cut("\"a,\n\"\"b\"\"\",\"\",é,", true).unwrap(), ["a,\n\"b\"", "", "é", ""]);
        assert_eq!(cut("5\" pipe,\" x \"", true).unwrap(), ["5\" pipe", " x "]);
    }

    #[test]
    fn a_tail_is_that_of_its_row_and_repeats_only_what_was_taken() {
        let mut cells = Cells::default();
        for (row, repeats, is_taken) in [
            ("1,a,b,é", false, true),
            ("2,a,b,é", true, true),
            ("3,x,b,é", true, false),
            ("4,x,b,c", false, false),
            ("5,x,b,c", false, true),
            ("6,x,b,", false, true),
            ("7,x,,b", false, true),
            ("8,x", false, true),
            ("8,x,", false, true),
        ] {
            let cut = cells.cut(row.as_bytes(), false, Some(2)).unwrap();
            assert_eq!(cut.repeats_tail(), repeats, "{row}");
            let seen: Vec<_> = (0..cut.len()).map(|index| cut.get(index)).collect();
            assert_eq!(seen, row.split(',').collect::<Vec<_>>());
            if is_taken {
                cells.taken();
            }
        }
        for bad in [&b"\xff,x,b"[..], b"1,x,\xff"] {
            let error = cells.cut(bad, false, Some(2)).unwrap_err();
            assert!(error.message().contains("not UTF-8"), "{error}");
        }
    }

    #[test]
    fn text_behind_a_closing_quote_is_an_error_that_shows_it() {
        assert!(cut("\"a\"b,c", true).unwrap_err().message().contains("\"b,c\""));
    }
}
