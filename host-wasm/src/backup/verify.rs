//! Verify: every object that a repository's records name, against its length and hash.
use super::history::History;
use super::objects::Objects;
use chronicle_core::backup::repository::VerifyPlan;
use chronicle_core::error::{Error, Result};
use chronicle_core::ids::Hash;
use chronicle_core::source::ByteRange;
use chronicle_core::verify::{Affected, VerifyReport};

/// Bytes that are read at once.
const WINDOW: u64 = 4 << 20;

/// Reads every object. Damage is in the report; `progress` is told bytes done and of all. Answers the objects checked.
pub(crate) async fn verify(objects: &Objects, progress: &dyn Fn(u64, u64)) -> Result<(VerifyReport, usize)> {
    let mut report = VerifyReport::default();
    let history = History::read(objects).await?;
    for (entry, error) in history.timeline.damaged() {
        report.findings.add(&entry, &Error::new(error.kind(), error.message()), Affected::default());
    }
    let plan = VerifyPlan::new(&history.inventory);
    let total = plan.bytes();
    for check in &plan.objects {
        let (Some(len), Some(blake3)) = (check.len, check.blake3) else { continue };
        let name = check.name.to_string();
        let found = objects.len_of(&name).await?;
        let wrong = match found {
            None if check.may_be_gone => None,
            None => Some("it is missing".to_owned()),
            Some(found) if found != len => Some(format!("it has {found} bytes, its record says {len}")),
            Some(_) => {
                let mut hasher = blake3::Hasher::new();
                let mut at = 0;
                while at < len {
                    let range = ByteRange::new(at, WINDOW.min(len - at));
                    let read = objects.ranges(&[(name.clone(), range)]).await?;
                    for bytes in &read {
                        hasher.update(bytes);
                    }
                    at += range.len;
                    report.bytes += range.len;
                    progress(report.bytes, total);
                }
                let hash = Hash(*hasher.finalize().as_bytes());
                (hash != blake3).then(|| format!("its BLAKE3 is {hash}, its record says {blake3}"))
            }
        };
        if let Some(wrong) = wrong {
            report.findings.add(&name, &Error::damaged(wrong), Affected::default());
        }
    }
    let points = history.timeline.newest().map_or(0, |newest| newest.point.points_stored);
    report.points_stored = points;
    Ok((report, plan.objects.len()))
}
