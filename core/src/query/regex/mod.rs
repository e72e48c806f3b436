//! Regular expressions over tag values: small, and linear in the length of the value whatever the pattern is.
//!
//! The syntax is RE2's, without what needs tables or a memory of what was matched:
//!
//! | written | takes |
//! |---|---|
//! | `a`, `\.`, `\t \n \r \f \v`, `\x41`, `\x{1F600}` | the character itself |
//! | `.` | any character but a line break; with the flag `s` that too |
//! | `[a-z_]`, `[^0-9]`, `[[:alpha:]]` | one of a set, or none of it |
//! | `\d \w \s`, `\D \W \S` | ASCII digit, word character (`[0-9A-Za-z_]`), white space; or none |
//! | `ab`, `a\|b`, `(a)`, `(?:a)`, `(?P<name>a)` | one after the other; either; a group (nothing is remembered of it) |
//! | `a?`, `a*`, `a+`, `a{3}`, `a{3,}`, `a{3,5}` | repetitions, at most 1,000; a `?` behind them changes nothing |
//! | `^`, `$`, `\A`, `\z` | start and end of the value |
//! | `(?i)`, `(?s)`, `(?i:a)`, `(?-i)` | flags: letters in either case, `.` takes line breaks |
//!
//! **Matching is not anchored**, as in InfluxQL and SQL's `~` and unlike Prometheus: `web` is found in `my-web-1`. For the
//! whole value write `^web$`. An absent tag is the empty string, so `^$` asks for its absence. Characters are Unicode
//! scalar values. In either case means: a letter, its lower-case and its upper-case form, where these are one character.
//!
//! Word boundaries (`\b`), Unicode classes (`\p`), multi-line mode, look-around and back references are refused by name; the
//! last two can't be matched in linear time at all.
//!
//! A pattern becomes a program of at most [`PROGRAM_MAX`] instructions, and where that is small a table of states
//! (`dfa`). Otherwise all states the program can be in are carried along at once (`simulate`). Either way each character of
//! the value is looked at once and nothing is ever tried again, so no pattern is slow by being clever.
mod class;
mod dfa;
mod parse;
mod program;
mod set;
mod simulate;

#[cfg(test)]
mod tests;

use crate::error::Result;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use dfa::Dfa;
use program::Program;

/// Longest pattern, bytes.
pub const PATTERN_BYTES_MAX: usize = 4_096;
/// Most instructions a pattern may need.
pub const PROGRAM_MAX: usize = 4_096;

/// A pattern that is ready to be searched for. Cheap to clone; two are equal when their texts are.
#[derive(Clone)]
pub struct Regex(Arc<Compiled>);

struct Compiled {
    pattern: String,
    program: Program,
    dfa: Option<Dfa>,
}

impl Regex {
    /// Reads a pattern. Errors are of kind `InvalidInput`; `Unsupported` for what RE2 knows and this does not;
    /// `LimitExceeded` for a pattern that is too long, too deep or needs too large a program.
    pub fn new(pattern: &str) -> Result<Self> {
        Self::at(pattern).map_err(|error| error.into_error(pattern))
    }

    /// [`Regex::new`], with the place of an error in the pattern.
    pub(crate) fn at(pattern: &str) -> core::result::Result<Self, PatternError> {
        let program = Program::compile(&parse::parse(pattern)?)?;
        let dfa = Dfa::build(&program);
        Ok(Self(Arc::new(Compiled { pattern: pattern.into(), program, dfa })))
    }

    /// True when some part of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.0.dfa {
            Some(dfa) => dfa.is_match(text),
            None => simulate::is_match(&self.0.program, text),
        }
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.0.pattern
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.as_str())
    }
}

/// What is wrong with a pattern, and at which byte of it.
#[derive(Debug)]
pub(crate) struct PatternError {
    pub(crate) kind: crate::error::ErrorKind,
    pub(crate) message: String,
    pub(crate) offset: usize,
}

impl PatternError {
    fn into_error(self, pattern: &str) -> crate::error::Error {
        let before = pattern.get(..self.offset).unwrap_or(pattern).chars().count();
        crate::error::Error::new(self.kind, self.message)
            .at(alloc::format!("character {} of the pattern", before + 1))
    }
}
