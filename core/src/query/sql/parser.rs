//! The clauses of a query: one function each, no recursion.
use super::cursor::Parser;
use super::lexer::Token;
use crate::error::{Error, Result};
use crate::query::{GroupBy, Order, Query, Select};

/// Clauses in the order in which they must stand.
const CLAUSES: [&str; 6] = ["WHERE", "GROUP", "FILL", "ORDER", "LIMIT", "OFFSET"];

impl Parser<'_> {
    /// The whole text.
    pub(super) fn query(mut self) -> Result<Query> {
        if !self.take_keyword("SELECT")? {
            return Err(self.expected_keywords("SELECT", &["SELECT"]));
        }
        self.select()?;
        if !self.take_keyword("FROM")? {
            return Err(self.expected_keywords("FROM and the metric", &["FROM"]));
        }
        let metric_span = self.span;
        self.query.metric = self.name("the name of a metric")?;
        self.checked(metric_span)?;
        if self.take_keyword("WHERE")? {
            self.conditions()?;
        }
        if self.is_keyword("GROUP") {
            self.group_by()?;
        }
        if self.take_keyword("FILL")? {
            self.fill()?;
        }
        if self.take_keyword("ORDER")? {
            self.order_by()?;
        }
        if self.take_keyword("LIMIT")? {
            self.query.limit = Some(self.rows()?);
        }
        if self.take_keyword("OFFSET")? {
            self.query.offset = self.rows()?;
        }
        self.take_symbol(";")?;
        match self.token {
            Token::End => {
                self.checked(self.span)?;
                Ok(self.query)
            }
            _ => Err(self.misplaced()),
        }
    }

    fn group_by(&mut self) -> Result<()> {
        let group_span = self.span;
        self.advance()?;
        if !self.take_keyword("BY")? {
            return Err(self.expected_keywords("BY after GROUP", &["BY"]));
        }
        if self.query.select == Select::Points {
            let message =
                "GROUP BY needs a function, e.g. mean(value); raw points carry all their tags already";
            return Err(self.invalid(group_span, message));
        }
        loop {
            let span = self.span;
            self.group_term()?;
            self.checked(span)?;
            if !self.take_symbol(",")? {
                return Ok(());
            }
        }
    }

    fn group_term(&mut self) -> Result<()> {
        match self.token {
            Token::Symbol("*") => {
                if self.query.group_by != GroupBy::default() {
                    return Err(self.invalid_here("* already stands for every tag; name tags, or write *"));
                }
                self.query.group_by = GroupBy::AllTags;
                self.advance()
            }
            Token::Word(word) if word.eq_ignore_ascii_case("time") => {
                if self.query.window_ns.is_some() {
                    return Err(self.invalid_here("there is a window already"));
                }
                self.advance()?;
                if !self.is_symbol("(") {
                    return Err(self.expected("the length of the windows, as in time(5m)"));
                }
                self.advance()?;
                self.query.window_ns = Some(self.window()?);
                if self.is_symbol(",") {
                    return Err(self.unsupported_here("windows with an offset are not yet supported"));
                }
                self.expect_symbol(")")
            }
            _ => {
                let span = self.span;
                let key = self.name("time(5m), a tag or *")?;
                match &mut self.query.group_by {
                    GroupBy::Tags(keys) => keys.push(key),
                    GroupBy::AllTags => {
                        return Err(
                            self.invalid(span, "* already stands for every tag; name tags, or write *")
                        );
                    }
                }
                Ok(())
            }
        }
    }

    fn order_by(&mut self) -> Result<()> {
        if !self.take_keyword("BY")? {
            return Err(self.expected_keywords("BY after ORDER", &["BY"]));
        }
        match self.token {
            Token::Word(word) if word.eq_ignore_ascii_case("time") => self.advance()?,
            Token::Word(_) | Token::Name(_) => {
                return Err(self.unsupported_here("rows can only be ordered by time, yet"));
            }
            _ => return Err(self.expected("time after ORDER BY")),
        }
        if self.take_keyword("DESC")? {
            self.query.order = Order::Descending;
        } else {
            self.take_keyword("ASC")?;
        }
        Ok(())
    }

    fn rows(&mut self) -> Result<u64> {
        match self.token {
            Token::Number(number) => {
                let rows =
                    number.parse().map_err(|_| self.invalid_here("this is not a whole number of rows"))?;
                self.advance()?;
                Ok(rows)
            }
            _ => Err(self.expected("a number of rows")),
        }
    }

    /// The error for a token behind the end of the query.
    fn misplaced(&self) -> Error {
        if let Token::Word(word) = self.token
            && CLAUSES.iter().chain(&["SELECT", "FROM"]).any(|clause| clause.eq_ignore_ascii_case(word))
        {
            return self.invalid_here(&alloc::format!(
                "{} does not belong here; the order is SELECT, FROM, WHERE, GROUP BY, FILL, ORDER BY, LIMIT, OFFSET, each at most once",
                word.to_ascii_uppercase()
            ));
        }
        if let Token::Symbol(symbol @ ("-" | "/")) = self.token {
            return self.invalid_here(&alloc::format!(
                "`{symbol}` is not expected here; a name with other characters than letters, digits, _ . and : is written in double quotes",
            ));
        }
        self.expected_keywords(
            "another clause or the end",
            &["WHERE", "AND", "OR", "GROUP", "FILL", "ORDER", "LIMIT", "OFFSET", "DESC", "ASC", "IN"],
        )
    }
}
