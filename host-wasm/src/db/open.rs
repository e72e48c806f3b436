//! Opening: the newest superblock, its catalog, the log behind it, and a place for the next commit.
use super::{Db, Options};
use crate::bytes::Bytes;
use crate::host::{now_ns, random};
use crate::medium::{Layout, Medium};
use chronicle_core::engine::{Effect, Engine, LogBytes, Opening, ReplayEnd, create};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::format::{Access, HEADER_AREA_LEN, LOG_HEADER_LEN, LogStart};
use chronicle_core::ids::{Epoch, Lineage};
use chronicle_core::source::ByteRange;

async fn header_of(medium: &Medium, len: u64) -> Result<Vec<u8>> {
    let mut read = medium.fetch(&[ByteRange::new(0, len.min(HEADER_AREA_LEN))]).await?;
    Ok(read.pop().unwrap_or_default())
}

impl Db {
    /// Opens the database on `medium`, and makes it where there is none and the options say so.
    pub(crate) async fn open(medium: Medium, options: Options) -> Result<Self> {
        let db = Self::open_copy(medium, options).await?;
        if !db.options.read_only {
            // The first commit of a restored database says where it comes from.
            let position = db.engine.borrow_mut().prepare_new_epoch(now_ns())?;
            if let Some(position) = position {
                db.settle(position.lsn).await?;
            }
        }
        Ok(db)
    }

    /// The same of a copy that is being made: it gets no commit of its own.
    pub(crate) async fn open_copy(medium: Medium, options: Options) -> Result<Self> {
        let mut layout = medium.layout().await?;
        if layout.len == 0 {
            make(&medium, &layout, &options).await?;
            layout = medium.layout().await?;
        }
        let bytes = Bytes::new(medium, options.cache_bytes);
        let seed = u64::from_le_bytes(random()?);
        let mut opening = Opening::new(&header_of(&bytes.medium, layout.len).await?, options.engine(seed))?;
        if let (Access::ReadOnly { unknown_features }, false) = (&opening.report().access, options.read_only)
        {
            return Err(Error::unsupported(format!(
                "the file uses features of a newer Chronicle ({unknown_features:#x}): open it with readOnly, or use a newer version"
            )));
        }
        bytes.run_one(|source| opening.step(source)).await?;
        let needed = opening.file_len_needed();
        if layout.len < needed {
            return Err(Error::damaged(format!(
                "the file has {} bytes but its catalog names {needed}: it was cut; restore a backup",
                layout.len
            )));
        }
        if !options.read_only {
            bytes.run_one(|source| Ok(opening.step_older(source))).await?;
        }
        let start = opening.log_start();
        let pins = if options.read_only { Vec::new() } else { bytes.medium.pins().await? };
        let mut engine = opening.into_engine(&pins, layout.len)?;
        let torn = replay(&bytes.medium, &layout, &mut engine, start).await?;
        let effects = match options.read_only {
            true => Vec::new(),
            false => engine.start_log(torn.is_some(), now_ns())?,
        };
        let is_writer = !options.read_only;
        let db = Self::new(engine, bytes, options, torn);
        if is_writer {
            db.perform(&effects).await?;
        }
        Ok(db)
    }
}

async fn make(medium: &Medium, layout: &Layout, options: &Options) -> Result<()> {
    if options.read_only || !options.create {
        return Err(Error::new(
            ErrorKind::NotFound,
            "there is no such database; check its name, or open it without readOnly to make it",
        ));
    }
    if !layout.logs.is_empty() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            "there is no data file, but log files lie beside where it was: it was lost; restore a backup under another name, or delete this database to start anew",
        ));
    }
    let bytes = create(Lineage(random()?), Epoch(random()?), options.settings()?, now_ns())?;
    medium.perform(&[Effect::WriteData { offset: 0, bytes }]).await
}

/// Replays the log files from where the catalog says; what was wrong with a torn tail.
async fn replay(
    medium: &Medium,
    layout: &Layout,
    engine: &mut Engine,
    start: LogStart,
) -> Result<Option<String>> {
    let before = engine.position().lsn;
    let first = match start {
        LogStart::From { first_lsn, .. } => first_lsn,
        LogStart::None => before.saturating_add(1),
    };
    let kept_from = layout.logs.partition_point(|(first_lsn, _)| *first_lsn < first);
    let (closed, files) = layout.logs.split_at(kept_from);
    engine.note_closed_logs(closed.iter().copied());
    if matches!(start, LogStart::From { .. })
        && files.first().is_none_or(|(first_lsn, _)| *first_lsn != first)
    {
        return Err(Error::damaged(format!(
            "the log file that holds the commits after {before} is missing: put it back, or restore a backup"
        )));
    }
    let mut torn = None;
    for (index, &(first_lsn, len)) in files.iter().enumerate() {
        let last = index + 1 == files.len();
        let end = match start {
            LogStart::From { first_lsn: named, offset } if named == first_lsn && offset <= len => {
                let log = medium.read_log(first_lsn, 0).await?;
                let header = log.get(..LOG_HEADER_LEN).unwrap_or(&log);
                let tail =
                    usize::try_from(offset).ok().and_then(|offset| log.get(offset..)).unwrap_or_default();
                engine.replay(first_lsn, LogBytes::from_offset(header, offset, tail), last)?
            }
            _ => engine.replay(first_lsn, &medium.read_log(first_lsn, 0).await?, last)?,
        };
        if let ReplayEnd::Torn { offset, bytes, reason } = end {
            torn = Some(format!("log file {first_lsn}: {bytes} bytes at offset {offset}: {reason}"));
        }
    }
    engine.finish_replay()?;
    Ok(torn)
}
