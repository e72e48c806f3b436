//! Where an object of an array ends: at the brace that closes it, outside strings.
//!
//! It remembers what it has seen across feeds, so every byte is looked at once. What is not JSON ends somewhere too: the
//! parser says what is wrong with it.
use memchr::{memchr2, memchr3};

/// Scans one object after another for its end.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectBoundary {
    depth: u32,
    state: State,
    has_ended: bool,
}

#[derive(Clone, Copy, PartialEq, Debug, Default)]
enum State {
    #[default]
    Outside,
    String,
    /// Behind a backslash inside a string.
    Escape,
}

impl ObjectBoundary {
    /// Number of bytes up to and with the brace that closes the object, or `None` when it goes on behind `bytes`.
    pub(super) fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.state {
                State::Outside => {
                    at += memchr3(b'"', b'{', b'}', rest)? + 1;
                    match bytes.get(at - 1) {
                        Some(b'"') => self.state = State::String,
                        Some(b'{') => self.depth = self.depth.saturating_add(1),
                        _ => {
                            self.depth = self.depth.saturating_sub(1);
                            if self.depth == 0 {
                                self.has_ended = true;
                                return Some(at);
                            }
                        }
                    }
                }
                State::String => {
                    at += memchr2(b'"', b'\\', rest)? + 1;
                    let is_quote = bytes.get(at - 1) == Some(&b'"');
                    self.state = if is_quote { State::Outside } else { State::Escape };
                }
                State::Escape => {
                    at += 1;
                    self.state = State::String;
                }
            }
        }
        None
    }
    /// True behind the end of an object.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }
    /// True inside an object or a string.
    pub(super) fn is_open(&self) -> bool {
        self.depth > 0 || self.state != State::Outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_strings_do_not_count_however_the_bytes_arrive() {
        for text in ["{}", ",\n{\"a\":{}}", "[ {\"}\\\"}\":\"{{\\\\\"}", "}"] {
            for split in 0..=text.len() {
                let (head, tail) = text.as_bytes().split_at(split);
                let mut boundary = ObjectBoundary::default();
                let end = boundary.find_end(head).or_else(|| boundary.find_end(tail).map(|end| split + end));
                assert_eq!(end, Some(text.len()), "{text} split at {split}");
            }
        }
    }
}
