//! Rows of an answer, column by column.
use alloc::vec::Vec;

/// Some rows of an answer, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowBatch {
    /// Start of the window, or the point's own time; Unix ns.
    pub timestamps: Vec<i64>,
    /// Group of each row: its tags are [`super::QueryRun::group`].
    pub groups: Vec<u32>,
    /// Values, row after row; as many a row as the schema has value columns. NaN is a value: what is absent says `nulls`.
    pub values: Vec<f64>,
    /// Whether each of `values` is absent, which only a [`Fill`](crate::query::Fill) makes it (it reads as NaN there);
    /// empty when none is.
    pub nulls: Vec<bool>,
}

impl RowBatch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// True when the value at this place of `values` is absent.
    pub fn is_null(&self, place: usize) -> bool {
        self.nulls.get(place).copied().unwrap_or(false)
    }

    /// Values of a row, absent ones as `None`. `width` is the number of value columns.
    pub fn cells(&self, row: usize, width: usize) -> impl ExactSizeIterator<Item = Option<f64>> {
        let start = row.saturating_mul(width);
        let values = self.values.get(start..start.saturating_add(width)).unwrap_or_default();
        values
            .iter()
            .enumerate()
            .map(move |(column, &value)| (!self.is_null(start + column)).then_some(value))
    }

    /// Adds a row.
    pub(super) fn push(&mut self, timestamp: i64, group: u32, cells: impl Iterator<Item = Option<f64>>) {
        self.timestamps.push(timestamp);
        self.groups.push(group);
        for cell in cells {
            self.nulls.resize(self.values.len(), false);
            self.values.push(cell.unwrap_or(f64::NAN));
            self.nulls.push(cell.is_none());
        }
    }

    /// Only `keep` rows behind the first `skip`.
    pub(super) fn cut(&mut self, skip: usize, keep: usize, width: usize) {
        fn cut<T>(column: &mut Vec<T>, skip: usize, keep: usize) {
            column.truncate(skip.saturating_add(keep));
            if skip > 0 {
                column.drain(..skip.min(column.len()));
            }
        }
        cut(&mut self.timestamps, skip, keep);
        cut(&mut self.groups, skip, keep);
        cut(&mut self.values, skip * width, keep.saturating_mul(width));
        cut(&mut self.nulls, skip * width, keep.saturating_mul(width));
    }

    /// Each row: timestamp, group, values; an absent value is NaN here, see [`RowBatch::cells`]. `width` is the number of value columns.
    pub fn rows(&self, width: usize) -> impl Iterator<Item = (i64, u32, &[f64])> {
        let values = self.values.chunks_exact(width.max(1));
        self.timestamps
            .iter()
            .zip(&self.groups)
            .zip(values)
            .map(|((&timestamp, &group), values)| (timestamp, group, values))
    }
}
