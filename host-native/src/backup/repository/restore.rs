//! Restore from a delta repository: any moment, decided before a byte is fetched, each byte fetched once.
//!
//! The point's container is written down aside, the log of each epoch is folded in, what comes out is proven, and `data.db` appears
//! by one rename: the steps of every restore ([`crate::backup::restore_with`]).
use super::delta::RepositoryPlace;
use super::history::History;
use super::objects::Objects;
use super::staging::Staging;
use crate::backup::folder::Workshop;
use crate::backup::partial::{Choice, restore_chosen};
use crate::backup::publish::{Expected, fold, in_the_way, publish, refuse_or_go_on};
use crate::backup::{Progress, RestoreOptions, RestoreReport};
use crate::crypt::Keys;
use crate::destination::{Destination, refuse_url};
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::os_error::OsContext;
use chronicle_core::backup::repository::{Entry, Moment, RestoreFrom, RestorePlan};
use chronicle_core::digest::Digest;
use chronicle_core::head::Position;
use chronicle_core::ids::{Epoch, Hash, Lsn};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// A restore that is asked for; by itself of the newest point.
#[derive(Clone)]
pub struct RestoreConfig {
    pub(in crate::backup) place: RepositoryPlace,
    target: PathBuf,
    moment: Moment,
    epoch: Option<Epoch>,
    options: RestoreOptions,
    pub(in crate::backup) keys: Keys,
    pub(in crate::backup) choice: Choice,
}

/// What a restore of a repository would do; nothing is done yet.
pub struct DeltaRestorePlan {
    /// The plan of the core, which prints itself.
    pub plan: RestorePlan,
    /// Ns from the newest point's last commit to now; negative when the clock was set back.
    pub newest_age_ns: Option<i64>,
    /// Other lines of history that the moment may have been meant on: [`RestoreConfig::epoch`] chooses one.
    pub other_lines: Vec<SpanEnd>,
    /// Where the repository is.
    pub repository: String,
    /// The folder that will hold `data.db`.
    pub target: PathBuf,
    /// Files in the way, which `force` moves aside.
    pub in_the_way: Vec<PathBuf>,
    options: RestoreOptions,
    objects: Objects,
    expected: Expected,
    told: Option<Entry>,
    lineage: chronicle_core::ids::Lineage,
    after: Position,
    /// Found by few records: others may know better where moved segments lie.
    is_partial: bool,
}

impl RestoreConfig {
    /// From the repository at a path or URL, to a folder that will hold `data.db`.
    pub fn new(repository: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        Self::of(RepositoryPlace::Path(repository.as_ref().to_owned()), target)
    }

    /// From the repository at a destination.
    pub fn from_destination(destination: Arc<dyn Destination>, target: impl AsRef<Path>) -> Self {
        Self::of(RepositoryPlace::Destination(destination), target)
    }

    fn of(place: RepositoryPlace, target: impl AsRef<Path>) -> Self {
        let target = target.as_ref().to_owned();
        Self {
            place,
            target,
            moment: Moment::Latest,
            epoch: None,
            options: RestoreOptions::default(),
            keys: Keys::none(),
            choice: Choice::default(),
        }
    }

    /// To the state after every commit with a commit time up to `time_ns` (Unix ns), exactly.
    #[must_use]
    pub fn point_in_time(self, time_ns: i64) -> Self {
        Self { moment: Moment::CommitTime { time_ns, epoch: None }, ..self }
    }

    /// To the state after this commit.
    #[must_use]
    pub fn at_lsn(self, lsn: Lsn) -> Self {
        Self { moment: Moment::Lsn { lsn, epoch: None }, ..self }
    }

    /// On the line of history that leads to this epoch, and not on the newest point's. It says nothing of the newest point.
    #[must_use]
    pub fn epoch(self, epoch: Epoch) -> Self {
        Self { epoch: Some(epoch), ..self }
    }

    /// Where the target holds a database, moves its files aside instead of refusing.
    #[must_use]
    pub fn force(self, force: bool) -> Self {
        Self { options: RestoreOptions { force }, ..self }
    }

    /// What opens an encrypted repository.
    #[must_use]
    pub fn keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// To this moment.
    #[must_use]
    pub fn moment_of(self, moment: &Moment) -> Self {
        let epoch = match *moment {
            Moment::Latest => None,
            Moment::Lsn { epoch, .. } | Moment::CommitTime { epoch, .. } => epoch,
        };
        Self { moment: *moment, epoch, ..self }
    }

    pub(in crate::backup) fn moment(&self) -> Moment {
        match self.moment {
            Moment::Latest => Moment::Latest,
            Moment::Lsn { lsn, .. } => Moment::Lsn { lsn, epoch: self.epoch },
            Moment::CommitTime { time_ns, .. } => Moment::CommitTime { time_ns, epoch: self.epoch },
        }
    }
}

/// Restores a moment of a delta repository. See [`restore_delta_backup_with`].
pub fn restore_delta_backup(config: RestoreConfig) -> Result<RestoreReport> {
    restore_delta_backup_with(&config, &|_, _| {})
}

/// Finds out what a restore of a whole moment would do: which moment it is, and what is read for it. `InvalidInput` for a part.
pub fn plan_delta_restore(config: &RestoreConfig) -> Result<DeltaRestorePlan> {
    refuse_url(&config.target, "a restore needs a folder on a disk")?;
    if !config.choice.is_everything() {
        return Err(Error::invalid("a part of a moment is chosen, and only a whole one is planned"));
    }
    let objects = config.place.open_keyed(&config.keys)?;
    let (history, from) = History::find(&objects, &config.moment())?;
    plan_from(config, &objects, &history, &from)
}

fn plan_from(
    config: &RestoreConfig,
    objects: &Objects,
    history: &History<'_>,
    from: &RestoreFrom,
) -> Result<DeltaRestorePlan> {
    let lists = objects.lists(&from.start)?;
    let lineage = from.start.point.lineage;
    let plan = RestorePlan::new(from, &lists, &history.moves, lineage).at(|| objects.place())?;
    // The moments that a record describes are proven by its digest, others by the chain of commits that leads there.
    let told = history.told(&from.at);
    Ok(DeltaRestorePlan {
        expected: Expected {
            lsn: from.at.lsn,
            chain: told.map(|point| point.point.chain),
            digest: told.and_then(|point| point.point.digest),
            place: objects.place(),
        },
        told: told.map(|point| point.entry),
        newest_age_ns: history.timeline.age_ns(crate::now_ns()),
        other_lines: history.timeline.other_lines(&config.moment(), &from.at),
        repository: objects.place(),
        target: config.target.clone(),
        options: config.options,
        in_the_way: in_the_way(&config.target)?,
        after: from.start.checkpoint,
        is_partial: history.is_partial,
        plan,
        objects: objects.clone(),
        lineage,
    })
}

/// Restores a moment of a delta repository to a folder, which becomes one with `data.db`; `progress` is told how many bytes
/// are done. A target that holds `data.db` or `data.db.*` is refused, or with [`RestoreConfig::force`] those files are moved aside.
///
/// The moment is exact, or the error names the two nearest that there are. The copy is built aside, every byte of it is
/// checked, and it appears by one rename; an interrupted restore is taken up where it was. Where a part is chosen
/// ([`RestoreConfig::metric`] and its neighbours), only that is read, and `progress` is told points. The database continues the
/// history as a new epoch. Errors: `NotRestorable`, `AlreadyExists`, `Busy`, `Damaged`, `Full`, `Transient`, `Io`.
pub fn restore_delta_backup_with(config: &RestoreConfig, progress: Progress<'_>) -> Result<RestoreReport> {
    if config.target.as_os_str().is_empty() {
        return Err(Error::invalid(
            "no folder to restore to is named; a database that exists takes `into_database`",
        ));
    }
    if !config.choice.is_everything() {
        return restore_chosen(
            (&config.place, &config.keys, &config.moment()),
            &config.choice,
            &config.target,
            config.options,
            progress,
        );
    }
    let plan = plan_delta_restore(config)?;
    let (is_partial, reads, objects) = (plan.is_partial, plan.plan.reads(), plan.objects.clone());
    match plan.carry_out(progress) {
        // A manifest that lies may have led past the newest moves. All records say where segments lie.
        Err(error) if is_partial && error.kind() == ErrorKind::Damaged => {
            let history = History::read(&objects)?;
            let plan = plan_from(config, &objects, &history, &history.resolve(&config.moment())?)?;
            if plan.plan.reads() == reads { Err(error) } else { plan.carry_out(progress) }
        }
        done => done,
    }
}

impl DeltaRestorePlan {
    /// The point that ends with this very moment, if one does.
    pub fn point(&self) -> Option<Entry> {
        self.told
    }

    /// The digest that its record says.
    pub fn recorded_digest(&self) -> Option<Digest> {
        self.expected.digest
    }

    /// Restores what was planned; see [`restore_delta_backup_with`].
    pub fn carry_out(self, progress: Progress<'_>) -> Result<RestoreReport> {
        let started = Instant::now();
        let target = self.target.clone();
        refuse_or_go_on(&target, &self.in_the_way, self.options.force)?;
        fs::create_dir_all(&target).os("make the folder", &target)?;
        let workshop = Workshop::open(target.join(self.staging_name()))?;
        let staging = Staging::new(&self.objects, &self.plan, &workshop, progress)?;
        let fetched = staging.fetch()?;
        staging.replay(self.lineage, self.after)?;
        let bytes: u64 = self.plan.reads().values().sum();
        let folded = fold(&workshop, Some(self.expected))?;
        let (path, replaced) = publish(workshop, &target, &self.in_the_way)?;
        Ok(folded.report(path, (bytes, bytes.saturating_sub(fetched)), replaced, started))
    }

    /// The same for every attempt at the same moment, so that an interrupted one is found.
    fn staging_name(&self) -> String {
        let at = self.plan.at;
        let identity = format!("{} {} {} {}", self.lineage, at.epoch, at.lsn, self.plan.start);
        let hash = Hash::of(identity.as_bytes()).to_hex();
        format!(".chronicle-restore-{}", hash.get(..16).unwrap_or_default())
    }
}
