//! The conditions after WHERE.
use super::cursor::Parser;
use super::error::shown;
use super::lexer::Token;
use super::word::not_yet;
use crate::error::Result;
use crate::model::TimeRange;
use crate::query::Matcher;
use alloc::string::String;
use alloc::vec::Vec;

const TAG_OPERATORS: &str = "=, !=, IN or NOT IN after the tag";

impl Parser<'_> {
    /// One condition or several joined by AND.
    pub(super) fn conditions(&mut self) -> Result<()> {
        loop {
            self.condition()?;
            if !self.take_keyword("AND")? {
                return Ok(());
            }
        }
    }

    fn condition(&mut self) -> Result<()> {
        match self.token {
            Token::Word(word) if word.eq_ignore_ascii_case("time") => {
                self.advance()?;
                self.time_condition()
            }
            Token::Word(word) if word.eq_ignore_ascii_case("value") => Err(self.unsupported_here(
                "conditions on the value are not yet supported; a tag with that name is written \"value\"",
            )),
            Token::Symbol("(") => {
                Err(self.unsupported_here("parentheses are not yet supported; conditions are joined by AND"))
            }
            _ => {
                let key = self.name("a tag or time")?;
                self.tag_condition(key)
            }
        }
    }

    fn time_condition(&mut self) -> Result<()> {
        let operator = match self.token {
            Token::Symbol(operator @ ("<" | "<=" | "=" | ">=" | ">")) => operator,
            Token::Symbol("!=" | "<>") => {
                return Err(self.unsupported_here("leaving a moment out is not yet supported"));
            }
            _ => return Err(self.expected("<, <=, =, >= or > after time")),
        };
        self.advance()?;
        let moment = self.moment()?;
        let narrower = match operator {
            "<" => TimeRange::new(None, Some(moment)),
            "<=" => TimeRange { min: i64::MIN, max: moment },
            "=" => TimeRange { min: moment, max: moment },
            ">=" => TimeRange { min: moment, max: i64::MAX },
            _ => moment.checked_add(1).map_or(TimeRange::EMPTY, |min| TimeRange { min, max: i64::MAX }),
        };
        self.query.range = self.query.range.intersection(&narrower);
        Ok(())
    }

    fn tag_condition(&mut self, key: String) -> Result<()> {
        let matcher = match self.token {
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
            Token::Symbol("=~" | "!~") => {
                return Err(self.unsupported_here(
                    "regular expressions are not yet supported; write tag = 'a' or tag IN ('a', 'b')",
                ));
            }
            Token::Symbol("<" | "<=" | ">" | ">=") => {
                return Err(
                    self.invalid_here("tags have no order; they are compared with =, !=, IN and NOT IN")
                );
            }
            _ => return Err(self.expected(TAG_OPERATORS)),
        };
        self.query.matchers.push(matcher);
        Ok(())
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
