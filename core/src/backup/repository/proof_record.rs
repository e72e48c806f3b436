//! Proof note: that a point was verified or restored, and when. Beside the points, since records are never rewritten.
//!
//! `proofs/<n>` is what was proven of point n, `proofs/newest` repeats the newest proofs. Both are overwritten, each with its
//! checksum; a prune only ever keeps more by them, so one that is damaged or a lie deletes nothing.
use super::claim::{entry_of, expect_entry};
use super::name::{Entry, PointNumber};
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{exact, open, seal, time};
use crate::error::{At, Error, Result};
use crate::ids::Hash;
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most bytes of a proof note.
pub const PROOF_LEN_MAX: usize = 4_096;
/// Name of the note that repeats the newest proofs.
pub const NEWEST_PROOFS_NAME: &str = "proofs/newest";
const PROOF: &str = "proof";
const PROOFS: &str = "proofs";

/// Name of the note on a point.
pub fn proof_name(number: PointNumber) -> String {
    alloc::format!("proofs/{number}")
}

/// What was proven of one point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProofNote {
    /// The point.
    pub entry: Entry,
    /// BLAKE3 of its record's bytes: of another record, the note means nothing.
    pub record: Hash,
    /// When every byte that it needs was found to be right; host clock, Unix ns. A restore finds it too.
    pub verified_ns: i64,
    /// When it was restored and what came out was found to be right, if it was; host clock, Unix ns.
    pub restored_ns: Option<i64>,
}

/// The newest proofs of a repository.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NewestProofs {
    /// Of the newest point that was verified.
    pub verified: Option<ProofNote>,
    /// Of the point that was restored last.
    pub restored: Option<ProofNote>,
}

#[derive(Serialize, Deserialize)]
struct NoteFields {
    number: String,
    name: String,
    record: String,
    verified_ns: String,
    verified: String,
    restored_ns: Option<String>,
    restored: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ProofFields {
    format_version: u32,
    kind: String,
    proof: NoteFields,
}

#[derive(Serialize, Deserialize)]
struct ProofsFields {
    format_version: u32,
    kind: String,
    verified: Option<NoteFields>,
    restored: Option<NoteFields>,
}

impl From<&ProofNote> for NoteFields {
    fn from(note: &ProofNote) -> Self {
        Self {
            number: note.entry.number.to_string(),
            name: note.entry.to_string(),
            record: note.record.to_hex(),
            verified_ns: note.verified_ns.to_string(),
            verified: format_timestamp(note.verified_ns),
            restored_ns: note.restored_ns.as_ref().map(ToString::to_string),
            restored: note.restored_ns.map(format_timestamp),
        }
    }
}

impl NoteFields {
    fn read(&self) -> Result<ProofNote> {
        let restored_ns = match (&self.restored_ns, &self.restored) {
            (None, None) => None,
            (Some(ns), Some(text)) => Some(time("restored", ns, text)?),
            _ => return Err(Error::damaged("member restored has no twin")),
        };
        let entry = entry_of(&self.number, &self.name)?;
        match entry.kind.is_point() {
            true => Ok(ProofNote {
                entry,
                record: exact("record", &self.record, Hash::from_hex)?,
                verified_ns: time("verified", &self.verified_ns, &self.verified)?,
                restored_ns,
            }),
            false => Err(Error::damaged(alloc::format!("{entry} is no point"))),
        }
    }
}

impl ProofNote {
    /// The bytes of `proofs/<n>`.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let fields =
            ProofFields { format_version: SNAPSHOT_VERSION, kind: PROOF.to_string(), proof: self.into() };
        seal(&fields, PROOF_LEN_MAX)
    }

    /// Reads the note on the point `entry`.
    pub fn parse(entry: Entry, bytes: &[u8]) -> Result<Self> {
        Self::read(entry, bytes).at(|| proof_name(entry.number))
    }

    fn read(entry: Entry, bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, PROOF_LEN_MAX)?;
        opened.expect(PROOF)?;
        let note = opened.members::<ProofFields>()?.proof.read()?;
        expect_entry(note.entry, entry)?;
        Ok(note)
    }
}

impl NewestProofs {
    /// With one more proof, which was made now: of the points verified the newest, of the restores the last.
    #[must_use]
    pub fn with(mut self, note: ProofNote, was_restored: bool) -> Self {
        if self.verified.is_none_or(|verified| verified.entry.number <= note.entry.number) {
            self.verified = Some(note);
        }
        if was_restored {
            self.restored = Some(note);
        }
        self
    }

    /// The bytes of `proofs/newest`.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let fields = ProofsFields {
            format_version: SNAPSHOT_VERSION,
            kind: PROOFS.to_string(),
            verified: self.verified.as_ref().map(NoteFields::from),
            restored: self.restored.as_ref().map(NoteFields::from),
        };
        seal(&fields, PROOF_LEN_MAX)
    }

    /// Reads `proofs/newest`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).at(|| NEWEST_PROOFS_NAME)
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, PROOF_LEN_MAX)?;
        opened.expect(PROOFS)?;
        let fields: ProofsFields = opened.members()?;
        Ok(Self {
            verified: fields.verified.as_ref().map(NoteFields::read).transpose()?,
            restored: fields.restored.as_ref().map(NoteFields::read).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::name::EntryKind;
    use super::*;
    use crate::error::ErrorKind;

    fn note(number: PointNumber) -> ProofNote {
        ProofNote {
            entry: Entry::new(EntryKind::Delta, number),
            record: Hash([7; 32]),
            verified_ns: 1_706_400_000_000_000_000,
            restored_ns: (number == 7).then_some(1_706_400_000_000_000_001),
        }
    }

    #[test]
    fn a_note_reads_back_and_no_flipped_bit_does() {
        let bytes = note(7).to_bytes().unwrap();
        assert_eq!(ProofNote::parse(note(7).entry, &bytes), Ok(note(7)));
        assert_eq!(ProofNote::parse(note(8).entry, &bytes).unwrap_err().kind(), ErrorKind::Damaged);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 4;
            assert_eq!(
                ProofNote::parse(note(7).entry, &bytes).unwrap_err().kind(),
                ErrorKind::Damaged,
                "byte {at}"
            );
        }
        assert!(NewestProofs::parse(&bytes).is_err(), "it is of one point");
    }

    #[test]
    fn the_newest_point_verified_and_the_last_restore_are_told_apart() {
        let proofs = NewestProofs::default().with(note(9), false).with(note(7), true).with(note(8), false);
        assert_eq!(proofs, NewestProofs { verified: Some(note(9)), restored: Some(note(7)) });
        assert_eq!(NewestProofs::parse(&proofs.to_bytes().unwrap()), Ok(proofs));
        assert_eq!(
            NewestProofs::parse(&NewestProofs::default().to_bytes().unwrap()),
            Ok(NewestProofs::default())
        );
    }
}
