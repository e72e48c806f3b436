//! What a text format adds to the shared reader: where a record ends, and what it says.
use super::{OnError, ReadOptions, ReadReport, TextPoint};
use crate::error::{Error, Result};
use crate::time::TimeUnit;
use alloc::string::ToString;
use core::fmt::Debug;

/// Why a record is not read.
#[derive(Debug)]
pub enum Refusal {
    /// The record is bad; the next one starts behind it.
    Record(Error),
    /// The record is bad in a way that makes it doubtful where it ends (a quote that is never closed): where records
    /// start at line starts, the next one is looked for at its second line.
    Structure(Error),
    /// Nothing behind it can be read, or whatever takes the points failed: ends the import, whatever [`OnError`] says.
    Fatal(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Record(error)
    }
}

/// What reading a record comes to.
pub type ReadResult = core::result::Result<(), Refusal>;

/// What a format is given with each record.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) options: &'a ReadOptions,
    /// Line of the text where the record starts, counted from 1.
    pub(super) line: u64,
    /// What integer timestamps count, once that is known. Only a record that is good may decide it.
    pub(super) time_unit: &'a mut Option<TimeUnit>,
    pub(super) report: &'a mut ReadReport,
}

impl Context<'_> {
    /// Gives a point away.
    #[inline]
    pub(super) fn give<R>(
        &mut self,
        row: R,
        sink: &mut (impl FnMut(R) -> Result<()> + ?Sized),
    ) -> ReadResult {
        sink(row).map_err(Refusal::Fatal)?;
        self.report.rows += 1;
        Ok(())
    }
    /// Leaves out a part of a record whose other parts are good, or fails with it.
    pub(super) fn skip_part(&mut self, error: Error) -> ReadResult {
        match self.options.on_error {
            OnError::Fail => Err(Refusal::Record(error)),
            OnError::Skip => {
                self.report.skip(self.line, || error.to_string());
                Ok(())
            }
        }
    }
}

/// A text format, as [`TextReader`](super::TextReader) drives it. Implemented by the formats of this room only.
pub trait TextFormat: Default + Debug + 'static {
    /// A point that borrows from the record and the format's buffers.
    type Row<'a>: TextPoint;

    /// Records start where lines start.
    const STARTS_AT_LINES: bool;

    /// Checks what can be checked before the first byte.
    fn start(&mut self, options: &ReadOptions) -> Result<()>;

    /// Number of bytes up to and with the end of the record, or `None` when it goes on behind `bytes`. The next call gets
    /// the bytes that follow; behind an end, [`TextFormat::restart`] comes first.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize>;

    /// The next byte is the first of a record.
    fn restart(&mut self);

    /// True when the record whose end was found may have line feeds inside.
    fn spans_lines(&self) -> bool {
        false
    }

    /// Bytes at the start of a record that only part it from the one before.
    fn lead(&self, _record: &[u8]) -> usize {
        0
    }

    /// Reads a record, without its line end, and gives its points to `sink`: all of them, or none when the record is
    /// refused.
    fn read(
        &mut self,
        record: &[u8],
        context: &mut Context<'_>,
        sink: &mut dyn FnMut(Self::Row<'_>) -> Result<()>,
    ) -> ReadResult;

    /// Why what has been scanned can't be a whole record, at the end of the text.
    fn cut_off(&self) -> Option<Error> {
        None
    }

    /// False while a bad record makes everything behind it unreadable.
    fn may_skip(&self) -> bool {
        true
    }

    /// Checks that the text may end here.
    fn finish(&self) -> Result<()> {
        Ok(())
    }
}
