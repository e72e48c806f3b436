//! A reader that says when its source is idle, so that an import commits what has come so far.
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Bytes that are read from the source at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that may wait.
const PIECES_MAX: usize = 8;

/// Reads a pipe, a terminal or a socket on a thread of its own. When nothing has come for a while, a read answers
/// `TimedOut`; the next one waits again.
///
/// The thread ends with its source, or with the process: dropped while the source is silent, it is left behind until
/// something comes.
#[derive(Debug)]
pub struct Piped {
    pieces: Receiver<io::Result<Vec<u8>>>,
    idle: Duration,
    piece: Vec<u8>,
    /// Bytes of the piece that were given away.
    done: usize,
}

impl Piped {
    /// How long a source is silent before it is called idle.
    pub const IDLE: Duration = Duration::from_secs(1);

    /// Starts to read `source`.
    pub fn new(source: impl Read + Send + 'static) -> Self {
        Self::with_idle(source, Self::IDLE)
    }

    /// [`Piped::new`] with another patience.
    pub fn with_idle(mut source: impl Read + Send + 'static, idle: Duration) -> Self {
        let (sender, pieces) = sync_channel(PIECES_MAX);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE_BYTES];
                let result = source.read(&mut piece).map(|count| {
                    piece.truncate(count);
                    piece
                });
                let is_last = match &result {
                    Ok(piece) => piece.is_empty(),
                    Err(error) => error.kind() != io::ErrorKind::Interrupted,
                };
                // Nobody waits for it any more when the import is over.
                if sender.send(result).is_err() || is_last {
                    return;
                }
            }
        });
        Self { pieces, idle, piece: Vec::new(), done: 0 }
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.done == self.piece.len() {
            let piece = match self.pieces.recv_timeout(self.idle) {
                Ok(piece) => piece?,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                // The thread is gone, and has said why.
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
            };
            (self.piece, self.done) = (piece, 0);
        }
        let mut rest = self.piece.get(self.done..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.done += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its pieces, waiting before each.
    struct Slow(Vec<(u64, &'static [u8])>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let (milliseconds, piece) = self.0.remove(0);
            std::thread::sleep(Duration::from_millis(milliseconds));
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn a_silent_source_times_out_and_goes_on_where_it_was() {
        let mut piped = Piped::with_idle(Slow(vec![(0, b"abc"), (400, b"d")]), Duration::from_millis(50));
        let (mut text, mut idle) = (Vec::new(), 0);
        let mut buffer = [0; 2];
        loop {
            match piped.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => text.extend_from_slice(&buffer[..count]),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    idle += 1;
                }
            }
        }
        assert_eq!(text, b"abcd");
        assert!(idle >= 1);
        assert_eq!(piped.read(&mut buffer).unwrap(), 0, "the end stays the end");
    }
}
