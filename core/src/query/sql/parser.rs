//! Tokens to a query: one function per clause, one token of look-ahead, no recursion.
use super::error::{Span, error_at, shown};
use super::lexer::{Lexer, Token};
use super::word::{KEYWORDS, not_yet, suggestion, synonym};
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Aggregate, GroupBy, Order, Query, Select};
use alloc::borrow::Cow;
use alloc::string::String;

/// Clauses in the order in which they must stand.
const CLAUSES: [&str; 5] = ["WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET"];

/// The query so far, and the token at hand.
pub(super) struct Parser<'a> {
    pub(super) query: Query,
    pub(super) now_ns: i64,
    text: &'a str,
    lexer: Lexer<'a>,
    token: Token<'a>,
    span: Span,
}

impl<'a> Parser<'a> {
    /// At the first token.
    pub(super) fn new(text: &'a str, now_ns: i64) -> Result<Self> {
        let mut lexer = Lexer::new(text);
        let (token, span) = lexer.next()?;
        Ok(Self { query: Query::metric(""), now_ns, text, lexer, token, span })
    }

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

    fn select(&mut self) -> Result<()> {
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
                "{} does not belong here; the order is SELECT, FROM, WHERE, GROUP BY, ORDER BY, LIMIT, OFFSET, each at most once",
                word.to_ascii_uppercase()
            ));
        }
        if self.is_symbol("-") {
            return self.invalid_here(
                "`-` is not expected here; a name with other characters than letters, digits, _ . and : is written in double quotes",
            );
        }
        self.expected_keywords(
            "another clause or the end",
            &["WHERE", "AND", "GROUP", "ORDER", "LIMIT", "OFFSET", "DESC", "ASC", "IN"],
        )
    }
}

/// The vocabulary of the clauses above.
impl<'a> Parser<'a> {
    pub(super) fn token(&self) -> &Token<'a> {
        &self.token
    }
    pub(super) fn span(&self) -> Span {
        self.span
    }
    pub(super) fn advance(&mut self) -> Result<()> {
        (self.token, self.span) = self.lexer.next()?;
        Ok(())
    }
    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
    pub(super) fn take_keyword(&mut self, keyword: &str) -> Result<bool> {
        let found = self.is_keyword(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.token, Token::Symbol(found) if found == symbol)
    }
    pub(super) fn take_symbol(&mut self, symbol: &str) -> Result<bool> {
        let found = self.is_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }
    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        match self.take_symbol(symbol)? {
            true => Ok(()),
            false => Err(self.expected(&alloc::format!("`{symbol}`"))),
        }
    }
    /// A name, plain or quoted.
    pub(super) fn name(&mut self, what: &str) -> Result<String> {
        let name: Cow<'a, str> = match &self.token {
            Token::Name(name) if name.is_empty() => {
                return Err(self.invalid_here("a name can't be empty"));
            }
            Token::Name(name) => name.clone(),
            Token::Word(word) if !KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) => {
                Cow::Borrowed(*word)
            }
            Token::Text(_) => {
                return Err(self.invalid_here(
                    "names are written plain or in double quotes; single quotes are for values",
                ));
            }
            _ => return Err(self.expected(what)),
        };
        self.advance()?;
        Ok(name.into_owned())
    }

    pub(super) fn invalid(&self, span: Span, message: &str) -> Error {
        error_at(self.text, span, ErrorKind::InvalidInput, message)
    }
    pub(super) fn invalid_here(&self, message: &str) -> Error {
        self.invalid(self.span, message)
    }
    pub(super) fn unsupported_here(&self, message: &str) -> Error {
        error_at(self.text, self.span, ErrorKind::Unsupported, message)
    }
    /// The error for a token that is not what must stand here.
    pub(super) fn expected(&self, what: &str) -> Error {
        self.expected_keywords(what, &[])
    }
    fn expected_keywords(&self, what: &str, keywords: &[&str]) -> Error {
        let (found, hint) = match &self.token {
            Token::Word(word) => {
                if let Some(instead) = not_yet(word) {
                    let message =
                        alloc::format!("{} is not yet supported{instead}", word.to_ascii_uppercase());
                    return self.unsupported_here(&message);
                }
                (shown(word), suggestion(word, keywords))
            }
            Token::Name(_) => ("a name".into(), String::new()),
            Token::Text(_) => ("a string".into(), String::new()),
            Token::Number(number) => (shown(number), String::new()),
            Token::Symbol(symbol) => (shown(symbol), String::new()),
            Token::End => ("the end of the query".into(), String::new()),
        };
        self.invalid_here(&alloc::format!("expected {what}, found {found}{hint}"))
    }

    /// Lets [`Query::check`] judge what was read so far, and points at `span` if it objects.
    fn checked(&self, span: Span) -> Result<()> {
        self.query.check().map_err(|error| error_at(self.text, span, error.kind(), error.message()))
    }
    fn checked_select(&self, span: Span) -> Result<()> {
        let checked = match &self.query.select {
            Select::Points => Ok(()),
            Select::Aggregates(aggregates) => crate::query::check::check_aggregates(aggregates),
        };
        checked.map_err(|error| error_at(self.text, span, error.kind(), error.message()))
    }
    /// End of the text before the token at hand, without the space between.
    fn end_of_last(&self, since: Span) -> usize {
        let read = self.text.get(since.start..self.span.start).unwrap_or_default();
        since.start + read.trim_end().len()
    }
}

fn function(name: &str) -> Option<Aggregate> {
    use Aggregate::*;
    [Count, Sum, Mean, Min, Max, First, Last, Stddev, Percentile(0.0), Rate]
        .into_iter()
        .find(|aggregate| aggregate.name().eq_ignore_ascii_case(name))
}
