//! Where a text names what turned out not to exist, for errors that are known only when the database was asked.
use super::error::error_at;
use super::lexer::{Lexer, Token};
use crate::error::{Error, ErrorKind};

/// What a name in a query stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The metric, behind FROM.
    Metric,
    /// The key of a tag.
    Tag,
}

/// An error about `name` with the line of `text` that has it and a caret below it; without them where the text does not
/// name it.
pub fn error_at_name(text: &str, named: Named, name: &str, kind: ErrorKind, message: &str) -> Error {
    let mut lexer = Lexer::new(text);
    let mut behind_from = false;
    while let Ok((token, span)) = lexer.next() {
        let is_it = match &token {
            Token::Word(word) => *word == name,
            Token::Name(word) => *word == name,
            Token::End => break,
            _ => false,
        };
        if is_it && behind_from == (named == Named::Metric) {
            return error_at(text, span, kind, message);
        }
        behind_from = matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("FROM"));
    }
    Error::new(kind, message)
}
