//! Names: what objects of a repository are called, and no other name is accepted.
//!
//! Every object but the two hints lies below an *entry* (`base`, `delta-001`, `prune-018`), whose number one job claimed:
//! so the claim makes each name below it that job's own. A name has one form; what a record from elsewhere says can't
//! make a host read or write outside the repository.
use crate::backup::record::{DATA_FILE_NAME, RECORD_FILE_NAME};
use crate::error::{Error, Result};
use crate::format::{log_file_name, parse_log_file_name};
use crate::ids::{Hash, Lsn};
use alloc::string::{String, ToString};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Number of an entry: points, prunes and moves share one sequence, which starts at 0. A number is used once, for ever.
pub type PointNumber = u64;

/// The largest number: a hint beyond it is a lie.
pub const POINT_NUMBER_MAX: PointNumber = 999_999_999_999;
/// Name of the summary that is rebuilt from the records.
pub const MANIFEST_NAME: &str = "manifest.json";
/// Name of the hint where the next delta starts.
pub const STATE_NAME: &str = "state.json";
/// Name of the container that a delta or a moves entry brings.
pub const CHANGES_FILE_NAME: &str = "changes.db";

const PAGE_PREFIX: &str = "list-";
/// Folder of shipped frames.
const SHIPPED_FOLDER: &str = "wal";
/// Least digits of a number in a name.
const DIGITS: usize = 3;

/// What an entry is. The numbers are those in the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum EntryKind {
    /// 1: a point that brings everything.
    Base,
    /// 2: a point that brings what is new.
    Delta,
    /// 3: a mark: what is condemned.
    Prune,
    /// 4: segments moved out of objects that were mostly dead.
    Moves,
}

impl EntryKind {
    /// The word in its name, and the kind of its record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Delta => "delta",
            Self::Prune => "prune",
            Self::Moves => "moves",
        }
    }
    /// True of what can be restored.
    pub const fn is_point(self) -> bool {
        matches!(self, Self::Base | Self::Delta)
    }
}

impl From<EntryKind> for u8 {
    fn from(kind: EntryKind) -> Self {
        match kind {
            EntryKind::Base => 1,
            EntryKind::Delta => 2,
            EntryKind::Prune => 3,
            EntryKind::Moves => 4,
        }
    }
}

impl TryFrom<u8> for EntryKind {
    type Error = &'static str;
    fn try_from(kind: u8) -> core::result::Result<Self, &'static str> {
        match kind {
            1 => Ok(Self::Base),
            2 => Ok(Self::Delta),
            3 => Ok(Self::Prune),
            4 => Ok(Self::Moves),
            _ => Err("unknown kind of entry"),
        }
    }
}

/// One entry of the repository: a number and what was made under it. Its text is the prefix of its objects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its number; at most [`POINT_NUMBER_MAX`].
    pub number: PointNumber,
    /// What it is; number 0 is a base.
    pub kind: EntryKind,
}

impl Entry {
    /// Of this kind and number.
    pub const fn new(kind: EntryKind, number: PointNumber) -> Self {
        Self { number, kind }
    }

    /// Reads the text that `Display` prints, and no other.
    pub fn parse(text: &str) -> Option<Self> {
        let entry = match text {
            "base" => Self::new(EntryKind::Base, 0),
            _ => {
                let (word, digits) = text.split_once('-')?;
                let kind = [EntryKind::Base, EntryKind::Delta, EntryKind::Prune, EntryKind::Moves]
                    .into_iter()
                    .find(|kind| kind.word() == word)?;
                Self::new(kind, digits.parse().ok()?)
            }
        };
        (entry.check().is_ok() && entry.to_string() == text).then_some(entry)
    }

    /// What must hold of every entry, wherever it was read.
    pub fn check(&self) -> Result<()> {
        if self.number > POINT_NUMBER_MAX || (self.number == 0 && self.kind != EntryKind::Base) {
            return Err(Error::damaged(alloc::format!(
                "number {} is none that {} can have",
                self.number,
                self.kind.word()
            )));
        }
        Ok(())
    }

    /// An object of this entry.
    pub const fn object(self, file: ObjectFile) -> ObjectName {
        ObjectName { entry: self, file }
    }

    /// Its record.
    pub const fn record(self) -> ObjectName {
        self.object(ObjectFile::Record)
    }

    /// The container that it brings its segments in.
    pub const fn container(self) -> ObjectName {
        match self.kind {
            EntryKind::Base => self.object(ObjectFile::Data),
            _ => self.object(ObjectFile::Changes),
        }
    }
}

/// `base` for number 0; else the word and at least three digits: `delta-001`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { number: 0, kind: EntryKind::Base } => f.write_str("base"),
            Self { number, kind } => write!(f, "{}-{number:0DIGITS$}", kind.word()),
        }
    }
}

/// An object inside an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ObjectFile {
    /// `data.db`, of a base.
    Data,
    /// `changes.db`, of a delta or of moves.
    Changes,
    /// `data.db.wal-<first LSN>`.
    Log(Lsn),
    /// `list-<64 hex digits>`: a page of a list, whose BLAKE3 it is.
    Page(Hash),
    /// `metadata.json`.
    Record,
    /// Frames that were shipped behind a point, by sequence; the object is `wal/<entry>/<sequence>`.
    Shipped(u64),
}

impl ObjectFile {
    /// Reads the text that `Display` prints, and no other.
    pub fn parse(text: &str) -> Option<Self> {
        let file = match text {
            DATA_FILE_NAME => Self::Data,
            CHANGES_FILE_NAME => Self::Changes,
            RECORD_FILE_NAME => Self::Record,
            _ => match text.strip_prefix(PAGE_PREFIX) {
                Some(hash) => Self::Page(Hash::from_hex(hash)?),
                None => Self::Log(parse_log_file_name(text.strip_prefix(DATA_FILE_NAME)?)?),
            },
        };
        (file.to_string() == text).then_some(file)
    }
}

impl fmt::Display for ObjectFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => f.write_str(DATA_FILE_NAME),
            Self::Changes => f.write_str(CHANGES_FILE_NAME),
            Self::Log(lsn) => write!(f, "{DATA_FILE_NAME}{}", log_file_name(*lsn)),
            Self::Page(hash) => write!(f, "{PAGE_PREFIX}{hash}"),
            Self::Record => f.write_str(RECORD_FILE_NAME),
            Self::Shipped(sequence) => write!(f, "{sequence}"),
        }
    }
}

/// An object below an entry; its text is its name in the destination.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectName {
    /// Whose it is.
    pub entry: Entry,
    /// Which of its objects.
    pub file: ObjectFile,
}

impl ObjectName {
    /// Reads the text that `Display` prints, and no other.
    pub fn parse(text: &str) -> Option<Self> {
        let (entry, file) = text.split_once('/')?;
        if entry == SHIPPED_FOLDER {
            let (entry, digits) = file.split_once('/')?;
            let (entry, sequence) = (Entry::parse(entry)?, digits.parse::<u64>().ok()?);
            let fits =
                entry.kind.is_point() && sequence <= POINT_NUMBER_MAX && sequence.to_string() == digits;
            return fits.then_some(Self { entry, file: ObjectFile::Shipped(sequence) });
        }
        let name = Self { entry: Entry::parse(entry)?, file: ObjectFile::parse(file)? };
        let fits = match name.file {
            ObjectFile::Data => name.entry.kind == EntryKind::Base,
            ObjectFile::Changes => matches!(name.entry.kind, EntryKind::Delta | EntryKind::Moves),
            ObjectFile::Log(_) => name.entry.kind.is_point(),
            ObjectFile::Page(_) | ObjectFile::Record => true,
            ObjectFile::Shipped(_) => false,
        };
        fits.then_some(name)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file {
            ObjectFile::Shipped(sequence) => write!(f, "{SHIPPED_FOLDER}/{}/{sequence}", self.entry),
            file => write!(f, "{}/{file}", self.entry),
        }
    }
}

/// The folder that frames shipped behind a point lie in; without one, that of all of them.
pub fn shipped_folder(entry: Option<Entry>) -> String {
    match entry {
        Some(entry) => alloc::format!("{SHIPPED_FOLDER}/{entry}"),
        None => SHIPPED_FOLDER.to_string(),
    }
}

/// Name of the claim on a number.
pub fn claim_name(number: PointNumber) -> String {
    alloc::format!("claims/{number}")
}

/// Name of the object that keeps a point from every prune while it exists; its content means nothing.
pub fn hold_name(number: PointNumber) -> String {
    alloc::format!("holds/{number}")
}

/// The number in the name of a claim or a hold; `None` for any other text.
pub fn parse_numbered(folder: &str, text: &str) -> Option<PointNumber> {
    let digits = text.strip_prefix(folder)?.strip_prefix('/')?;
    let number: PointNumber = digits.parse().ok()?;
    (number <= POINT_NUMBER_MAX && number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_have_one_form() {
        let entries = [
            (Entry::new(EntryKind::Base, 0), "base"),
            (Entry::new(EntryKind::Base, 17), "base-017"),
            (Entry::new(EntryKind::Delta, 1), "delta-001"),
            (Entry::new(EntryKind::Delta, 12_345), "delta-12345"),
            (Entry::new(EntryKind::Prune, 18), "prune-018"),
            (Entry::new(EntryKind::Moves, POINT_NUMBER_MAX), "moves-999999999999"),
        ];
        for (entry, text) in entries {
            assert_eq!(entry.to_string(), text);
            assert_eq!(Entry::parse(text), Some(entry));
        }
        let page = Hash([0xab; 32]);
        let shipped = Entry::new(EntryKind::Delta, 4).object(ObjectFile::Shipped(10));
        assert_eq!(shipped.to_string(), "wal/delta-004/10");
        for file in [
            ObjectFile::Shipped(0),
            ObjectFile::Shipped(10),
            ObjectFile::Changes,
            ObjectFile::Log(7),
            ObjectFile::Page(page),
            ObjectFile::Record,
        ] {
            let name = Entry::new(EntryKind::Delta, 4).object(file);
            assert_eq!(ObjectName::parse(&name.to_string()), Some(name));
        }
        assert_eq!(parse_numbered("claims", &claim_name(0)), Some(0));
        assert_eq!(parse_numbered("holds", &hold_name(40)), Some(40));
    }

    #[test]
    fn hostile_names_are_refused() {
        for text in [
            "",
            "base-000",
            "base-0",
            "base-17",
            "base-0017",
            "delta-000",
            "delta-01",
            "delta-0001",
            "delta--01",
            "delta-+01",
            "delta-1000000000000",
            "delta-99999999999999999999",
            "delta-001 ",
            "Delta-001",
            "lists-001",
            "../delta-001",
            "delta-001/",
            "delta-\u{0661}\u{0661}\u{0661}",
            "delta-001\0",
        ] {
            assert_eq!(Entry::parse(text), None, "{text:?}");
        }
        let hash = "0".repeat(64);
        for text in [
            "delta-001",
            "delta-001/",
            "/changes.db",
            "delta-001//changes.db",
            "delta-001/data.db",
            "base/changes.db",
            "prune-018/changes.db",
            "delta-001/../base/data.db",
            "delta-001/data.db.wal-7",
            "delta-001/list-00",
            "moves-002/data.db.wal-00000000000000000007",
            "delta-001/data.db.wal-00000000000000000000",
            "delta-001\\changes.db",
            "delta-001/7",
            "wal/delta-001/07",
            "wal/delta-001/-7",
            "wal/delta-001/7/7",
            "wal/prune-001/7",
            "wal/delta-001/1000000000000",
        ] {
            assert_eq!(ObjectName::parse(text), None, "{text:?}");
        }
        assert!(ObjectName::parse(&alloc::format!("base/list-{hash}")).is_some());
        assert_eq!(ObjectName::parse(&alloc::format!("base/list-{}", hash.replace('0', "A"))), None);
        for text in
            ["claims/", "claims/01", "claims/-1", "claims/1000000000000", "claims1", "holds/1", "claims/1/2"]
        {
            assert_eq!(parse_numbered("claims", text), None, "{text:?}");
        }
    }
}
