//! Findings: what is wrong, where, and which data it touches.
use crate::error::{Error, ErrorKind};
use crate::ids::SeriesId;
use crate::model::TimeRange;
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// Findings that are kept with their words; more are only counted, so that a ruined file does not fill the memory.
pub const FINDINGS_MAX: usize = 100;

/// The data that a finding touches, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Affected {
    /// First and last series that may be touched.
    pub series: Option<(SeriesId, SeriesId)>,
    /// Timestamps that may be touched.
    pub time: Option<TimeRange>,
}

/// One thing that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// `Damaged`, `Unsupported` for what a newer Chronicle wrote, or `InvalidInput` for a file of another database.
    pub kind: ErrorKind,
    /// Where, outermost first.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// Which data it touches.
    pub affected: Affected,
}

/// Findings, the first [`FINDINGS_MAX`] of them with their words.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Findings {
    list: Vec<Finding>,
    left_out: u64,
}

impl Findings {
    /// Adds an error; `place` comes before the error's own.
    pub fn add(&mut self, place: &dyn fmt::Display, error: &Error, affected: Affected) {
        if self.list.len() >= FINDINGS_MAX {
            self.left_out += 1;
            return;
        }
        let error = error.clone().at(place);
        let place = error.place().unwrap_or_default().to_string();
        self.list.push(Finding { kind: error.kind(), place, message: error.message().to_string(), affected });
    }
    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        let room = FINDINGS_MAX.saturating_sub(self.list.len()).min(other.list.len());
        self.left_out += other.left_out + (other.list.len() - room) as u64;
        self.list.extend(other.list.into_iter().take(room));
    }
    /// Puts `place` before the place of each of them.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.list.iter_mut().for_each(|finding| finding.place = alloc::format!("{place}: {}", finding.place));
        self
    }
    /// Those that are kept, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }
    /// How many more there were.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
    /// True when nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
    /// All there were.
    pub fn count(&self) -> u64 {
        self.list.len() as u64 + self.left_out
    }
}

impl fmt::Display for Affected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.series {
            Some((first, last)) if first == last => write!(f, "series {:#x}", first.0)?,
            Some((first, last)) => write!(f, "series {:#x} to {:#x}", first.0, last.0)?,
            None => {}
        }
        if let Some(time) = self.time {
            let comma = if self.series.is_some() { ", " } else { "" };
            write!(f, "{comma}{} to {}", format_timestamp(time.min), format_timestamp(time.max))?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        match self.affected == Affected::default() {
            true => Ok(()),
            false => write!(f, " (affects {})", self.affected),
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        match self.left_out {
            0 => Ok(()),
            left_out => writeln!(f, "and {left_out} more"),
        }
    }
}
