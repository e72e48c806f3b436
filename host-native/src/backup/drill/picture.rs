//! The picture of what can be restored: one row for each line of history, drawn in percent of the width, so that texts keep
//! their size on a phone.
use super::html::{escaped, plain_time};
use super::report::{DrillMoment, DrillReport};
use super::restorable::{RestorableLine, RestorableSpan};

/// Rows that are drawn; older lines are counted.
const LINES_MAX: usize = 8;
/// Points that are drawn in a row: of those that would lie on one another the newest.
const DOTS_MAX: f64 = 400.0;

/// The rows, with what they mean. Empty when there is nothing to draw.
pub(super) fn picture(report: &DrillReport) -> String {
    let mut html = String::new();
    for line in report.restorable.iter().take(LINES_MAX) {
        html.push_str(&row(line, report.moment.as_ref()));
    }
    if let Some(more) = report.restorable.len().checked_sub(LINES_MAX).filter(|&more| more > 0) {
        html.push_str(&format!("<p class=\"quiet\">{more} older lines of history are left out.</p>\n"));
    }
    if !html.is_empty() {
        html.push_str(concat!(
            "<p class=\"legend\"><span><i class=\"key span\"></i>every commit can be restored</span>",
            "<span><i class=\"key gap\"></i>gap: its moments are lost, its data is not</span>",
            "<span><i class=\"key dot\"></i>recovery point</span>",
            "<span><i class=\"key now\"></i>restored in this drill</span></p>\n"
        ));
    }
    html
}

/// Times and where they lie between the first and the last one.
struct Scale {
    first: i64,
    last: i64,
}

impl Scale {
    fn of(line: &RestorableLine) -> Option<Self> {
        let spans = ends(line).into_iter().flat_map(|(first, last)| [first, last]);
        let times: Vec<i64> = line.points.iter().map(|point| point.commit_time_ns).chain(spans).collect();
        Some(Self { first: *times.iter().min()?, last: *times.iter().max()? })
    }

    /// In percent.
    fn at(&self, time_ns: i64) -> f64 {
        let whole = i128::from(self.last) - i128::from(self.first);
        let part = (i128::from(time_ns) - i128::from(self.first)).clamp(0, whole.max(0));
        if whole <= 0 { 50.0 } else { part as f64 * 100.0 / whole as f64 }
    }
}

/// The times of the spans. The empty state has no time: the first point stands for it. Another end whose time only the log
/// tells is drawn at the other one.
fn ends(line: &RestorableLine) -> Vec<(i64, i64)> {
    let start = line.points.first().map(|point| point.commit_time_ns);
    let of = |span: &RestorableSpan| {
        let (first, last) = span.commit_time_ns;
        let first = if span.lsn.0 == 0 { first.or(start) } else { first };
        Some((first.or(last)?, last.or(first)?))
    };
    line.spans.iter().filter_map(of).collect()
}

fn row(line: &RestorableLine, moment: Option<&DrillMoment>) -> String {
    let Some(scale) = Scale::of(line) else { return String::new() };
    let spans = ends(line);
    let is_snapshots = line.epoch.is_empty();
    let mut shapes = String::from("<line class=\"axis\" x1=\"0%\" x2=\"100%\" y1=\"30\" y2=\"30\"/>");
    if !is_snapshots {
        for [(_, from), (to, _)] in spans.array_windows() {
            let title = format!("gap from {} to {}", plain_time(*from), plain_time(*to));
            shapes.push_str(&bar("gap", (*from, *to), &scale, &title));
        }
        for (first, last) in &spans {
            let title = format!("every commit from {} to {}", plain_time(*first), plain_time(*last));
            shapes.push_str(&bar("span", (*first, *last), &scale, &title));
        }
    }
    let mut before = None;
    for point in line.points.iter().rev() {
        let at = scale.at(point.commit_time_ns);
        let place = (at * DOTS_MAX / 100.0) as i64;
        if before.replace(place) == Some(place) {
            continue;
        }
        shapes.push_str(&format!(
            "<circle class=\"dot\" cx=\"{at:.2}%\" cy=\"30\" r=\"4\"><title>{}, commit {}, {}</title></circle>",
            escaped(&point.name),
            point.lsn,
            plain_time(point.commit_time_ns)
        ));
    }
    let is_here = |moment: &&DrillMoment| {
        is_snapshots
            || line.epoch == moment.epoch.to_string()
            || line.spans.iter().any(|span| span.lsn.0 <= moment.lsn && moment.lsn <= span.lsn.1)
    };
    if let Some(moment) = moment.filter(is_here) {
        let at = scale.at(moment.commit_time_ns);
        shapes.push_str(&format!(
            "<line class=\"now\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"6\" y2=\"54\"><title>restored: {}</title></line>",
            plain_time(moment.commit_time_ns)
        ));
    }
    let (points, gaps) = (line.points.len(), if is_snapshots { 0 } else { spans.len().saturating_sub(1) });
    let what = match (is_snapshots, gaps) {
        (true, _) => format!("{points} snapshots, each of one moment"),
        (false, 0) => format!("{points} points, no gap"),
        (false, 1) => format!("{points} points, 1 gap"),
        (false, gaps) => format!("{points} points, {gaps} gaps"),
    };
    let name =
        if is_snapshots { String::new() } else { format!("Epoch <code>{}</code>: ", escaped(&line.epoch)) };
    format!(
        "<figure><figcaption>{name}{what}</figcaption>\n<svg width=\"100%\" height=\"60\" role=\"img\" aria-label=\"{what}, from {} to {}\">\
         <svg x=\"8\" width=\"calc(100% - 16px)\" height=\"60\" overflow=\"visible\">{shapes}</svg></svg>\n\
         <div class=\"ends\"><time>{}</time><time>{}</time></div></figure>\n",
        plain_time(scale.first),
        plain_time(scale.last),
        plain_time(scale.first),
        plain_time(scale.last)
    )
}

fn bar(class: &str, (from, to): (i64, i64), scale: &Scale, title: &str) -> String {
    let (from, to) = (scale.at(from), scale.at(to));
    format!(
        "<rect class=\"{class}\" x=\"{from:.2}%\" y=\"22\" width=\"{:.2}%\" height=\"16\" rx=\"3\"><title>{}</title></rect>",
        (to - from).max(0.0),
        escaped(title)
    )
}
