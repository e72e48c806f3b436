//! What a commit does, as the payload of a frame.
//!
//! Which LSN and time it has is in the frame's head; whether it can be carried out is for the engine to say. The
//! column section of points stays closed here: `codec::frame` reads it.
use super::catalog_root::{EpochParent, Settings};
use super::commit_kind::CommitKind;
use super::extent::check_extent;
use super::metadata;
use super::policy::{POLICY_BYTES_MAX, Policies};
use super::series_set::SeriesSet;
use super::summary::SegmentSummary;
use crate::error::{At, Error, ErrorKind, Result};
use crate::ids::{Lsn, SeriesId};
use crate::model::{Tags, TimeRange};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Longest metric name, tag key or tag value in a definition, bytes.
pub const NAME_LEN_MAX: usize = 65_535;
/// Most tags in a definition.
pub const TAGS_MAX: usize = 1_024;

/// A series that a commit is the first to mention.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeriesDefinition {
    /// Its number from now on.
    pub id: SeriesId,
    /// Name of the metric.
    pub metric: String,
    /// Its tags.
    pub tags: Tags,
}

impl SeriesDefinition {
    /// Names within the format's maxima, and tags in canonical form: `Tags` does not check what it is read from.
    fn check(&self) -> Result<()> {
        let name_fits = |name: &str| !name.is_empty() && name.len() <= NAME_LEN_MAX;
        let ascending = self.tags.iter().zip(self.tags.iter().skip(1)).all(|((a, _), (b, _))| a < b);
        let fits = name_fits(&self.metric)
            && self.tags.iter().all(|(key, value)| name_fits(key) && name_fits(value));
        if !ascending || !fits || self.tags.len() > TAGS_MAX {
            return Err(Error::damaged(alloc::format!(
                "the definition of series {} has impossible names or tags",
                self.id.0
            )));
        }
        Ok(())
    }
}

/// Points, by column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointsPayload<'a> {
    /// Series that no earlier commit of the epoch has mentioned.
    pub new_series: Vec<SeriesDefinition>,
    /// The points, as `codec::frame` encodes them.
    pub columns: &'a [u8],
}

/// A segment that a commit adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AttachedSegment {
    /// Where it starts in the `data.db` that the log is of.
    pub offset: u64,
    /// What is known of it. It is of the commit that adds it: `lsn_min` and `lsn_max` are its LSN.
    pub summary: SegmentSummary,
}

/// What a commit adds that attaches segments.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attachment {
    /// Names of metrics that no earlier commit has mentioned, in order of number.
    pub metrics: Vec<String>,
    /// Segments of points, and a dictionary run that defines the series which are new.
    pub segments: Vec<AttachedSegment>,
}

impl Attachment {
    fn check(&self) -> Result<()> {
        if self.segments.is_empty() {
            return Err(Error::damaged("the list of segments is empty"));
        }
        if self.metrics.iter().any(|name| name.is_empty() || name.len() > NAME_LEN_MAX) {
            return Err(Error::damaged("a metric that the commit defines has an impossible name"));
        }
        self.segments.iter().try_for_each(|segment| {
            segment.summary.check()?;
            check_extent(segment.offset, segment.summary.len, u64::MAX)
        })
    }
}

/// What a commit does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Commit<'a> {
    /// Adds points.
    Points(PointsPayload<'a>),
    /// Deletes every earlier point of `series` in `time`.
    Delete {
        /// The timestamps.
        time: TimeRange,
        /// The series.
        series: SeriesSet,
    },
    /// Drops every earlier point of `series` with a timestamp below `cutoff`, because of its age or the database's size.
    /// What was derived from the points stays as it is; that is the difference from a deletion.
    Expire {
        /// The first timestamp that stays, Unix nanoseconds.
        cutoff: i64,
        /// The series.
        series: SeriesSet,
    },
    /// Adds sealed segments.
    Attach(Attachment),
    /// Starts the epoch of the log file it is in.
    NewEpoch(EpochParent),
    /// The log does not hold these commits any more; the data of later backups does.
    Gap {
        /// First missing commit.
        first_lsn: Lsn,
        /// Last missing commit.
        last_lsn: Lsn,
    },
    /// From here on the database has these settings and policies: all of them, and not only what changed.
    Settings {
        /// The settings.
        settings: Settings,
        /// The policies.
        policies: Policies,
    },
    /// The windows of a downsampling rule in these spans are what its function makes of the points as of this commit.
    Downsampled {
        /// Number of the rule.
        rule: u32,
        /// Spans of whole windows, ascending, apart from each other.
        done: Vec<TimeRange>,
    },
}

impl<'a> Commit<'a> {
    /// The kind, for the frame's head.
    pub fn kind(&self) -> CommitKind {
        match self {
            Self::Points(_) => CommitKind::Points,
            Self::Delete { .. } => CommitKind::Delete,
            Self::Expire { .. } => CommitKind::Expire,
            Self::Attach(_) => CommitKind::Attach,
            Self::NewEpoch(_) => CommitKind::NewEpoch,
            Self::Gap { .. } => CommitKind::Gap,
            Self::Settings { .. } => CommitKind::Settings,
            Self::Downsampled { .. } => CommitKind::Downsampled,
        }
    }

    /// The payload of its frame. What no reader would accept is refused here too.
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.check().at(|| "commit to be written")?;
        let what = "a commit";
        match self {
            Self::Points(points) => {
                let mut out = metadata::encode(&points.new_series, what)?;
                out.extend_from_slice(points.columns);
                Ok(out)
            }
            Self::Delete { time, series } => metadata::encode(&(time, series), what),
            Self::Expire { cutoff, series } => metadata::encode(&(cutoff, series), what),
            Self::Attach(attachment) => metadata::encode(attachment, what),
            Self::NewEpoch(parent) => metadata::encode(parent, what),
            Self::Gap { first_lsn, last_lsn } => metadata::encode(&(first_lsn, last_lsn), what),
            Self::Settings { settings, policies } => {
                let payload = metadata::encode(&(settings, policies), what)?;
                check_policy_len(&payload)?;
                Ok(payload)
            }
            Self::Downsampled { rule, done } => metadata::encode(&(rule, done), what),
        }
    }

    /// Reads the payload of a frame of `kind`.
    pub fn decode(kind: CommitKind, payload: &'a [u8]) -> Result<Self> {
        let commit = match kind {
            CommitKind::Points => {
                let (new_series, columns) = metadata::decode_prefix(payload, "the definitions of series")?;
                Self::Points(PointsPayload { new_series, columns })
            }
            CommitKind::Delete => {
                let (time, series) = metadata::decode(payload, "the deletion")?;
                Self::Delete { time, series }
            }
            CommitKind::Expire => {
                let (cutoff, series) = metadata::decode(payload, "the expiry")?;
                Self::Expire { cutoff, series }
            }
            CommitKind::Attach => Self::Attach(metadata::decode(payload, "the list of segments")?),
            CommitKind::NewEpoch => Self::NewEpoch(metadata::decode(payload, "the epoch's parent")?),
            CommitKind::Gap => {
                let (first_lsn, last_lsn) = metadata::decode(payload, "the gap")?;
                Self::Gap { first_lsn, last_lsn }
            }
            CommitKind::Settings => {
                check_policy_len(payload)?;
                let (settings, policies) = metadata::decode(payload, "the settings")?;
                Self::Settings { settings, policies }
            }
            CommitKind::Downsampled => {
                let (rule, done) = metadata::decode(payload, "the windows of a rule")?;
                Self::Downsampled { rule, done }
            }
        };
        commit.check()?;
        Ok(commit)
    }

    fn check(&self) -> Result<()> {
        let wrong = match self {
            Self::Points(points) => return points.new_series.iter().try_for_each(SeriesDefinition::check),
            Self::Attach(attachment) => return attachment.check(),
            Self::Delete { time, series } if time.is_empty() || series.is_empty() => {
                "the deletion deletes nothing"
            }
            Self::Settings { settings, policies } => {
                settings.check()?;
                return policies.check();
            }
            Self::Downsampled { done, .. }
                if done.is_empty()
                    || done.iter().any(TimeRange::is_empty)
                    || !done.array_windows().all(|[a, b]| a.max < b.min) =>
            {
                "the windows of a rule are none, or out of order"
            }
            Self::Expire { series, .. } if series.is_empty() => "the expiry is of no series",
            Self::Gap { first_lsn, last_lsn } if *first_lsn == 0 || first_lsn > last_lsn => {
                "the gap is empty or starts at LSN 0"
            }
            Self::Delete { .. }
            | Self::Expire { .. }
            | Self::NewEpoch(_)
            | Self::Gap { .. }
            | Self::Downsampled { .. } => return Ok(()),
        };
        Err(Error::damaged(wrong))
    }
}

/// Policies have to fit a superblock.
fn check_policy_len(payload: &[u8]) -> Result<()> {
    if payload.len() <= POLICY_BYTES_MAX {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        alloc::format!(
            "the settings and downsampling rules take {} bytes, more than {POLICY_BYTES_MAX}; use fewer rules, or shorter names and conditions",
            payload.len()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;
    use crate::ids::{Chain, Epoch};
    use alloc::string::ToString;

    fn commits() -> Vec<Commit<'static>> {
        let tags = Tags::new([("host", "a"), ("rack", "\u{1f600}")]).unwrap();
        let definition = SeriesDefinition { id: SeriesId::new(3, 4), metric: "cpu".to_string(), tags };
        alloc::vec![
            Commit::Points(PointsPayload { new_series: alloc::vec![definition], columns: b"columns" }),
            Commit::Points(PointsPayload { new_series: Vec::new(), columns: b"" }),
            Commit::Delete { time: TimeRange { min: -9, max: 9 }, series: SeriesSet::all() },
            Commit::Expire { cutoff: i64::MIN, series: SeriesSet::all() },
            Commit::Attach(Attachment {
                metrics: alloc::vec!["cpu".to_string()],
                segments: alloc::vec![AttachedSegment { offset: 1 << 20, summary: examples::summary() }],
            }),
            Commit::NewEpoch(EpochParent { epoch: Epoch([1; 16]), lsn: 0, chain: Chain([2; 32]) }),
            Commit::Gap { first_lsn: 5, last_lsn: u64::MAX },
            Commit::Settings { settings: examples::root().settings, policies: examples::policies() },
            Commit::Downsampled { rule: 1, done: alloc::vec![TimeRange { min: i64::MIN, max: 59 }] },
        ]
    }

    #[test]
    fn every_kind_of_commit_reads_back() {
        for commit in commits() {
            let payload = commit.encode().unwrap();
            assert_eq!(Commit::decode(commit.kind(), &payload).unwrap(), commit);
            let kind: u8 = commit.kind().into();
            assert_eq!(CommitKind::try_from(kind).unwrap(), commit.kind());
        }
    }

    #[test]
    fn a_payload_cut_off_or_with_a_tail_is_damage() {
        for commit in commits().iter().filter(|commit| commit.kind() != CommitKind::Points) {
            let mut payload = commit.encode().unwrap();
            for len in 0..payload.len() {
                let error = Commit::decode(commit.kind(), &payload[..len]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Damaged);
            }
            payload.push(0);
            assert!(Commit::decode(commit.kind(), &payload).is_err());
        }
    }

    #[test]
    fn every_flipped_byte_of_a_payload_reads_as_something_or_is_an_error() {
        // Checksums stand before this decoder; a forged payload passes them and must do no harm.
        for commit in commits() {
            let payload = commit.encode().unwrap();
            for at in 0..payload.len() {
                for bit in 0..8 {
                    let mut forged = payload.clone();
                    forged[at] ^= 1 << bit;
                    if let Ok(other) = Commit::decode(commit.kind(), &forged) {
                        other.encode().unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn forged_lengths_are_damage_and_no_allocation() {
        let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
        for kind in [CommitKind::Points, CommitKind::Attach, CommitKind::Settings, CommitKind::Downsampled] {
            assert!(Commit::decode(kind, &huge).is_err());
        }
        let mut delete = metadata::encode(&TimeRange::ALL, "").unwrap();
        delete.extend_from_slice(&huge);
        assert!(Commit::decode(CommitKind::Delete, &delete).is_err());
    }

    #[test]
    fn names_and_tags_that_no_writer_makes_are_damage() {
        let pairs = |pairs: &[(&str, &str)]| {
            metadata::encode(&alloc::vec![(5u64, "cpu", pairs.to_vec())], "definitions").unwrap()
        };
        Commit::decode(CommitKind::Points, &pairs(&[("a", "1"), ("b", "2")])).unwrap();
        for tags in [&[("b", "1"), ("a", "2")][..], &[("a", "1"), ("a", "1")], &[("", "1")], &[("a", "")]] {
            assert!(Commit::decode(CommitKind::Points, &pairs(tags)).is_err(), "{tags:?}");
        }
        let no_metric =
            metadata::encode(&alloc::vec![(5u64, "", Vec::<(String, String)>::new())], "").unwrap();
        assert!(Commit::decode(CommitKind::Points, &no_metric).is_err());
    }

    #[test]
    fn a_commit_that_does_nothing_is_not_written() {
        assert!(Commit::Delete { time: TimeRange::EMPTY, series: SeriesSet::all() }.encode().is_err());
        assert!(Commit::Delete { time: TimeRange::ALL, series: SeriesSet::default() }.encode().is_err());
        assert!(Commit::Gap { first_lsn: 2, last_lsn: 1 }.encode().is_err());
        assert!(Commit::Attach(Attachment { metrics: Vec::new(), segments: Vec::new() }).encode().is_err());
        assert!(Commit::Expire { cutoff: 1, series: SeriesSet::default() }.encode().is_err());
        assert!(Commit::Downsampled { rule: 1, done: Vec::new() }.encode().is_err());
    }

    #[test]
    fn policies_that_do_not_fit_a_superblock_are_not_written() {
        let mut policies = examples::policies();
        policies.rules[0].filter = "x".repeat(POLICY_BYTES_MAX);
        let error = Commit::Settings { settings: examples::root().settings, policies }.encode().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
}
