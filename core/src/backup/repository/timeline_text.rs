//! A timeline in words: the points, the windows of moments, and the gaps between them.
use super::timeline::{SpanEnd, Timeline};
use crate::time::format_timestamp;
use core::fmt;

impl fmt::Display for SpanEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.commit_time_ns {
            Some(time) => write!(f, "{} (LSN {})", format_timestamp(time), self.lsn),
            None => write!(f, "LSN {}", self.lsn),
        }
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (epoch, parent) in self.epochs() {
            match parent {
                Some(parent) => {
                    writeln!(f, "epoch {epoch}, from LSN {} of epoch {}", parent.lsn, parent.epoch)?
                }
                None => writeln!(f, "epoch {epoch}")?,
            }
            for point in self.points().iter().filter(|point| point.point.epoch == epoch) {
                let time = format_timestamp(point.point.commit_time_ns);
                writeln!(f, "  {:<12} {time} (LSN {})", alloc::format!("{}", point.entry), point.point.lsn)?;
            }
            let spans = self.spans(epoch);
            for (index, span) in spans.iter().enumerate() {
                if let Some(before) = index.checked_sub(1).and_then(|before| spans.get(before)) {
                    writeln!(
                        f,
                        "  gap: commits {} to {}",
                        before.last.lsn + 1,
                        span.first.lsn.saturating_sub(1)
                    )?;
                }
                writeln!(f, "  any moment from {} to {}", span.first, span.last)?;
            }
        }
        for (entry, error) in self.damaged() {
            writeln!(f, "damaged: {entry}: {error}")?;
        }
        Ok(())
    }
}
