//! One condition after WHERE: on a tag, or on time.
use super::cursor::Parser;
use super::error::{Span, error_at, shown};
use super::expression::Operand;
use super::lexer::Token;
use super::word::not_yet;
use crate::error::Result;
use crate::model::TimeRange;
use crate::query::check::too_many_patterns;
use crate::query::{Matcher, Query, Regex};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

const TAG_OPERATORS: &str = "=, !=, IN, NOT IN, ~ or !~ after the tag";

impl Parser<'_> {
    /// One condition.
    pub(super) fn condition(&mut self) -> Result<Operand> {
        let start = self.span;
        match self.token {
            Token::Word(word) if word.eq_ignore_ascii_case("time") => {
                self.advance()?;
                let range = self.time_condition()?;
                let span = Span { start: start.start, end: self.end_of_last(start) };
                Ok(Operand::time(range, span))
            }
            Token::Word(word) if word.eq_ignore_ascii_case("value") => Err(self.unsupported_here(
                "conditions on the value are not yet supported; a tag with that name is written \"value\"",
            )),
            _ => {
                let key = self.name("a tag or time")?;
                Ok(Operand::tag(self.tag_condition(key)?))
            }
        }
    }

    fn time_condition(&mut self) -> Result<TimeRange> {
        let operator = match self.token {
            Token::Symbol(operator @ ("<" | "<=" | "=" | ">=" | ">")) => operator,
            Token::Symbol("!=" | "<>") => {
                return Err(self.unsupported_here("leaving a moment out is not yet supported"));
            }
            _ => return Err(self.expected("<, <=, =, >= or > after time")),
        };
        self.advance()?;
        let moment = self.moment()?;
        Ok(match operator {
            "<" => TimeRange::new(None, Some(moment)),
            "<=" => TimeRange { min: i64::MIN, max: moment },
            "=" => TimeRange { min: moment, max: moment },
            ">=" => TimeRange { min: moment, max: i64::MAX },
            _ => moment.checked_add(1).map_or(TimeRange::EMPTY, |min| TimeRange { min, max: i64::MAX }),
        })
    }

    fn tag_condition(&mut self, key: String) -> Result<Matcher> {
        Ok(match self.token {
            Token::Symbol("=") => {
                self.advance()?;
                Matcher::Equal { key, value: self.string()? }
            }
            Token::Symbol("!=" | "<>") => {
                self.advance()?;
                Matcher::NotEqual { key, value: self.string()? }
            }
            Token::Word(word) if word.eq_ignore_ascii_case("in") => {
                self.advance()?;
                Matcher::In { key, values: self.strings()? }
            }
            Token::Word(word) if word.eq_ignore_ascii_case("not") => {
                self.advance()?;
                if !self.take_keyword("IN")? {
                    return Err(self.expected("IN after NOT"));
                }
                Matcher::NotIn { key, values: self.strings()? }
            }
            Token::Symbol("~" | "=~") => {
                self.advance()?;
                Matcher::Match { key, regex: self.regex()? }
            }
            Token::Symbol("!~") => {
                self.advance()?;
                Matcher::NotMatch { key, regex: self.regex()? }
            }
            Token::Symbol("<" | "<=" | ">" | ">=") => {
                return Err(self
                    .invalid_here("tags have no order; they are compared with =, !=, IN, NOT IN, ~ and !~"));
            }
            _ => return Err(self.expected(TAG_OPERATORS)),
        })
    }

    /// A regular expression in single quotes.
    fn regex(&mut self) -> Result<Regex> {
        let Token::Text(pattern) = self.token.clone() else {
            if self.is_symbol("/") {
                return Err(self.invalid_here("regular expressions are written in single quotes: '^a'"));
            }
            return Err(self.expected("a regular expression in single quotes"));
        };
        let span = self.span;
        self.patterns += 1;
        if self.patterns > Query::PATTERNS_MAX {
            let error = too_many_patterns();
            return Err(error_at(self.text, span, error.kind(), error.message()));
        }
        let regex = Regex::at(&pattern).map_err(|error| {
            // Where the string holds a doubled quote, places in it and in the text are not the same.
            let exact = matches!(pattern, Cow::Borrowed(_)) && error.offset < pattern.len();
            let start = span.start + 1 + error.offset;
            let length =
                pattern.get(error.offset..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            let place = if exact { Span { start, end: start + length } } else { span };
            error_at(self.text, place, error.kind, &error.message)
        })?;
        self.advance()?;
        Ok(regex)
    }

    fn strings(&mut self) -> Result<Vec<String>> {
        self.expect_symbol("(")?;
        let mut values = Vec::new();
        if self.take_symbol(")")? {
            return Ok(values);
        }
        loop {
            values.push(self.string()?);
            if self.take_symbol(")")? {
                return Ok(values);
            }
            self.expect_symbol(",")?;
        }
    }

    /// The value of a tag.
    fn string(&mut self) -> Result<String> {
        match self.token.clone() {
            Token::Text(text) => {
                self.advance()?;
                Ok(text.into_owned())
            }
            Token::Word(word) if not_yet(word).is_none() => Err(self.invalid_here(&alloc::format!(
                "values of tags are written in single quotes: '{}'",
                shown(word).trim_matches('`')
            ))),
            Token::Number(number) => Err(self.invalid_here(&alloc::format!(
                "values of tags are strings, written in single quotes: '{}'",
                shown(number).trim_matches('`')
            ))),
            Token::Name(_) => {
                Err(self
                    .invalid_here("values of tags are written in single quotes; double quotes are for names"))
            }
            _ => Err(self.expected("the value of the tag, in single quotes")),
        }
    }
}
