//! Hints: `manifest.json` and `state.json`, the only objects that are ever overwritten. No reader believes either.
//!
//! The manifest is where a search for the newest number starts, and a summary for people; the state is where the next
//! delta starts, if the record that it names is still the newest. Both are rebuilt from the records.
use super::name::{Entry, MANIFEST_NAME, POINT_NUMBER_MAX, PointNumber, STATE_NAME};
use super::point_record::PointRecord;
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{exact, number, open, seal, time};
use crate::error::{At, Error, Result};
use crate::format::EpochParent;
use crate::ids::{Chain, Epoch, Hash, Lineage, Lsn};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most bytes of a manifest.
pub const MANIFEST_LEN_MAX: usize = 16 << 20;
/// Most bytes of a state.
pub const STATE_LEN_MAX: usize = 4_096;
/// Most points that a manifest names: of older ones it leaves some out, so that it stays small beside a delta.
const MANIFEST_POINTS_MAX: usize = 256;
const MANIFEST: &str = "manifest";
const STATE: &str = "state";

/// One point in a manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestPoint {
    /// Its number and name.
    pub entry: Entry,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its last commit.
    pub lsn: Lsn,
    /// Commit time of that, Unix ns.
    pub commit_time_ns: i64,
    /// Bytes that it brought.
    pub bytes: u64,
}

/// What `manifest.json` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Of which database.
    pub lineage: Lineage,
    /// A number that was claimed: where the search for the newest starts.
    pub newest_number: PointNumber,
    /// The newest mark, if there is one.
    pub newest_prune: Option<PointNumber>,
    /// The newest moves, if there are some.
    pub newest_moves: Option<PointNumber>,
    /// The points, in order of number.
    pub points: Vec<ManifestPoint>,
    /// Points between these that are left out.
    pub left_out: u64,
}

/// Where the next delta starts: saved by a program that wants to (it is serde, with the members of `state.json`), and as
/// `state.json`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "StateFields", try_from = "StateFields")]
pub struct BackupState {
    /// Of which database.
    pub lineage: Lineage,
    /// The newest point.
    pub entry: Entry,
    /// BLAKE3 of its record's bytes: another one, and this state is of the past.
    pub record: Hash,
    /// Where the point ends.
    pub at: EpochParent,
}

#[derive(Serialize, Deserialize)]
struct ManifestFields {
    format_version: u32,
    kind: String,
    lineage: String,
    newest_number: String,
    newest_prune: Option<String>,
    newest_moves: Option<String>,
    points: Vec<ManifestPointFields>,
    #[serde(default)]
    left_out: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ManifestPointFields {
    name: String,
    epoch: String,
    lsn: String,
    commit_time_ns: String,
    commit_time: String,
    bytes: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct StateFields {
    format_version: u32,
    kind: String,
    lineage: String,
    name: String,
    record: String,
    epoch: String,
    lsn: String,
    chain: String,
}

impl From<&PointRecord> for ManifestPoint {
    fn from(record: &PointRecord) -> Self {
        let point = &record.point;
        let pages = record.lists.iter().filter(|(_, page)| page.home == record.entry);
        Self {
            entry: record.entry,
            epoch: point.epoch,
            lsn: point.lsn,
            commit_time_ns: point.commit_time_ns,
            bytes: pages.fold(point.files_bytes(), |sum, (_, page)| sum.saturating_add(u64::from(page.len))),
        }
    }
}

impl Manifest {
    /// The bytes of `manifest.json`.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let points = self.points.iter().map(|point| ManifestPointFields {
            name: point.entry.to_string(),
            epoch: point.epoch.to_hex(),
            lsn: point.lsn.to_string(),
            commit_time_ns: point.commit_time_ns.to_string(),
            commit_time: format_timestamp(point.commit_time_ns),
            bytes: point.bytes.to_string(),
        });
        let fields = ManifestFields {
            format_version: SNAPSHOT_VERSION,
            kind: MANIFEST.to_string(),
            lineage: self.lineage.to_hex(),
            newest_number: self.newest_number.to_string(),
            newest_prune: self.newest_prune.as_ref().map(ToString::to_string),
            newest_moves: self.newest_moves.as_ref().map(ToString::to_string),
            points: points.collect(),
            left_out: Some(self.left_out.to_string()),
        };
        seal(&fields, MANIFEST_LEN_MAX)
    }

    /// Adds points behind those that are there. Above 256 every second one of the older half is left out: the older, the fewer.
    pub fn extend(&mut self, points: impl IntoIterator<Item = ManifestPoint>) {
        for point in points {
            self.points.push(point);
            if self.points.len() > MANIFEST_POINTS_MAX {
                let (mut index, before) = (0, self.points.len());
                self.points.retain(|_| {
                    index += 1;
                    index > before / 2 || index % 2 == 1
                });
                self.left_out += (before - self.points.len()) as u64;
            }
        }
    }

    /// Reads a manifest. An error is no harm: search without a hint, and rebuild it.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).at(|| MANIFEST_NAME)
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, MANIFEST_LEN_MAX)?;
        opened.expect(MANIFEST)?;
        let fields: ManifestFields = opened.members()?;
        let hint = |member: &str, text: &String| -> Result<PointNumber> {
            match number(member, text)? {
                hint if hint <= POINT_NUMBER_MAX => Ok(hint),
                hint => Err(Error::damaged(alloc::format!("{member} can't be {hint}"))),
            }
        };
        let points = fields.points.iter().map(|point| {
            Ok(ManifestPoint {
                entry: exact("points.name", &point.name, Entry::parse)?,
                epoch: exact("points.epoch", &point.epoch, Epoch::from_hex)?,
                lsn: number("points.lsn", &point.lsn)?,
                commit_time_ns: time("points.commit_time", &point.commit_time_ns, &point.commit_time)?,
                bytes: number("points.bytes", &point.bytes)?,
            })
        });
        Ok(Self {
            lineage: exact("lineage", &fields.lineage, Lineage::from_hex)?,
            newest_number: hint("newest_number", &fields.newest_number)?,
            newest_prune: fields.newest_prune.as_ref().map(|text| hint("newest_prune", text)).transpose()?,
            newest_moves: fields.newest_moves.as_ref().map(|text| hint("newest_moves", text)).transpose()?,
            points: points.collect::<Result<_>>()?,
            left_out: fields.left_out.map_or(Ok(0), |text| number("left_out", &text))?,
        })
    }
}

impl BackupState {
    /// After a point whose record has these bytes.
    pub fn after(record: &PointRecord, bytes: &[u8]) -> Self {
        let point = record.as_previous();
        Self { lineage: record.point.lineage, entry: point.entry, record: Hash::of(bytes), at: point.at }
    }

    /// The bytes of `state.json`.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        seal(&StateFields::from(*self), STATE_LEN_MAX)
    }

    /// Reads a state. An error is no harm: read the newest record instead.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).at(|| STATE_NAME)
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, STATE_LEN_MAX)?;
        opened.expect(STATE)?;
        opened.members::<StateFields>()?.try_into()
    }
}

impl From<BackupState> for StateFields {
    fn from(state: BackupState) -> Self {
        Self {
            format_version: SNAPSHOT_VERSION,
            kind: STATE.to_string(),
            lineage: state.lineage.to_hex(),
            name: state.entry.to_string(),
            record: state.record.to_hex(),
            epoch: state.at.epoch.to_hex(),
            lsn: state.at.lsn.to_string(),
            chain: state.at.chain.to_hex(),
        }
    }
}

impl TryFrom<StateFields> for BackupState {
    type Error = Error;

    fn try_from(fields: StateFields) -> Result<Self> {
        if fields.kind != STATE || fields.format_version > SNAPSHOT_VERSION {
            return Err(Error::unsupported("it is no state of a backup, or one of a newer Chronicle"));
        }
        Ok(Self {
            lineage: exact("lineage", &fields.lineage, Lineage::from_hex)?,
            entry: exact("name", &fields.name, Entry::parse)?,
            record: exact("record", &fields.record, Hash::from_hex)?,
            at: EpochParent {
                epoch: exact("epoch", &fields.epoch, Epoch::from_hex)?,
                lsn: number("lsn", &fields.lsn)?,
                chain: exact("chain", &fields.chain, Chain::from_hex)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_serde_and_one_of_another_kind_is_refused() {
        let at = EpochParent { epoch: Epoch([2; 16]), lsn: u64::MAX, chain: Chain([3; 32]) };
        let entry = Entry::new(super::super::EntryKind::Delta, 7);
        let state = BackupState { lineage: Lineage([1; 16]), entry, record: Hash([4; 32]), at };
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<BackupState>(&text).unwrap(), state);
        assert!(serde_json::from_str::<BackupState>(&text.replace("state", "claim")).is_err());
        assert_eq!(BackupState::parse(&state.to_bytes().unwrap()), Ok(state));
    }
}
