//! Foreign text inside messages.
use alloc::string::String;

/// Longest part of a foreign text that a message shows, in characters.
const SHOWN_CHARACTERS_MAX: usize = 40;

/// Quotes text from outside for a message: at most 40 characters, control characters escaped, bytes that are not UTF-8
/// as U+FFFD, and `...` when something was left out.
pub fn shorten(text: &[u8]) -> String {
    // Four bytes hold any character; what lies behind need not be looked at.
    let head = text.get(..SHOWN_CHARACTERS_MAX * 4).unwrap_or(text);
    let head = String::from_utf8_lossy(head);
    let shown: String = head.chars().take(SHOWN_CHARACTERS_MAX).collect();
    let cut = shown.len() < head.len() || head.len() < text.len();
    alloc::format!("{shown:?}{}", if cut { "..." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_short_and_printable() {
        assert_eq!(shorten(b"a\"\n\xff"), "\"a\\\"\\n\u{fffd}\"");
        assert_eq!(shorten("é".repeat(40).as_bytes()).chars().count(), 42);
        assert_eq!(shorten("é".repeat(1000).as_bytes()).chars().count(), 45);
    }
}
