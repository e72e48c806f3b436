//! Rows of an answer, column by column.
use alloc::vec::Vec;

/// Some rows of an answer, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowBatch {
    /// Start of the window, or the point's own time; Unix ns.
    pub timestamps: Vec<i64>,
    /// Group of each row: its tags are [`super::QueryRun::group`].
    pub groups: Vec<u32>,
    /// Values, row after row; as many a row as the schema has value columns.
    pub values: Vec<f64>,
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

    /// Each row: timestamp, group, values. `width` is the number of value columns.
    pub fn rows(&self, width: usize) -> impl Iterator<Item = (i64, u32, &[f64])> {
        let values = self.values.chunks_exact(width.max(1));
        self.timestamps
            .iter()
            .zip(&self.groups)
            .zip(values)
            .map(|((&timestamp, &group), values)| (timestamp, group, values))
    }
}
