//! `chronicle restore --salvage`: what is still whole in a damaged backup.
use super::progress::shared;
use super::report::{Report, bytes, count, time};
use super::{Outcome, Status};
use chronicle::backup::{Loss, SalvageConfig, salvage};
use serde_json::{Value, json};

/// Salvages, and tells what came back and what did not.
pub(super) fn run(config: &SalvageConfig, json: bool) -> Outcome {
    let found = salvage(config, &shared("salvaging"))?;
    let (restored, losses) = (&found.restored, &found.losses);
    let committed = found.commit_time_ns.map(time);
    let mut text = Report::new()
        .line(format_args!("salvaged {}", restored.path.display()))
        .line(format_args!(
            "the state after commit {}{}, but for what is lost",
            found.lsn,
            committed.as_deref().map(|committed| format!(", {committed}")).unwrap_or_default()
        ))
        .line(format_args!(
            "{} of {}, from {} of segments ({} of {} whole), {:.1} s",
            count(restored.digest.points, "point"),
            count(restored.series, "series"),
            bytes(restored.bytes),
            found.segments_whole.0,
            found.segments_whole.1,
            restored.took.as_secs_f64()
        ))
        .line(format_args!("digest {} (computed)", restored.digest))
        .line("it is a new database: retention rests (`chronicle settings`), and rules are not taken over");
    if let Some(replaced) = &restored.replaced {
        text = text.line(format_args!("the old files are in {}", replaced.display()));
    }
    if found.is_complete() {
        text = text.line("nothing was lost");
    }
    for loss in &losses.list {
        text = text.line(format_args!("lost: {loss}"));
    }
    if losses.left_out > 0 {
        text = text.line(format_args!("and {} more losses", losses.left_out));
    }
    if losses.points > 0 {
        text =
            text.line(format_args!("{} are lost, as far as they are counted", count(losses.points, "point")));
    }
    if losses.withheld > 0 {
        let what = count(losses.withheld, "older point");
        text =
            text.line(format_args!("{what} left out: a newer block, which is lost, may have replaced them"));
    }
    if losses.is_inexact {
        text = text.line("points that were deleted or replaced may be there again: what says so is lost");
    }
    text.field("path", restored.path.display().to_string())
        .text("lsn", found.lsn)
        .field("commit_time", committed)
        .text("points", restored.digest.points)
        .text("series", restored.series)
        .text("digest", restored.digest)
        .text("epoch", restored.epoch)
        .field("complete", found.is_complete())
        .field("exact", !losses.is_inexact)
        .text("points_lost", losses.points)
        .text("points_withheld", losses.withheld)
        .field("losses", losses.list.iter().map(told).collect::<Vec<_>>())
        .text("losses_left_out", losses.left_out)
        .field("replaced", restored.replaced.as_ref().map(|path| path.display().to_string()))
        .field("seconds", restored.took.as_secs_f64())
        .print(json)?;
    Ok(if found.is_complete() { Status::Done } else { Status::Damaged })
}

fn told(loss: &Loss) -> Value {
    json!({
        "place": loss.place,
        "why": loss.why,
        "series": loss.series,
        "first": loss.time.map(|range| time(range.min)),
        "last": loss.time.map(|range| time(range.max)),
        "points": loss.points.map(|points| points.to_string()),
    })
}
