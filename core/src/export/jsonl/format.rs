//! JSON lines as the shared reader sees them: a line feed ends a record, always, for JSON escapes those in strings.
use crate::error::{Error, Result};
use crate::export::convert::{check_options, utf8};
use crate::export::json::{Object, read_point};
use crate::export::{Context, ReadOptions, ReadResult, TextFormat, TextRow};
use memchr::memchr;

/// JSON lines for [`TextReader`](crate::export::TextReader).
#[derive(Debug, Default)]
pub struct JsonLinesFormat {
    object: Object,
}

impl TextFormat for JsonLinesFormat {
    type Row<'a> = TextRow<'a>;

    const STARTS_AT_LINES: bool = true;

    fn start(&mut self, options: &ReadOptions) -> Result<()> {
        check_options(options)
    }

    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        memchr(b'\n', bytes).map(|at| at + 1)
    }

    fn restart(&mut self) {}

    fn read(
        &mut self,
        record: &[u8],
        context: &mut Context<'_>,
        sink: &mut dyn FnMut(TextRow<'_>) -> Result<()>,
    ) -> ReadResult {
        match record.trim_ascii_start().first() {
            None => Ok(()),
            Some(b'[') => {
                Err(Error::invalid("the line is an array; a file of one array is of format json").into())
            }
            Some(_) => read_point(&mut self.object, utf8(record, "line")?, context, sink),
        }
    }
}
