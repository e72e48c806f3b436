//! A pattern to its syntax tree, whose depth is limited.
use super::class::Class;
use super::{PATTERN_BYTES_MAX, PatternError};
use crate::error::ErrorKind;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// Groups inside each other.
const DEPTH_MAX: usize = 64;
/// Most repetitions that can be counted, as in RE2.
const REPEAT_MAX: u32 = 1_000;
/// Characters whose case may be looked up for one pattern.
const FOLD_BUDGET: u32 = 1 << 18;

/// What a pattern means.
#[derive(Debug)]
pub(super) enum Node {
    /// One character of a set.
    Class(Class),
    /// One after the other; nothing at all when there are none.
    Concat(Vec<Node>),
    /// One of several.
    Alternate(Vec<Node>),
    /// So many times; without an upper bound when `max` is `None`.
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
    },
    Start,
    End,
}

impl Node {
    /// True when it stands for no step at all.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Concat(nodes) => nodes.iter().all(Self::is_nothing),
            Self::Repeat { node, max, .. } => *max == Some(0) || node.is_nothing(),
            Self::Class(_) | Self::Alternate(_) | Self::Start | Self::End => false,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Flags {
    either_case: bool,
    dot_takes_line_breaks: bool,
}

pub(super) struct Parser<'a> {
    pattern: &'a str,
    pub(super) position: usize,
    depth: usize,
    flags: Flags,
    fold_budget: u32,
}

pub(super) type Parsed<T> = Result<T, PatternError>;

/// Reads a whole pattern.
pub(super) fn parse(pattern: &str) -> Parsed<Node> {
    let mut parser =
        Parser { pattern, position: 0, depth: 0, flags: Flags::default(), fold_budget: FOLD_BUDGET };
    if pattern.len() > PATTERN_BYTES_MAX {
        let message =
            alloc::format!("the pattern has {} bytes; at most {PATTERN_BYTES_MAX} are read", pattern.len());
        return Err(PatternError { kind: ErrorKind::LimitExceeded, message, offset: 0 });
    }
    let node = parser.alternatives()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.invalid("this ) closes no group; for the character write \\)")),
    }
}

impl Parser<'_> {
    pub(super) fn rest(&self) -> &str {
        self.pattern.get(self.position..).unwrap_or_default()
    }
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.position += c.len_utf8();
        Some(c)
    }
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.position += text.len();
        }
        found
    }
    pub(super) fn error(&self, kind: ErrorKind, message: impl Into<String>, offset: usize) -> PatternError {
        PatternError { kind, message: message.into(), offset }
    }
    fn invalid(&self, message: impl Into<String>) -> PatternError {
        self.error(ErrorKind::InvalidInput, message, self.position)
    }

    fn alternatives(&mut self) -> Parsed<Node> {
        let first = self.sequence()?;
        if !self.rest().starts_with('|') {
            return Ok(first);
        }
        let mut nodes = alloc::vec![first];
        while self.take("|") {
            nodes.push(self.sequence()?);
        }
        Ok(Node::Alternate(nodes))
    }

    fn sequence(&mut self) -> Parsed<Node> {
        let mut nodes = Vec::new();
        while let Some(c) = self.peek() {
            if matches!(c, '|' | ')') {
                break;
            }
            if let Some(atom) = self.atom(c)? {
                nodes.push(self.repeated(atom)?);
            }
        }
        Ok(Node::Concat(nodes))
    }

    /// One thing that can be repeated; nothing for a change of flags.
    fn atom(&mut self, c: char) -> Parsed<Option<Node>> {
        let start = self.position;
        self.next();
        Ok(Some(match c {
            '(' => return self.group(start),
            '[' => Node::Class(self.bracket(start)?),
            '.' if self.flags.dot_takes_line_breaks => Node::Class(Class::any()),
            '.' => Node::Class(Class::not_line_break()),
            '^' => Node::Start,
            '$' => Node::End,
            '*' | '+' | '?' | '{' => {
                let message = alloc::format!(
                    "there is nothing to repeat before this {c}; for the character write \\{c}"
                );
                return Err(self.error(ErrorKind::InvalidInput, message, start));
            }
            '\\' => match self.peek() {
                Some('A') => {
                    self.next();
                    Node::Start
                }
                Some('z') => {
                    self.next();
                    Node::End
                }
                _ => Node::Class(self.escaped(start)?),
            },
            c => Node::Class(self.folded(Class::new([(c, c)]), start)?),
        }))
    }

    fn group(&mut self, start: usize) -> Parsed<Option<Node>> {
        let outer = self.flags;
        let looks_behind = ["?<=", "?<!"].iter().any(|start| self.rest().starts_with(start));
        if !looks_behind && (self.take("?P<") || self.take("?<")) {
            let name = self.rest().split('>').next().unwrap_or_default();
            let length = name.len();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(self.invalid("the name of a group is letters, digits and _, and ends with >"));
            }
            self.position += length;
            if !self.take(">") {
                return Err(self.invalid("the name of this group is never closed"));
            }
        } else if self.take("?") && !self.flags_until(start)? {
            // The flags hold to the end of the group around.
            return Ok(None);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = alloc::format!("the pattern has more than {DEPTH_MAX} groups inside each other");
            return Err(self.error(ErrorKind::LimitExceeded, message, start));
        }
        let node = self.alternatives()?;
        if !self.take(")") {
            return Err(self.error(ErrorKind::InvalidInput, "this group is never closed", start));
        }
        self.depth -= 1;
        self.flags = outer;
        Ok(Some(node))
    }

    /// Reads flags; true when they are those of a group of their own.
    fn flags_until(&mut self, start: usize) -> Parsed<bool> {
        let mut on = true;
        loop {
            match self.next() {
                Some('i') => self.flags.either_case = on,
                Some('s') => self.flags.dot_takes_line_breaks = on,
                Some('-') if on => on = false,
                Some(':') => return Ok(true),
                Some(')') => return Ok(false),
                Some('=' | '!' | '<') => {
                    return Err(self.error(
                        ErrorKind::Unsupported,
                        "look-around can't be matched in linear time and is not supported",
                        start,
                    ));
                }
                Some('m' | 'U' | 'u' | 'x' | 'R') => {
                    return Err(self.error(
                        ErrorKind::Unsupported,
                        "of the flags only i and s are supported",
                        start,
                    ));
                }
                _ => {
                    return Err(self.error(
                        ErrorKind::InvalidInput,
                        "behind (? stand flags such as i and s, or : for a group",
                        start,
                    ));
                }
            }
        }
    }

    /// `node` with the repetition behind it, if there is one. A repetition of a repetition needs a group, as in RE2; so
    /// the depth of groups is that of the tree.
    fn repeated(&mut self, node: Node) -> Parsed<Node> {
        let (min, max, length) = match self.peek() {
            Some('*') => (0, None, 1),
            Some('+') => (1, None, 1),
            Some('?') => (0, Some(1), 1),
            Some('{') => self.counts()?,
            _ => return Ok(node),
        };
        self.position += length;
        // Which of several matches is taken makes no difference here.
        self.take("?");
        if self.rest().starts_with(['*', '+', '?', '{']) {
            return Err(self.invalid(
                "a repetition can't be repeated; put it in a group, or write \\ before the character",
            ));
        }
        Ok(Node::Repeat { node: Box::new(node), min, max })
    }

    /// The numbers in `{3}`, `{3,}` or `{3,5}`, and its length in bytes; does not move.
    fn counts(&self) -> Parsed<(u32, Option<u32>, usize)> {
        let form = || self.invalid("a repetition is written {3}, {3,} or {3,5}; for the character write \\{");
        let text = self.rest().get(1..).unwrap_or_default();
        let inside = text.get(..text.find('}').ok_or_else(form)?).unwrap_or_default();
        let number = |digits: &str| {
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(form());
            }
            digits.parse().ok().filter(|&number| number <= REPEAT_MAX).ok_or_else(|| {
                let message = alloc::format!("at most {REPEAT_MAX} repetitions can be counted");
                self.error(ErrorKind::LimitExceeded, message, self.position)
            })
        };
        let (min, max) = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        if max.is_some_and(|max| max < min) {
            return Err(self.invalid("the repetition ends before it starts"));
        }
        // The braces too.
        Ok((min, max, inside.len() + 2))
    }

    pub(super) fn folded(&mut self, class: Class, start: usize) -> Parsed<Class> {
        if !self.flags.either_case {
            return Ok(class);
        }
        class.in_either_case(&mut self.fold_budget).ok_or_else(|| {
            let message = "the pattern names too many characters under the flag i";
            self.error(ErrorKind::LimitExceeded, message, start)
        })
    }
}
