//! Slot: what a backup leaves beside the database, one file for each repository.
//!
//! It says which job is at work and which number it claims, so that the next attempt knows its dead predecessor; and where
//! the newest point that was sent ends. Nothing is believed of it but what a claim or a record repeats: a slot that can't be
//! read costs an orphaned claim, no data.
use super::claim::JobId;
use super::name::{POINT_NUMBER_MAX, PointNumber};
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{ParentFields, exact, number, open, seal};
use crate::error::{Error, Result};
use crate::format::EpochParent;
use crate::ids::Lineage;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most bytes of a slot.
pub const SLOT_LEN_MAX: usize = 4_096;
const SLOT: &str = "slot";

/// What a slot says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackupSlot {
    /// Of which database.
    pub lineage: Lineage,
    /// The job that is at work or died, and the number that it claims; none after a job that ended well.
    pub job: Option<(JobId, PointNumber)>,
    /// Where the newest point that this database sent there ends.
    pub sent: Option<EpochParent>,
}

#[derive(Serialize, Deserialize)]
struct SlotFields {
    format_version: u32,
    kind: String,
    lineage: String,
    job: Option<JobFields>,
    sent: Option<ParentFields>,
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
        })
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
        for slot in [
            BackupSlot { lineage: Lineage([2; 16]), job: None, sent: None },
            BackupSlot { lineage: Lineage([2; 16]), job: Some(job), sent: Some(sent) },
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
}
