//! One row cut into its cells.
//!
//! The buffers live as long as the reader: a row costs no allocation.
use crate::error::{Error, Result};
use crate::export::convert::utf8;
use crate::text::shorten;
use alloc::string::String;
use alloc::vec::Vec;
use memchr::memchr;

/// The cells of the latest row, as spans of its text.
#[derive(Debug, Default)]
pub(super) struct Cells {
    spans: Vec<(usize, usize)>,
    /// The text of a row with quoted cells, quotes undone.
    unquoted: String,
}

impl Cells {
    /// Cuts a row without its line end. Cells are read from what comes back with [`Cells::get`].
    pub(super) fn cut<'a>(&'a mut self, row: &'a [u8], quoted: bool) -> Result<CutRow<'a>> {
        let row = utf8(row, "row")?;
        self.spans.clear();
        let text = if quoted {
            self.unquoted.clear();
            self.cut_quoted(row)?;
            self.unquoted.as_str()
        } else {
            let mut start = 0;
            for (at, _) in row.bytes().enumerate().filter(|(_, byte)| *byte == b',') {
                self.spans.push((start, at));
                start = at + 1;
            }
            self.spans.push((start, row.len()));
            row
        };
        Ok(CutRow { text, spans: &self.spans })
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

/// A row and where its cells are.
#[derive(Clone, Copy, Debug)]
pub(super) struct CutRow<'a> {
    text: &'a str,
    spans: &'a [(usize, usize)],
}

impl<'a> CutRow<'a> {
    /// Number of cells, at least one.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }
    /// Bytes of the row without the quotes of its cells.
    pub(super) fn text_len(&self) -> usize {
        self.text.len()
    }
    /// The text from a cell on to the end of the row.
    pub(super) fn text_from(&self, index: usize) -> &'a str {
        self.spans.get(index).and_then(|&(start, _)| self.text.get(start..)).unwrap_or_default()
    }
    /// A cell without its quotes; empty when there is none of that number.
    #[inline]
    pub(super) fn get(&self, index: usize) -> &'a str {
        self.spans.get(index).and_then(|&(start, end)| self.text.get(start..end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(row: &str, quoted: bool) -> Result<Vec<String>> {
        let mut cells = Cells::default();
        let row = cells.cut(row.as_bytes(), quoted)?;
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
    fn text_behind_a_closing_quote_is_an_error_that_shows_it() {
        assert!(cut("\"a\"b,c", true).unwrap_err().message().contains("\"b,c\""));
    }
}
