//! Delta backups: what is asked for, what is answered.
use super::host_state::HostFiles;
use super::job::Job;
use super::objects::Objects;
use super::sealing::Sealing;
use super::slot::{Slot, name_of};
use super::trial;
use crate::backup::{BackupManager, Progress};
use crate::crypt::{EncryptTo, Keys};
use crate::destination::{Destination, FolderDestination, Limited, Settings, open_with};
use crate::error::{At, Error, ErrorKind, Result};
use crate::host::random_epoch;
use chronicle_core::backup::repository::{BackupState, DeltaPlan, JobId, PointRecord};
use chronicle_core::engine::Snapshot;
use std::num::NonZeroU64;
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
    /// What lies there, without a key.
    pub(super) fn open(&self) -> Result<Objects> {
        self.open_with(Settings::default(), &Keys::none(), false)
    }

    /// The same with what opens it.
    pub(super) fn open_keyed(&self, keys: &Keys) -> Result<Objects> {
        self.open_with(Settings::default(), keys, false)
    }

    /// What is set applies to what is opened here; a repository that is not there yet will be encrypted if `encrypt` says so.
    fn open_with(&self, settings: Settings, keys: &Keys, encrypt: bool) -> Result<Objects> {
        let mut destination: Arc<dyn Destination> = match self {
            Self::Destination(destination) => Arc::clone(destination),
            Self::Path(path) => match path.to_str() {
                Some(url) => Arc::from(open_with(url, settings)?),
                None => Arc::new(FolderDestination::new(path)?),
            },
        };
        if let Some(bytes) = settings.bytes_per_second_max {
            destination = Arc::new(Limited::new(destination, bytes));
        }
        Objects::open(destination, keys, encrypt)
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
    pub(super) encrypt_to: Option<EncryptTo>,
    pub(super) change_recipients: bool,
    has_slot: bool,
    keys: Keys,
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
        Self {
            place,
            settings: Settings::default(),
            after: After::Nothing,
            encrypt_to: None,
            change_recipients: false,
            has_slot: true,
            keys: Keys::none(),
        }
    }

    /// Declares that one host only ever writes to this repository. Needed where a store lets several creators at once win; each
    /// report says that it was so. Of a destination that was opened by the caller, it is declared there.
    #[must_use]
    pub fn single_writer(mut self) -> Self {
        self.settings.single_writer = true;
        self
    }

    /// Moves so many bytes a second at most, up and down together.
    #[must_use]
    pub fn bandwidth(mut self, bytes_per_second_max: NonZeroU64) -> Self {
        self.settings.bytes_per_second_max = Some(bytes_per_second_max);
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

    /// Encrypts every object. A repository is encrypted or not as a whole, and to the same recipients from its first point on;
    /// anything else is an error. By itself a backup is not encrypted, and then an encrypted repository is an error too.
    ///
    /// With recipients this host needs no key: it goes on from what it keeps beside the database
    /// (`data.db.state-delta-<hash>`), and makes a base where that is lost. With a passphrase the key lies in the repository, as `key.age`.
    #[must_use]
    pub fn encrypt_to(self, to: EncryptTo) -> Self {
        Self { encrypt_to: Some(to), ..self }
    }

    /// Lets this point and later ones be encrypted to other recipients than the newest one. Where they are others, it is a new
    /// base, so that it needs nothing that only the old keys open. Older points stay as they are.
    #[must_use]
    pub fn change_recipients(self) -> Self {
        Self { change_recipients: true, ..self }
    }

    /// What opens the points that are there, where this host has it: then a delta needs nothing beside the database.
    #[must_use]
    pub fn keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// Leaves nothing beside the database: nothing will be added to what is made.
    pub(super) fn without_slot(self) -> Self {
        Self { has_slot: false, ..self }
    }

    pub(super) fn objects(&self) -> Result<Objects> {
        self.place.open_with(self.settings, &self.keys, self.encrypt_to.is_some())
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
    /// Why a base was made where a delta could have been: this host can't read what it would go on from.
    pub base_reason: Option<String>,
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
        let mut objects = config.objects()?;
        let paths = &self.db.shared.paths;
        let lineage = self.db.identity().lineage;
        let slot = match config.has_slot {
            true => Slot::take(paths, &objects.place(), lineage)?,
            false => Slot::none(lineage),
        };
        let files = slot.is_kept().then(|| HostFiles::new(paths, &name_of(&objects.place())));
        let single_writer = trial::admit(&objects)?;
        let (to, change) = (config.encrypt_to.as_ref(), config.change_recipients);
        let sealing = Sealing::prepare(&mut objects, to, change, Some(JobId(random_epoch()?.0)))?;
        if let Some(local) = files.as_ref().filter(|_| sealing.is_some()).and_then(HostFiles::load) {
            objects.add_local(local);
        }
        let is_change = sealing.as_ref().is_some_and(|sealing| sealing.is_change);
        let mut job = Job::new(self.db, objects, slot, config.after).sealed(sealing, files);
        if is_change {
            job.begin_anew(
                "it is encrypted to others than the points before it, which their keys alone open",
            );
        }
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
        let mut objects = config.objects()?;
        let paths = &self.db.shared.paths;
        let sealing =
            Sealing::prepare(&mut objects, config.encrypt_to.as_ref(), config.change_recipients, None)?;
        if sealing.is_some()
            && let Some(local) = HostFiles::new(paths, &name_of(&objects.place())).load()
        {
            objects.add_local(local);
        }
        let is_change = sealing.is_some_and(|sealing| sealing.is_change);
        let after = if is_change { After::NewBase } else { config.after };
        super::job::plan(self.db, &objects, after).at(|| self.db.path().display().to_string())
    }
}
