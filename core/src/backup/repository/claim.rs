//! Claim: `claims/<n>` says which job has number n, and under which name. A void closes a claim for good.
//!
//! A claim is no point. It is created once and never changed or deleted, so that the newest number needs no listing.
use super::name::{Entry, PointNumber, claim_name};
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{exact, number, open, seal, time};
use crate::error::{At, Error, Result};
use crate::ids::{Epoch, Lineage};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Most bytes of a claim or a void.
pub const CLAIM_LEN_MAX: usize = 4_096;
const CLAIM: &str = "claim";
/// How objects of an encrypted repository are encrypted.
const AGE: &str = "age";
/// The kind of record that closes a claim.
pub(super) const VOID: &str = "void";

/// A job: random, from the host; the same over all attempts of one job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub [u8; 16]);

impl JobId {
    /// Reads 32 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        Epoch::from_hex(text).map(|id| Self(id.0))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Epoch(self.0).fmt(f)
    }
}

/// What `claims/<n>` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The number and the name that are taken.
    pub entry: Entry,
    /// By which job.
    pub job: JobId,
    /// Of which database.
    pub lineage: Lineage,
    /// In which stretch of its history.
    pub epoch: Epoch,
    /// Host clock, Unix ns. For people.
    pub created_ns: i64,
    /// In the claim on number 0: that every object of the repository is an age file. Means nothing in others.
    pub is_encrypted: bool,
}

/// A record that closes a claim under which nothing was finished.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Void {
    /// The entry that will never be one.
    pub entry: Entry,
    /// The job whose claim is closed.
    pub job: JobId,
    /// Host clock, Unix ns. For people.
    pub created_ns: i64,
}

#[derive(Serialize, Deserialize)]
struct ClaimFields {
    format_version: u32,
    kind: String,
    number: String,
    name: String,
    job: String,
    lineage: String,
    epoch: String,
    created_ns: String,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encryption: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct VoidFields {
    format_version: u32,
    kind: String,
    number: String,
    name: String,
    job: String,
    created_ns: String,
    created: String,
}

/// The entry that a record says it is of.
pub(super) fn entry_of(number_text: &str, name: &str) -> Result<Entry> {
    let entry = exact("name", name, Entry::parse)?;
    match number::<PointNumber>("number", number_text)? == entry.number {
        true => Ok(entry),
        false => {
            Err(Error::damaged(alloc::format!("it says to be number {number_text} and to be named {name:?}")))
        }
    }
}

/// A record that lies under another name than it says was copied there.
pub(super) fn expect_entry(found: Entry, expected: Entry) -> Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(Error::damaged(alloc::format!(
            "it is the record of {found}, found under the name of {expected}: it was copied or renamed"
        ))),
    }
}

impl Claim {
    /// The bytes of the object.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.entry.check().map_err(|error| Error::invalid(error.message()))?;
        let fields = ClaimFields {
            format_version: SNAPSHOT_VERSION,
            kind: CLAIM.to_string(),
            number: self.entry.number.to_string(),
            name: self.entry.to_string(),
            job: self.job.to_string(),
            lineage: self.lineage.to_hex(),
            epoch: self.epoch.to_hex(),
            created_ns: self.created_ns.to_string(),
            created: format_timestamp(self.created_ns),
            encryption: self.is_encrypted.then(|| AGE.to_string()),
        };
        seal(&fields, CLAIM_LEN_MAX)
    }

    /// Reads the claim on `number`. `Unsupported` for a newer version, `Damaged` for what is no such claim.
    pub fn parse(claimed: PointNumber, bytes: &[u8]) -> Result<Self> {
        Self::read(claimed, bytes).at(|| claim_name(claimed))
    }

    fn read(claimed: PointNumber, bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, CLAIM_LEN_MAX)?;
        opened.expect(CLAIM)?;
        let fields: ClaimFields = opened.members()?;
        let entry = entry_of(&fields.number, &fields.name)?;
        expect_entry(entry, Entry { number: claimed, ..entry })?;
        if let Some(other) = fields.encryption.as_ref().filter(|name| *name != AGE) {
            return Err(Error::unsupported(alloc::format!(
                "the repository is encrypted with {other:?}, which this build does not know: use a newer Chronicle"
            )));
        }
        Ok(Self {
            entry,
            job: exact("job", &fields.job, JobId::from_hex)?,
            lineage: exact("lineage", &fields.lineage, Lineage::from_hex)?,
            epoch: exact("epoch", &fields.epoch, Epoch::from_hex)?,
            created_ns: time("created", &fields.created_ns, &fields.created)?,
            is_encrypted: fields.encryption.is_some(),
        })
    }
}

impl Void {
    /// The bytes of the record, to be created under the name of the claim's entry.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.entry.check().map_err(|error| Error::invalid(error.message()))?;
        let fields = VoidFields {
            format_version: SNAPSHOT_VERSION,
            kind: VOID.to_string(),
            number: self.entry.number.to_string(),
            name: self.entry.to_string(),
            job: self.job.to_string(),
            created_ns: self.created_ns.to_string(),
            created: format_timestamp(self.created_ns),
        };
        seal(&fields, CLAIM_LEN_MAX)
    }

    /// Reads a void; its kind was looked at before.
    pub(super) fn read(opened: &crate::backup::seal::Opened<'_>) -> Result<Self> {
        let fields: VoidFields = opened.members()?;
        Ok(Self {
            entry: entry_of(&fields.number, &fields.name)?,
            job: exact("job", &fields.job, JobId::from_hex)?,
            created_ns: time("created", &fields.created_ns, &fields.created)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::repository::EntryKind;
    use crate::error::ErrorKind;

    fn claim() -> Claim {
        Claim {
            entry: Entry::new(EntryKind::Delta, 7),
            job: JobId([9; 16]),
            lineage: Lineage([1; 16]),
            epoch: Epoch([2; 16]),
            created_ns: 1_706_400_000_000_000_000,
            is_encrypted: false,
        }
    }

    #[test]
    fn a_claim_reads_back_and_no_flipped_bit_does() {
        let bytes = claim().to_bytes().unwrap();
        assert_eq!(Claim::parse(7, &bytes).unwrap(), claim());
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 4;
            assert_eq!(Claim::parse(7, &bytes).unwrap_err().kind(), ErrorKind::Damaged, "byte {at}");
        }
    }

    #[test]
    fn a_claim_copied_to_another_number_is_damage() {
        let error = Claim::parse(8, &claim().to_bytes().unwrap()).unwrap_err();
        assert_eq!((error.kind(), error.place()), (ErrorKind::Damaged, Some("claims/8")));
    }
}
