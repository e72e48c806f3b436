//! Sets of characters as they are written: brackets, named classes, escapes.
use super::class::Class;
use super::parse::{Parsed, Parser};
use crate::error::ErrorKind;
use alloc::vec::Vec;

impl Parser<'_> {
    /// What stands between brackets.
    pub(super) fn bracket(&mut self, start: usize) -> Parsed<Class> {
        let negated = self.take("^");
        let mut ranges: Vec<(char, char)> = Vec::new();
        let mut is_first = true;
        loop {
            let at = self.position;
            let class = match self.next() {
                None => return Err(self.error(ErrorKind::InvalidInput, "this [ is never closed", start)),
                Some(']') if !is_first => break,
                Some('[') if self.rest().starts_with(':') => self.named(at)?,
                Some('[') => {
                    return Err(self.error(ErrorKind::InvalidInput, "for the character [ write \\[", at));
                }
                Some('\\') => self.escape(at)?,
                Some(c) => Class::new([(c, c)]),
            };
            is_first = false;
            let is_range =
                self.rest().starts_with('-') && !self.rest().starts_with("-]") && self.rest().len() > 1;
            if !is_range {
                ranges.extend_from_slice(class.ranges());
                continue;
            }
            self.next();
            let end = match self.next() {
                Some('\\') => self.escape(at)?,
                Some(c) => Class::new([(c, c)]),
                None => Class::default(),
            };
            match (class.ranges(), end.ranges()) {
                (&[(first, a)], &[(b, last)]) if first == a && b == last && first <= last => {
                    ranges.push((first, last));
                }
                _ => {
                    return Err(self.error(
                        ErrorKind::InvalidInput,
                        "a range goes from a character to a later one; for the character - write \\-",
                        at,
                    ));
                }
            }
        }
        let class = self.folded(Class::new(ranges), start)?;
        Ok(if negated { class.complement() } else { class })
    }

    /// A class such as `[:alpha:]`, behind its first bracket.
    fn named(&mut self, start: usize) -> Parsed<Class> {
        const NAMES: [(&str, &[(char, char)]); 10] = [
            (":alpha:]", &[('a', 'z'), ('A', 'Z')]),
            (":digit:]", &[('0', '9')]),
            (":alnum:]", &[('0', '9'), ('a', 'z'), ('A', 'Z')]),
            (":upper:]", &[('A', 'Z')]),
            (":lower:]", &[('a', 'z')]),
            (":space:]", &[('\t', '\r'), (' ', ' ')]),
            (":blank:]", &[('\t', '\t'), (' ', ' ')]),
            (":punct:]", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
            (":xdigit:]", &[('0', '9'), ('a', 'f'), ('A', 'F')]),
            (":word:]", &[('0', '9'), ('a', 'z'), ('A', 'Z'), ('_', '_')]),
        ];
        match NAMES.iter().find(|(name, _)| self.rest().starts_with(name)) {
            Some((name, ranges)) => {
                self.position += name.len();
                Ok(Class::new(ranges.iter().copied()))
            }
            None => Err(self.error(
                ErrorKind::InvalidInput,
                "there is no such class; for the character [ write \\[",
                start,
            )),
        }
    }

    /// What an escape outside of brackets stands for, behind its backslash.
    pub(super) fn escaped(&mut self, start: usize) -> Parsed<Class> {
        let class = self.escape(start)?;
        self.folded(class, start)
    }

    fn escape(&mut self, start: usize) -> Parsed<Class> {
        let one = |c| Class::new([(c, c)]);
        let digits = || Class::new([('0', '9')]);
        let words = || Class::new([('0', '9'), ('a', 'z'), ('A', 'Z'), ('_', '_')]);
        let spaces = || Class::new([('\t', '\r'), (' ', ' ')]);
        Ok(match self.next() {
            Some('d') => digits(),
            Some('D') => digits().complement(),
            Some('w') => words(),
            Some('W') => words().complement(),
            Some('s') => spaces(),
            Some('S') => spaces().complement(),
            Some('t') => one('\t'),
            Some('n') => one('\n'),
            Some('r') => one('\r'),
            Some('f') => one('\u{c}'),
            Some('v') => one('\u{b}'),
            Some('x') => one(self.hexadecimal(start)?),
            Some(c) if c.is_ascii_punctuation() => one(c),
            Some(c) => {
                let (kind, why) = match c {
                    'b' | 'B' => (
                        ErrorKind::Unsupported,
                        "word boundaries are not supported; write (^|\\W) or (\\W|$)",
                    ),
                    'p' | 'P' => (
                        ErrorKind::Unsupported,
                        "classes of Unicode are not supported; write the characters in brackets",
                    ),
                    '1'..='9' => (
                        ErrorKind::Unsupported,
                        "back references can't be matched in linear time and are not supported",
                    ),
                    _ => (
                        ErrorKind::InvalidInput,
                        "there is no such escape; a backslash as a character is written \\\\",
                    ),
                };
                return Err(self.error(kind, why, start));
            }
            None => {
                return Err(self.error(
                    ErrorKind::InvalidInput,
                    "the pattern ends behind a backslash; as a character it is written \\\\",
                    start,
                ));
            }
        })
    }

    /// The character in `\x41` or `\x{1F600}`, behind the `x`.
    fn hexadecimal(&mut self, start: usize) -> Parsed<char> {
        let (digits, length) = match self.rest().strip_prefix('{') {
            Some(rest) => {
                let digits = rest.split('}').next().unwrap_or_default();
                (digits, digits.len() + 2)
            }
            None => (self.rest().get(..2).unwrap_or_default(), 2),
        };
        let is_hexadecimal =
            (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let c = u32::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal).and_then(char::from_u32);
        let Some(c) = c.filter(|_| self.rest().len() >= length) else {
            let message = "a character by its number is written \\x41 or \\x{1F600}";
            return Err(self.error(ErrorKind::InvalidInput, message, start));
        };
        self.position += length;
        Ok(c)
    }
}
