//! A log file: its name and its header.
use super::features::{FORMAT_VERSION, Features};
use super::reader::Reader;
use crate::error::{Error, Result};
use crate::ids::{Chain, Epoch, Lineage, Lsn};
use alloc::string::String;
use alloc::vec::Vec;

/// The first bytes of every log file.
pub const LOG_MAGIC: [u8; 8] = *b"CHRNWAL\0";
/// Bytes of the header; the first frame follows.
pub const LOG_HEADER_LEN: usize = 128;
/// What stands between the name of a database file and the LSN in the name of a log file.
const INFIX: &str = ".wal-";
/// Decimal digits of the LSN in a name, so that names sort as LSNs do.
const DIGITS: usize = 20;

/// What the name of a log file adds to that of its database: `data.db` and LSN 7 give
/// `data.db.wal-00000000000000000007`.
pub fn log_file_name(first_lsn: Lsn) -> String {
    alloc::format!("{INFIX}{first_lsn:0DIGITS$}")
}

/// The first LSN in the name of a log file, with or without the database's name before it; `None` when this is not
/// the name of one.
pub fn parse_log_file_name(name: &str) -> Option<Lsn> {
    let (_, digits) = name.rsplit_once(INFIX)?;
    if digits.len() != DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&lsn| lsn >= 1)
}

/// The header of a log file. Synced before the first frame is appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogHeader {
    /// Feature bits.
    pub features: Features,
    /// The database's history.
    pub lineage: Lineage,
    /// The epoch of every frame in the file.
    pub epoch: Epoch,
    /// LSN of the first frame; also in the file's name.
    pub first_lsn: Lsn,
    /// Chain before the first frame.
    pub chain: Chain,
    /// Host clock when the file was begun, Unix nanoseconds. For people only.
    pub host_clock_ns: i64,
}

impl LogHeader {
    /// The header's [`LOG_HEADER_LEN`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LOG_HEADER_LEN);
        bytes.extend_from_slice(&LOG_MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let Features { compatible, read_only_compatible, incompatible } = self.features;
        for word in [compatible, read_only_compatible, incompatible] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.lineage.0);
        bytes.extend_from_slice(&self.epoch.0);
        bytes.extend_from_slice(&self.first_lsn.to_le_bytes());
        bytes.extend_from_slice(&self.chain.0);
        bytes.extend_from_slice(&self.host_clock_ns.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of `bytes`. `Unsupported` when a newer Chronicle wrote it; `Damaged` otherwise.
    /// Unknown read-only-compatible features are left to the caller ([`Features::access`]).
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != LOG_MAGIC {
            return Err(Error::damaged("the file does not start as a log file does"));
        }
        let (version, zero) = (reader.u32()?, reader.u32()?);
        let features = Features {
            compatible: reader.u64()?,
            read_only_compatible: reader.u64()?,
            incompatible: reader.u64()?,
        };
        let header = Self {
            features,
            lineage: Lineage(reader.array()?),
            epoch: Epoch(reader.array()?),
            first_lsn: reader.u64()?,
            chain: Chain(reader.array()?),
            host_clock_ns: reader.i64()?,
        };
        let (zero_too, crc) = (reader.u32()?, reader.u32()?);
        if crc != crc32fast::hash(Reader::new(bytes).take(LOG_HEADER_LEN - 4)?) {
            return Err(Error::damaged("the header of the log file has a wrong checksum"));
        }
        features.access(version, "the log file")?;
        if zero != 0 || zero_too != 0 {
            return Err(Error::unsupported(
                "the header of the log file uses bytes that version 0 leaves zero",
            ));
        }
        if header.first_lsn == 0 {
            return Err(Error::damaged("the log file starts at LSN 0, which no commit has"));
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;
    use crate::error::ErrorKind;

    fn header() -> LogHeader {
        LogHeader {
            features: Features { compatible: 4, ..Features::default() },
            lineage: examples::LINEAGE,
            epoch: examples::EPOCH,
            first_lsn: 7,
            chain: examples::CHAIN,
            host_clock_ns: -3,
        }
    }

    #[test]
    fn names_read_back_and_sort_as_lsns_do() {
        assert_eq!(log_file_name(7), ".wal-00000000000000000007");
        for lsn in [1, 9, 10, u64::MAX] {
            assert_eq!(parse_log_file_name(&log_file_name(lsn)), Some(lsn));
            assert_eq!(parse_log_file_name(&alloc::format!("data.db{}", log_file_name(lsn))), Some(lsn));
        }
        assert!(log_file_name(9) < log_file_name(10) && log_file_name(10) < log_file_name(u64::MAX));
        for name in [
            "data.db",
            ".wal-7",
            ".wal-00000000000000000000",
            ".wal-+0000000000000000007",
            ".wal-99999999999999999999",
            ".wal-00000000000000000007.tmp",
        ] {
            assert_eq!(parse_log_file_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_header_reads_back_and_every_flipped_byte_or_cut_is_damage() {
        let mut bytes = header().encode();
        assert_eq!(bytes.len(), LOG_HEADER_LEN);
        assert_eq!(LogHeader::decode(&bytes).unwrap(), header());
        for at in 0..LOG_HEADER_LEN {
            assert_eq!(LogHeader::decode(&bytes[..at]).unwrap_err().kind(), ErrorKind::Damaged);
            bytes[at] ^= 0x80;
            assert_eq!(LogHeader::decode(&bytes).unwrap_err().kind(), ErrorKind::Damaged, "byte {at}");
            bytes[at] ^= 0x80;
        }
    }

    #[test]
    fn a_newer_log_file_is_unsupported_and_not_damaged() {
        for at in [8, 12, 32, 120] {
            let mut bytes = header().encode();
            bytes[at] = 1;
            let crc = crc32fast::hash(&bytes[..124]);
            bytes[124..].copy_from_slice(&crc.to_le_bytes());
            assert_eq!(LogHeader::decode(&bytes).unwrap_err().kind(), ErrorKind::Unsupported, "byte {at}");
        }
    }
}
