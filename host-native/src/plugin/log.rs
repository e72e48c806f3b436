//! What a plugin says: its log and its stderr, the newest 64 KiB. A flood pushes out itself and nothing else.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Bytes that are kept.
const RING_BYTES: usize = 64 << 10;
/// Bytes of one line that are kept.
const LINE_BYTES: usize = 1 << 10;

/// A ring of text.
#[derive(Clone, Default)]
pub(super) struct Ring(Arc<Mutex<VecDeque<u8>>>);

impl Ring {
    fn bytes(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(RING_BYTES)..];
        let mut ring = self.bytes();
        let surplus = (ring.len() + bytes.len()).saturating_sub(RING_BYTES);
        ring.drain(..surplus);
        ring.extend(bytes);
    }

    /// Adds a line.
    pub(super) fn line(&self, level: &str, message: &str) {
        let end = message.floor_char_boundary(LINE_BYTES);
        let rest = if end < message.len() { " [cut]" } else { "" };
        self.push(format!("{level}: {}{rest}\n", &message[..end]).as_bytes());
    }

    /// All that is kept, without control characters other than line ends: a terminal may show it.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes().iter().copied().collect();
        printable(&String::from_utf8_lossy(&bytes))
    }

    /// The text of the newest panic, or else the last line.
    pub(super) fn last_words(&self) -> Option<String> {
        let text = self.text();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let words = match lines.iter().rposition(|line| line.contains("panicked at")) {
            Some(at) => lines.get(at + 1).or(lines.get(at)),
            None => lines.last(),
        };
        words.map(|words| words.chars().take(300).collect())
    }
}

/// Text of a plugin as it may be shown.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

impl IsTerminal for Ring {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Ring {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Ring {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Ring {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(RING_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_the_newest_and_no_more() {
        let ring = Ring::default();
        for number in 0..10_000 {
            ring.line("info", &format!("{number} {}", "x".repeat(2_000)));
        }
        ring.push(&vec![b'y'; 1 << 20]);
        ring.line("info", "the last \u{1b}[2J");
        let text = ring.text();
        assert!(text.len() < RING_BYTES + 100 && text.ends_with("the last \u{fffd}[2J\n"), "{}", text.len());
    }

    #[test]
    fn the_text_of_a_panic_is_found_behind_other_lines() {
        let ring = Ring::default();
        ring.push(b"hello\nthread 'main' panicked at src/lib.rs:1:1:\nno room left\nnote: run with RUST_BACKTRACE\n");
        assert_eq!(ring.last_words().unwrap(), "no room left");
    }
}
