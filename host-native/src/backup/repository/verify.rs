//! Looking at a whole repository: what it holds, and whether every object that a record names is what was sent.
use super::delta::RepositoryPlace;
use super::hold::HELD;
use super::inside;
use super::objects::Objects;
use super::orphans::{self, Orphans};
use super::proof_note::Proof;
use super::survey::{Survey, bare, damage};
use super::{verify_encrypted, verify_shipped};
use crate::backup::Progress;
use crate::crypt::Keys;
use crate::destination::{Destination, ObjectName};
use crate::error::{At, Error, ErrorKind, Result};
use crate::verify::VerifyLevel;
use chronicle_core::backup::repository::{
    BackupState, DESTINATION_LEN_MAX, DESTINATION_NAME, DestinationNote, Entry, Inventory, MANIFEST_LEN_MAX,
    MANIFEST_NAME, Manifest, NEWEST_PROOFS_NAME, NewestProofs, ObjectCheck, ObjectFile, PROOF_LEN_MAX,
    PointNumber, ProofNote, STATE_LEN_MAX, STATE_NAME, Timeline, VerifyPlan, hold_name, proof_name,
};
use chronicle_core::ids::Hash;
use chronicle_core::verify::{Affected, Finding, Findings};
use std::path::Path;
use std::sync::Arc;

/// Windows in which an object is read whose destination tells no hash.
const WINDOW_BYTES: u64 = 8 << 20;

/// A delta repository, to be looked at.
pub struct Repository {
    objects: Objects,
}

/// What a repository holds.
#[derive(Clone, Debug)]
pub struct RepositoryContent {
    /// Every point and moment; it prints itself. Damaged records are in it.
    pub timeline: Timeline,
    /// Numbers that are claimed and have no record: of a job at work, or of a dead one.
    pub unfinished: Vec<PointNumber>,
}

/// What a verification found.
#[derive(Clone, Debug)]
pub struct RepositoryReport {
    /// Points whose objects were checked.
    pub points: u64,
    /// Objects that were checked, records excluded.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Everything that is not as it was written, the mild findings included ([`RepositoryReport::is_mild`]).
    pub findings: Findings,
    /// As in [`RepositoryContent`]; they are no damage.
    pub unfinished: Vec<PointNumber>,
    /// Objects that nobody names; they are no damage.
    pub orphans: Orphans,
    /// Hints that are not there; the next backup writes them anew, and nothing depends on them.
    pub hints_missing: Vec<&'static str>,
    /// The point of which the note was left that it was verified: the newest, after a full verification without damage.
    pub noted: Option<Entry>,
    /// Why that note could not be left.
    pub note_error: Option<Error>,
}

impl RepositoryReport {
    /// True of a finding in a hint or a note: no point depends on it, no restore reads it, and `repair` makes it anew.
    pub fn is_mild(finding: &Finding) -> bool {
        let place = finding.place.as_str();
        let mild = [MANIFEST_NAME, STATE_NAME, DESTINATION_NAME, "proofs/", "holds/"];
        mild.iter().any(|name| place.starts_with(name))
    }

    /// Findings that are not mild: data of a point, or what leads to it, is damaged or lost.
    pub fn damage(&self) -> u64 {
        self.findings.iter().filter(|finding| !Self::is_mild(finding)).count() as u64
            + self.findings.left_out()
    }
}

impl Repository {
    /// The repository at a path or URL. `NotRestorable` where nobody began one.
    pub fn open(place: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(place, &Keys::none())
    }

    /// The same with what opens an encrypted repository. A passphrase that does not open `key.age` is `Permission`.
    pub fn open_with(place: impl AsRef<Path>, keys: &Keys) -> Result<Self> {
        Self::of(RepositoryPlace::Path(place.as_ref().to_owned()).open_keyed(keys)?)
    }

    /// The repository at a destination.
    pub fn at_destination(destination: Arc<dyn Destination>) -> Result<Self> {
        Self::at_destination_with(destination, &Keys::none())
    }

    /// The same with what opens an encrypted repository.
    pub fn at_destination_with(destination: Arc<dyn Destination>, keys: &Keys) -> Result<Self> {
        Self::of(RepositoryPlace::Destination(destination).open_keyed(keys)?)
    }

    pub(in crate::backup) fn objects(&self) -> &Objects {
        &self.objects
    }

    fn of(objects: Objects) -> Result<Self> {
        match objects.is_there()? {
            true => Ok(Self { objects }),
            false => Err(Error::new(
                ErrorKind::NotRestorable,
                "there is no delta repository: `chronicle backup create --delta` makes one",
            )
            .at(objects.place())),
        }
    }

    /// Where it is.
    pub fn place(&self) -> String {
        self.objects.place()
    }

    /// Reads every record. A damaged one is in the answer; a claim that can't be read is `Damaged`, since nobody knows what it
    /// names.
    pub fn content(&self) -> Result<RepositoryContent> {
        let entries = self.objects.entries()?;
        let unfinished = Inventory::new(entries.clone()).unfinished();
        Ok(RepositoryContent { timeline: self.objects.timeline_of(entries)?, unfinished })
    }

    /// Checks every claim, record, hint and note, and every object that a record says to be there: that it is, with its length,
    /// and, but at the level of records, that its bytes are those that were sent. What is damaged inside of a container is told by segment and
    /// series. After a full verification without damage the note is left that the newest point was verified.
    /// Of an encrypted repository the level full needs the key, which has to open every object (`InvalidInput` without one,
    /// `Permission` with the wrong one); [`VerifyLevel::Stored`] is what can be checked without.
    /// [`VerifyLevel::Deep`] is not for repositories.
    pub fn verify(&self, level: VerifyLevel, progress: Progress<'_>) -> Result<RepositoryReport> {
        if level == VerifyLevel::Deep {
            return Err(Error::invalid(
                "the levels of a repository are records and full; restore it to check every point of the data",
            ));
        }
        verify_encrypted::expect_key(&self.objects, level)?;
        let survey = Survey::read(&self.objects)?;
        let inventory = &survey.inventory;
        let plan = VerifyPlan::new(inventory);
        let orphans = orphans::find(&self.objects, &survey)?;
        let mut findings = survey.findings.clone();
        let hints_missing = self.check_hints(&survey, &mut findings)?;
        verify_encrypted::check(&self.objects, inventory, level, &mut findings)?;
        let (total, mut done, mut checked) = (plan.bytes(), 0, 0);
        for check in &plan.objects {
            match self.check(check, level).map_err(|error| damage(error).map(|error| bare(&error))) {
                Ok(was_there) => checked += u64::from(was_there),
                Err(Err(error)) => return Err(error),
                Err(Ok(error)) => {
                    checked += 1;
                    let error = Error::damaged(format!("{}{}", error.message(), needed_by(check)));
                    findings.add(&check.name, &error, Affected::default());
                    if level == VerifyLevel::Full
                        && matches!(check.name.file, ObjectFile::Data | ObjectFile::Changes)
                    {
                        let points: Vec<_> = inventory.points().collect();
                        let points = points.into_iter();
                        findings
                            .merge(inside::look(self, check.name, points, inventory.moves()).at(check.name));
                    }
                }
            }
            done += check.len.unwrap_or(0);
            progress(done, total);
        }
        let shipped = verify_shipped::check(&self.objects, &survey, level, &mut findings)?;
        let mut report = RepositoryReport {
            points: inventory.points().count() as u64,
            objects: checked + shipped.0,
            bytes: total + shipped.1,
            findings,
            unfinished: inventory.unfinished(),
            orphans,
            hints_missing,
            noted: None,
            note_error: None,
        };
        let newest = inventory.points().last().map(|point| point.entry);
        if let Some(newest) = newest.filter(|_| level == VerifyLevel::Full && report.damage() == 0) {
            match self.note_proof(newest, Proof::Verified) {
                Ok(_) => report.noted = Some(newest),
                Err(error) => report.note_error = Some(error),
            }
        }
        Ok(report)
    }

    /// Nothing depends on hints and notes, and a byte that changed in one is still a byte that somebody's medium changed. One that is
    /// missing is told: a job that was killed behind its record leaves none.
    fn check_hints(&self, survey: &Survey, findings: &mut Findings) -> Result<Vec<&'static str>> {
        let mut missing = Vec::new();
        let mut read = |name: &str, len_max: usize, parse: &dyn Fn(&[u8]) -> Result<()>| -> Result<bool> {
            let found = match self.objects.get(name, len_max) {
                Ok(Some(bytes)) => parse(&bytes),
                Ok(None) => return Ok(false),
                Err(error) => Err(damage(error)?),
            };
            if let Err(error) = found {
                let message =
                    format!("{}; no point depends on it, and who needs it makes it anew", error.message());
                findings.add(&name, &Error::new(error.kind(), message), Affected::default());
            }
            Ok(true)
        };
        if !read(MANIFEST_NAME, MANIFEST_LEN_MAX, &|bytes| Manifest::parse(bytes).map(drop))? {
            missing.push(MANIFEST_NAME);
        }
        if !read(STATE_NAME, STATE_LEN_MAX, &|bytes| BackupState::parse(bytes).map(drop))? {
            missing.push(STATE_NAME);
        }
        read(DESTINATION_NAME, DESTINATION_LEN_MAX, &|bytes| DestinationNote::parse(bytes).map(drop))?;
        read(NEWEST_PROOFS_NAME, PROOF_LEN_MAX, &|bytes| NewestProofs::parse(bytes).map(drop))?;
        for (entry, _) in survey.entries.iter().filter(|(entry, _)| entry.kind.is_point()) {
            read(&proof_name(entry.number), PROOF_LEN_MAX, &|bytes| {
                ProofNote::parse(*entry, bytes).map(drop)
            })?;
            // It holds all the same: that it is there is what counts.
            read(&hold_name(entry.number), HELD.len(), &|bytes| match bytes == HELD {
                true => Ok(()),
                false => Err(Error::damaged("it is not what a hold says; the point is held all the same")),
            })?;
        }
        Ok(missing)
    }

    /// False where a prune may have taken it, and it is gone.
    pub(super) fn check(&self, check: &ObjectCheck, level: VerifyLevel) -> Result<bool> {
        let name = ObjectName::new(check.name.to_string())?;
        let found = match self.objects.retry(|destination| destination.stat(&name))? {
            None if check.may_be_gone => return Ok(false),
            found => found.ok_or_else(|| Error::damaged("it is missing"))?,
        };
        if let Some(len) = check.len.filter(|len| *len != found.len) {
            return Err(Error::damaged(format!("it has {} bytes, its record says {len}", found.len)));
        }
        let Some(blake3) = check.blake3.filter(|_| level != VerifyLevel::Records) else { return Ok(true) };
        match self.hash(&name, found.len)? {
            hash if hash == blake3 => {
                let opened = self.objects.opened().filter(|_| level == VerifyLevel::Full);
                opened.map_or(Ok(()), |opened| opened.check(&self.objects, check.name)).map(|()| true)
            }
            hash => Err(Error::damaged(format!("its BLAKE3 is {hash}, its record says {blake3}"))),
        }
    }

    fn hash(&self, name: &ObjectName, len: u64) -> Result<Hash> {
        if let Some(hash) = self.objects.retry(|destination| destination.hash(name))? {
            return Ok(hash);
        }
        let (mut hasher, mut at) = (blake3::Hasher::new(), 0);
        while at < len {
            let step = WINDOW_BYTES.min(len - at);
            hasher.update(&self.objects.range(name, at, step)?);
            at += step;
        }
        Ok(Hash(*hasher.finalize().as_bytes()))
    }
}

fn needed_by(check: &ObjectCheck) -> String {
    match (check.points, check.first, check.last) {
        (0, ..) => match check.name.file {
            ObjectFile::Log(_) => "; the moments between two points need it".into(),
            _ => String::new(),
        },
        (_, first, last) if first == last => format!("; point {first} needs it"),
        (points, first, last) => format!("; {points} points from {first} to {last} need it"),
    }
}

/// Verifies the delta repository at a path or URL; see [`Repository::verify`].
pub fn verify_repository(place: impl AsRef<Path>, level: VerifyLevel) -> Result<RepositoryReport> {
    let repository = Repository::open(place)?;
    repository.verify(level, &|_, _| {}).at(|| repository.place())
}
