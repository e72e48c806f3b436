//! Reading the tokens of one object, with errors that say where.
use crate::error::{Error, Result};
use crate::export::row::Piece;
use crate::text::shorten;
use alloc::string::String;
use memchr::memchr2;

/// A place in the text of one object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
    /// The next byte that is not white space, which stays; `None` at the end.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }
    /// Takes `byte`, if it is the next one.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }
    /// Takes `byte`, or fails.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, wanted: &str) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.expected(wanted)) }
    }
    /// Takes a string; escapes are undone into `unescaped`.
    #[inline]
    pub(super) fn string(&mut self, unescaped: &mut String, wanted: &str) -> Result<Piece> {
        if !self.take(b'"') {
            return Err(self.expected(wanted));
        }
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        // Names are short: a plain loop is done before a vectorized search has started.
        let length = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
        match length.and_then(|length| rest.get(length).map(|&byte| (length, byte))) {
            Some((length, b'"')) => {
                self.at = start + length + 1;
                Ok(Piece { start, end: start + length, is_unescaped: false })
            }
            _ => self.string_with_escapes(unescaped),
        }
    }
    /// Takes the rest of a string whose opening quote is behind us.
    #[cold]
    fn string_with_escapes(&mut self, unescaped: &mut String) -> Result<Piece> {
        let start = unescaped.len();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(length) = memchr2(b'"', b'\\', rest.as_bytes()) else {
                return Err(self.fail("a string is never closed"));
            };
            let part = rest.get(..length).unwrap_or_default();
            if let Some(control) = part.bytes().position(|byte| byte < 0x20) {
                self.at += control;
                return Err(self.fail("a control character in a string is written \\n, \\t or \\u00XX"));
            }
            unescaped.push_str(part);
            self.at += length + 1;
            if rest.as_bytes().get(length) == Some(&b'"') {
                return Ok(Piece { start, end: unescaped.len(), is_unescaped: true });
            }
            let character = self.escape()?;
            unescaped.push(character);
        }
    }
    /// Takes what stands behind a backslash.
    fn escape(&mut self) -> Result<char> {
        let byte = self.text.as_bytes().get(self.at).copied();
        let plain = match byte {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.code_point();
            }
            _ => return Err(self.fail("a backslash in a string is followed by one of \"\\/bfnrtu")),
        };
        self.at += 1;
        Ok(plain)
    }
    /// Takes the four hexadecimal digits behind `\u`, and a second escape where they are the first half of a pair.
    fn code_point(&mut self) -> Result<char> {
        let first = self.four_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            let is_pair = self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u"));
            if !is_pair {
                return Err(self.fail("half of a surrogate pair; \\ud83d\\ude00 is a whole one"));
            }
            self.at += 2;
            let second = self.four_digits()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.fail("a surrogate pair without its second half"));
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.fail("half of a surrogate pair"))
    }
    fn four_digits(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| {
            // `from_str_radix` takes a sign.
            digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.fail("\\u is followed by four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }
    /// Takes the characters that numbers and words (`true`, `null`) are made of; empty when there are none.
    #[inline]
    pub(super) fn word(&mut self) -> &'a str {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
        let length = rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }
    /// An error at this place.
    #[cold]
    pub(super) fn fail(&self, problem: &str) -> Error {
        Error::invalid(alloc::format!("byte {} of the object: {problem}", self.at + 1))
    }
    /// An error that shows what stands where something else was wanted.
    #[cold]
    pub(super) fn expected(&mut self, wanted: &str) -> Error {
        let found = match self.peek() {
            None => String::from("the end"),
            Some(_) => shorten(self.text.as_bytes().get(self.at..).unwrap_or_default()),
        };
        self.fail(&alloc::format!("expected {wanted}, found {found}"))
    }
}
