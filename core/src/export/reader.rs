//! Text to points, pushed in pieces of any size: what all formats share.
//!
//! Memory is one record and what a format keeps of the text's start, whatever the text. Records that lie whole in what is
//! fed are read in place. The same bytes give the same points and the same errors however they are cut.
use super::{Context, OnError, ReadOptions, ReadReport, Refusal, TextFormat};
use crate::error::{Error, ErrorKind, Result};
use crate::time::TimeUnit;
use alloc::string::ToString;
use alloc::vec::Vec;
use memchr::{memchr, memchr_iter};

/// Starts files of some programs; not part of their text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes of a line end, which do not count for the length of a record.
const LINE_END_BYTES: usize = 2;

/// How many times over a text may be read because of records that do not end where they should. Behind that, records are
/// lines: what a text of nothing but stray quotes costs stays in proportion to its length.
const READ_AGAIN_MAX: u64 = 4;

/// Takes points; an error of it ends the import, whatever [`OnError`] says.
type Sink<'a, F> = dyn FnMut(<F as TextFormat>::Row<'_>) -> Result<()> + 'a;

/// Reads a text: [`feed`](Self::feed) until there is no more, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct TextReader<F> {
    options: ReadOptions,
    format: F,
    /// The start of a record whose end has not come yet; before the first one also a part of a byte order mark.
    carry: Vec<u8>,
    /// The record is longer than allowed and was refused; what comes of it is only scanned for its end.
    is_discarding: bool,
    /// The record ends with its line, whatever the format says.
    is_one_line: bool,
    /// The first bytes have been looked at for a byte order mark.
    is_started: bool,
    /// Line of the text where the record starts, counted from 1.
    line: u64,
    /// Bytes of the text before the record.
    position: u64,
    /// Bytes that were part of a record that was refused, and are read again.
    read_again: u64,
    /// What integer timestamps count, once that is known.
    time_unit: Option<TimeUnit>,
    report: ReadReport,
    /// What ended the import; every later call answers it again.
    failure: Option<Error>,
}

impl<F: TextFormat> TextReader<F> {
    /// A reader at the start of a text.
    pub fn new(options: ReadOptions) -> Self {
        Self {
            time_unit: options.time_unit,
            options,
            format: F::default(),
            carry: Vec::new(),
            is_discarding: false,
            is_one_line: false,
            is_started: false,
            line: 1,
            position: 0,
            read_again: 0,
            report: ReadReport::default(),
            failure: None,
        }
    }
    /// Reads the next bytes of the text and gives every point that they complete to `sink`.
    ///
    /// Errors name the line. With [`OnError::Skip`] they are left for what can't be skipped: options that do not fit the
    /// format, a CSV header, an error of the sink. After an error the reader gives the same error again.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_, F>) -> Result<()> {
        self.guarded(|reader| {
            if reader.is_started { reader.feed_records(bytes, sink) } else { reader.feed_start(bytes, sink) }
        })
    }
    /// Says that the text ends here: reads a last record without a line end.
    pub fn finish(&mut self, sink: &mut Sink<'_, F>) -> Result<()> {
        self.guarded(|reader| {
            reader.start(sink)?;
            while !reader.carry.is_empty() {
                let held = core::mem::take(&mut reader.carry);
                let consumed = reader.end_record(&held, true, sink)?;
                reader.feed_records(held.get(consumed..).unwrap_or_default(), sink)?;
            }
            reader.format.finish()
        })
    }
    /// The time that lines without a timestamp get from now on; see [`ReadOptions::now_ns`].
    pub fn set_now(&mut self, now_ns: i64) {
        self.options.now_ns = Some(now_ns);
    }
    /// Counts so far.
    pub fn report(&self) -> &ReadReport {
        &self.report
    }

    fn guarded(&mut self, step: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        step(self).inspect_err(|error| self.failure = Some(error.clone()))
    }

    /// Holds the first bytes back until it is clear whether they are a byte order mark.
    fn feed_start(&mut self, bytes: &[u8], sink: &mut Sink<'_, F>) -> Result<()> {
        let wanted = BYTE_ORDER_MARK.len() - self.carry.len();
        let (head, rest) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
        self.carry.extend_from_slice(head);
        if self.carry != BYTE_ORDER_MARK && BYTE_ORDER_MARK.starts_with(&self.carry) {
            return Ok(());
        }
        self.start(sink)?;
        self.feed_records(rest, sink)
    }
    /// Drops a byte order mark, or reads what was held back for it.
    fn start(&mut self, sink: &mut Sink<'_, F>) -> Result<()> {
        if self.is_started {
            return Ok(());
        }
        self.is_started = true;
        self.format.start(&self.options)?;
        let held = core::mem::take(&mut self.carry);
        if held == BYTE_ORDER_MARK { Ok(()) } else { self.feed_records(&held, sink) }
    }

    fn feed_records(&mut self, mut bytes: &[u8], sink: &mut Sink<'_, F>) -> Result<()> {
        while !bytes.is_empty() {
            let consumed = if self.is_discarding {
                self.discard(bytes)
            } else if self.carry.is_empty() {
                self.feed_in_place(bytes, sink)?
            } else {
                self.feed_carried(bytes, sink)?
            };
            bytes = bytes.get(consumed..).unwrap_or_default();
        }
        Ok(())
    }
    /// Reads a record that starts with `bytes`, or holds it over. Answers how many bytes are done with.
    fn feed_in_place(&mut self, bytes: &[u8], sink: &mut Sink<'_, F>) -> Result<usize> {
        let (window, is_full) = self.window(bytes);
        match self.find_end(window) {
            Some(end) => self.end_record(window.get(..end).unwrap_or_default(), false, sink),
            None if is_full => self.refuse_long(window),
            None => {
                self.carry.extend_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }
    /// Goes on with a record that starts in the carry.
    fn feed_carried(&mut self, bytes: &[u8], sink: &mut Sink<'_, F>) -> Result<usize> {
        let (window, is_full) = self.window(bytes);
        let end = self.find_end(window);
        let piece = end.and_then(|end| window.get(..end)).unwrap_or(window);
        self.carry.extend_from_slice(piece);
        if end.is_some() || is_full {
            let mut held = core::mem::take(&mut self.carry);
            let consumed = match end {
                Some(_) => self.end_record(&held, false, sink)?,
                None => self.refuse_long(&held)?,
            };
            // What is read again is shorter than a record may be, so that it comes back here at most once.
            self.feed_records(held.get(consumed..).unwrap_or_default(), sink)?;
            if self.carry.is_empty() {
                held.clear();
                self.carry = held;
            }
        }
        Ok(piece.len())
    }
    /// As many of `bytes` as the record may still have, and whether it may not have more.
    fn window<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], bool) {
        let room =
            self.options.line_bytes_max.saturating_add(LINE_END_BYTES).saturating_sub(self.carry.len());
        bytes.get(..room).map_or((bytes, false), |window| (window, true))
    }
    fn find_end(&mut self, window: &[u8]) -> Option<usize> {
        if !self.is_one_line {
            return self.format.find_end(window);
        }
        // The format sees the bytes too: it may have to know of quotes in them.
        let feed = memchr(b'\n', window);
        let _ = self.format.find_end(feed.and_then(|at| window.get(..at)).unwrap_or(window));
        feed.map(|at| at + 1)
    }
    /// Scans for the end of a record that was refused already.
    fn discard(&mut self, bytes: &[u8]) -> usize {
        let end = if F::STARTS_AT_LINES {
            memchr(b'\n', bytes).map(|at| at + 1)
        } else {
            self.format.find_end(bytes)
        };
        let done = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
        self.is_discarding = end.is_none();
        self.advance(done.len(), count_lines(done));
        if end.is_some() {
            self.restart();
        }
        done.len()
    }

    /// Reads a whole record. Answers how many bytes of it are done with: all, or its first line when what follows has to
    /// be read again as records of its own.
    fn end_record(&mut self, record: &[u8], is_last: bool, sink: &mut Sink<'_, F>) -> Result<usize> {
        let text = record.strip_suffix(b"\n").unwrap_or(record);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let cut_off = if is_last && !self.is_one_line { self.format.cut_off() } else { None };
        let result = if text.len() > self.options.line_bytes_max {
            Err(Refusal::Structure(self.too_long()))
        } else if let Some(error) = cut_off {
            Err(Refusal::Structure(error))
        } else {
            let mut context = Context {
                options: &self.options,
                line: self.line,
                time_unit: &mut self.time_unit,
                report: &mut self.report,
            };
            self.format.read(text, &mut context, sink)
        };
        let consumed = match result {
            Ok(()) => record.len(),
            Err(refusal) => self.refuse(refusal, record)?,
        };
        let done = record.get(..consumed).unwrap_or(record);
        let lines = if self.format.spans_lines() { count_lines(done) } else { 1 };
        self.advance(consumed, lines);
        self.restart();
        Ok(consumed)
    }
    /// Counts a record as skipped, or fails with it. Answers how many bytes of it are done with.
    #[cold]
    fn refuse(&mut self, refusal: Refusal, record: &[u8]) -> Result<usize> {
        let lead = record.get(..self.format.lead(record)).unwrap_or_default();
        let line = self.line + count_lines(lead);
        let (error, is_structure) = match refusal {
            Refusal::Record(error) => (error, false),
            Refusal::Structure(error) => (error, F::STARTS_AT_LINES),
            Refusal::Fatal(error) => return Err(error.at(format_args!("line {line}"))),
        };
        if self.options.on_error == OnError::Fail || !self.format.may_skip() {
            return Err(error.at(format_args!("line {line}")));
        }
        let first_line = memchr(b'\n', record).map_or(record.len(), |at| at + 1);
        let is_read_again = is_structure && first_line < record.len();
        let last = self.line + count_lines(record.strip_suffix(b"\n").unwrap_or(record));
        self.report.skip(line, || {
            let mut message = error.to_string();
            if last > line && !is_read_again {
                message.push_str(&alloc::format!(" (the row runs on to line {last})"));
            }
            message
        });
        if !is_read_again {
            return Ok(record.len());
        }
        self.read_again += (record.len() - first_line) as u64;
        Ok(first_line)
    }
    /// Refuses a record of which `held` is as much as is allowed. Answers how many bytes of it are done with.
    fn refuse_long(&mut self, held: &[u8]) -> Result<usize> {
        let consumed = self.refuse(Refusal::Structure(self.too_long()), held)?;
        let done = held.get(..consumed).unwrap_or(held);
        self.advance(consumed, count_lines(done));
        // Without a line end, or read again from the second line on.
        if F::STARTS_AT_LINES && done.ends_with(b"\n") {
            self.restart();
        } else {
            self.is_discarding = true;
        }
        Ok(consumed)
    }
    fn advance(&mut self, bytes: usize, lines: u64) {
        self.position += bytes as u64;
        self.line += lines;
    }
    fn restart(&mut self) {
        self.format.restart();
        let limit = self.position.saturating_add(self.options.line_bytes_max as u64);
        self.is_one_line = self.read_again > limit.saturating_mul(READ_AGAIN_MAX);
    }
    #[cold]
    fn too_long(&self) -> Error {
        let limit = self.options.line_bytes_max;
        let message = alloc::format!(
            "the row is longer than {limit} bytes (line_bytes_max); raise the limit, or look for a quote that is never closed"
        );
        Error::new(ErrorKind::LimitExceeded, message)
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
