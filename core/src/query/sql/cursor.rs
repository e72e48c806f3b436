//! The parser at one token: what it is, whether it is wanted, and the error when it is not.
use super::error::{Span, error_at, shown};
use super::lexer::{Lexer, Token};
use super::word::{KEYWORDS, not_yet, suggestion};
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Query, Select};
use alloc::borrow::Cow;
use alloc::string::String;

/// The query so far, and the token at hand.
pub(super) struct Parser<'a> {
    pub(super) query: Query,
    pub(super) now_ns: i64,
    /// Regular expressions that were read.
    pub(super) patterns: usize,
    pub(super) text: &'a str,
    lexer: Lexer<'a>,
    pub(super) token: Token<'a>,
    pub(super) span: Span,
}

impl<'a> Parser<'a> {
    /// At the first token.
    pub(super) fn new(text: &'a str, now_ns: i64) -> Result<Self> {
        let mut lexer = Lexer::new(text);
        let (token, span) = lexer.next()?;
        Ok(Self { query: Query::metric(""), now_ns, patterns: 0, text, lexer, token, span })
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
    pub(super) fn expected_keywords(&self, what: &str, keywords: &[&str]) -> Error {
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
    pub(super) fn checked(&self, span: Span) -> Result<()> {
        self.query.check().map_err(|error| error_at(self.text, span, error.kind(), error.message()))
    }
    pub(super) fn checked_select(&self, span: Span) -> Result<()> {
        let checked = match &self.query.select {
            Select::Points => Ok(()),
            Select::Aggregates(aggregates) => crate::query::check::check_aggregates(aggregates),
        };
        checked.map_err(|error| error_at(self.text, span, error.kind(), error.message()))
    }
    /// End of the text before the token at hand, without the space between.
    pub(super) fn end_of_last(&self, since: Span) -> usize {
        let read = self.text.get(since.start..self.span.start).unwrap_or_default();
        since.start + read.trim_end().len()
    }
}
