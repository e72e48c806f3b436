//! Opening: the lock or the pin, the newest superblock, the log, and a place for the next commit.
use super::config::Config;
use super::reader::FileSource;
use super::shared::Shared;
use super::store::Store;
use crate::files::atomic::create_file_durably;
use crate::files::data_file::DataFile;
use crate::files::lock::WriterLock;
use crate::files::log_file::LogFile;
use crate::files::paths::{DbPaths, SiblingKind};
use crate::files::pin::{Pin, live_pins};
use crate::files::regular_file::{Access as FileAccess, RegularFile};
use crate::host::{now_ns, random_epoch, random_lineage, random_u64};
use chronicle_core::backup::RECORD_FILE_NAME;
use chronicle_core::engine::{Engine, LogBytes, Opening, ReplayEnd, create};
use chronicle_core::error::{At, Error, ErrorKind, Result};
use chronicle_core::format::{Access, HEADER_AREA_LEN, LOG_HEADER_LEN, LogStart};
use chronicle_core::ids::{Generation, Lsn};
use chronicle_core::source::Step;
use std::path::Path;
use std::sync::Arc;

/// Times a reader starts over when the writer overtakes it.
const READ_ATTEMPTS: usize = 20;

/// What recovery found.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Commits that were replayed from the log.
    pub commits_replayed: u64,
    /// A write that a crash tore, and that was never acknowledged as durable: where it was and what was wrong.
    pub torn: Option<String>,
    /// The superblock slot that was not intact, if one was not.
    pub damaged_slot: Option<String>,
}

/// What kind of place the database lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Anywhere: others may use it, and `metadata.json` beside it makes it frozen.
    Open,
    /// A folder that nobody else uses: a copy being built. No pins, no locks.
    Private,
}

pub(super) fn open(path: &Path, config: Config, place: Place) -> Result<(Shared, Recovery)> {
    let paths = DbPaths::new(path)?;
    let name = paths.data().display().to_string();
    let opened = if config.read_only {
        open_read_only(paths, config, place)
    } else {
        open_writer(paths, config, place)
    };
    opened.at(|| name)
}

fn open_writer(paths: DbPaths, config: Config, place: Place) -> Result<(Shared, Recovery)> {
    // Before the lock, which would leave a file in a folder that is to stay as it is.
    if paths.folder().join("metadata.json").exists() {
        return Err(Error::new(
            ErrorKind::ReadOnly,
            "the folder is a snapshot (it holds metadata.json), which stays as it is; restore it to write to it",
        ));
    }
    let mut lock = (place == Place::Open).then(|| WriterLock::acquire(&paths)).transpose()?;
    if !paths.data().exists() {
        create_database(&paths, &config)?;
    }
    let data = DataFile::open_read_write(paths.data())?;
    if let Some(lock) = &mut lock {
        lock.take_data(data.file())?;
    }
    let options = config.engine_options(random_u64()?);
    let mut opening = Opening::new(&read_header(&data)?, options)?;
    if let Access::ReadOnly { unknown_features } = &opening.report().access {
        return Err(Error::unsupported(format!(
            "the file uses features of a newer Chronicle ({unknown_features:#x}) and can only be read here; open it for reading, or use a newer version"
        )));
    }
    load(&mut opening, &data)?;
    opening.note_older(&mut FileSource::new(&data));
    let start = opening.log_start();
    let damaged_slot = damaged_slot(&opening);
    let mut engine = opening.into_engine(&live_pins(&paths)?, data.len()?)?;
    let replayed = replay(&paths, &mut engine, start)?;
    let effects = engine.start_log(replayed.torn.is_some(), now_ns())?;
    let log = match replayed.last {
        Some((first_lsn, end)) if !replayed.torn_at_start => {
            Some((first_lsn, Arc::new(LogFile::open_for_append(&paths.log(first_lsn), end)?)))
        }
        _ => None,
    };
    let recovery = Recovery { commits_replayed: replayed.commits, torn: replayed.torn, damaged_slot };
    let store = Store::file(data, config.map_bytes_max)?;
    let shared = Shared::new((paths, config), store, engine, log, (None, lock))?;
    shared.perform(&effects)?;
    Ok((shared, recovery))
}

/// Reads a database that another process may be writing: pins the generation it reads, and starts over when the writer
/// was faster. A folder with `metadata.json` is frozen and needs no pin.
fn open_read_only(paths: DbPaths, config: Config, place: Place) -> Result<(Shared, Recovery)> {
    let frozen = place == Place::Private || paths.folder().join("metadata.json").exists();
    let mut last = None;
    for attempt in 0..READ_ATTEMPTS {
        match try_read_only(&paths, &config, frozen) {
            // What the writer is doing right now can look like damage for an instant; real damage stays.
            Err(error)
                if !frozen
                    && matches!(error.kind(), ErrorKind::Damaged | ErrorKind::NotFound | ErrorKind::Busy) =>
            {
                if !paths.data().exists() {
                    return Err(error);
                }
                last = Some(error);
                std::thread::sleep(std::time::Duration::from_millis(attempt as u64));
            }
            Err(error) => return Err(error),
            Ok((data, engine, pin, recovery)) => {
                let store = Store::file(data, config.map_bytes_max)?;
                let shared = Shared::new((paths, config), store, engine, None, (pin, None))?;
                return Ok((shared, recovery));
            }
        }
    }
    Err(last.unwrap_or_else(|| Error::new(ErrorKind::Busy, "the writer is too busy; try again")))
}

fn try_read_only(
    paths: &DbPaths,
    config: &Config,
    frozen: bool,
) -> Result<(DataFile, Engine, Option<Pin>, Recovery)> {
    let record = if frozen && paths.folder().join(RECORD_FILE_NAME).exists() {
        Some(crate::backup::read_record(paths.folder())?)
    } else {
        None
    };
    let data = DataFile::open_read_only(paths.data())?;
    let options = config.engine_options(random_u64()?);
    let mut opening = Opening::new(&read_header(&data)?, options.clone())?;
    let mut pin = None;
    if !frozen {
        pin = pin_generation(paths, opening.superblock().generation)?;
        let again = Opening::new(&read_header(&data)?, options)?;
        if again.superblock().generation != opening.superblock().generation {
            return Err(Error::new(ErrorKind::Busy, "the writer made a checkpoint meanwhile"));
        }
        opening = again;
    }
    load(&mut opening, &data)?;
    let start = opening.log_start();
    let damaged_slot = damaged_slot(&opening);
    let mut engine = opening.into_engine(&[], data.len()?)?;
    let replayed = replay(paths, &mut engine, start)?;
    if let Some(record) = record {
        // A snapshot is what its record says, or it is damaged: a log that lost its end looks whole by itself.
        record.ends_at(&engine.position())?;
    }
    let recovery = Recovery { commits_replayed: replayed.commits, torn: replayed.torn, damaged_slot };
    Ok((data, engine, pin, recovery))
}

/// A pin. Where the folder takes no files from this user, writers are kept off instead; none where there never was one.
pub(crate) fn pin_generation(paths: &DbPaths, generation: Generation) -> Result<Option<Pin>> {
    match Pin::create(paths, generation) {
        Ok(pin) => Ok(Some(pin)),
        Err(error) if error.kind() == ErrorKind::ReadOnly => Pin::keep_writers_off(paths, generation),
        Err(error) => Err(error),
    }
}

fn create_database(paths: &DbPaths, config: &Config) -> Result<()> {
    if !config.create {
        return Err(Error::new(
            ErrorKind::NotFound,
            "there is no such database; make it with `chronicle init`, or check the path",
        ));
    }
    let left = paths
        .siblings()?
        .into_iter()
        .find(|sibling| !matches!(sibling.kind, SiblingKind::Lock | SiblingKind::Temporary));
    if let Some(sibling) = left {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "there is no data file, but {} lies beside it: the data file was lost or moved; put it back, restore a backup, or move that file away to start anew",
                sibling.path.display()
            ),
        ));
    }
    let bytes = create(random_lineage()?, random_epoch()?, config.settings, now_ns())?;
    create_file_durably(paths.data(), &bytes)
}

/// The header area, or all of a shorter file.
pub(crate) fn read_header(data: &DataFile) -> Result<Vec<u8>> {
    data.read_exact_at(0, data.len()?.min(HEADER_AREA_LEN))
}

fn load(opening: &mut Opening, data: &DataFile) -> Result<()> {
    match opening.step(&mut FileSource::new(data))? {
        Step::Ready(()) => {}
        Step::Missing(_) | Step::Done => {
            return Err(Error::new(ErrorKind::Io, "the catalog could not be read"));
        }
    }
    let (needed, len) = (opening.file_len_needed(), data.len()?);
    if len < needed {
        return Err(Error::damaged(format!(
            "the file has {len} bytes but its catalog names {needed}: it was cut; restore a backup"
        )));
    }
    Ok(())
}

fn damaged_slot(opening: &Opening) -> Option<String> {
    match &opening.report().other {
        chronicle_core::format::OtherSlot::Damaged(error) => Some(error.to_string()),
        _ => None,
    }
}

#[derive(Default)]
struct Replayed {
    commits: u64,
    torn: Option<String>,
    torn_at_start: bool,
    /// The file that takes the next commits, and where its frames end.
    last: Option<(Lsn, u64)>,
}

fn replay(paths: &DbPaths, engine: &mut Engine, start: LogStart) -> Result<Replayed> {
    let mut replayed = Replayed::default();
    let before = engine.position().lsn;
    let first = match start {
        LogStart::From { first_lsn, .. } => first_lsn,
        LogStart::None => before + 1,
    };
    let files = paths.log_files()?;
    let kept_from = files.iter().position(|file| file.first_lsn >= first).unwrap_or(files.len());
    engine.note_closed_logs(files.iter().take(kept_from).map(|file| {
        let len = std::fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
        (file.first_lsn, len)
    }));
    let files = files.get(kept_from..).unwrap_or_default();
    if matches!(start, LogStart::From { .. }) && files.first().is_none_or(|file| file.first_lsn != first) {
        return Err(Error::damaged(format!(
            "{} is missing: it holds the commits after {before}; put it back, or restore a backup",
            paths.log(first).display()
        )));
    }
    for (index, file) in files.iter().enumerate() {
        let last = index + 1 == files.len();
        let end = match start {
            // What the catalog stands for is not read again: opening costs the tail of the log, not the log.
            LogStart::From { first_lsn, offset } if first_lsn == file.first_lsn => {
                let log = RegularFile::open(&file.path, FileAccess::ReadOnly)?;
                let header = log.read_exact_at(0, log.len()?.min(LOG_HEADER_LEN as u64))?;
                if log.len()? < offset {
                    // Shorter than the catalog says: the whole file shows by how much.
                    engine.replay(first_lsn, &LogFile::read_all(&file.path)?, last)?;
                }
                let tail = log.read_to_end(offset.min(log.len()?))?;
                engine.replay(first_lsn, LogBytes::from_offset(&header, offset, &tail), last)?
            }
            _ => engine.replay(file.first_lsn, &LogFile::read_all(&file.path)?, last)?,
        };
        replayed.last = engine.log_end();
        if let ReplayEnd::Torn { offset, bytes, reason } = end {
            replayed.torn_at_start = offset == 0;
            replayed.torn =
                Some(format!("{}: {bytes} bytes at offset {offset}: {reason}", file.path.display()));
        }
    }
    engine.finish_replay()?;
    replayed.commits = engine.position().lsn - before;
    Ok(replayed)
}
