//! Delta backups: what is asked for, what is answered.
use super::job::Job;
use super::objects::Objects;
use super::slot::Slot;
use super::trial;
use crate::backup::{BackupManager, Progress};
use crate::destination::{Destination, FolderDestination, Settings, open_with};
use crate::error::{At, Error, ErrorKind, Result};
use chronicle_core::backup::repository::{BackupState, DeltaPlan, PointRecord};
use chronicle_core::engine::Snapshot;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a job begins again because its number was taken, or its claim closed, by another one.
const ATTEMPTS_MAX: usize = 16;

/// Where a repository is.
#[derive(Clone)]
pub(crate) enum RepositoryPlace {
    /// A path, or a URL.
    Path(PathBuf),
    /// A destination of the caller's.
    Destination(Arc<dyn Destination>),
}

impl RepositoryPlace {
    pub(super) fn open(&self) -> Result<Objects> {
        self.open_with(Settings::default())
    }

    /// What is set applies to what is opened here.
    fn open_with(&self, settings: Settings) -> Result<Objects> {
        Ok(Objects::new(match self {
            Self::Destination(destination) => Arc::clone(destination),
            Self::Path(path) => match path.to_str() {
                Some(url) => Arc::from(open_with(url, settings)?),
                None => Arc::new(FolderDestination::new(path)?),
            },
        }))
    }
}

/// Whether a repository is at a path or URL: somebody claimed the first number there. It may have no point yet.
pub fn is_repository(place: &Path) -> Result<bool> {
    match place.metadata() {
        Ok(metadata) if !metadata.is_dir() => Ok(false),
        _ => RepositoryPlace::Path(place.to_owned()).open()?.is_there(),
    }
}

/// A delta backup that is asked for. By itself it makes the first point of a new repository, a base.
#[derive(Clone)]
pub struct DeltaBackupConfig {
    place: RepositoryPlace,
    pub(super) after: After,
    settings: Settings,
}

/// What the new point continues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    /// Nothing, and the repository must have no points.
    Nothing,
    /// The newest point of the database's line, where the repository has points.
    Newest,
    /// The same; and the repository must have the point of this state.
    State(BackupState),
    /// Nothing, whatever the repository has.
    NewBase,
}

impl DeltaBackupConfig {
    /// To the repository at a path or URL.
    pub fn new(repository: impl AsRef<Path>) -> Self {
        Self::of(RepositoryPlace::Path(repository.as_ref().to_owned()))
    }

    /// To the repository at a destination.
    pub fn to_destination(destination: Arc<dyn Destination>) -> Self {
        Self::of(RepositoryPlace::Destination(destination))
    }

    fn of(place: RepositoryPlace) -> Self {
        Self { place, after: After::Nothing, settings: Settings::default() }
    }

    /// Declares that one host only ever writes to this repository. Needed where a store lets several creators at once win; each
    /// report says that it was so. Of a destination that was opened by the caller, it is declared there.
    #[must_use]
    pub fn single_writer(mut self) -> Self {
        self.settings.single_writer = true;
        self
    }

    /// Goes on from the repository that this state is of: an increment. Where it has newer points of this database, the
    /// newest one is continued.
    #[must_use]
    pub fn base_state(self, state: BackupState) -> Self {
        Self { after: After::State(state), ..self }
    }

    /// Goes on from the newest point, without a state; makes a base where there is none. What the command line does.
    #[must_use]
    pub fn continue_newest(self) -> Self {
        Self { after: After::Newest, ..self }
    }

    /// Makes a base that continues nothing, in whatever repository of this database.
    #[must_use]
    pub fn new_base(self) -> Self {
        Self { after: After::NewBase, ..self }
    }

    pub(super) fn objects(&self) -> Result<Objects> {
        self.place.open_with(self.settings)
    }
}

/// What a delta backup would bring; nothing is done yet.
pub struct DeltaDryRun {
    /// The plan of the core, which prints itself.
    pub plan: DeltaPlan,
    /// Keeps the plan's bytes where they are.
    pub(super) _snapshot: Snapshot,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct DeltaReport {
    /// Where the repository is.
    pub place: String,
    /// The record of the new point, as written.
    pub record: PointRecord,
    /// Where the next delta starts.
    pub state: BackupState,
    /// Bytes that the point brought: objects and pages, record excluded.
    pub bytes: u64,
    /// Bytes of those that an interrupted attempt had brought already.
    pub bytes_resumed: u64,
    /// Bytes that were read of the database for them.
    pub bytes_read: u64,
    /// It rests on the declaration that nobody else writes there: the store can't keep two hosts apart, or it was declared.
    pub single_writer: bool,
    /// Why a hint (`manifest.json`, `state.json`) or the slot beside the database could not be written. Nothing depends on them.
    pub hint_error: Option<Error>,
    /// How long it took.
    pub took: Duration,
}

impl BackupManager<'_> {
    /// Adds a point to a delta repository: the first one a base, which brings everything, later ones deltas, which bring what is
    /// new. Writes go on meanwhile; the point is the state after the last commit before this call. Save the answer for
    /// [`DeltaBackupConfig::base_state`].
    ///
    /// The point exists when its record is written, last; an interrupted run leaves no point, and the next one goes on with
    /// what it brought. Errors: `AlreadyExists` (the repository has points, and neither a state nor a new base was
    /// asked for), `InvalidInput` (it is of another database, or this one was rewound or went another way: both ids, and what
    /// to do), `Busy` (another backup of this database is at work there), `Damaged` (the database, a record or the
    /// destination: what and where), `Full`, `Permission`, `Transient`, `Io`.
    pub fn create_delta_backup(&self, config: DeltaBackupConfig) -> Result<BackupState> {
        self.create_delta_backup_with(&config, &|_, _| {}).map(|report| report.state)
    }

    /// [`BackupManager::create_delta_backup`], telling its progress.
    pub fn create_delta_backup_with(
        &self,
        config: &DeltaBackupConfig,
        progress: Progress<'_>,
    ) -> Result<DeltaReport> {
        let started = Instant::now();
        self.db.shared.store.data()?;
        let objects = config.objects()?;
        let slot = Slot::take(&self.db.shared.paths, &objects.place(), self.db.identity().lineage)?;
        let single_writer = trial::admit(&objects)?;
        let mut job = Job::new(self.db, objects, slot, config.after);
        for _ in 0..ATTEMPTS_MAX {
            if let Some(report) = job.attempt(started, progress)? {
                return Ok(DeltaReport { single_writer, ..report });
            }
        }
        Err(Error::new(
            ErrorKind::Busy,
            "other jobs keep taking the numbers of this repository; find out which, and try again",
        )
        .at(job.place()))
    }

    /// Plans a delta backup, claims nothing and writes nothing.
    pub fn plan_delta_backup(&self, config: &DeltaBackupConfig) -> Result<DeltaDryRun> {
        let objects = config.objects()?;
        super::job::plan(self.db, &objects, config.after).at(|| self.db.path().display().to_string())
    }
}
