//! Slot: what a backup leaves beside the database, one file for each repository.
//!
//! It says which job is at work and which number it claims, so that the next attempt knows its dead predecessor; and where
//! the newest point that was sent ends: log files behind it are kept, up to a limit. Nothing else is believed of it but what a
//! claim or a record repeats: a slot that can't be read costs an orphaned claim and log that is kept for longer, no data.
use super::claim::JobId;
use super::name::{POINT_NUMBER_MAX, PointNumber};
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{ParentFields, exact, number, open, seal};
use crate::engine::LogHold;
use crate::error::{Error, Result};
use crate::format::EpochParent;
use crate::ids::{Epoch, Lineage};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most bytes of a slot.
pub const SLOT_LEN_MAX: usize = 4_096;
const SLOT: &str = "slot";
/// Longest name of a repository that a slot says, bytes.
const PLACE_LEN_MAX: usize = 1_024;

/// What a slot says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupSlot {
    /// Of which database.
    pub lineage: Lineage,
    /// The job that is at work or died, and the number that it claims; none after a job that ended well.
    pub job: Option<(JobId, PointNumber)>,
    /// Where the newest point that this database sent there ends.
    pub sent: Option<EpochParent>,
    /// What the repository is called, for people; one that is longer than 1,024 bytes is left out.
    pub place: Option<String>,
    /// Closed log files are kept for it up to this many bytes; without it, as the database's configuration says.
    pub wal_slot_bytes_max: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct SlotFields {
    format_version: u32,
    kind: String,
    lineage: String,
    job: Option<JobFields>,
    sent: Option<ParentFields>,
    #[serde(default)]
    place: Option<String>,
    #[serde(default)]
    wal_slot_bytes_max: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct JobFields {
    job: String,
    number: String,
}

impl BackupSlot {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let fields = SlotFields {
            format_version: SNAPSHOT_VERSION,
            kind: SLOT.to_string(),
            lineage: self.lineage.to_hex(),
            job: self.job.map(|(job, number)| JobFields { job: job.to_string(), number: number.to_string() }),
            sent: self.sent.map(ParentFields::from),
            place: self.place.clone().filter(|place| place.len() <= PLACE_LEN_MAX),
            wal_slot_bytes_max: self.wal_slot_bytes_max.map(|bytes| bytes.to_string()),
        };
        seal(&fields, SLOT_LEN_MAX)
    }

    /// Reads a slot. An error is no harm: begin a new job.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, SLOT_LEN_MAX)?;
        opened.expect(SLOT)?;
        let fields: SlotFields = opened.members()?;
        let job = fields.job.map(|fields| match number("job.number", &fields.number)? {
            claimed if claimed <= POINT_NUMBER_MAX => {
                Ok((exact("job.job", &fields.job, JobId::from_hex)?, claimed))
            }
            claimed => Err(Error::damaged(alloc::format!("no claim can have number {claimed}"))),
        });
        Ok(Self {
            lineage: exact("lineage", &fields.lineage, Lineage::from_hex)?,
            job: job.transpose()?,
            sent: fields.sent.map(|fields| fields.read("sent")).transpose()?,
            place: fields.place,
            wal_slot_bytes_max: fields
                .wal_slot_bytes_max
                .map(|text| number("wal_slot_bytes_max", &text))
                .transpose()?,
        })
    }

    /// Of an empty slot.
    pub fn new(lineage: Lineage) -> Self {
        Self { lineage, job: None, sent: None, place: None, wal_slot_bytes_max: None }
    }

    /// What a database holds for it: nothing for a slot of another database; everything for one of an epoch that it left, or
    /// where nobody knows what was sent. `bytes_max` is the limit of a slot without one of its own.
    pub fn hold(&self, lineage: Lineage, epoch: Epoch, bytes_max: u64) -> Option<LogHold> {
        let behind = self.sent.filter(|sent| sent.epoch == epoch).map_or(0, |sent| sent.lsn);
        let bytes_max = self.wal_slot_bytes_max.unwrap_or(bytes_max);
        (self.lineage == lineage).then_some(LogHold { behind, bytes_max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Chain, Epoch};

    #[test]
    fn a_slot_reads_back_and_no_byte_of_it_changes_unnoticed() {
        let sent = EpochParent { epoch: Epoch([3; 16]), lsn: u64::MAX, chain: Chain([4; 32]) };
        let job = (JobId([1; 16]), POINT_NUMBER_MAX);
        let place = Some("/backup/my \"repo\"\n".to_string());
        for slot in [
            BackupSlot::new(Lineage([2; 16])),
            BackupSlot { job: Some(job), sent: Some(sent), ..BackupSlot::new(Lineage([2; 16])) },
            BackupSlot { place, wal_slot_bytes_max: Some(u64::MAX), ..BackupSlot::new(Lineage([2; 16])) },
        ] {
            let bytes = slot.to_bytes().unwrap();
            assert_eq!(BackupSlot::parse(&bytes), Ok(slot));
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                assert!(BackupSlot::parse(&changed).is_err(), "byte {at}");
            }
        }
    }
    #[test]
    fn a_slot_holds_what_was_not_sent_of_its_own_database_and_epoch() {
        let (lineage, epoch) = (Lineage([2; 16]), Epoch([3; 16]));
        let sent = EpochParent { epoch, lsn: 7, chain: Chain([4; 32]) };
        let hold = |behind, bytes_max| Some(LogHold { behind, bytes_max });
        let slot = BackupSlot { sent: Some(sent), ..BackupSlot::new(lineage) };
        assert_eq!(slot.hold(lineage, epoch, 10), hold(7, 10));
        assert_eq!(slot.hold(Lineage([9; 16]), epoch, 10), None);
        assert_eq!(slot.hold(lineage, Epoch([9; 16]), 10), hold(0, 10), "its log begins behind the restore");
        assert_eq!(BackupSlot::new(lineage).hold(lineage, epoch, 10), hold(0, 10), "the first backup died");
        let slot = BackupSlot { wal_slot_bytes_max: Some(5), ..slot };
        assert_eq!(slot.hold(lineage, epoch, 10), hold(7, 5));
    }
}
