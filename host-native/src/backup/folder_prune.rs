//! Prune of a folder of snapshots: whole directories go, by the rules that repositories know.
//!
//! Keeps true: nothing goes before every snapshot that stays was looked at; a directory loses its name first and its record
//! next, so that half of one is never taken for a snapshot or a database. What is no snapshot is not touched.
use super::prune::PruneReport;
use super::source::read_record;
use crate::error::{Error, ErrorKind, Result};
use crate::files::atomic::sync_dir;
use crate::files::os_error::OsContext;
use chronicle_core::backup::repository::{Keep, Reason, reasons};
use chronicle_core::backup::{DATA_FILE_NAME, RECORD_FILE_NAME, SnapshotRecord};
use chronicle_core::text::human_bytes;
use chronicle_core::time::format_timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What a snapshot that goes is called while its files are deleted.
const GOING: &str = ".partial-pruned";
/// What marks a folder that is being built.
const PARTIAL: &str = ".partial-";

/// A prune of a folder of snapshots, decided.
#[derive(Clone, Debug)]
pub struct SnapshotPrunePlan {
    /// Every snapshot, oldest first.
    pub snapshots: Vec<PlannedSnapshot>,
    /// Folders that an interrupted prune was deleting.
    pub leftovers: Vec<PathBuf>,
}

/// A snapshot and what becomes of it.
#[derive(Clone, Debug)]
pub struct PlannedSnapshot {
    /// The folder.
    pub folder: PathBuf,
    /// Its record.
    pub record: Box<SnapshotRecord>,
    /// Why it stays; empty when it goes.
    pub reasons: BTreeSet<Reason>,
}

impl PlannedSnapshot {
    /// True when it stays.
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }
}

impl SnapshotPrunePlan {
    /// Snapshots that go.
    pub fn removed(&self) -> impl Iterator<Item = &PlannedSnapshot> {
        self.snapshots.iter().filter(|snapshot| !snapshot.is_kept())
    }

    /// Bytes of their files.
    pub fn bytes_freed(&self) -> u64 {
        self.removed().map(|snapshot| snapshot.record.files_bytes()).fold(0, u64::saturating_add)
    }
}

/// Finds the snapshots, and decides which stay.
pub(super) fn plan(folder: &Path, keep: &Keep) -> Result<SnapshotPrunePlan> {
    if keep.is_empty() {
        return Err(Error::invalid("no rule says what to keep: give one, such as --keep-last 24"));
    }
    if keep.pitr_window_ns.is_some() {
        return Err(Error::invalid(
            "snapshots have no log between them, so there is no window of moments; leave --pitr-window out",
        )
        .at(folder.display()));
    }
    let (found, leftovers) = find(folder)?;
    if found.is_empty() && leftovers.is_empty() {
        return Err(Error::new(
            ErrorKind::NotRestorable,
            "neither a delta repository nor a snapshot is here; name the folder that holds the snapshot directories",
        )
        .at(folder.display()));
    }
    of_one_lineage(folder, &found)?;
    let times: Vec<(u64, i64)> =
        (0..).zip(&found).map(|(number, (_, record))| (number, record.commit_time_ns)).collect();
    let mut kept = keep.choose_by_time(&times, &BTreeSet::new(), []);
    let snapshots = (0..).zip(found).map(|(number, (folder, record))| PlannedSnapshot {
        folder,
        record: Box::new(record),
        reasons: kept.remove(&number).unwrap_or_default(),
    });
    let plan = SnapshotPrunePlan { snapshots: snapshots.collect(), leftovers };
    plan.snapshots.iter().filter(|snapshot| snapshot.is_kept()).try_for_each(prove)?;
    plan.removed().try_for_each(|snapshot| holds_nothing_else(&snapshot.folder))?;
    plan.leftovers.iter().try_for_each(|folder| holds_nothing_else(folder))?;
    Ok(plan)
}

/// Carries the plan out.
pub(super) fn prune(folder: &Path, keep: &Keep) -> Result<PruneReport> {
    let plan = plan(folder, keep)?;
    let kept = plan.snapshots.iter().filter(|snapshot| snapshot.is_kept()).count();
    let mut report = PruneReport::of(folder.display().to_string(), kept, 0);
    for leftover in &plan.leftovers {
        empty(leftover, folder, &mut report)?;
    }
    for snapshot in plan.removed() {
        let mut name = snapshot.folder.file_name().unwrap_or_default().to_owned();
        name.push(GOING);
        let going = folder.join(name);
        fs::rename(&snapshot.folder, &going).os("rename", &snapshot.folder)?;
        sync_dir(folder)?;
        report.points_removed += 1;
        empty(&going, folder, &mut report)?;
    }
    Ok(report)
}

/// Deletes a folder that has lost its name already: the record, then the files, then itself.
fn empty(going: &Path, folder: &Path, report: &mut PruneReport) -> Result<()> {
    let record = going.join(RECORD_FILE_NAME);
    match fs::remove_file(&record) {
        Ok(()) => report.records_deleted += 1,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(crate::error::io("delete", &record, &error)),
    }
    sync_dir(going)?;
    for entry in fs::read_dir(going).os("list the folder", going)? {
        let entry = entry.os("list the folder", going)?;
        let len = entry.metadata().os("look at", &entry.path())?.len();
        fs::remove_file(entry.path()).os("delete", &entry.path())?;
        report.objects_deleted += 1;
        report.bytes_freed += len;
    }
    fs::remove_dir(going).os("delete the folder", going)?;
    sync_dir(folder)
}

type Found = Vec<(PathBuf, SnapshotRecord)>;

/// The snapshots directly under `folder`, oldest first, and what an interrupted prune left.
fn find(folder: &Path) -> Result<(Found, Vec<PathBuf>)> {
    let (mut found, mut leftovers) = (Found::new(), Vec::new());
    for entry in fs::read_dir(folder).os("list the folder", folder)? {
        let entry = entry.os("list the folder", folder)?;
        // A link leads to a snapshot of somebody else's.
        if !entry.file_type().os("look at", &entry.path())?.is_dir() {
            continue;
        }
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.ends_with(GOING) {
            leftovers.push(path);
        } else if !name.contains(PARTIAL) && path.join(RECORD_FILE_NAME).exists() {
            match read_record(&path) {
                Ok(record) => found.push((path, record)),
                // Many programs write a metadata.json.
                Err(_) if !path.join(DATA_FILE_NAME).exists() => {}
                Err(error) => return Err(error),
            }
        }
    }
    found.sort_by(|(a, one), (b, other)| {
        let key = |record: &SnapshotRecord| (record.commit_time_ns, record.lsn, record.created_ns);
        (key(one), a).cmp(&(key(other), b))
    });
    leftovers.sort_unstable();
    Ok((found, leftovers))
}

fn of_one_lineage(folder: &Path, found: &Found) -> Result<()> {
    let mut lineages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, record) in found {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        lineages.entry(record.lineage.to_hex()).or_default().push(name);
    }
    if lineages.len() < 2 {
        return Ok(());
    }
    let list: Vec<String> = lineages
        .iter()
        .map(|(lineage, snapshots)| format!("{lineage} has {}", snapshots.join(", ")))
        .collect();
    Err(Error::invalid(format!(
        "the folder holds snapshots of different databases, so nothing is pruned: lineage {}; keep each in a folder of its own",
        list.join("; lineage ")
    ))
    .at(folder.display()))
}

/// What stays is there: its record was read, its files have their lengths.
fn prove(snapshot: &PlannedSnapshot) -> Result<()> {
    for file in &snapshot.record.files {
        let path = snapshot.folder.join(&file.name);
        let wrong = match fs::metadata(&path) {
            Ok(metadata) if metadata.len() == file.len => continue,
            Ok(metadata) => format!("it has {} bytes, its record says {}", metadata.len(), file.len),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "it is missing".to_owned(),
            Err(error) => return Err(crate::error::io("look at", &path, &error)),
        };
        return Err(Error::damaged(format!(
            "a snapshot that stays needs this file, and {wrong}: nothing is pruned; run `chronicle verify`"
        ))
        .at(path.display()));
    }
    Ok(())
}

/// Files of other people are not deleted with a snapshot.
fn holds_nothing_else(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).os("list the folder", folder)? {
        let entry = entry.os("list the folder", folder)?;
        let is_file = entry.file_type().os("look at", &entry.path())?.is_file();
        if !is_file || !is_ours(&entry.file_name()) {
            return Err(Error::invalid(
                "it is in a snapshot that is to go, and is no part of it: nothing is pruned; move it away first",
            )
            .at(entry.path().display()));
        }
    }
    Ok(())
}

fn is_ours(name: &OsStr) -> bool {
    let rest = name.to_str().and_then(|name| name.strip_prefix(DATA_FILE_NAME));
    name == RECORD_FILE_NAME || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What stays, with the reasons, and what goes.
impl fmt::Display for SnapshotPrunePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for snapshot in &self.snapshots {
            let why = match snapshot.is_kept() {
                true => format!("keep: {}", reasons(&snapshot.reasons)),
                false => format!("remove, {}", human_bytes(snapshot.record.files_bytes())),
            };
            let name = snapshot.folder.file_name().unwrap_or_default().to_string_lossy();
            writeln!(f, "  {name:<30} {:<30} {why}", format_timestamp(snapshot.record.commit_time_ns))?;
        }
        for leftover in &self.leftovers {
            writeln!(f, "  delete {}, which an interrupted prune left", leftover.display())?;
        }
        let removed = self.removed().count();
        write!(
            f,
            "{} snapshots stay, {removed} go, {} in all",
            self.snapshots.len() - removed,
            human_bytes(self.bytes_freed())
        )
    }
}
