//! A new database of the chosen points: staged, compared with the source by digest, published by one rename.
use super::choice::{Choice, each_run};
use super::source::open_source;
use crate::backup::folder::Workshop;
use crate::backup::publish::{begin_epoch, in_the_way, publish, refuse_or_go_on};
use crate::backup::repository::{Moment, RepositoryPlace};
use crate::backup::{Progress, RestoreOptions, RestoreReport};
use crate::crypt::Keys;
use crate::db::{Config, Db, Durability, SeriesHandle, SeriesPoint};
use crate::error::{Error, ErrorKind, Result};
use crate::files::os_error::OsContext;
use crate::host::random_epoch;
use chronicle_core::backup::{DATA_FILE_NAME, restored_identity};
use chronicle_core::digest::Digest;
use chronicle_core::engine::Selector;
use chronicle_core::format::Settings;
use chronicle_core::head::Position;
use chronicle_core::ids::{Hash, SeriesId};
use chronicle_core::model::{Limits, TimeRange};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Points in a commit of the database in the making.
const BATCH_POINTS: usize = 1 << 16;

/// Restores the chosen points to `target`, a folder that will hold `data.db`. `progress` is told points.
pub(in crate::backup) fn restore_chosen(
    (place, keys, moment): (&RepositoryPlace, &Keys, &Moment),
    choice: &Choice,
    target: &Path,
    options: RestoreOptions,
    progress: Progress<'_>,
) -> Result<RestoreReport> {
    let started = Instant::now();
    let source = open_source(place, keys, moment)?;
    let in_the_way = in_the_way(target)?;
    refuse_or_go_on(target, &in_the_way, options.force)?;
    let selectors = choice.selectors(&source)?;
    let total = count(&source, &selectors, choice.range())?;
    if total == 0 {
        return Err(choice.no_points(&source, &selectors)?);
    }
    fs::create_dir_all(target).os("make the folder", target)?;
    let workshop = Workshop::open(target.join(staging_name(choice, source.position())))?;
    workshop.keep_only(&[])?;
    let db = Db::open_private(&workshop.join(DATA_FILE_NAME), staged_config(&source))?;
    let (read, series) = copy(&source, &selectors, choice.range(), &db, |done| progress(done, total))?;
    db.checkpoint()?;
    let (digest, _) = db.digest(false)?;
    if digest != read {
        return Err(Error::damaged(format!(
            "the copy's digest is {digest} where that of the chosen points is {read}; nothing was restored"
        ))
        .at(workshop.path().display()));
    }
    let (old, end) = (db.identity(), db.position());
    let epoch = random_epoch()?;
    begin_epoch(&workshop, db, restored_identity(&old, end, epoch))?;
    let staged = workshop.join(DATA_FILE_NAME);
    let bytes = fs::metadata(&staged).os("look at", &staged)?.len();
    let (path, replaced) = publish(workshop, target, &in_the_way)?;
    Ok(RestoreReport {
        path,
        position: source.position(),
        epoch,
        parent: old.epoch,
        digest,
        digest_proven: true,
        series,
        bytes,
        bytes_resumed: 0,
        replaced,
        took: started.elapsed(),
    })
}

/// How many points are chosen.
pub(super) fn count(source: &Db, selectors: &[Selector], range: TimeRange) -> Result<u64> {
    selectors.iter().try_fold(0, |sum, selector| Ok(sum + source.count(selector, range)?.0))
}

/// The new database keeps data as its source does, and expires nothing.
fn staged_config(source: &Db) -> Config {
    let partition_duration_ns = source.identity().settings.partition_duration_ns;
    let limits = Limits {
        // What the source holds was accepted once, whatever the limits were then.
        name_bytes_max: chronicle_core::format::NAME_LEN_MAX,
        tags_max: chronicle_core::format::TAGS_MAX,
        series_max: u32::MAX as usize,
        ..Limits::default()
    };
    let settings = Settings {
        partition_duration_ns,
        retention_ns: None,
        retention_bytes: None,
        retention_suspended: false,
    };
    // Nobody sees the copy before it is checkpointed and synced.
    Config { durability: Durability::Os, settings, limits, ..Config::default() }
}

/// Copies points, and answers the digest of what was read, and of how many series that was.
fn copy(
    source: &Db,
    selectors: &[Selector],
    range: TimeRange,
    to: &Db,
    progress: impl Fn(u64),
) -> Result<(Digest, u64)> {
    let mut digest = Digest::default();
    let (mut series, mut last): (u64, Option<SeriesId>) = (0, None);
    let mut handles: Vec<SeriesHandle> = Vec::new();
    let mut batch: Vec<(usize, i64, u64)> = Vec::new();
    let write = |handles: &mut Vec<SeriesHandle>, batch: &mut Vec<(usize, i64, u64)>| {
        let point = |&(handle, timestamp, bits): &(usize, i64, u64)| -> Option<SeriesPoint<'_>> {
            handles.get(handle).map(|handle: &SeriesHandle| handle.at(timestamp, f64::from_bits(bits)))
        };
        let points: Vec<SeriesPoint<'_>> = batch.iter().filter_map(point).collect();
        to.write_batch(&points)?;
        batch.clear();
        handles.drain(..handles.len().saturating_sub(1));
        Ok::<(), Error>(())
    };
    each_run(source, selectors, range, |run| {
        if last != Some(run.series.id) {
            last = Some(run.series.id);
            series += 1;
            handles.push(to.series(run.series.series.metric.clone(), run.series.series.tags.iter())?);
        }
        digest.add(run.series.key, run.timestamps, run.bits);
        for (&timestamp, &bits) in run.timestamps.iter().zip(run.bits) {
            batch.push((handles.len() - 1, timestamp, bits));
            if batch.len() >= BATCH_POINTS {
                write(&mut handles, &mut batch)?;
            }
        }
        progress(digest.points);
        Ok(())
    })?;
    write(&mut handles, &mut batch)?;
    match digest.points {
        0 => Err(Error::new(ErrorKind::NotRestorable, "nothing that was chosen is there")),
        _ => Ok((digest, series)),
    }
}

/// The same for every attempt at the same, so that what an interrupted one left is found and cleared.
fn staging_name(choice: &Choice, position: Position) -> String {
    let hash = Hash::of(format!("{choice:?} {position:?}").as_bytes()).to_hex();
    format!(".chronicle-restore-{}", hash.get(..16).unwrap_or_default())
}
