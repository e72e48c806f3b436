//! Refused: points that a format can't hold, how many, and the first of them.
use super::PointWriter;
use crate::error::{Error, Result};
use crate::model::Series;
use crate::text::shorten;
use crate::time::format_timestamp;
use alloc::format;
use alloc::string::String;

/// What has been refused so far.
#[derive(Debug, Default)]
pub struct Refused {
    /// How many.
    pub points: u64,
    /// The first one, and why.
    pub example: Option<String>,
}

impl Refused {
    /// Counts points of a series that can't be written at all, and why.
    pub fn add_series(&mut self, series: &Series, timestamps: &[i64], error: &Error) {
        self.add(series, timestamps.first().copied(), timestamps.len() as u64, error.message());
    }

    /// Counts the values that can't be written. Answers whether there are any.
    pub fn add_values(
        &mut self,
        series: &Series,
        timestamps: &[i64],
        bits: &[u64],
        text: &dyn PointWriter,
    ) -> bool {
        let before = self.points;
        for (&timestamp, &bits) in timestamps.iter().zip(bits) {
            if let Some(problem) = text.refuses(bits) {
                self.add(series, Some(timestamp), 1, problem);
            }
        }
        self.points > before
    }

    fn add(&mut self, series: &Series, timestamp: Option<i64>, points: u64, problem: &str) {
        self.points += points;
        if self.example.is_none() {
            let tags = series
                .tags
                .iter()
                .map(|(key, value)| format!(", {}={}", shorten(key.as_bytes()), shorten(value.as_bytes())));
            let tags: String = tags.take(8).collect();
            let metric = shorten(series.metric.as_bytes());
            let time = timestamp
                .map_or_else(String::new, |timestamp| format!(" at {}", format_timestamp(timestamp)));
            self.example = Some(format!("{metric}{tags}{time}: {problem}"));
        }
    }

    /// An error, if there is anything.
    pub fn into_result(self) -> Result<()> {
        match self.example {
            None => Ok(()),
            Some(example) => Err(Error::invalid(format!(
                "{} of the points have no place in this format, the first is {example}; write csv, json or jsonl, or leave such points out (on-error skip)",
                self.points
            ))),
        }
    }
}
