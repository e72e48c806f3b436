//! Salvage: out of a damaged backup everything that is still whole, as a new database, and a report of what is not.
//!
//! What it keeps true: no point is restored but from a block or a commit whose checksum is right; what a lost block may have replaced or a
//! lost commit may have deleted is not passed off as the truth. The source is only read.
mod from_files;
mod material;
mod overlay;
mod report;
mod sift;

pub(in crate::backup) use material::{Material, Piece, SegmentBytes};
pub(in crate::backup) use overlay::Overlay;
pub use report::{LOSSES_MAX, Loss, Losses, SalvageReport};
pub(in crate::backup) use sift::place_of;

use super::folder::Workshop;
use super::publish::{fold, in_the_way, publish, refuse_or_go_on};
use super::repository::{Moment, Repository, salvage::gather};
use super::{BackupSource, Progress, RestoreOptions, find_source, is_repository};
use crate::crypt::Keys;
use crate::db::{Config, Db, Durability};
use crate::error::{Error, ErrorKind, Result};
use crate::files::os_error::OsContext;
use chronicle_core::backup::DATA_FILE_NAME;
use chronicle_core::format::{SegmentKind, Settings};
use chronicle_core::model::Series;
use sift::{Sifter, name_of};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where the database is built in the target.
const WORKSHOP: &str = ".chronicle-salvage";
/// Points that are written in one commit.
const BATCH_POINTS: usize = 10_000;

/// A salvage that is asked for; by itself of the newest moment.
#[derive(Clone, Debug)]
pub struct SalvageConfig {
    source: PathBuf,
    target: PathBuf,
    moment: Moment,
    options: RestoreOptions,
    keys: Keys,
}

impl SalvageConfig {
    /// Out of a repository, a snapshot directory, or a data file with its log, into a folder that will hold `data.db`.
    pub fn new(source: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        Self {
            source: source.as_ref().to_owned(),
            target: target.as_ref().to_owned(),
            moment: Moment::Latest,
            options: RestoreOptions::default(),
            keys: Keys::none(),
        }
    }

    /// Of a moment; only a repository has several.
    #[must_use]
    pub fn at(self, moment: Moment) -> Self {
        Self { moment, ..self }
    }

    /// What opens an encrypted source.
    #[must_use]
    pub fn keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// Where the target holds a database, moves its files aside instead of refusing.
    #[must_use]
    pub fn force(self, force: bool) -> Self {
        Self { options: RestoreOptions { force }, ..self }
    }
}

/// Makes a new database of everything that is whole; `progress` is told the bytes of segments that are done.
///
/// Loss is no error of this function, it is in the report. The database has a lineage of its own, since it is no continuation of
/// any history; its retention rests, and rules are not taken over. Errors: `NotRestorable` and `Damaged` where there is nothing to work
/// with, `Permission` where it is encrypted and no key opens it, `AlreadyExists`, `Busy`, `Full`, `Io`.
pub fn salvage(config: &SalvageConfig, progress: Progress<'_>) -> Result<SalvageReport> {
    let started = Instant::now();
    let target = &config.target;
    let in_the_way = in_the_way(target)?;
    refuse_or_go_on(target, &in_the_way, config.options.force)?;
    let mut material = gather_from(config)?;
    fs::create_dir_all(target).os("make the folder", target)?;
    let workshop = Workshop::open(target.join(WORKSHOP))?;
    workshop.keep_only(&[])?;
    let (bytes, whole) = write(&mut material, &workshop, progress)?;
    let folded = fold(&workshop, None)?;
    let (path, replaced) = publish(workshop, target, &in_the_way)?;
    Ok(SalvageReport {
        restored: folded.report(path, (bytes, 0), replaced, started),
        lsn: material.end.lsn,
        commit_time_ns: (material.end.lsn > 0).then_some(material.end.commit_time_ns),
        segments_whole: whole,
        losses: material.losses,
    })
}

fn gather_from(config: &SalvageConfig) -> Result<Material<'static>> {
    let source = &config.source;
    if is_repository(source)? {
        let repository = Repository::open_with(source, &config.keys)?;
        let found = gather(&repository, &config.moment);
        // Without any record a base still opens as what it is, a database.
        return match (found, config.moment) {
            (Err(error), Moment::Latest) => match newest_base(source) {
                Some(base) => {
                    let mut material = from_files::gather(&base, None)?;
                    material.losses.of(
                        source.display(),
                        format_args!("{}; this is {} alone", error.message(), base.display()),
                    );
                    Ok(material)
                }
                None => Err(error),
            },
            (found, _) => found,
        };
    }
    if config.moment != Moment::Latest {
        return Err(Error::new(
            ErrorKind::NotRestorable,
            "a snapshot or a database is of one moment; --at needs a repository",
        )
        .at(source.display()));
    }
    match find_source(source) {
        Ok(BackupSource::Snapshot { folder, record }) => {
            from_files::gather(&folder.join(DATA_FILE_NAME), Some(&record))
        }
        Ok(found @ BackupSource::Database { .. }) => {
            let _lock = super::restore::lock_source(&found)?;
            from_files::gather(&found.data_path(), None)
        }
        Err(error) if error.kind() == ErrorKind::Damaged && source.join(DATA_FILE_NAME).exists() => {
            let mut material = from_files::gather(&source.join(DATA_FILE_NAME), None)?;
            material.losses.of(source.display(), error.message());
            Ok(material)
        }
        Err(error) => Err(error),
    }
}

/// The data file of the newest base in a folder.
fn newest_base(folder: &Path) -> Option<PathBuf> {
    use chronicle_core::backup::repository::{Entry, EntryKind};
    let entries = fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let bases = entries.filter_map(|name| Entry::parse(&name)).filter(|entry| entry.kind == EntryKind::Base);
    let data = |entry: Entry| folder.join(entry.to_string()).join(DATA_FILE_NAME);
    bases.filter(|entry| data(*entry).exists()).max().map(data)
}

/// Writes what is whole, older commits first: the later one wins. Returns the bytes of segments, and how many are whole.
fn write(
    material: &mut Material<'_>,
    workshop: &Workshop,
    progress: Progress<'_>,
) -> Result<(u64, (u64, u64))> {
    let sifter = Sifter::new(material)?;
    let settings = Settings { retention_suspended: true, ..material.settings };
    let config = Config { settings, durability: Durability::Os, ..Config::default() };
    let db = Db::open_private(&workshop.join(DATA_FILE_NAME), config)?;
    let mut losses = std::mem::take(&mut material.losses);
    let deleted: Vec<_> = material.tombstones.iter().chain(&material.overlay.tombstones).cloned().collect();
    let mut order: Vec<usize> = (0..material.segments.len()).collect();
    order.sort_by_key(|&number| {
        material.segments.get(number).map(|piece| (piece.entry.summary.lsn_max, piece.entry.summary.lsn_min))
    });
    let total = material.segments.iter().map(|piece| piece.entry.summary.len).sum();
    let mut done = 0;
    for number in order {
        let Some(piece) = material.segments.get(number) else { continue };
        if piece.entry.kind == SegmentKind::Points {
            let bytes = material.bytes.read(number)?;
            sifter.sift(piece, &bytes, &deleted, &mut losses, |sifted| {
                put(&db, sifted.series, &sifted.points)
            })?;
        }
        done += piece.entry.summary.len;
        progress(done, total);
    }
    for (id, points) in &material.overlay.points {
        let points: Vec<(i64, u64)> = points.iter().map(|(time, bits)| (*time, *bits)).collect();
        match sifter.series(*id) {
            Some(series) => put(&db, series, &points)?,
            None if points.is_empty() => {}
            None => losses.add(Loss {
                place: "log".into(),
                why: "the name of its series is lost".into(),
                series: Some(format!("a series without a name (number {:#x})", id.0)),
                time: None,
                points: Some(points.len() as u64),
            }),
        }
    }
    db.checkpoint()?;
    db.close()?;
    material.losses = losses;
    Ok((total, sifter.whole))
}

fn put(db: &Db, series: &Series, points: &[(i64, u64)]) -> Result<()> {
    let handle = db.series(
        series.metric.clone(),
        series.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())),
    )?;
    for batch in points.chunks(BATCH_POINTS) {
        let batch: Vec<_> =
            batch.iter().map(|(time, bits)| handle.at(*time, f64::from_bits(*bits))).collect();
        db.write_batch(&batch).map_err(|error| error.at(name_of(series)))?;
    }
    Ok(())
}
