//! A delta plan in words, as `--dry-run` prints it.
use super::delta_plan::DeltaPlan;
use super::name::ObjectFile;
use crate::backup::RECORD_FILE_NAME;
use crate::text::human_bytes;
use core::fmt;

impl fmt::Display for DeltaPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = crate::time::format_timestamp(self.position.commit_time_ns);
        writeln!(f, "{} of lineage {}, epoch {}", self.entry, self.identity.lineage, self.identity.epoch)?;
        match self.previous {
            None => writeln!(f, "  continues nothing: it brings everything")?,
            Some(previous) => {
                writeln!(f, "  continues {}, which ends with LSN {}", previous.entry, previous.at.lsn)?;
            }
        }
        match self.position.lsn {
            0 => writeln!(f, "  no commit yet")?,
            lsn => writeln!(f, "  up to LSN {lsn}, committed {time}")?,
        }
        if self.is_record_only() {
            writeln!(f, "  nothing is new")?;
        }
        if let Some(file) = &self.container {
            writeln!(
                f,
                "  {:<34} {}: {} of {} segments with {} points in {} reads of {}",
                self.entry.container().file,
                human_bytes(file.file_len),
                file.segments.len(),
                self.totals.segments,
                file.points_stored,
                file.moves.len(),
                human_bytes(file.source_bytes())
            )?;
        }
        if let Some(log) = &self.log {
            let frames = log.parts.iter().map(|part| part.range.len).sum();
            writeln!(
                f,
                "  {:<34} {}: {} of frames from {} log files",
                ObjectFile::Log(log.first_lsn),
                human_bytes(log.len()),
                human_bytes(frames),
                log.parts.len()
            )?;
        }
        if let Some(gap) = self.gap {
            writeln!(
                f,
                "  the frames of commits {} to {} are gone: their data is here, their moments are not",
                gap.first_lsn, gap.last_lsn
            )?;
        }
        if !self.pages.is_empty() {
            let bytes = self.pages.iter().map(|page| page.bytes.len() as u64).sum();
            writeln!(f, "  {:<34} {}: {} pages", "list-*", human_bytes(bytes), self.pages.len())?;
        }
        write!(f, "  {RECORD_FILE_NAME:<34} the record, written last")
    }
}
