//! Into: the chosen points as one commit of a database that exists, by a rule for the points that it has already.
use super::choice::Choice;
use super::chunk::{Chunk, Chunks, Found, POINTS_MAX};
use super::fresh::count;
use super::source::open_source;
use crate::backup::repository::{Moment, RepositoryPlace};
use crate::backup::{Progress, RestoreConfig};
use crate::db::{Attaching, Db, Quiet};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::digest::Digest;
use chronicle_core::head::Position;
use chronicle_core::ids::{Lsn, SeriesId};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Which point stays where backup and database have different values at one series and time. Points that only the database
/// has always stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Conflict {
    /// That of the database.
    #[default]
    Keep,
    /// That of the backup.
    Replace,
}

/// Chosen points, by what the database had in their places.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PointChanges {
    /// It had none.
    pub new: u64,
    /// It had another value.
    pub changed: u64,
    /// It had this value, bit for bit.
    pub equal: u64,
}

/// What a restore into a database did, or would do.
#[derive(Clone, Debug)]
pub struct IntoReport {
    /// The commit whose state the backup is of.
    pub source: Position,
    /// Digest of the chosen points, as they are in the backup; with their number.
    pub digest: Digest,
    /// The chosen points by what was found.
    pub changes: PointChanges,
    /// The same by metric.
    pub metrics: BTreeMap<String, PointChanges>,
    /// Points that were written, or would be.
    pub written: u64,
    /// Series that got points, or would.
    pub series: u64,
    /// The commit that holds them; `None` where there was nothing to write, and for a preview.
    pub lsn: Option<Lsn>,
    /// How long it took.
    pub took: Duration,
}

impl Conflict {
    pub(super) fn writes(self, found: Found) -> bool {
        found == Found::Nothing || (found == Found::Another && self == Self::Replace)
    }
}

impl RestoreConfig {
    /// From a backup of any kind, for [`RestoreConfig::into_database`].
    pub fn from_source(source: impl AsRef<std::path::Path>) -> Self {
        Self::new(source, "")
    }

    /// Restores the chosen points, or all, into an open database, as **one** commit: a crash leaves all of it or nothing.
    /// When this returns it is durable, whatever the durability level. `progress` is told points.
    ///
    /// Any number of points in bounded memory: up to about a million are an ordinary commit, more are written as segments
    /// that the commit attaches. Other commits wait until it is done; reads go on. What is written are the points that the
    /// database has not, and with [`Conflict::Replace`] those that it has with another value; where these are none there
    /// is no commit. Errors: `NotRestorable`, `Damaged`, `Full` (nothing was written), `ReadOnly`, `LimitExceeded` (names
    /// beyond the database's limits), `Transient`, `Io`.
    pub fn into_database(&self, db: &Db, conflict: Conflict, progress: Progress<'_>) -> Result<IntoReport> {
        let quiet = db.quiet()?;
        run((&self.place, &self.moment()), &self.choice, (db, Some(&quiet)), conflict, progress)
    }

    /// What [`RestoreConfig::into_database`] would do. Changes nothing, and holds nobody up.
    pub fn preview(&self, db: &Db, conflict: Conflict, progress: Progress<'_>) -> Result<IntoReport> {
        run((&self.place, &self.moment()), &self.choice, (db, None), conflict, progress)
    }
}

/// Without `quiet` it is a preview.
fn run(
    (place, moment): (&RepositoryPlace, &Moment),
    choice: &Choice,
    (db, quiet): (&Db, Option<&Quiet<'_>>),
    conflict: Conflict,
    progress: Progress<'_>,
) -> Result<IntoReport> {
    let started = Instant::now();
    let source = open_source(place, moment)?;
    let selectors = choice.selectors(&source)?;
    let total = count(&source, &selectors, choice.range())?;
    if total == 0 {
        return Err(choice.no_points(&source, &selectors)?);
    }
    let mut report = IntoReport {
        source: source.position(),
        digest: Digest::default(),
        changes: PointChanges::default(),
        metrics: BTreeMap::new(),
        written: 0,
        series: 0,
        lsn: None,
        took: Duration::ZERO,
    };
    let at_once = choice.points_at_once.unwrap_or(POINTS_MAX);
    let mut chunks = Chunks::new(&source, &selectors, choice.range(), at_once);
    let mut last = None;
    let mut first = chunks.next(db)?;
    let mut note = |report: &mut IntoReport, chunk: &Chunk, done: u64| {
        report.note(chunk, conflict, &mut last);
        progress(done, total);
    };
    match quiet {
        None => {
            while let Some(chunk) = first.take() {
                note(&mut report, &chunk, chunks.digest.points);
                first = chunks.next(db)?;
            }
        }
        Some(quiet) => {
            let Some(chunk) = first else { return Err(choice.no_points(&source, &selectors)?) };
            note(&mut report, &chunk, chunks.digest.points);
            let mut next = chunks.next(db)?;
            let alone = next.is_none().then(|| write_small(quiet, &chunk, conflict)).transpose()?;
            report.lsn = match alone {
                Some(Written::Commit(lsn)) => lsn,
                Some(Written::TooLarge) | None => {
                    let ((), position) = quiet.attach(|attaching| {
                        attach(attaching, &chunk, conflict)?;
                        drop(chunk);
                        while let Some(chunk) = next.take() {
                            note(&mut report, &chunk, chunks.digest.points);
                            attach(attaching, &chunk, conflict)?;
                            next = chunks.next(db)?;
                        }
                        match attaching.digest().points == report.written {
                            true => Ok(()),
                            false => Err(Error::damaged(
                                "other points were written than were to be; nothing was restored",
                            )),
                        }
                    })?;
                    position.map(|position| position.lsn)
                }
            };
        }
    }
    report.digest = chunks.digest;
    report.took = started.elapsed();
    Ok(report)
}

enum Written {
    /// `None` when there was nothing.
    Commit(Option<Lsn>),
    /// It does not fit an ordinary commit.
    TooLarge,
}

/// Writes a chunk as an ordinary commit.
fn write_small(quiet: &Quiet<'_>, chunk: &Chunk, conflict: Conflict) -> Result<Written> {
    let mut points = Vec::new();
    for series in &chunk.series {
        let (timestamps, bits) = chunk.to_write(series, conflict);
        points.extend(timestamps.iter().zip(&bits).map(|(&t, &b)| series.handle.at(t, f64::from_bits(b))));
    }
    if points.is_empty() {
        return Ok(Written::Commit(None));
    }
    match quiet.write_batch(&points) {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Ok(Written::TooLarge),
        written => written.map(|lsn| Written::Commit(Some(lsn))),
    }
}

/// Adds a chunk to the segments of the commit.
fn attach(attaching: &mut Attaching<'_>, chunk: &Chunk, conflict: Conflict) -> Result<()> {
    let writes = |range: std::ops::Range<usize>| {
        chunk.found.get(range).unwrap_or_default().iter().any(|&found| conflict.writes(found))
    };
    // A series of which nothing is written is not made.
    let wanted: Vec<_> = chunk.series.iter().filter(|series| writes(series.points.clone())).collect();
    let points: Vec<_> = wanted.iter().map(|series| series.handle.at(0, 0.0)).collect();
    let ids = attaching.series(&points)?;
    let mut order: Vec<(SeriesId, _)> = ids.into_iter().zip(wanted).collect();
    order.sort_by_key(|&(id, _)| id);
    for (id, series) in order {
        let (timestamps, bits) = chunk.to_write(series, conflict);
        attaching.push(id, series.info.key, &timestamps, &bits)?;
    }
    Ok(())
}

impl IntoReport {
    fn note(&mut self, chunk: &Chunk, conflict: Conflict, last: &mut Option<SeriesId>) {
        for series in &chunk.series {
            let found = chunk.found.get(series.points.clone()).unwrap_or_default();
            let mut own = PointChanges::default();
            for found in found {
                match found {
                    Found::Nothing => own.new += 1,
                    Found::Another => own.changed += 1,
                    Found::Same => own.equal += 1,
                }
            }
            self.changes.add(own);
            self.metrics.entry(series.info.series.metric.clone()).or_default().add(own);
            let written = own.new + if conflict == Conflict::Replace { own.changed } else { 0 };
            self.written += written;
            if written > 0 && last.replace(series.info.id) != Some(series.info.id) {
                self.series += 1;
            }
        }
    }
}

impl PointChanges {
    fn add(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.equal += other.equal;
    }
}
