//! Ship record: the last bytes of an object of shipped frames, which say what the object holds.
//!
//! A shipped object is frames as a log file (an age file in an encrypted repository), then this record, blanks in front of it
//! so that it always has the same length: one creation brings both, and a reader finds out what there is without a key and
//! without reading the frames. The row of objects behind a point is checked in [`super::ship_row`].
use super::claim::JobId;
use super::log_object::LogObject;
use super::name::{Entry, ObjectFile, ObjectName};
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{exact, number, open, seal, time};
use crate::error::{At, Error, Result};
use crate::ids::{Chain, Epoch, Hash, Lineage};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Bytes of the record, blanks included.
pub const SHIP_RECORD_LEN: usize = 2_048;
const SHIP: &str = "ship";

/// What a shipped object says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShipRecord {
    /// Its frames: `len` and `blake3` are of what lies before the record, as it is stored.
    pub log: LogObject,
    /// Of which database.
    pub lineage: Lineage,
    /// By which run.
    pub job: JobId,
    /// Points that its commits add.
    pub points: u64,
}

#[derive(Serialize, Deserialize)]
struct ShipFields {
    format_version: u32,
    kind: String,
    name: String,
    job: String,
    lineage: String,
    epoch: String,
    first_lsn: String,
    last_lsn: String,
    first_commit_time_ns: String,
    first_commit_time: String,
    last_commit_time_ns: String,
    last_commit_time: String,
    after_chain: String,
    chain: String,
    points: String,
    len: String,
    blake3: String,
}

impl ShipRecord {
    /// Bytes of the whole object.
    pub fn object_len(&self) -> u64 {
        self.log.len.saturating_add(SHIP_RECORD_LEN as u64)
    }

    /// The record's bytes: always [`SHIP_RECORD_LEN`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let log = &self.log;
        let fields = ShipFields {
            format_version: SNAPSHOT_VERSION,
            kind: SHIP.to_string(),
            name: log.name().to_string(),
            job: self.job.to_string(),
            lineage: self.lineage.to_hex(),
            epoch: log.epoch.to_hex(),
            first_lsn: log.first_lsn.to_string(),
            last_lsn: log.last_lsn.to_string(),
            first_commit_time_ns: log.first_commit_time_ns.to_string(),
            first_commit_time: format_timestamp(log.first_commit_time_ns),
            last_commit_time_ns: log.last_commit_time_ns.to_string(),
            last_commit_time: format_timestamp(log.last_commit_time_ns),
            after_chain: log.after_chain.to_hex(),
            chain: log.chain.to_hex(),
            points: self.points.to_string(),
            len: log.len.to_string(),
            blake3: log.blake3.to_hex(),
        };
        let sealed = seal(&fields, SHIP_RECORD_LEN)?;
        let mut bytes = vec![b' '; SHIP_RECORD_LEN.saturating_sub(sealed.len())];
        bytes.extend_from_slice(&sealed);
        Ok(bytes)
    }

    /// Reads the last [`SHIP_RECORD_LEN`] bytes of the object `sequence` behind `entry`. `Damaged` where they are not its
    /// record, `Unsupported` for a newer version.
    pub fn parse(entry: Entry, sequence: u64, bytes: &[u8]) -> Result<Self> {
        let name = entry.object(ObjectFile::Shipped(sequence));
        Self::read(name, sequence, bytes).at(|| name)
    }

    fn read(name: ObjectName, sequence: u64, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != SHIP_RECORD_LEN {
            return Err(Error::damaged(alloc::format!(
                "its record has {} bytes, not {SHIP_RECORD_LEN}",
                bytes.len()
            )));
        }
        let blanks = bytes.iter().take_while(|byte| **byte == b' ').count();
        let opened = open(bytes.get(blanks..).unwrap_or_default(), SHIP_RECORD_LEN)?;
        opened.expect(SHIP)?;
        let fields: ShipFields = opened.members()?;
        let told = exact("name", &fields.name, ObjectName::parse)?;
        if told != name {
            return Err(Error::damaged(alloc::format!("its record says that it is {told}")));
        }
        let log = LogObject {
            home: name.entry,
            epoch: exact("epoch", &fields.epoch, Epoch::from_hex)?,
            first_lsn: number("first_lsn", &fields.first_lsn)?,
            last_lsn: number("last_lsn", &fields.last_lsn)?,
            first_commit_time_ns: time(
                "first_commit_time",
                &fields.first_commit_time_ns,
                &fields.first_commit_time,
            )?,
            last_commit_time_ns: time(
                "last_commit_time",
                &fields.last_commit_time_ns,
                &fields.last_commit_time,
            )?,
            after_chain: exact("after_chain", &fields.after_chain, Chain::from_hex)?,
            chain: exact("chain", &fields.chain, Chain::from_hex)?,
            len: number("len", &fields.len)?,
            blake3: exact("blake3", &fields.blake3, Hash::from_hex)?,
            // What attaches segments is never shipped.
            attached: None,
            shipped: Some(sequence),
        };
        log.check()?;
        Ok(Self {
            log,
            lineage: exact("lineage", &fields.lineage, Lineage::from_hex)?,
            job: exact("job", &fields.job, JobId::from_hex)?,
            points: number("points", &fields.points)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::name::EntryKind;
    use super::*;

    fn record() -> ShipRecord {
        let log = LogObject {
            home: Entry::new(EntryKind::Delta, 999_999_999_999),
            epoch: Epoch([3; 16]),
            first_lsn: u64::MAX - 4,
            last_lsn: u64::MAX - 2,
            first_commit_time_ns: i64::MIN,
            last_commit_time_ns: i64::MAX,
            after_chain: Chain([4; 32]),
            chain: Chain([5; 32]),
            len: u64::MAX,
            blake3: Hash([6; 32]),
            attached: None,
            shipped: Some(999_999_999_999),
        };
        ShipRecord { log, lineage: Lineage([2; 16]), job: JobId([1; 16]), points: u64::MAX }
    }

    #[test]
    fn the_longest_record_has_its_length_and_no_byte_of_it_changes_unnoticed() {
        let (record, entry) = (record(), record().log.home);
        let bytes = record.to_bytes().unwrap();
        assert_eq!(bytes.len(), SHIP_RECORD_LEN);
        assert_eq!(ShipRecord::parse(entry, 999_999_999_999, &bytes), Ok(record));
        for at in 0..bytes.len() {
            for flip in [1, 0x20] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                assert!(ShipRecord::parse(entry, 999_999_999_999, &changed).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_record_under_another_name_is_damage() {
        let (record, entry) = (record(), record().log.home);
        let bytes = record.to_bytes().unwrap();
        assert!(ShipRecord::parse(entry, 7, &bytes).is_err());
        assert!(ShipRecord::parse(Entry::new(EntryKind::Delta, 7), 999_999_999_999, &bytes).is_err());
        assert!(ShipRecord::parse(entry, 999_999_999_999, &bytes[1..]).is_err());
    }
}
