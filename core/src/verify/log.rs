//! One log file: every frame, and what its end means.
use super::{Affected, Findings, Level};
use crate::codec::frame::{FrameRun, decode_frame as decode_columns};
use crate::error::{Error, Result};
use crate::format::{Commit, End, Frame, LOG_HEADER_LEN, LogExpectation, LogScan, log_file_name};
use crate::head::Position;
use crate::ids::Lsn;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// An interrupted write at the end of the log. The next writer cuts it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torn {
    /// First LSN of the log file.
    pub first_lsn: Lsn,
    /// Where, bytes from its start.
    pub offset: u64,
    /// Bytes from there to the last one that is not zero.
    pub bytes: u64,
    /// What was wrong with them.
    pub reason: String,
}

/// What the check of one log file came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogReport {
    /// Whole commits.
    pub commits: u64,
    /// Points that they add.
    pub points: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// After the last whole commit, to be the expectation of the next file. Its commit time is `i64::MIN` where no commit
    /// was read and none was expected.
    pub end: Position,
    /// What is wrong.
    pub findings: Findings,
    /// An interrupted write at its end.
    pub torn: Option<Torn>,
}

/// Checks a whole log file. `checkpoint` is the catalog's position: a log that passes it must agree with its chain. `last`
/// says that no later file exists; only there a tear is one.
pub fn verify_log(
    bytes: &[u8],
    expected: &LogExpectation,
    checkpoint: &Position,
    last: bool,
    level: Level,
) -> LogReport {
    let mut report = LogReport {
        commits: 0,
        points: 0,
        bytes: bytes.len() as u64,
        end: Position {
            lsn: expected.first_lsn.saturating_sub(1),
            commit_time_ns: expected.commit_time_ns,
            chain: expected.chain.unwrap_or_default(),
        },
        findings: Findings::default(),
        torn: None,
    };
    if let Err(error) = scan(bytes, expected, checkpoint, last, level, &mut report) {
        report.findings.add(&"log", &error, Affected::default());
    }
    let name = alloc::format!("log file {}", log_file_name(expected.first_lsn));
    report.findings = core::mem::take(&mut report.findings).at(name);
    report
}

fn scan(
    bytes: &[u8],
    expected: &LogExpectation,
    checkpoint: &Position,
    last: bool,
    level: Level,
    report: &mut LogReport,
) -> Result<()> {
    let mut scan = LogScan::new(bytes, expected)?;
    report.end.chain = scan.position().chain;
    agree(checkpoint, report);
    let mut columns = Columns::default();
    for frame in &mut scan {
        report.commits += 1;
        report.points += u64::from(frame.head.points);
        let (lsn, commit_time_ns) = (frame.head.lsn, frame.head.commit_time_ns);
        report.end = Position { lsn, commit_time_ns, chain: frame.chain };
        agree(checkpoint, report);
        if let (Level::Everything, Err(error)) = (level, columns.check(&frame)) {
            let place = alloc::format!("commit {lsn} at {}", frame.offset);
            report.findings.add(&place, &error, Affected::default());
        }
    }
    if let Some(at) = scan.padding_damage() {
        let error = Error::damaged("padding behind a frame is not zero: something wrote into the log");
        report.findings.add(&alloc::format!("byte {at}"), &error, Affected::default());
    }
    match scan.end() {
        End::Clean { .. } => Ok(()),
        End::Torn { offset: 0, bytes_lost, reason } if bytes_lost > LOG_HEADER_LEN as u64 => {
            Err(Error::damaged(alloc::format!("its header can't be read ({reason}) but more follows it")))
        }
        End::Torn { offset, bytes_lost: bytes, reason } if last => {
            report.torn = Some(Torn { first_lsn: expected.first_lsn, offset, bytes, reason });
            Ok(())
        }
        End::Torn { offset, reason, .. } => Err(Error::damaged(alloc::format!(
            "the frame at offset {offset} is bad ({reason}) although a later log file exists"
        ))),
        End::Damaged { error, .. } | End::Unsupported { error, .. } => Err(error),
    }
}

/// Where the log comes to the catalog's commit, both must tell the same history.
fn agree(checkpoint: &Position, report: &mut LogReport) {
    let here = report.end;
    if here.lsn == checkpoint.lsn && here.chain != checkpoint.chain {
        let error = Error::damaged(alloc::format!(
            "after commit {} it has chain {}, the catalog {}: they are of two histories",
            here.lsn,
            here.chain,
            checkpoint.chain
        ));
        report.findings.add(&alloc::format!("commit {}", here.lsn), &error, Affected::default());
    }
}

/// Working memory for decoding.
#[derive(Default)]
struct Columns {
    runs: Vec<FrameRun>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

impl Columns {
    fn check(&mut self, frame: &Frame<'_>) -> Result<()> {
        let points = match Commit::decode(frame.head.kind, frame.payload)? {
            Commit::Points(points) => {
                decode_columns(points.columns, &mut self.runs, &mut self.timestamps, &mut self.bits)?;
                self.timestamps.len() as u64
            }
            // A frame's head counts to u32::MAX and no further.
            Commit::Attach(attachment) => {
                let points = attachment.segments.iter().map(|segment| segment.summary.points);
                points.fold(0, u64::saturating_add).min(u32::MAX.into())
            }
            _ => 0,
        };
        match points == u64::from(frame.head.points) {
            true => Ok(()),
            false => Err(Error::damaged(alloc::format!(
                "it holds {points} points, its head says {}",
                frame.head.points
            ))),
        }
    }
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "log file {}: {} bytes at {} are no whole commit ({}): a write that was interrupted and never acknowledged as durable, or damage to the newest commits, which can't be told apart",
            log_file_name(self.first_lsn),
            self.bytes,
            self.offset,
            self.reason
        )
    }
}
