//! What a salvage finds in a snapshot directory, or in the files of a database: the newest superblock that can be read, the pages
//! of its catalog that can be read, and the log behind it.
use super::material::{Material, Piece, SegmentBytes};
use super::overlay::Overlay;
use super::report::Losses;
use crate::db::read_header;
use crate::error::{At, Error, Result};
use crate::files::data_file::DataFile;
use crate::files::log_file::LogFile;
use crate::files::paths::DbPaths;
use crate::files::regular_file::{Access, RegularFile};
use chronicle_core::backup::SnapshotRecord;
use chronicle_core::format::{LogStart, Page, newest};
use chronicle_core::head::Position;
use chronicle_core::ids::Lsn;
use chronicle_core::source::ByteRange;
use std::path::Path;

/// Gathers everything. `Damaged` where neither superblock can be read: then nothing says what the segments are.
pub(super) fn gather(data: &Path, record: Option<&SnapshotRecord>) -> Result<Material<'static>> {
    let paths = DbPaths::new(data)?;
    let (superblock, _) = newest(&read_header(&DataFile::open_read_only(paths.data())?)?)
        .map_err(|error| {
            Error::damaged(format!(
                "neither superblock can be read ({}), and nothing else says what lies in it: salvage another copy",
                error.message()
            ))
        })
        .at(|| data.display().to_string())?;
    let file = FileBytes { file: RegularFile::open(data, Access::ReadOnly)?, extents: Vec::new() };
    let root = &superblock.root;
    let (mut losses, mut metrics, mut tombstones, mut entries) =
        (Losses::default(), Vec::new(), Vec::new(), Vec::new());
    for page in &root.pages {
        let place = format!("{}: catalog page at {}", data.display(), page.offset);
        match Page::decode(page, &file.read_some(page.extent())?, root.file_len) {
            Ok(Page::Segments(found)) => entries.extend(found),
            Ok(Page::Tombstones(found)) => tombstones.extend(found),
            Ok(Page::Metrics { first, names }) => {
                let first = usize::try_from(first).unwrap_or(usize::MAX);
                if metrics.len() < first {
                    metrics.resize(first, String::new());
                }
                metrics.extend(names);
            }
            Err(error) => {
                losses.of(place, format_args!("{:?} of {}: {}", page.kind, page.entries, error.message()));
                // Names that are lost take their series along; a lost deletion or segment may bring old points back.
                losses.is_inexact |= !matches!(page.kind, chronicle_core::format::PageKind::Metrics);
            }
        }
    }
    let mut overlay =
        Overlay::new(Position { lsn: root.lsn, commit_time_ns: root.commit_time_ns, chain: root.chain });
    for log in paths.log_files()? {
        let bytes = LogFile::read_all(&log.path)?;
        let (lineage, epoch) = (superblock.lineage, superblock.epoch);
        if overlay.extend(lineage, epoch, log.first_lsn, &bytes, Lsn::MAX) {
            continue;
        }
        // A frame before the place where replay starts may be the one that is damaged.
        if let LogStart::From { first_lsn, offset } = root.log
            && first_lsn == log.first_lsn
        {
            overlay.resume(epoch, offset, &bytes);
        }
    }
    let end = record.map_or(root.durable_lsn, |record| record.lsn.max(root.durable_lsn));
    if overlay.at.lsn < end {
        let next = overlay.at.lsn.saturating_add(1);
        losses
            .of(format_args!("log of {}", data.display()), format_args!("commits {next} to {end} are lost"));
    }
    Ok(Material {
        settings: overlay.settings.unwrap_or(root.settings),
        metrics,
        tombstones,
        segments: entries
            .iter()
            .map(|entry| Piece {
                entry: *entry,
                place: format!("{}: segment {}", data.display(), entry.summary.identity),
            })
            .collect(),
        bytes: Box::new(FileBytes { extents: entries.iter().map(|entry| entry.extent()).collect(), ..file }),
        end: overlay.at,
        overlay,
        losses,
    })
}

/// One container on a file system.
struct FileBytes {
    file: RegularFile,
    extents: Vec<ByteRange>,
}

impl FileBytes {
    /// The bytes of a range that are there.
    fn read_some(&self, range: ByteRange) -> Result<Vec<u8>> {
        let end = range.end().min(self.file.len()?);
        if end <= range.offset {
            Ok(Vec::new())
        } else {
            self.file.read_exact_at(range.offset, end - range.offset)
        }
    }
}

impl SegmentBytes for FileBytes {
    fn read(&self, number: usize) -> Result<Vec<u8>> {
        let extent = self.extents.get(number).ok_or_else(|| Error::damaged("no such segment"))?;
        self.read_some(*extent)
    }
}
