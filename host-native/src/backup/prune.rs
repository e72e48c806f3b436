//! Prune: which backups of a place stay, and the deletion of the rest. A place is a delta repository, or a folder of snapshots.
//!
//! A plan first, which prints itself and does nothing. Nothing is deleted before everything that stays was found to be there.
use super::folder_prune::{self, SnapshotPrunePlan};
use super::is_repository;
use super::repository::{self, Repository, RepositoryPlace};
use crate::crypt::Keys;
use crate::destination::{Destination, Settings, open_with};
use crate::error::{Error, Result};
use chronicle_core::backup::repository::{Keep, PrunePlan};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A prune that is asked for.
#[derive(Clone)]
pub struct PruneConfig {
    place: RepositoryPlace,
    keep: Keep,
    void_unfinished: bool,
    consolidate: bool,
    single_writer: bool,
    keys: Keys,
}

/// What a prune would do.
#[derive(Clone, Debug)]
pub enum PlannedPrune {
    /// Of a delta repository.
    Repository(Box<PrunePlan>),
    /// Of a folder of snapshots.
    Snapshots(SnapshotPrunePlan),
}

/// What a prune did.
#[derive(Clone, Debug)]
pub struct PruneReport {
    /// Where.
    pub place: String,
    /// Points or snapshots that stay.
    pub points_kept: u64,
    /// Points or snapshots that went.
    pub points_removed: u64,
    /// Records that went; more than points where records of earlier prunes went with them.
    pub records_deleted: u64,
    /// Objects or files that went, records excluded.
    pub objects_deleted: u64,
    /// Bytes that those had.
    pub bytes_freed: u64,
    /// Bytes of the new object, where objects that were mostly dead were consolidated.
    pub bytes_moved: u64,
    /// Why nothing was deleted yet, though the mark is written: a job below it is not finished. The next prune takes it up.
    pub waits_for: Option<Error>,
    /// Why `manifest.json` could not be written anew. Nothing depends on it.
    pub hint_error: Option<Error>,
}

impl PruneReport {
    pub(super) fn of(place: String, kept: usize, removed: u64) -> Self {
        Self {
            place,
            points_kept: kept as u64,
            points_removed: removed,
            records_deleted: 0,
            objects_deleted: 0,
            bytes_freed: 0,
            bytes_moved: 0,
            waits_for: None,
            hint_error: None,
        }
    }
}

impl PruneConfig {
    /// Of the repository at a path or URL, or of the folder of snapshots at a path.
    pub fn new(place: impl AsRef<Path>, keep: Keep) -> Self {
        Self::of(RepositoryPlace::Path(place.as_ref().to_owned()), keep)
    }

    /// Of the repository at a destination.
    pub fn at_destination(destination: Arc<dyn Destination>, keep: Keep) -> Self {
        Self::of(RepositoryPlace::Destination(destination), keep)
    }

    fn of(place: RepositoryPlace, keep: Keep) -> Self {
        Self {
            place,
            keep,
            void_unfinished: false,
            consolidate: true,
            single_writer: false,
            keys: Keys::none(),
        }
    }

    /// Closes claims of jobs that are not finished, which hold up every deletion: for jobs that are dead. One that is alive after all
    /// begins again.
    #[must_use]
    pub fn void_unfinished(self, void_unfinished: bool) -> Self {
        Self { void_unfinished, ..self }
    }

    /// Copies what is needed out of objects of which less than half is, where that pays, so that they can go. On by itself.
    #[must_use]
    pub fn consolidate(self, consolidate: bool) -> Self {
        Self { consolidate, ..self }
    }

    /// Declares that nobody else writes to the repository at this path or URL meanwhile: for stores that can't keep two writers apart.
    #[must_use]
    pub fn single_writer(self) -> Self {
        Self { single_writer: true, ..self }
    }

    /// What opens an encrypted repository. Nothing is read without it, so nothing is moved out of objects that are mostly dead; all
    /// else is the same.
    #[must_use]
    pub fn keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// The folder, unless a repository is there.
    fn folder(&self) -> Result<Option<&PathBuf>> {
        match &self.place {
            RepositoryPlace::Path(path) if path.is_dir() && !is_repository(path)? => Ok(Some(path)),
            _ => Ok(None),
        }
    }

    fn repository(&self) -> Result<Repository> {
        match &self.place {
            RepositoryPlace::Path(path) if self.single_writer => {
                let path = path.to_str().ok_or_else(|| Error::invalid("the name of the place is no text"))?;
                let alone = Settings { single_writer: true, ..Settings::default() };
                Repository::at_destination_with(Arc::from(open_with(path, alone)?), &self.keys)
            }
            RepositoryPlace::Path(path) => Repository::open_with(path, &self.keys),
            RepositoryPlace::Destination(destination) => {
                Repository::at_destination_with(Arc::clone(destination), &self.keys)
            }
        }
    }
}

/// Plans a prune, and does nothing. Errors: `InvalidInput` without a rule, or where snapshots of several databases are in the folder;
/// `NotRestorable` where there is nothing to prune; `Damaged` when a record can't be read, or something is not there that
/// stays.
pub fn plan_prune(config: &PruneConfig) -> Result<PlannedPrune> {
    match config.folder()? {
        Some(folder) => folder_prune::plan(folder, &config.keep).map(PlannedPrune::Snapshots),
        None => {
            let plan = config.repository()?.plan_prune(&config.keep)?;
            Ok(PlannedPrune::Repository(Box::new(plan)))
        }
    }
}

/// Deletes what `keep` does not keep, of a repository or a folder of snapshots: `prune("/backup", Keep::last(24))`. See [`prune_with`].
pub fn prune(place: impl AsRef<Path>, keep: Keep) -> Result<PruneReport> {
    prune_with(&PruneConfig::new(place, keep))
}

/// Deletes the points that no rule keeps, and what only they needed. Never the newest one, the newest that was verified, or one
/// on hold. Backups may go on meanwhile, and an interrupted prune is finished by the next one.
///
/// Errors are those of [`plan_prune`], before anything is deleted; `Busy` when other jobs were faster each time.
pub fn prune_with(config: &PruneConfig) -> Result<PruneReport> {
    match config.folder()? {
        Some(folder) => folder_prune::prune(folder, &config.keep),
        None => {
            let repository = config.repository()?;
            let objects = repository.objects();
            repository::prune::prune(objects, &config.keep, config.void_unfinished, config.consolidate)
        }
    }
}

/// What stays, with the reasons, and what goes.
impl fmt::Display for PlannedPrune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(plan) => plan.fmt(f),
            Self::Snapshots(plan) => plan.fmt(f),
        }
    }
}
