//! Text to tokens, one at a time.
use super::error::{Span, error_at, shown};
use super::word::{continues_name, starts_name};
use crate::error::{ErrorKind, Result};
use alloc::borrow::Cow;

/// One token.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'a> {
    /// A keyword, function or plain name.
    Word(&'a str),
    /// A name in double quotes, without them.
    Name(Cow<'a, str>),
    /// A string in single quotes, without them.
    Text(Cow<'a, str>),
    /// Digits and what directly follows them: `10`, `99.9`, `1h30m`.
    Number(&'a str),
    /// An operator or a mark.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 18] =
    ["!=", "<>", "<=", ">=", "=~", "!~", "=", "<", ">", "~", "(", ")", ",", "*", "+", "-", "/", ";"];

/// The rest of a text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    /// At the start of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// The next token and where it stands; [`Token::End`] for ever once there is none.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, Span)> {
        let trimmed = self.rest().trim_start();
        self.position = self.text.len() - trimmed.len();
        let start = self.position;
        let token = self.token(trimmed)?;
        Ok((token, Span { start, end: self.position }))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn token(&mut self, rest: &'a str) -> Result<Token<'a>> {
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        if matches!(first, '"' | '\'') {
            let content = self.quoted(rest, first)?;
            return Ok(if first == '"' { Token::Name(content) } else { Token::Text(content) });
        }
        if starts_name(first) {
            return Ok(Token::Word(self.take_while(rest, continues_name)));
        }
        if first.is_ascii_digit() {
            return Ok(Token::Number(self.take_while(rest, continues_name)));
        }
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            self.position += symbol.len();
            return Ok(Token::Symbol(symbol));
        }
        let word = rest.get(..first.len_utf8()).unwrap_or_default();
        let message = alloc::format!(
            "{} is not expected here; names with it in them are written in double quotes, strings in single quotes",
            if first.is_control() { alloc::format!("{first:?}") } else { shown(word) }
        );
        let span = Span { start: self.position, end: self.position + first.len_utf8() };
        Err(error_at(self.text, span, ErrorKind::InvalidInput, &message))
    }

    fn take_while(&mut self, rest: &'a str, belongs: fn(char) -> bool) -> &'a str {
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    /// What stands between the quote at the start of `rest` and the one that ends it.
    fn quoted(&mut self, rest: &'a str, quote: char) -> Result<Cow<'a, str>> {
        let content = rest.get(1..).unwrap_or_default();
        let mut searched = 0;
        let mut doubled = false;
        while let Some(found) = content.get(searched..).and_then(|rest| rest.find(quote)) {
            let end = searched + found;
            if !content.get(end + 1..).is_some_and(|rest| rest.starts_with(quote)) {
                self.position += end + 2;
                let content = content.get(..end).unwrap_or_default();
                let (two, one) = if quote == '"' { ("\"\"", "\"") } else { ("''", "'") };
                return Ok(if doubled { content.replace(two, one).into() } else { content.into() });
            }
            doubled = true;
            searched = end + 2;
        }
        let span = Span { start: self.position, end: self.position + 1 };
        let message = alloc::format!("this {quote} is never closed");
        Err(error_at(self.text, span, ErrorKind::InvalidInput, &message))
    }
}
