//! The chart: a panel for each line that has peers, a bar for each of them on a scale of powers of ten, floor and aim as
//! marks. One SVG file without script or fonts of its own, readable on light and dark ground.
//!
//! A bar starts a little below the least figure of its panel, since such a scale has no zero: lengths compare within a
//! panel and as orders of magnitude only; the figures stand beside the bars.
use crate::report::{Better, Line, Report, short};
use std::fmt::Write as _;

/// Sizes in pixels.
const PANEL: f64 = 590.0;
const MARGIN: f64 = 24.0;
const NAMES: f64 = 118.0;
const BARS: f64 = 300.0;
const STEP: f64 = 20.0;
const BAR: f64 = 13.0;
const HEAD: f64 = 44.0;
const FOOT: f64 = 30.0;
const TOP: f64 = 84.0;

const STYLE: &str = "\
text { font: 12px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 20px; font-weight: 600 }
.what { font-size: 14px; font-weight: 600 }
.quiet { fill: #59636e }
.ours { font-weight: 600; fill: #b3470b }
.ground { fill: #ffffff }
.bar { fill: #b6bfc9 }
.bar-ours { fill: #e8590c }
.figure { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round }
.grid { stroke: #e4e8ec; stroke-width: 1 }
.floor { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 3 3 }
.aim { stroke: #1a7f37; stroke-width: 2 }
.aim-text { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .ours { fill: #ff9a5c }
  .ground { fill: #0d1117 }
  .bar { fill: #48515c }
  .bar-ours { fill: #f76707 }
  .figure { stroke: #0d1117 }
  .grid { stroke: #21262d }
  .floor { stroke: #9198a1 }
  .aim { stroke: #3fb950 }
  .aim-text { fill: #3fb950 }
}
";

/// The whole chart.
pub(crate) fn svg(report: &Report, machine: &str) -> String {
    let panels: Vec<Panel<'_>> = report.lines.iter().filter_map(Panel::of).collect();
    let mut body = String::new();
    // Two columns; the next panel goes where there is less.
    let mut heights = [TOP, TOP];
    for panel in &panels {
        let column = usize::from(heights[1] < heights[0]);
        panel.draw(&mut body, MARGIN + column as f64 * (PANEL + MARGIN), heights[column]);
        heights[column] += panel.height();
    }
    let (width, height) = (2.0 * PANEL + 3.0 * MARGIN, heights[0].max(heights[1]) + 8.0);
    let absent = report.columns.iter().filter(|(_, here)| here.is_err()).map(|(name, _)| *name);
    let absent: Vec<&str> = absent.collect();
    let absent = if absent.is_empty() { String::new() } else { format!("; not here: {}", absent.join(", ")) };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>Chronicle and its peers</title>\n\
         <style>\n{STYLE}</style>\n<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    label(&mut text, MARGIN, 34.0, "title", "Chronicle and its peers, one run");
    label(&mut text, MARGIN, 54.0, "quiet", &format!("{machine}{absent}"));
    let key = "Logarithmic scales. Dashed: the floor that Chronicle holds; green: its aim. Multiples: how much better \
               (or worse, below 1x) Chronicle is. VictoriaMetrics changes values.";
    label(&mut text, MARGIN, 71.0, "quiet", key);
    text.push_str(&body);
    text.push_str("</svg>\n");
    text
}

/// One line of the table.
struct Panel<'a> {
    line: &'a Line,
    /// Ends of the scale, as powers of ten.
    low: f64,
    high: f64,
}

impl<'a> Panel<'a> {
    /// `None` for a line without peers.
    fn of(line: &'a Line) -> Option<Self> {
        if line.peers.is_empty() {
            return None;
        }
        let goals = line.goal.filter(|goal| !goal.of_ratio).map(|goal| [goal.floor, goal.aim]);
        let figures = line.peers.iter().map(|entry| entry.figures.median());
        let all = figures.chain([line.figures.median()]).chain(goals.into_iter().flatten());
        let logs: Vec<f64> = all.filter(|value| *value > 0.0).map(f64::log10).collect();
        let (low, high) = logs
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &log| (low.min(log), high.max(log)));
        // A tenth of the scale below the least, so that its bar can be seen.
        let span = (high - low).max(0.3);
        Some(Self { line, low: low - 0.1 * span, high: low + span })
    }

    fn height(&self) -> f64 {
        HEAD + STEP * (1 + self.line.peers.len()) as f64 + FOOT
    }

    /// Where a figure ends, in pixels from the start of the bars.
    fn at(&self, value: f64) -> f64 {
        ((value.log10() - self.low) / (self.high - self.low)).clamp(0.0, 1.0) * BARS
    }

    fn draw(&self, text: &mut String, x: f64, y: f64) {
        let line = self.line;
        let less = line.direction() == Better::Less;
        label(text, x, y + 14.0, "what", &format!("{}: {}", line.row, line.what));
        let way = if less { "shorter is better" } else { "longer is better" };
        label(text, x, y + 30.0, "quiet", &format!("{}, {way}", line.unit));
        let (start, top) = (x + NAMES, y + HEAD);
        let bottom = top + STEP * (1 + line.peers.len()) as f64;
        for power in self.low.ceil() as i32..=self.high.floor() as i32 {
            let at = start + self.at(10f64.powi(power));
            vertical(text, at, top - 4.0, bottom, "grid");
        }
        let ours = line.figures.median();
        self.bar(text, (x, top), "Chronicle", ours, "", true);
        for (number, entry) in line.peers.iter().enumerate() {
            let times = if less { 1.0 / entry.ratio } else { entry.ratio };
            let at = (x, top + STEP * (number + 1) as f64);
            self.bar(text, at, entry.name, entry.figures.median(), &format!("{}x", short(times)), false);
        }
        self.goals(text, start, top, bottom);
        // Last, so that no mark goes through a figure.
        let figures = std::iter::once(ours).chain(line.peers.iter().map(|entry| entry.figures.median()));
        for (number, figure) in figures.enumerate() {
            let at = (start + self.at(figure).max(1.0) + 6.0, top + STEP * number as f64 + 11.0);
            let class = if number == 0 { "figure ours" } else { "figure" };
            label(text, at.0, at.1, class, &short(figure));
        }
    }

    /// Floor and aim.
    fn goals(&self, text: &mut String, start: f64, top: f64, bottom: f64) {
        if let Some(goal) = self.line.goal.filter(|goal| !goal.of_ratio) {
            let (floor, aim) = (start + self.at(goal.floor), start + self.at(goal.aim));
            vertical(text, floor, top - 4.0, bottom + 2.0, "floor");
            vertical(text, aim, top - 4.0, bottom + 2.0, "aim");
            // The texts turn away from each other.
            let (left, right) = if floor < aim { (floor, aim) } else { (aim, floor) };
            let mut words = vec![("quiet", "floor", goal.floor, floor), ("aim-text", "aim", goal.aim, aim)];
            if goal.floor == goal.aim {
                words = vec![("aim-text", "floor and aim", goal.aim, aim)];
            }
            for (class, word, value, at) in words {
                let (anchor, shift) =
                    if at == left && left != right { ("end", -1.0) } else { ("start", 1.0) };
                let _ = writeln!(
                    text,
                    "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{word} {}</text>",
                    at + shift,
                    bottom + 15.0,
                    short(value)
                );
            }
        }
    }

    fn bar(&self, text: &mut String, (x, y): (f64, f64), name: &str, value: f64, times: &str, ours: bool) {
        let (bar, class) = if ours { ("bar-ours", "ours") } else { ("bar", "") };
        label(text, x, y + 11.0, class, name);
        let width = self.at(value).max(1.0);
        let _ = writeln!(
            text,
            "<rect class=\"{bar}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>",
            x + NAMES
        );
        if !times.is_empty() {
            label(text, x + NAMES + BARS + 76.0, y + 11.0, "quiet", times);
        }
    }
}

fn label(text: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(text, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>");
}

fn vertical(text: &mut String, x: f64, from: f64, to: f64, class: &str) {
    let _ = writeln!(
        text,
        "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{from:.1}\" x2=\"{x:.1}\" y2=\"{to:.1}\"/>"
    );
}
