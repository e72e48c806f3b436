//! Points to CSV.
//!
//! The caller knows the tag keys of everything it will write before the first row, and gives them to the writer. Times
//! are RFC 3339 with `Z`, lines end with a line feed, cells are quoted only where they must be.
use super::{BYTE_ORDER_MARK, METRIC, TAG_PREFIX, TIMESTAMP, VALUE};
use crate::error::{Error, Result};
use crate::export::PointWriter;
use crate::model::Tags;
use crate::text::{shorten, write_number};
use crate::time::TimestampWriter;
use alloc::string::String;
use alloc::vec::Vec;

/// Writes a CSV file.
#[derive(Clone, Debug)]
pub struct CsvWriter {
    /// Sorted, unique.
    tag_keys: Vec<String>,
    times: TimestampWriter,
    /// Of the series: what stands between the time and the value.
    metric: Vec<u8>,
    /// Of the series: what stands behind the value, with the line end.
    tags: Vec<u8>,
}

impl CsvWriter {
    /// A writer with a column for each of these tag keys, in order of key; repeated ones count once.
    pub fn new(mut tag_keys: Vec<String>) -> Self {
        tag_keys.sort_unstable();
        tag_keys.dedup();
        Self { tag_keys, times: TimestampWriter::new(), metric: Vec::new(), tags: Vec::new() }
    }
}

impl PointWriter for CsvWriter {
    /// Appends the header.
    fn start(&mut self, out: &mut Vec<u8>) {
        for (index, name) in [TIMESTAMP, METRIC, VALUE].into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name.as_bytes());
        }
        for key in &self.tag_keys {
            out.push(b',');
            if [TIMESTAMP, METRIC, VALUE].contains(&key.as_str()) || key.starts_with(TAG_PREFIX) {
                write_cell(&alloc::format!("{TAG_PREFIX}{key}"), out);
            } else {
                write_cell(key, out);
            }
        }
        out.push(b'\n');
    }
    /// An error when the series has a tag that no column was made for, or no metric: its rows would not read back.
    fn series(&mut self, metric: &str, tags: &Tags) -> Result<()> {
        if metric.is_empty() {
            return Err(Error::invalid("a metric without a name can't be written as CSV"));
        }
        self.metric.clear();
        self.metric.push(b',');
        write_cell(metric, &mut self.metric);
        self.metric.push(b',');
        self.tags.clear();
        let mut pairs = tags.iter().peekable();
        for column in &self.tag_keys {
            self.tags.push(b',');
            if let Some((_, value)) = pairs.next_if(|(key, _)| *key == column.as_str()) {
                write_cell(value, &mut self.tags);
            }
        }
        self.tags.push(b'\n');
        match pairs.next() {
            None => Ok(()),
            Some((key, _)) => Err(Error::invalid(alloc::format!(
                "no column for tag {} of {}; give the writer the tag keys of all series",
                shorten(key.as_bytes()),
                shorten(metric.as_bytes())
            ))),
        }
    }
    fn points(&mut self, out: &mut Vec<u8>, timestamps: &[i64], bits: &[u64]) {
        for (&timestamp, &bits) in timestamps.iter().zip(bits) {
            self.times.write(timestamp, out);
            out.extend_from_slice(&self.metric);
            write_number(bits, out);
            out.extend_from_slice(&self.tags);
        }
    }
}

/// Appends a cell, quoted where it would else be cut, trimmed by other tools, or taken for a byte order mark.
fn write_cell(text: &str, out: &mut Vec<u8>) {
    let must_quote = text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r'))
        || text.starts_with(char::is_whitespace)
        || text.ends_with(char::is_whitespace)
        || text.as_bytes().starts_with(BYTE_ORDER_MARK);
    if !must_quote {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_looks_like_one() {
        let mut writer = CsvWriter::new(["value", "host", "host", "tag:x", "a b"].map(String::from).into());
        let mut out = Vec::new();
        writer.start(&mut out);
        let tags = Tags::new([("host", "a,\"b\"\rc"), ("value", " x")]).unwrap();
        writer.series("cpu load", &tags).unwrap();
        writer.points(&mut out, &[1_500_000_000], &[21.5f64.to_bits()]);
        writer.series("m", &Tags::default()).unwrap();
        writer.points(&mut out, &[0], &[3f64.to_bits()]);
        let text = core::str::from_utf8(&out).unwrap();
        let expected = "timestamp,metric,value,a b,host,tag:tag:x,tag:value\n\
            1970-01-01T00:00:01.5Z,cpu load,21.5,,\"a,\"\"b\"\"\rc\",,\" x\"\n\
            1970-01-01T00:00:00Z,m,3,,,,\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_tag_without_a_column_is_refused_not_lost() {
        let mut writer = CsvWriter::new(["b".into()].into());
        for key in ["a", "c"] {
            let tags = Tags::new([(key, "1"), ("b", "2")]).unwrap();
            assert!(writer.series("m", &tags).unwrap_err().message().contains("no column for tag"));
        }
        assert!(writer.series("", &Tags::default()).is_err());
    }
}
