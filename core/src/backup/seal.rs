//! Seal: how the bytes of a JSON record cover themselves, and how its members are read exactly.
//!
//! The file is one JSON object whose last member is `"checksum"`. Its text has a fixed length, so the sealed bytes are all
//! but the last [`SEAL_LEN`], and the rest has one possible form: no byte of the file can change unnoticed. What the
//! members mean is the business of each record.
use super::record::SNAPSHOT_VERSION;
use crate::error::{Error, ErrorKind, Result};
use crate::format::EpochParent;
use crate::ids::{Chain, Epoch, Hash};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const SEAL_START: &str = ",\n  \"checksum\": \"";
const SEAL_END: &str = "\"\n}\n";
/// Bytes from the comma before the checksum to the end of the file.
const SEAL_LEN: usize = SEAL_START.len() + 64 + SEAL_END.len();

/// What every version and kind of record has, read before anything else.
#[derive(Deserialize)]
struct Outer {
    format_version: u32,
    kind: String,
}

/// A record whose seal holds and whose version this build reads.
pub(super) struct Opened<'a> {
    bytes: &'a [u8],
    /// What kind of record it says to be.
    pub(super) kind: String,
}

/// The bytes of the file; `LimitExceeded` above `len_max`.
pub(super) fn seal<T: Serialize>(fields: &T, len_max: usize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(fields)
        .map_err(|error| Error::invalid(alloc::format!("the record can't be written: {error}")))?;
    // The object is closed by the seal.
    bytes.truncate(bytes.len().saturating_sub("\n}".len()));
    let seal = seal_of(&bytes);
    bytes.extend_from_slice(seal.as_bytes());
    if bytes.len() > len_max {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            alloc::format!("the record takes {} bytes, more than {len_max}", bytes.len()),
        ));
    }
    Ok(bytes)
}

/// Checks the seal first, then the version, so that a newer record is told from a damaged one.
pub(super) fn open(bytes: &[u8], len_max: usize) -> Result<Opened<'_>> {
    if bytes.len() > len_max {
        return Err(Error::damaged(alloc::format!(
            "it has {} bytes; a record has at most {len_max}",
            bytes.len()
        )));
    }
    let split = bytes.len().checked_sub(SEAL_LEN).and_then(|at| bytes.split_at_checked(at));
    let Some((sealed, seal)) = split else {
        return Err(Error::damaged("it is too short for a record: its writing was cut off"));
    };
    if seal != seal_of(sealed).as_bytes() {
        return Err(Error::damaged(
            "its checksum is not that of its bytes: it was cut off, changed, or edited",
        ));
    }
    let Outer { format_version, kind } = serde_json::from_slice(bytes).map_err(not_a_record)?;
    if format_version > SNAPSHOT_VERSION {
        return Err(Error::unsupported(alloc::format!(
            "the record has version {format_version}; this build reads versions up to {SNAPSHOT_VERSION}: use a newer \
             Chronicle"
        )));
    }
    Ok(Opened { bytes, kind })
}

impl Opened<'_> {
    /// The members that `T` names; others are passed over, and one that comes twice is damage.
    pub(super) fn members<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(self.bytes).map_err(not_a_record)
    }

    /// An error unless it is a record of `kind`.
    pub(super) fn expect(&self, kind: &str) -> Result<()> {
        match self.kind == kind {
            true => Ok(()),
            false => Err(Error::unsupported(alloc::format!(
                "it is a record of kind {:?}, not of a {kind}",
                self.kind
            ))),
        }
    }
}

fn not_a_record(error: serde_json::Error) -> Error {
    Error::damaged(alloc::format!("its checksum holds, but it is not a record: {error}"))
}

fn seal_of(sealed: &[u8]) -> String {
    alloc::format!("{SEAL_START}{}{SEAL_END}", Hash::of(sealed))
}

/// A value whose text is exactly the one that is written: two texts never mean one value.
pub(super) fn exact<T: ToString>(member: &str, text: &str, read: impl Fn(&str) -> Option<T>) -> Result<T> {
    read(text)
        .filter(|value| value.to_string() == text)
        .ok_or_else(|| Error::damaged(alloc::format!("member {member} can't be {text:?}")))
}

/// A number, which is text: JavaScript's numbers are not exact beyond 2^53.
pub(super) fn number<T: ToString + core::str::FromStr>(member: &str, text: &str) -> Result<T> {
    exact(member, text, |text| text.parse().ok())
}

/// A time and its text for people, which must agree: nobody should read another moment than a program does.
pub(super) fn time(member: &str, ns: &str, text: &str) -> Result<i64> {
    let ns = number(member, ns)?;
    match format_timestamp(ns) == text {
        true => Ok(ns),
        false => Err(Error::damaged(alloc::format!("member {member} says {text:?}, its twin in ns {ns}"))),
    }
}

/// A place in a history.
#[derive(Serialize, Deserialize)]
pub(super) struct ParentFields {
    epoch: String,
    lsn: String,
    chain: String,
}

impl From<EpochParent> for ParentFields {
    fn from(parent: EpochParent) -> Self {
        Self { epoch: parent.epoch.to_hex(), lsn: parent.lsn.to_string(), chain: parent.chain.to_hex() }
    }
}

impl ParentFields {
    /// The value; `member` names it in an error.
    pub(super) fn read(&self, member: &str) -> Result<EpochParent> {
        Ok(EpochParent {
            epoch: exact(member, &self.epoch, Epoch::from_hex)?,
            lsn: number(member, &self.lsn)?,
            chain: exact(member, &self.chain, Chain::from_hex)?,
        })
    }
}
