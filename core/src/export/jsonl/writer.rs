//! Points to JSON lines.
use crate::error::Result;
use crate::export::PointWriter;
use crate::export::json::ObjectWriter;
use crate::model::Tags;
use alloc::vec::Vec;

/// Writes JSON lines.
#[derive(Clone, Debug)]
pub struct JsonLinesWriter {
    objects: ObjectWriter,
}

impl JsonLinesWriter {
    /// A writer at the start of a file.
    pub fn new() -> Self {
        Self { objects: ObjectWriter::new() }
    }
}

impl Default for JsonLinesWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl PointWriter for JsonLinesWriter {
    fn series(&mut self, metric: &str, tags: &Tags) -> Result<()> {
        self.objects.series(metric, tags)
    }
    fn points(&mut self, out: &mut Vec<u8>, timestamps: &[i64], bits: &[u64]) {
        for (&timestamp, &bits) in timestamps.iter().zip(bits) {
            self.objects.point(out, timestamp, bits);
            out.push(b'\n');
        }
    }
}
