//! Points to JSON objects: times are RFC 3339 with `Z`, values that JSON has no number for are strings.
use crate::error::{Error, Result};
use crate::export::PointWriter;
use crate::model::Tags;
use crate::text::write_number;
use crate::time::TimestampWriter;
use alloc::vec::Vec;

/// Writes the objects of points, with what the format puts between them.
#[derive(Clone, Debug)]
pub(in crate::export) struct ObjectWriter {
    times: TimestampWriter,
    /// Of the series: what stands between the time and the value.
    series: Vec<u8>,
}

impl ObjectWriter {
    pub(in crate::export) fn new() -> Self {
        Self { times: TimestampWriter::new(), series: Vec::new() }
    }
    pub(in crate::export) fn series(&mut self, metric: &str, tags: &Tags) -> Result<()> {
        if metric.is_empty() {
            return Err(Error::invalid("a metric without a name can't be written as JSON"));
        }
        self.series.clear();
        self.series.extend_from_slice(b"\",\"metric\":");
        write_string(metric, &mut self.series);
        self.series.extend_from_slice(b",\"tags\":{");
        for (index, (key, value)) in tags.iter().enumerate() {
            if index > 0 {
                self.series.push(b',');
            }
            write_string(key, &mut self.series);
            self.series.push(b':');
            write_string(value, &mut self.series);
        }
        self.series.extend_from_slice(b"},\"value\":");
        Ok(())
    }
    #[inline]
    pub(in crate::export) fn point(&mut self, out: &mut Vec<u8>, timestamp: i64, bits: u64) {
        out.extend_from_slice(b"{\"timestamp\":\"");
        self.times.write(timestamp, out);
        out.extend_from_slice(&self.series);
        if f64::from_bits(bits).is_finite() {
            write_number(bits, out);
        } else {
            out.push(b'"');
            write_number(bits, out);
            out.push(b'"');
        }
        out.push(b'}');
    }
}

/// Writes a JSON array of points, one a line.
#[derive(Clone, Debug)]
pub struct JsonWriter {
    objects: ObjectWriter,
    /// What stands before the next point.
    lead: &'static [u8],
}

impl JsonWriter {
    /// A writer at the start of a file.
    pub fn new() -> Self {
        Self { objects: ObjectWriter::new(), lead: b"\n" }
    }
}

impl Default for JsonWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl PointWriter for JsonWriter {
    fn start(&mut self, out: &mut Vec<u8>) {
        out.push(b'[');
    }
    fn series(&mut self, metric: &str, tags: &Tags) -> Result<()> {
        self.objects.series(metric, tags)
    }
    fn points(&mut self, out: &mut Vec<u8>, timestamps: &[i64], bits: &[u64]) {
        for (&timestamp, &bits) in timestamps.iter().zip(bits) {
            out.extend_from_slice(self.lead);
            self.lead = b",\n";
            self.objects.point(out, timestamp, bits);
        }
    }
    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]\n");
    }
}

/// Appends a string with its quotes. Control characters are escaped, everything else stands for itself.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
