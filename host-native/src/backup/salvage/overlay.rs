//! Overlay: what commits in a log add to segments: points, names of new series, deletions. A commit is taken when it follows
//! the one before by number and chain, so that what is taken is history, up to the first commit that is lost.
use crate::error::{Error, Result};
use chronicle_core::codec::frame::decode_frame;
use chronicle_core::format::{Commit, LogExpectation, LogPosition, LogScan, Settings, Tombstone};
use chronicle_core::head::Position;
use chronicle_core::ids::{Epoch, Lineage, Lsn, SeriesId};
use chronicle_core::model::{Series, TimeRange};
use std::collections::BTreeMap;

/// The state of the log, over the segments of its checkpoint.
#[derive(Default)]
pub(in crate::backup) struct Overlay {
    /// Points that are in no segment.
    pub(in crate::backup) points: BTreeMap<SeriesId, BTreeMap<i64, u64>>,
    /// Series that it defines.
    pub(in crate::backup) series: BTreeMap<SeriesId, Series>,
    /// What it deletes in segments.
    pub(in crate::backup) tombstones: Vec<Tombstone>,
    /// The settings as of its last commit, where it changes them.
    pub(in crate::backup) settings: Option<Settings>,
    /// The last commit that was taken.
    pub(in crate::backup) at: Position,
}

impl Overlay {
    /// Nothing, over a checkpoint.
    pub(in crate::backup) fn new(at: Position) -> Self {
        Self { at, ..Self::default() }
    }

    /// Takes the commits of a log file that follow, up to `until`. Damage ends it and is no error; answers whether it got on.
    pub(in crate::backup) fn extend(
        &mut self,
        lineage: Lineage,
        epoch: Epoch,
        first_lsn: Lsn,
        bytes: &[u8],
        until: Lsn,
    ) -> bool {
        let expected = LogExpectation {
            lineage,
            epoch,
            first_lsn,
            chain: None,
            commit_time_ns: i64::MIN,
            known_durable_lsn: 0,
        };
        let before = self.at.lsn;
        let Ok(mut scan) = LogScan::new(bytes, &expected) else { return false };
        let mut chain = scan.position().chain;
        for frame in scan.by_ref() {
            let follows = frame.head.lsn == self.at.lsn.saturating_add(1) && frame.head.lsn <= until;
            if follows && chain == self.at.chain {
                let Ok(commit) = Commit::decode(frame.head.kind, frame.payload) else { break };
                if self.take(commit, frame.head.lsn).is_err() {
                    break;
                }
                self.at = Position {
                    lsn: frame.head.lsn,
                    commit_time_ns: frame.head.commit_time_ns,
                    chain: frame.chain,
                };
            } else if follows {
                break;
            }
            chain = frame.chain;
        }
        self.at.lsn > before
    }

    /// The same for the frames from `offset` on, where the next commit starts.
    pub(in crate::backup) fn resume(&mut self, epoch: Epoch, offset: u64, bytes: &[u8]) {
        let start = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
        let Position { lsn, commit_time_ns, chain } = self.at;
        let next_lsn = lsn.saturating_add(1);
        let commit_time_ns = if lsn == 0 { i64::MIN } else { commit_time_ns };
        let position = LogPosition { offset, next_lsn, chain, commit_time_ns };
        for frame in LogScan::resume(start.unwrap_or_default(), epoch, position, 0).by_ref() {
            let Ok(commit) = Commit::decode(frame.head.kind, frame.payload) else { break };
            if self.take(commit, frame.head.lsn).is_err() {
                break;
            }
            let (lsn, commit_time_ns) = (frame.head.lsn, frame.head.commit_time_ns);
            self.at = Position { lsn, commit_time_ns, chain: frame.chain };
        }
    }

    fn take(&mut self, commit: Commit<'_>, lsn: Lsn) -> Result<()> {
        match commit {
            Commit::Points(points) => {
                let (mut runs, mut timestamps, mut bits) = (Vec::new(), Vec::new(), Vec::new());
                decode_frame(points.columns, &mut runs, &mut timestamps, &mut bits)?;
                for definition in points.new_series {
                    let series = Series { metric: definition.metric, tags: definition.tags };
                    self.series.insert(definition.id, series);
                }
                let mut pairs = timestamps.into_iter().zip(bits);
                for run in runs {
                    let of_series = self.points.entry(SeriesId(run.series)).or_default();
                    of_series.extend(pairs.by_ref().take(run.count as usize));
                }
            }
            Commit::Delete { time, series } => self.delete(Tombstone { lsn, series, time }),
            Commit::Expire { cutoff, series } => {
                self.delete(Tombstone { lsn, series, time: TimeRange::new(None, Some(cutoff)) });
            }
            Commit::Settings { settings, .. } => self.settings = Some(settings),
            Commit::NewEpoch(_) | Commit::Gap { .. } | Commit::Downsampled { .. } => {}
            Commit::Attach(_) => return Err(Error::unsupported("the commit attaches segments")),
        }
        Ok(())
    }

    fn delete(&mut self, tombstone: Tombstone) {
        for (id, points) in &mut self.points {
            if tombstone.series.contains(*id) {
                points.retain(|time, _| !tombstone.time.contains(*time));
            }
        }
        self.tombstones.push(tombstone);
    }
}
