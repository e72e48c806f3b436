//! Names with escapes: where they end, and what they say.
//!
//! A backslash escapes a comma, a space, and outside measurements an equals sign. Anywhere else it stands for itself.
use crate::export::row::Piece;
use alloc::string::String;

/// What kind of name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Ends at a comma or a space; `=` needs no escape.
    Measurement,
    /// Tag key, tag value or field key: ends at a comma, a space or an equals sign.
    Other,
}

impl Name {
    /// True for what ends the name, and must be escaped inside it.
    #[inline]
    pub(super) fn is_special(self, byte: u8) -> bool {
        byte == b',' || byte == b' ' || (byte == b'=' && self == Self::Other)
    }
    /// The name that starts at `start` of `line`. It ends before a special byte, or with the line.
    #[inline]
    pub(super) fn read(self, line: &str, start: usize, unescaped: &mut String) -> (Piece, usize) {
        let rest = line.as_bytes().get(start..).unwrap_or_default();
        let length = rest.iter().position(|&byte| self.is_special(byte) || byte == b'\\');
        let end = length.map_or(line.len(), |length| start + length);
        if line.as_bytes().get(end) == Some(&b'\\') {
            return self.read_with_backslash(line, start, unescaped);
        }
        (Piece { start, end, is_unescaped: false }, end)
    }
    #[cold]
    fn read_with_backslash(self, line: &str, start: usize, unescaped: &mut String) -> (Piece, usize) {
        let bytes = line.as_bytes();
        let from = unescaped.len();
        let (mut at, mut copied) = (start, start);
        while let Some(&byte) = bytes.get(at) {
            if self.is_special(byte) {
                break;
            }
            if byte == b'\\' && bytes.get(at + 1).is_some_and(|&next| self.is_special(next)) {
                unescaped.push_str(line.get(copied..at).unwrap_or_default());
                copied = at + 1;
                at += 1;
            }
            at += 1;
        }
        unescaped.push_str(line.get(copied..at).unwrap_or_default());
        (Piece { start: from, end: unescaped.len(), is_unescaped: true }, at)
    }
}
