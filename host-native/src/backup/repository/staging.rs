//! Staging: the objects of a restore, fetched side by side into a folder, and the log folded in piece by piece.
//!
//! What an interrupted restore left is judged by itself, without a list of what was done: a segment by its identity, a log by its
//! hash. What is whole is not fetched again. Memory is a segment for each thread, then a piece of log and what a replay makes of
//! it, however long the log is.
use super::objects::Objects;
use crate::backup::Progress;
use crate::backup::folder::Workshop;
use crate::backup::publish::{fold_piece, pass_into};
use crate::backup::workers::{FETCHES_MAX, side_by_side};
use crate::error::{At, Error, Result};
use crate::files::atomic::sync_dir;
use crate::files::copy::hash_file;
use crate::files::os_error::OsContext;
use crate::files::regular_file::{Access, RegularFile};
use crate::verify::verify_private;
use chronicle_core::backup::DATA_FILE_NAME;
use chronicle_core::backup::repository::{
    AssembledLog, LogAssembly, LogObject, ObjectRange, PointPiece, RestorePlan,
};
use chronicle_core::format::{SegmentEntry, log_file_name};
use chronicle_core::head::Position;
use chronicle_core::ids::{Hash, Lineage};
use chronicle_core::verify::{Level, verify_segment};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// A restore that is carried out in a folder.
pub(super) struct Staging<'a> {
    objects: &'a Objects,
    plan: &'a RestorePlan,
    workshop: &'a Workshop,
    progress: Progress<'a>,
    total: u64,
    done: AtomicU64,
    fetched: AtomicU64,
}

/// Something to fetch.
enum Part<'a> {
    Segment(&'a SegmentEntry, ObjectRange),
    Log(&'a LogObject),
}

impl<'a> Staging<'a> {
    /// Of `plan`, in `workshop`; what neither needs is removed from there.
    pub(super) fn new(
        objects: &'a Objects,
        plan: &'a RestorePlan,
        workshop: &'a Workshop,
        progress: Progress<'a>,
    ) -> Result<Self> {
        let it = Self {
            objects,
            plan,
            workshop,
            progress,
            total: plan.reads().values().sum(),
            done: AtomicU64::new(0),
            fetched: AtomicU64::new(0),
        };
        let logs: Vec<String> = it.logs().map(log_name).collect();
        let names: Vec<&str> =
            logs.iter().map(String::as_str).chain(std::iter::once(DATA_FILE_NAME)).collect();
        workshop.keep_only(&names)?;
        Ok(it)
    }

    fn logs(&self) -> impl Iterator<Item = &'a LogObject> {
        self.plan.legs.iter().flat_map(|leg| &leg.logs)
    }

    /// Writes the container down and the logs beside it. Returns how many bytes were fetched.
    pub(super) fn fetch(&self) -> Result<u64> {
        let container = &self.plan.container;
        let path = self.workshop.join(DATA_FILE_NAME);
        let there = self.workshop.file(DATA_FILE_NAME)?.metadata().os("look at", &path)?.len();
        let to = RegularFile::open(&path, Access::ReadWrite)?;
        to.set_len(container.file_len())?;
        let mut parts: Vec<Part<'_>> =
            container.segments().map(|(entry, from)| Part::Segment(entry, from)).collect();
        parts.extend(self.logs().map(Part::Log));
        side_by_side(&parts, FETCHES_MAX, |part| {
            match part {
                Part::Segment(entry, from) => self.segment(entry, from, &to, there)?,
                Part::Log(log) => self.log(log)?,
            }
            Ok(())
        })?;
        // What no segment covers: the pages, and zeros, where an earlier attempt may have folded a log in.
        let mut at = 0;
        for piece in container.pieces() {
            match piece {
                PointPiece::Bytes(bytes) => to.write_all_at(at, bytes)?,
                PointPiece::Zeros(len) if at < there => {
                    to.write_all_at(at, &vec![0; usize::try_from(len).unwrap_or(0)])?;
                }
                PointPiece::Zeros(_) | PointPiece::Object(_) => {}
            }
            at += piece.len();
        }
        Ok(self.fetched.load(Ordering::Relaxed))
    }

    fn segment(&self, entry: &SegmentEntry, from: &ObjectRange, to: &RegularFile, there: u64) -> Result<()> {
        let extent = entry.extent();
        if extent.end() <= there {
            let bytes = to.read_exact_at(extent.offset, extent.len)?;
            if verify_segment(&bytes, entry, Level::Checksums, None).findings.is_empty() {
                self.tell(extent.len, false);
                return Ok(());
            }
        }
        self.objects.copy(from.object, from.range.offset, from.range.len, to, extent.offset)?;
        self.tell(extent.len, true);
        Ok(())
    }

    fn log(&self, log: &LogObject) -> Result<()> {
        let path = self.log_path(log);
        if path.exists() && self.hash(&path)? == (log.blake3, log.len) {
            self.tell(log.len, false);
            return Ok(());
        }
        let to = self.workshop.file(&log_name(log))?;
        to.set_len(log.len).os("set the length of", &path)?;
        // As it is stored: the hash is that of the stored bytes.
        self.objects.copy_stored(log.name(), 0, log.len, &RegularFile::open(&path, Access::ReadWrite)?, 0)?;
        if self.hash(&path)? != (log.blake3, log.len) {
            return Err(self.objects.another_log(log));
        }
        self.tell(log.len, true);
        Ok(())
    }

    fn hash(&self, path: &std::path::Path) -> Result<(Hash, u64)> {
        hash_file(path, crate::backup::WINDOW_BYTES / FETCHES_MAX as u64)
            .map(|(hash, len)| (Hash(*hash.as_bytes()), len))
    }

    fn tell(&self, len: u64, is_new: bool) {
        self.fetched.fetch_add(if is_new { len } else { 0 }, Ordering::Relaxed);
        let done = self.done.fetch_add(len, Ordering::Relaxed).saturating_add(len);
        (self.progress)(done, self.total);
    }

    fn log_path(&self, log: &LogObject) -> PathBuf {
        self.workshop.join(&log_name(log))
    }

    /// Lays the log beside the container and folds it in, all but the last piece. `after` is where the point's lists end.
    pub(super) fn replay(&self, lineage: Lineage, mut after: Position) -> Result<()> {
        let mut is_first = true;
        for (index, leg) in self.plan.legs.iter().enumerate() {
            if index > 0 {
                pass_into(self.workshop, leg.identity.clone())?;
            }
            let mut assembly = LogAssembly::new(lineage, leg.identity.epoch, after, leg.until);
            for log in &leg.logs {
                let file = RegularFile::open(&self.log_path(log), Access::ReadOnly)?;
                let mut stream =
                    assembly.begin(log, self.objects.log_len(log)?).at(|| self.objects.place())?;
                while let Some(range) = stream.missing() {
                    let bytes = self
                        .objects
                        .log_range(log, range, |stored| file.read_exact_at(stored.offset, stored.len))?;
                    stream
                        .push(&bytes, &mut |frame, before, raw| assembly.take(frame, before, raw))
                        .at(|| log.name())
                        .at(|| self.objects.place())?;
                    if let Some(piece) = assembly.piece() {
                        self.lay(&piece, &mut is_first)?;
                        fold_piece(self.workshop)?;
                    }
                }
                stream.finish_object(log).at(|| log.name()).at(|| self.objects.place())?;
            }
            let last = assembly.finish().at(|| self.objects.place())?;
            after = last.end;
            self.lay(&last, &mut is_first)?;
        }
        Ok(())
    }

    /// Writes a piece of log down, durably. With the first one the container is whole, and is checked before anything is made of it.
    fn lay(&self, log: &AssembledLog, is_first: &mut bool) -> Result<()> {
        let path = self.workshop.join(&format!("{DATA_FILE_NAME}{}", log_file_name(log.first_lsn)));
        fs::write(&path, &log.bytes).os("write", &path)?;
        RegularFile::open(&path, Access::ReadWrite)?.sync()?;
        if std::mem::take(is_first) {
            RegularFile::open(&self.workshop.join(DATA_FILE_NAME), Access::ReadWrite)?.sync()?;
            self.check()?;
        }
        sync_dir(self.workshop.path())
    }

    fn check(&self) -> Result<()> {
        match verify_private(self.workshop.path(), true)?.findings.iter().next() {
            None => Ok(()),
            Some(finding) => Err(Error::damaged(format!(
                "the repository is damaged: {finding}; nothing was restored: try another moment, or `chronicle verify` \
                 to see what is damaged"
            ))
            .at(self.objects.place())),
        }
    }
}

/// Of its content, so that another log is never taken for it.
fn log_name(log: &LogObject) -> String {
    format!("log-{}", log.blake3.to_hex())
}
