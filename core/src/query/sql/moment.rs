//! Moments and spans in a query.
use super::cursor::Parser;
use super::error::Span;
use super::lexer::Token;
use crate::error::{Error, Result};
use crate::time::{parse_duration, parse_timestamp_lenient};

impl Parser<'_> {
    /// A moment with all that is added to it, Unix ns.
    pub(super) fn moment(&mut self) -> Result<i64> {
        let start = self.span;
        let mut end = start;
        // 128 bits hold every sum that fits into a text, so only the result needs to be in range.
        let mut ns = self.moment_base(&mut end)?;
        loop {
            let sign = match self.token {
                Token::Symbol("+") => 1,
                Token::Symbol("-") => -1,
                _ => break,
            };
            self.advance()?;
            end = self.span;
            if matches!(self.token, Token::Number(number) if number.bytes().all(|byte| byte.is_ascii_digit()))
            {
                // `2014-07-01` without quotes would be a sum, and a wrong answer.
                return Err(self.invalid_here(
                    "what is added to a moment needs a unit, such as 1h; a date is written in single quotes: '2014-07-01'",
                ));
            }
            ns += sign * self.span_ns("a span such as 1h30m")?;
        }
        i64::try_from(ns).map_err(|_| {
            self.invalid(
                start.to(end),
                "this moment lies outside of what 64 bits of nanoseconds can hold (1677 to 2262)",
            )
        })
    }

    fn moment_base(&mut self, end: &mut Span) -> Result<i128> {
        match self.token.clone() {
            Token::Text(text) => {
                // A date alone is its first moment.
                let ns = match text.len() {
                    10 => parse_timestamp_lenient(&alloc::format!("{text} 00:00:00")),
                    _ => parse_timestamp_lenient(&text),
                };
                let ns = ns.map_err(|error| self.reworded(&error))?;
                self.advance()?;
                Ok(ns.into())
            }
            Token::Symbol("-") => {
                self.advance()?;
                *end = self.span;
                Ok(-self.span_ns("a number")?)
            }
            Token::Word(word) if word.eq_ignore_ascii_case("now") => {
                self.advance()?;
                self.expect_symbol("(")?;
                *end = self.span;
                self.expect_symbol(")")?;
                Ok(self.now_ns.into())
            }
            Token::Name(_) => {
                Err(self.invalid_here("a moment is written in single quotes; double quotes are for names"))
            }
            Token::Number(_) => self.span_ns("a moment"),
            _ => Err(self.expected(
                "a moment: '2024-01-28 10:00:00', Unix time with a unit such as 1706400000s, or now()",
            )),
        }
    }

    /// A number of nanoseconds, with or without units.
    fn span_ns(&mut self, what: &str) -> Result<i128> {
        let Token::Number(number) = self.token else { return Err(self.expected(what)) };
        let ns = if number.bytes().all(|byte| byte.is_ascii_digit()) {
            match number.parse::<u64>() {
                Ok(ns) => ns.into(),
                Err(_) => return Err(self.invalid_here("this number does not fit into 64 bits")),
            }
        } else {
            parse_duration(number).map_err(|error| self.reworded(&error))?.into()
        };
        self.advance()?;
        Ok(ns)
    }

    /// Length of a window, ns: a span with a unit, longer than 0.
    pub(super) fn window(&mut self) -> Result<i64> {
        let Token::Number(number) = self.token else {
            return Err(self.expected("the length of a window, such as 5m or 1h"));
        };
        match parse_duration(number).map_err(|error| self.reworded(&error))? {
            0 => Err(self.invalid_here("a window must be longer than 0")),
            window_ns => {
                self.advance()?;
                Ok(window_ns)
            }
        }
    }

    /// What another module has to say about the token at hand.
    fn reworded(&self, error: &Error) -> Error {
        self.invalid_here(error.message())
    }
}
