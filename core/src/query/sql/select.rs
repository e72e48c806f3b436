//! The columns after SELECT.
use super::cursor::Parser;
use super::error::{Span, shown};
use super::lexer::Token;
use super::word::{KEYWORDS, not_yet, suggestion, synonym};
use crate::error::Result;
use crate::query::{Aggregate, Query};

impl Parser<'_> {
    /// `*`, `value`, or functions.
    pub(super) fn select(&mut self) -> Result<()> {
        let points = match self.token {
            Token::Symbol("*") => true,
            Token::Word(word) => word.eq_ignore_ascii_case("value"),
            _ => false,
        };
        if points {
            self.advance()?;
            if self.is_symbol(",") {
                return Err(self.invalid_here("raw points can't be mixed with other columns in one query"));
            }
            return Ok(());
        }
        loop {
            let span = self.span;
            let aggregate = self.aggregate()?;
            let span = Span { start: span.start, end: self.end_of_last(span) };
            self.query = core::mem::replace(&mut self.query, Query::metric("")).aggregate(aggregate);
            self.checked_select(span)?;
            if !self.take_symbol(",")? {
                return Ok(());
            }
        }
    }

    fn aggregate(&mut self) -> Result<Aggregate> {
        const COLUMNS: &str = "*, value or a function such as mean(value) after SELECT";
        let Token::Word(name) = self.token else { return Err(self.expected(COLUMNS)) };
        let span = self.span;
        if not_yet(name).is_some() || KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(name)) {
            return Err(self.expected(COLUMNS));
        }
        self.advance()?;
        if !self.is_symbol("(") {
            let message = match name.eq_ignore_ascii_case("value") {
                true => "raw points can't be mixed with other columns in one query".into(),
                false => alloc::format!(
                    "{} is not a column; select *, value or a function such as mean(value), and name tags after GROUP BY{}",
                    shown(name),
                    suggestion(name, &["value"])
                ),
            };
            return Err(self.invalid(span, &message));
        }
        let Some(aggregate) = function(name) else {
            let near = suggestion(name, &Aggregate::NAMES);
            let hint = match synonym(name) {
                Some(ours) => alloc::format!("; write {ours}"),
                None if near.is_empty() => alloc::format!("; there are {}", Aggregate::NAMES.join(", ")),
                None => near,
            };
            return Err(self.invalid(span, &alloc::format!("there is no function {}{hint}", shown(name))));
        };
        self.advance()?;
        self.argument(aggregate)
    }

    /// What stands between the parentheses of a function.
    fn argument(&mut self, aggregate: Aggregate) -> Result<Aggregate> {
        let accepted = match self.token {
            Token::Word(word) => word.eq_ignore_ascii_case("value"),
            Token::Symbol("*") => aggregate == Aggregate::Count,
            _ => false,
        };
        if !accepted {
            return Err(self.expected(&alloc::format!("value inside {}()", aggregate.name())));
        }
        self.advance()?;
        let mut aggregate = aggregate;
        if let Aggregate::Percentile(p) = &mut aggregate {
            if !self.take_symbol(",")? {
                return Err(self.expected("a comma and the percentile: percentile(value, 99)"));
            }
            match self.token {
                Token::Number(number) => match number.parse() {
                    Ok(number) => *p = number,
                    Err(_) => return Err(self.invalid_here("this is not a number")),
                },
                _ => return Err(self.expected("the percentile, a number from 0 to 100")),
            }
            self.advance()?;
        }
        self.expect_symbol(")")?;
        Ok(aggregate)
    }
}

fn function(name: &str) -> Option<Aggregate> {
    use Aggregate::*;
    [Count, Sum, Mean, Min, Max, First, Last, Stddev, Percentile(0.0), Rate]
        .into_iter()
        .find(|aggregate| aggregate.name().eq_ignore_ascii_case(name))
}
