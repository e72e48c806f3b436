//! Points that a format can't hold: how many, and the first of them.
use crate::error::{Error, Result};
use chronicle_core::export::PointWriter;
use chronicle_core::head::SeriesInfo;
use chronicle_core::text::shorten;
use chronicle_core::time::format_timestamp;

/// What has been refused so far.
#[derive(Debug, Default)]
pub(super) struct Refused {
    pub(super) points: u64,
    /// The first one, and why.
    pub(super) example: Option<String>,
}

impl Refused {
    /// Counts points of a series that can't be written at all.
    pub(super) fn add_series(&mut self, series: &SeriesInfo, timestamps: &[i64], error: &Error) {
        self.add(series, timestamps.first().copied(), timestamps.len() as u64, error.message());
    }

    /// Counts the values that can't be written. Answers whether there are any.
    pub(super) fn add_values(
        &mut self,
        series: &SeriesInfo,
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

    fn add(&mut self, series: &SeriesInfo, timestamp: Option<i64>, points: u64, problem: &str) {
        self.points += points;
        if self.example.is_none() {
            let tags =
                series.series.tags.iter().map(|(key, value)| {
                    format!(", {}={}", shorten(key.as_bytes()), shorten(value.as_bytes()))
                });
            let tags: String = tags.take(8).collect();
            let metric = shorten(series.series.metric.as_bytes());
            let time = timestamp
                .map_or_else(String::new, |timestamp| format!(" at {}", format_timestamp(timestamp)));
            self.example = Some(format!("{metric}{tags}{time}: {problem}"));
        }
    }

    /// An error, if there is anything.
    pub(super) fn into_result(self) -> Result<()> {
        match self.example {
            None => Ok(()),
            Some(example) => Err(Error::invalid(format!(
                "{} of the points have no place in this format, the first is {example}; write csv, json or jsonl, or leave such points out (on-error skip)",
                self.points
            ))),
        }
    }
}
