//! Looking at a whole repository: what it holds, and whether every object that a record names is what was sent.
use super::delta::RepositoryPlace;
use super::objects::Objects;
use super::sealing::{KEY_LEN_MAX, KEY_NAME};
use crate::backup::Progress;
use crate::crypt::Keys;
use crate::destination::{Destination, ObjectName};
use crate::error::{At, Error, ErrorKind, Result};
use crate::verify::VerifyLevel;
use chronicle_core::backup::repository::{
    BackupState, Inventory, MANIFEST_LEN_MAX, MANIFEST_NAME, Manifest, ObjectCheck, PointNumber,
    STATE_LEN_MAX, STATE_NAME, Timeline, VerifyPlan,
};
use chronicle_core::ids::Hash;
use chronicle_core::verify::{Affected, Findings};
use std::collections::BTreeSet;
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
    /// Everything that is not as it was written.
    pub findings: Findings,
    /// As in [`RepositoryContent`]; they are no damage.
    pub unfinished: Vec<PointNumber>,
}

impl Repository {
    /// The repository at a path or URL. `NotRestorable` where nobody began one.
    pub fn open(place: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(place, &Keys::none())
    }

    /// The same with what opens an encrypted repository. A passphrase that does not open `key.age` is `Permission`.
    pub fn open_with(place: impl AsRef<Path>, keys: &Keys) -> Result<Self> {
        Self::of(RepositoryPlace::Path(place.as_ref().to_owned()).open_with(keys, false)?)
    }

    /// The repository at a destination.
    pub fn at_destination(destination: Arc<dyn Destination>) -> Result<Self> {
        Self::at_destination_with(destination, &Keys::none())
    }

    /// The same with what opens an encrypted repository.
    pub fn at_destination_with(destination: Arc<dyn Destination>, keys: &Keys) -> Result<Self> {
        Self::of(RepositoryPlace::Destination(destination).open_with(keys, false)?)
    }

    pub(super) fn objects(&self) -> &Objects {
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

    /// Checks every record, and every object that a point needs: that it is there with its length, and, but at the level of
    /// records, that its bytes are those that were sent; of an encrypted repository also that the key opens it, but at the
    /// level [`VerifyLevel::Stored`], which needs none. `InvalidInput` where that lacks, `Permission` where it is the wrong one. [`VerifyLevel::Deep`] is not for repositories.
    pub fn verify(&self, level: VerifyLevel, progress: Progress<'_>) -> Result<RepositoryReport> {
        if level == VerifyLevel::Deep {
            return Err(Error::invalid(
                "the levels of a repository are records and full; restore it to check every point of the data",
            ));
        }
        if let Some(opened) = self.objects.opened()
            && level == VerifyLevel::Full
            && !opened.has_keys()
        {
            return Err(Error::invalid(
                "the repository is encrypted, and the level full opens every object: pass --identity FILE or --passphrase-file FILE; \
                 the level stored checks the hash of every object as it is stored, and needs no key",
            )
            .at(self.place()));
        }
        let inventory = self.objects.inventory()?;
        let mut checks = VerifyPlan::new(&inventory).objects;
        checks.extend(self.logs_of_moments(&inventory, &checks)?);
        if let (Some(opened), VerifyLevel::Full) = (self.objects.opened(), level) {
            inventory.points().try_for_each(|point| opened.expect_open(point)).at(|| self.place())?;
        }
        let mut findings = Findings::default();
        for (entry, error) in inventory.damaged() {
            findings.add(&entry.record(), &Error::new(error.kind(), error.message()), Affected::default());
        }
        self.check_hints(&mut findings)?;
        self.check_key(&inventory, &mut findings)?;
        let total = checks.iter().filter_map(|check| check.len).fold(0, u64::saturating_add);
        let mut done = 0;
        for check in &checks {
            if let Err(error) = self.check(check, level) {
                if !matches!(error.kind(), ErrorKind::Damaged | ErrorKind::NotFound) {
                    return Err(error);
                }
                let needed = match (check.first, check.last) {
                    (first, last) if first == last => format!("point {first} needs it"),
                    (first, last) => format!("{} points from {first} to {last} need it", check.points),
                };
                let error = Error::damaged(format!("{}; {needed}", error.message()));
                findings.add(&check.name, &error, Affected::default());
            }
            done += check.len.unwrap_or(0);
            progress(done, total);
        }
        Ok(RepositoryReport {
            points: inventory.points().count() as u64,
            objects: checks.len() as u64,
            bytes: total,
            findings,
            unfinished: inventory.unfinished(),
        })
    }

    /// Log objects that no point needs to be whole, but the moments between points do. A prune takes such a log and leaves the
    /// record: one that is gone, from below a mark, was taken.
    fn logs_of_moments(&self, inventory: &Inventory, known: &[ObjectCheck]) -> Result<Vec<ObjectCheck>> {
        let known: BTreeSet<_> = known.iter().map(|check| check.name).collect();
        let mark = inventory.newest_prune().map(|mark| mark.entry.number);
        let mut logs = Vec::new();
        for point in inventory.points() {
            let number = point.number();
            let Some(log) = point.log.filter(|log| !known.contains(&log.name())) else { continue };
            let name = ObjectName::new(log.name().to_string())?;
            let was_taken = mark.is_some_and(|mark| mark > number)
                && self.objects.retry(|destination| destination.stat(&name))?.is_none();
            if !was_taken {
                logs.push(ObjectCheck {
                    name: log.name(),
                    len: Some(log.len),
                    blake3: Some(log.blake3),
                    first: number,
                    last: number,
                    points: 1,
                });
            }
        }
        Ok(logs)
    }

    /// Nothing depends on hints, and a byte that changed in one is still a byte that somebody's medium changed.
    fn check_hints(&self, findings: &mut Findings) -> Result<()> {
        let manifest = self.objects.get(MANIFEST_NAME, MANIFEST_LEN_MAX)?;
        let manifest = manifest.map(|bytes| Manifest::parse(&bytes).map(drop));
        let state = self.objects.get(STATE_NAME, STATE_LEN_MAX)?;
        let state = state.map(|bytes| BackupState::parse(&bytes).map(drop));
        for (name, error) in [(MANIFEST_NAME, manifest), (STATE_NAME, state)] {
            if let Some(Err(error)) = error {
                let message =
                    format!("{}; no point depends on it, the next backup writes it anew", error.message());
                findings.add(&name, &Error::new(error.kind(), message), Affected::default());
            }
        }
        Ok(())
    }

    /// The identity under a passphrase: without it nothing is read.
    fn check_key(&self, inventory: &Inventory, findings: &mut Findings) -> Result<()> {
        let told: BTreeSet<_> =
            inventory.points().filter_map(|point| point.encryption.as_ref()?.key).collect();
        for told in told {
            let found = self.objects.get(KEY_NAME, KEY_LEN_MAX)?.map(|bytes| Hash::of(&bytes));
            let wrong = match found {
                Some(found) if found == told => continue,
                Some(_) => {
                    "it is not the one that was written: put it back from a copy, or the passphrase opens nothing"
                }
                None => "it is missing: put it back from a copy, or the passphrase opens nothing",
            };
            findings.add(&KEY_NAME, &Error::damaged(wrong), Affected::default());
        }
        Ok(())
    }

    fn check(&self, check: &ObjectCheck, level: VerifyLevel) -> Result<()> {
        let name = ObjectName::new(check.name.to_string())?;
        let found = self.objects.retry(|destination| destination.stat(&name))?;
        let found = found.ok_or_else(|| Error::damaged("it is missing"))?;
        if let Some(len) = check.len.filter(|len| *len != found.len) {
            return Err(Error::damaged(format!("it has {} bytes, its record says {len}", found.len)));
        }
        let Some(blake3) = check.blake3.filter(|_| level != VerifyLevel::Records) else { return Ok(()) };
        match self.hash(&name, found.len)? {
            hash if hash == blake3 && level == VerifyLevel::Full => {
                self.objects.opened().map_or(Ok(()), |opened| opened.check(&self.objects, check.name))
            }
            hash if hash == blake3 => Ok(()),
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

/// Verifies the delta repository at a path or URL; see [`Repository::verify`].
pub fn verify_repository(place: impl AsRef<Path>, level: VerifyLevel) -> Result<RepositoryReport> {
    let repository = Repository::open(place)?;
    repository.verify(level, &|_, _| {}).at(|| repository.place())
}
