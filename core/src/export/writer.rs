//! What all formats that points are written in have in common.
use crate::error::Result;
use crate::model::Tags;
use alloc::vec::Vec;

/// Writes points as text, series by series: [`start`](Self::start), then for each series
/// [`series`](Self::series) and its [`points`](Self::points), then [`finish`](Self::finish).
pub trait PointWriter {
    /// Appends what stands before the first point.
    fn start(&mut self, _out: &mut Vec<u8>) {}

    /// The points that follow are of this series. An error when the format can't hold it; nothing of it may be written
    /// then.
    fn series(&mut self, metric: &str, tags: &Tags) -> Result<()>;

    /// Appends points of the series: times in Unix nanoseconds, values by their bits, side by side. Fastest in order of
    /// time. Values that [`refuses`](Self::refuses) names are left out.
    fn points(&mut self, out: &mut Vec<u8>, timestamps: &[i64], bits: &[u64]);

    /// Appends what stands behind the last point.
    fn finish(&mut self, _out: &mut Vec<u8>) {}

    /// True when the format can't hold every series and every value, so that it is worth looking before the first byte.
    fn is_partial(&self) -> bool {
        false
    }

    /// Why the format can't hold a value.
    fn refuses(&self, _bits: u64) -> Option<&'static str> {
        None
    }
}
