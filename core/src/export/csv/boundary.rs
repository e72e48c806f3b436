//! Where a row ends: at the first line feed that is not inside a quoted cell.
//!
//! It remembers what it has seen across feeds, so every byte is looked at once and no row needs to be whole.
use memchr::{memchr, memchr2};

/// Scans one row after another for its end.
#[derive(Clone, Debug)]
pub(super) struct RowBoundary {
    state: State,
    /// The byte before the next one; a comma at the start of a row.
    previous: u8,
    /// The row has a quoted cell.
    quoted: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    /// Not inside quotes.
    Outside,
    /// Inside quotes.
    Inside,
    /// Behind a quote inside quotes: it closes the cell, or is the first half of a doubled one.
    Quote,
}

impl Default for RowBoundary {
    fn default() -> Self {
        Self::new()
    }
}

impl RowBoundary {
    /// At the start of a row.
    pub(super) fn new() -> Self {
        Self { state: State::Outside, previous: b',', quoted: false }
    }
    /// Number of bytes up to and with the line feed that ends the row, or `None` when the row goes on behind `bytes`.
    /// The next call gets the bytes that follow; behind an end, [`RowBoundary::new`] starts the next row.
    pub(super) fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        while let Some((&first, behind)) = rest.split_first() {
            match self.state {
                State::Outside => {
                    let Some((before, found, behind)) = split_at(rest, memchr2(b'\n', b'"', rest)) else {
                        self.previous = rest.last().copied().unwrap_or(self.previous);
                        return None;
                    };
                    if found == b'\n' {
                        return Some(bytes.len() - behind.len());
                    }
                    // A quote opens a cell only where one starts; elsewhere it is a character like any other.
                    if before.last().copied().unwrap_or(self.previous) == b',' {
                        self.state = State::Inside;
                        self.quoted = true;
                    }
                    self.previous = b'"';
                    rest = behind;
                }
                State::Inside => {
                    let (_, _, behind) = split_at(rest, memchr(b'"', rest))?;
                    self.state = State::Quote;
                    rest = behind;
                }
                State::Quote if first == b'"' => {
                    self.state = State::Inside;
                    rest = behind;
                }
                State::Quote => {
                    self.state = State::Outside;
                    self.previous = b'"';
                }
            }
        }
        None
    }
    /// True when some cell of the row so far is quoted.
    pub(super) fn is_quoted(&self) -> bool {
        self.quoted
    }
    /// True when the row can't end here because a quoted cell is open.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Inside
    }
}

/// What lies before, at and behind a position.
fn split_at(bytes: &[u8], position: Option<usize>) -> Option<(&[u8], u8, &[u8])> {
    let (before, rest) = bytes.split_at_checked(position?)?;
    let (&at, behind) = rest.split_first()?;
    Some((before, at, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_feed_outside_quotes_ends_a_row_however_the_bytes_arrive() {
        for (row, quoted) in [
            ("a,b\n", false),
            ("\n", false),
            ("\"a\nb\",c\n", true),
            ("\"a\"\"\n\"\"b\"\n", true),
            ("\"\"\n", true),
            ("a,\"\"\"\n\"\r\n", true),
            ("5\" pipe,b\n", false),
            ("\"a\"b\"c\n", true),
        ] {
            for split in 0..=row.len() {
                let (head, tail) = row.as_bytes().split_at(split);
                let mut boundary = RowBoundary::new();
                let end = boundary.find_end(head).or_else(|| boundary.find_end(tail).map(|end| split + end));
                assert_eq!(end, Some(row.len()), "{row:?} split at {split}");
                assert_eq!(boundary.is_quoted(), quoted, "{row:?}");
            }
        }
        let mut open = RowBoundary::new();
        assert_eq!(open.find_end(b"\"a\n\n"), None);
        assert!(open.is_open());
    }
}
