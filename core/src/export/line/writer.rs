//! Points to line protocol: one line a point, `metric,tag=value value=1.5 1706400000000000000`.
//!
//! The metric is the measurement and the field is `value`, so that what is read back has the same name; several metrics
//! are never grouped into one line.
use super::VALUE;
use super::names::Name;
use crate::error::{Error, Result};
use crate::export::PointWriter;
use crate::model::Tags;
use crate::text::{shorten, write_integer, write_number};
use alloc::vec::Vec;

/// Writes line protocol.
#[derive(Clone, Debug, Default)]
pub struct LineWriter {
    /// Of the series: what stands before the value.
    series: Vec<u8>,
}

impl LineWriter {
    /// A writer at the start of a file.
    pub fn new() -> Self {
        Self::default()
    }
}

impl PointWriter for LineWriter {
    /// An error when a name is one that line protocol has no spelling for.
    fn series(&mut self, metric: &str, tags: &Tags) -> Result<()> {
        let starts_wrong = |start: char| matches!(start, '#' | '\t' | '\u{feff}');
        if metric.is_empty() || metric.starts_with(starts_wrong) {
            let shown = shorten(metric.as_bytes());
            let problem =
                "starts a comment, is white space or a byte order mark, which no measurement may start with";
            return Err(Error::invalid(alloc::format!("metric {shown}: its first character {problem}")));
        }
        check_name("metric", metric)?;
        self.series.clear();
        write_name(Name::Measurement, metric, &mut self.series);
        for (key, value) in tags.iter() {
            check_name("tag key", key)?;
            check_name("tag value", value)?;
            self.series.push(b',');
            write_name(Name::Other, key, &mut self.series);
            self.series.push(b'=');
            write_name(Name::Other, value, &mut self.series);
        }
        self.series.push(b' ');
        self.series.extend_from_slice(VALUE.as_bytes());
        self.series.push(b'=');
        Ok(())
    }
    fn points(&mut self, out: &mut Vec<u8>, timestamps: &[i64], bits: &[u64]) {
        for (&timestamp, &bits) in timestamps.iter().zip(bits) {
            if self.refuses(bits).is_none() {
                out.extend_from_slice(&self.series);
                write_number(bits, out);
                out.push(b' ');
                write_integer(timestamp, out);
                out.push(b'\n');
            }
        }
    }
    fn is_partial(&self) -> bool {
        true
    }
    fn refuses(&self, bits: u64) -> Option<&'static str> {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            None
        } else if value.is_nan() {
            Some("the value is NaN")
        } else {
            Some("the value is infinite")
        }
    }
}

/// A line feed would end the line, and a backslash at the end would escape what follows the name.
fn check_name(what: &str, name: &str) -> Result<()> {
    let problem = if name.contains('\n') {
        "it has a line feed"
    } else if name.ends_with('\\') {
        "it ends with a backslash"
    } else {
        return Ok(());
    };
    Err(Error::invalid(alloc::format!("{what} {}: {problem}", shorten(name.as_bytes()))))
}

fn write_name(kind: Name, name: &str, out: &mut Vec<u8>) {
    for byte in name.bytes() {
        if kind.is_special(byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}
