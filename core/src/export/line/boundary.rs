//! Where a line ends: at the first line feed that is not inside a string.
//!
//! Strings are never stored, but what stands in them must not be taken for lines. A string opens at a quote directly
//! behind the unescaped `=` of a field; quotes elsewhere are characters.
use memchr::memchr2;

/// Scans one line after another for its end.
#[derive(Clone, Debug, Default)]
pub(super) struct LineBoundary {
    state: State,
    has_string: bool,
}

#[derive(Clone, Copy, PartialEq, Debug, Default)]
enum State {
    /// Before the first character that is not white space.
    #[default]
    Start,
    Comment,
    /// Measurement and tags.
    Series,
    /// Behind a backslash there.
    SeriesEscape,
    /// Behind the space that ends them.
    Fields,
    /// Behind a backslash there.
    FieldsEscape,
    /// Behind the `=` of a field.
    Equals,
    String,
    /// Behind a backslash in a string.
    StringEscape,
}

impl LineBoundary {
    /// Number of bytes up to and with the line feed that ends the line, or `None` when it goes on behind `bytes`.
    pub(super) fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.state == State::Start {
            // Lines without a quote, which most are, need no closer look.
            let found = memchr2(b'\n', b'"', bytes);
            if let Some(at) = found.filter(|&at| bytes.get(at) == Some(&b'\n')) {
                return Some(at + 1);
            }
        }
        for (at, &byte) in bytes.iter().enumerate() {
            self.state = match (self.state, byte) {
                (State::String, b'"') => State::Fields,
                (State::String, b'\\') => State::StringEscape,
                (State::String | State::StringEscape, _) => State::String,
                (_, b'\n') => return Some(at + 1),
                (State::Start, b' ' | b'\t') => State::Start,
                (State::Start, b'#') | (State::Comment, _) => State::Comment,
                (State::Start | State::Series | State::SeriesEscape, b'\\') => State::SeriesEscape,
                (State::Series, b' ') => State::Fields,
                (State::Start | State::Series | State::SeriesEscape, _) => State::Series,
                (State::Equals, b'"') => {
                    self.has_string = true;
                    State::String
                }
                (State::Fields | State::FieldsEscape | State::Equals, b'\\') => State::FieldsEscape,
                (State::Fields | State::Equals, b'=') => State::Equals,
                (State::Fields | State::FieldsEscape | State::Equals, _) => State::Fields,
            };
        }
        None
    }
    /// True when some field of the line so far is a string.
    pub(super) fn has_string(&self) -> bool {
        self.has_string
    }
    /// True when the line can't end here because a string is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::String | State::StringEscape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_feed_in_a_string_ends_no_line_however_the_bytes_arrive() {
        for (line, has_string) in [
            ("m a=1 2\n", false),
            ("\n", false),
            ("# \"\n", false),
            ("m a=\"x\ny\" 2\n", true),
            ("m a=\"x\\\"\ny\",b=1 2\n", true),
            ("m a=\"x\\\\\" 2\n", true),
            ("m,t=\"x y=1\n", false),
            ("\"m\" a=1\n", false),
            ("m \"a\"=1\n", false),
            ("m a\\=\"=1\n", false),
            ("m\\ \"x a=1\n", false),
            // A backslash before a backslash stands for itself, and the second one escapes.
            ("m\\\\ x,t=\"v a=1\n", false),
            ("m a\\\\=\"=1\n", false),
        ] {
            for split in 0..=line.len() {
                let (head, tail) = line.as_bytes().split_at(split);
                let mut boundary = LineBoundary::default();
                let end = boundary.find_end(head).or_else(|| boundary.find_end(tail).map(|end| split + end));
                assert_eq!(end, Some(line.len()), "{line:?} split at {split}");
                assert_eq!(boundary.has_string(), has_string, "{line:?}");
            }
        }
        let mut open = LineBoundary::default();
        assert_eq!(open.find_end(b"m a=\"\n\\\"\n"), None);
        assert!(open.is_open());
    }
}
