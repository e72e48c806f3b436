//! A JSON array as the shared reader sees it: each object, with what parts it from the one before, is a record.
use super::boundary::ObjectBoundary;
use super::{Object, read_point};
use crate::error::{Error, Result};
use crate::export::convert::{check_options, utf8};
use crate::export::{Context, ReadOptions, ReadResult, TextFormat, TextRow};
use crate::text::shorten;

/// JSON for [`TextReader`](crate::export::TextReader).
#[derive(Debug, Default)]
pub struct JsonFormat {
    boundary: ObjectBoundary,
    object: Object,
    place: Place,
}

/// Where in the array a record starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Place {
    /// Before its opening bracket.
    #[default]
    Before,
    /// Behind an object.
    Inside,
    /// Behind its closing bracket.
    Behind,
}

impl TextFormat for JsonFormat {
    type Row<'a> = TextRow<'a>;

    const STARTS_AT_LINES: bool = false;

    fn start(&mut self, options: &ReadOptions) -> Result<()> {
        check_options(options)
    }

    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        self.boundary.find_end(bytes)
    }

    fn restart(&mut self) {
        // Behind an object that was refused as a whole, the opening bracket before it is gone too.
        if self.place == Place::Before && self.boundary.has_ended() {
            self.place = Place::Inside;
        }
        self.boundary = ObjectBoundary::default();
    }

    fn spans_lines(&self) -> bool {
        true
    }

    fn lead(&self, record: &[u8]) -> usize {
        record.iter().position(|byte| !is_lead(*byte)).unwrap_or(record.len())
    }

    fn read(
        &mut self,
        record: &[u8],
        context: &mut Context<'_>,
        sink: &mut dyn FnMut(TextRow<'_>) -> Result<()>,
    ) -> ReadResult {
        let mut rest = record;
        loop {
            let (lead, element) = rest.split_at_checked(self.lead(rest)).unwrap_or((rest, &[]));
            let opens = self.read_lead(lead)?;
            if element.is_empty() {
                return Ok(());
            }
            if !opens {
                return Err(self.out_of_place(element).into());
            }
            self.place = Place::Inside;
            context.line += memchr::memchr_iter(b'\n', lead).count() as u64;
            if element.starts_with(b"{") {
                return read_point(&mut self.object, utf8(element, "object")?, context, sink);
            }
            // What is no object ends by itself: the object behind it is in the same record, and is good.
            let (scalar, behind) = element.split_at_checked(scalar_len(element)).unwrap_or((element, &[]));
            context
                .skip_part(Error::invalid(alloc::format!("expected an object, not {}", shorten(scalar))))?;
            rest = behind;
        }
    }

    fn cut_off(&self) -> Option<Error> {
        self.boundary.is_open().then(|| Error::invalid("the file ends inside an object"))
    }

    fn finish(&self) -> Result<()> {
        match self.place {
            Place::Before => Err(Error::invalid("the file is empty; it must be an array [..] of objects")),
            Place::Inside => {
                Err(Error::invalid("the array is never closed: the file ends early, and points are missing"))
            }
            Place::Behind => Ok(()),
        }
    }
}

impl JsonFormat {
    /// The error of an element that may not start where it does.
    fn out_of_place(&self, element: &[u8]) -> Error {
        let problem = match self.place {
            Place::Before => "the file is not an array [..] of objects; with one object a line it is jsonl",
            Place::Inside => "no comma before",
            Place::Behind => "text follows the end of the array:",
        };
        Error::invalid(alloc::format!("{problem} {}", shorten(element)))
    }
    /// Reads what stands before an object, or at the end of the text: white space, commas, brackets. Answers whether an
    /// object may follow.
    fn read_lead(&mut self, lead: &[u8]) -> Result<bool> {
        // Behind an opening bracket that no object follows yet.
        let mut is_opened = false;
        let mut has_comma = false;
        for &byte in lead {
            let problem = match (byte, self.place) {
                (b'[', Place::Before) => {
                    (self.place, is_opened) = (Place::Inside, true);
                    continue;
                }
                (b',', Place::Inside) if !is_opened && !has_comma => {
                    has_comma = true;
                    continue;
                }
                (b']', Place::Inside) if !has_comma => {
                    (self.place, is_opened) = (Place::Behind, false);
                    continue;
                }
                (b' ' | b'\t' | b'\n' | b'\r', _) => continue,
                (b'[', _) => "a bracket opens inside the array",
                (b',', _) => "a comma too many",
                _ => "a closing bracket too many, or a comma before it",
            };
            return Err(Error::invalid(problem));
        }
        Ok(is_opened || has_comma)
    }
}

/// True for what stands between objects.
fn is_lead(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b'[' | b']')
}

/// Bytes of an element that is no object, at least one: a string to its closing quote, anything else to what ends it.
fn scalar_len(element: &[u8]) -> usize {
    if !element.starts_with(b"\"") {
        let ends = |byte: &u8| is_lead(*byte) || matches!(byte, b'{' | b'"');
        return element.iter().skip(1).position(ends).map_or(element.len(), |at| at + 1);
    }
    let mut is_escaped = false;
    for (at, byte) in element.iter().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    element.len()
}
