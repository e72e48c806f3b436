//! Rows of a file, kept until they are committed: names in one text, so that a row costs no allocation.
use crate::error::{Error, Result};
use chronicle_core::model::PointSource;

/// Rows that have the same tag keys in the same order, as the rows of one CSV file do.
#[derive(Debug, Default)]
pub(super) struct Batch {
    keys: Vec<String>,
    text: String,
    /// Where each text ends: metric and one value a key, row after row.
    ends: Vec<u32>,
    points: Vec<(i64, f64)>,
}

/// A row of a [`Batch`].
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    batch: &'a Batch,
    /// Where the texts of this row begin, in `text` and in `ends`.
    start: usize,
    first: usize,
    timestamp: i64,
    value: f64,
}

impl Batch {
    /// Adds a row.
    pub(super) fn push(&mut self, row: &impl PointSource) -> Result<()> {
        let count = row.tag_count();
        if self.points.is_empty() {
            self.keys.clear();
            self.keys.extend((0..count).map(|index| row.tag_at(index).0.to_owned()));
        }
        if count != self.keys.len() {
            return Err(Error::invalid("the row has other tags than the rows before it"));
        }
        self.add_text(row.metric())?;
        for index in 0..count {
            self.add_text(row.tag_at(index).1)?;
        }
        self.points.push((row.timestamp(), row.value()));
        Ok(())
    }

    #[inline]
    fn add_text(&mut self, text: &str) -> Result<()> {
        self.text.push_str(text);
        let end = u32::try_from(self.text.len()).map_err(|_| Error::invalid("the rows are too long"))?;
        self.ends.push(end);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Bytes of names and tag values that it holds.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.points.clear();
    }

    /// The rows, in the order in which they came.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let width = 1 + self.keys.len();
        let rows = self.points.iter().enumerate().map(|(index, &(timestamp, value))| {
            let first = index * width;
            Row { batch: self, start: self.end(first.wrapping_sub(1)), first, timestamp, value }
        });
        rows.collect()
    }

    /// End of a text; 0 before the first.
    #[inline]
    fn end(&self, index: usize) -> usize {
        self.ends.get(index).map_or(0, |&end| end as usize)
    }
}

impl Row<'_> {
    #[inline]
    fn text(&self, start: usize, index: usize) -> &str {
        self.batch.text.get(start..self.batch.end(index)).unwrap_or_default()
    }
}

impl PointSource for Row<'_> {
    #[inline]
    fn metric(&self) -> &str {
        self.text(self.start, self.first)
    }
    #[inline]
    fn tag_count(&self) -> usize {
        self.batch.keys.len()
    }
    #[inline]
    fn tag_at(&self, index: usize) -> (&str, &str) {
        let Some(key) = self.batch.keys.get(index) else { return ("", "") };
        let before = self.first + index;
        (key, self.text(self.batch.end(before), before + 1))
    }
    fn timestamp(&self) -> i64 {
        self.timestamp
    }
    fn value(&self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Point;

    #[test]
    fn rows_come_back_as_they_were_pushed_and_a_cleared_batch_takes_other_keys() {
        let mut batch = Batch::default();
        let points = [
            Point::new("m", 1, 1.5).tag("a", "").tag("b", "é"),
            Point::new("other", 2, 2.5).tag("a", "x").tag("b", ""),
        ];
        for point in &points {
            batch.push(point).unwrap();
        }
        let seen: Vec<Point> = batch.rows().iter().map(own).collect();
        assert_eq!(seen, points);
        assert!(batch.push(&Point::new("m", 3, 0.0)).is_err());
        batch.clear();
        batch.push(&Point::new("n", 3, 0.0)).unwrap();
        assert_eq!(own(&batch.rows()[0]), Point::new("n", 3, 0.0));
    }

    fn own(row: &Row<'_>) -> Point {
        let point = Point::new(row.metric(), row.timestamp(), row.value());
        (0..row.tag_count()).fold(point, |point, index| {
            let (key, value) = row.tag_at(index);
            point.tag(key, value)
        })
    }
}
