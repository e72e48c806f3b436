//! FILL: what stands in windows without points.
use super::cursor::Parser;
use super::lexer::Token;
use super::word::suggestion;
use crate::error::Result;
use crate::query::Fill;
use crate::text::parse_number;

const WORDS: [&str; 4] = ["none", "null", "previous", "linear"];

impl Parser<'_> {
    /// What stands between the parentheses behind FILL.
    pub(super) fn fill(&mut self) -> Result<()> {
        self.expect_symbol("(")?;
        let span = self.span;
        self.query.fill = match self.token {
            Token::Word(word) => match WORDS.iter().position(|known| known.eq_ignore_ascii_case(word)) {
                Some(0) => self.word(Fill::None)?,
                Some(1) => self.word(Fill::Null)?,
                Some(2) => self.word(Fill::Previous)?,
                Some(_) => self.word(Fill::Linear)?,
                None => self.fill_value(&suggestion(word, &WORDS))?,
            },
            _ => self.fill_value("")?,
        };
        self.checked(span)?;
        self.expect_symbol(")")
    }

    fn word(&mut self, fill: Fill) -> Result<Fill> {
        self.advance()?;
        Ok(fill)
    }

    /// A number: of what follows each other without a space, since `-`, `1e` and `-5` are tokens of their own.
    fn fill_value(&mut self, hint: &str) -> Result<Fill> {
        let start = self.span;
        let mut end = start.start;
        while self.span.start == end
            && matches!(self.token, Token::Number(_) | Token::Word(_) | Token::Symbol("-" | "+"))
        {
            end = self.span.end;
            self.advance()?;
        }
        let written = self.text.get(start.start..end).unwrap_or_default();
        match parse_number(written.as_bytes()) {
            Some(value) => Ok(Fill::Value(value)),
            None => {
                let span = super::error::Span { start: start.start, end: end.max(start.end) };
                let message =
                    alloc::format!("expected none, null, previous, linear or a number inside FILL(){hint}");
                Err(self.invalid(span, &message))
            }
        }
    }
}
