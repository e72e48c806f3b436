//! Destination note: what a store was found to do when a repository was made there, so that not every backup tries it again.
//!
//! `destination.json` is written after the trial, with its checksum. Nothing but the permission to write rests on it: one
//! that is missing or can't be read is found out anew.
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{open, seal, time};
use crate::error::{At, Result};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most bytes of the note.
pub const DESTINATION_LEN_MAX: usize = 64 << 10;
/// Name of the note.
pub const DESTINATION_NAME: &str = "destination.json";
const KIND: &str = "destination";

/// What a destination was found to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DestinationNote {
    /// Of several creators at once exactly one won, each time.
    pub several_writers: bool,
    /// Ids of the checks of the conformance suite that were made and passed.
    pub passed: Vec<String>,
    /// Ids of those that failed.
    pub failed: Vec<String>,
    /// When it was tried; host clock, Unix ns.
    pub tried_ns: i64,
}

#[derive(Serialize, Deserialize)]
struct Fields {
    format_version: u32,
    kind: String,
    several_writers: bool,
    passed: Vec<String>,
    failed: Vec<String>,
    tried_ns: String,
    tried: String,
}

impl DestinationNote {
    /// The bytes of the note.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let fields = Fields {
            format_version: SNAPSHOT_VERSION,
            kind: KIND.to_string(),
            several_writers: self.several_writers,
            passed: self.passed.clone(),
            failed: self.failed.clone(),
            tried_ns: self.tried_ns.to_string(),
            tried: format_timestamp(self.tried_ns),
        };
        seal(&fields, DESTINATION_LEN_MAX)
    }

    /// Reads the note.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).at(|| DESTINATION_NAME)
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, DESTINATION_LEN_MAX)?;
        opened.expect(KIND)?;
        let fields: Fields = opened.members()?;
        Ok(Self {
            several_writers: fields.several_writers,
            passed: fields.passed,
            failed: fields.failed,
            tried_ns: time("tried", &fields.tried_ns, &fields.tried)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_note_reads_back_and_no_flipped_bit_does() {
        let note = DestinationNote {
            several_writers: false,
            passed: alloc::vec!["put.create".to_string()],
            failed: alloc::vec!["put.create-only.race".to_string()],
            tried_ns: 1_706_400_000_000_000_001,
        };
        let bytes = note.to_bytes().unwrap();
        assert_eq!(DestinationNote::parse(&bytes), Ok(note));
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert_eq!(DestinationNote::parse(&bytes).unwrap_err().kind(), ErrorKind::Damaged, "byte {at}");
        }
    }
}
