//! An answer as a drawing: a line for each group and expression, over axes, with a legend.
use super::canvas::Canvas;
use super::failure::Failure;
use super::report::{count, name, time};
use chronicle::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::io::IsTerminal;

/// Points that are held for a drawing.
const POINTS_MAX: usize = 4_000_000;
/// Lines that can be told apart.
const LINES_MAX: usize = 10;
/// Colours of lines: those of the terminal that are legible on light and dark.
const COLOURS: [u8; LINES_MAX] = [36, 33, 35, 32, 34, 31, 96, 93, 95, 92];
/// Rows of characters of the drawing.
const HEIGHT: usize = 16;
/// Characters in a line where stdout is no terminal.
const WIDTH: usize = 80;
/// Characters left of the drawing: a number, a space and the axis.
const MARGIN: usize = 13;

/// Values in order of time; `None` is a gap.
type Line = Vec<(i64, Option<f64>)>;

/// Points in time, by line.
pub(super) struct Plot {
    metric: String,
    columns: Vec<String>,
    /// By group and column.
    lines: BTreeMap<(u32, usize), Line>,
    points: usize,
}

/// How the lines of several groups are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// There is one.
    Plain,
    /// By colours of the terminal.
    Coloured,
    /// By letters: in a file there are no colours.
    Letters,
}

impl Plot {
    /// Of a metric's expressions.
    pub(super) fn new(metric: &str, columns: &[String]) -> Self {
        Self { metric: name(metric), columns: columns.to_vec(), lines: BTreeMap::new(), points: 0 }
    }

    /// Adds a row of the answer.
    pub(super) fn add(
        &mut self,
        timestamp: i64,
        group: u32,
        values: impl Iterator<Item = Option<f64>>,
    ) -> Result<(), Failure> {
        for (column, value) in values.enumerate() {
            self.points += 1;
            let value = value.filter(|value| value.is_finite());
            self.lines.entry((group, column)).or_default().push((timestamp, value));
        }
        if self.points > POINTS_MAX {
            let message = "there are too many rows to draw; take windows, as in SELECT mean(value) ... GROUP BY time(1h)";
            return Err(Error::new(ErrorKind::OverBudget, message).into());
        }
        Ok(())
    }

    /// The drawing, as wide as the terminal.
    pub(super) fn draw(self, group: impl Fn(u32) -> String) -> String {
        let is_terminal = std::io::stdout().is_terminal();
        let width =
            terminal_size::terminal_size().filter(|_| is_terminal).map_or(WIDTH, |(width, _)| width.0.into());
        let style = match (self.lines.len(), is_terminal && std::env::var_os("NO_COLOR").is_none()) {
            (0 | 1, _) => Style::Plain,
            (_, true) => Style::Coloured,
            (_, false) => Style::Letters,
        };
        self.drawn(width, style, group)
    }

    fn drawn(mut self, width: usize, style: Style, group: impl Fn(u32) -> String) -> String {
        let all = self.lines.len();
        while self.lines.len() > LINES_MAX {
            self.lines.pop_last();
        }
        self.lines.values_mut().for_each(|line| line.sort_by_key(|(timestamp, _)| *timestamp));
        let known = || self.lines.values().flatten().filter_map(|&(at, value)| Some((at, value?)));
        let title = format!("{} of {}\n", self.columns.join(", "), self.metric);
        let Some((low, high)) =
            known().map(|(_, value)| (value, value)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        else {
            return format!("{title}(nothing to draw: {})\n", count(self.points as u64, "value"));
        };
        let times = || self.lines.values().flatten().map(|&(at, _)| at);
        let (start, end) = (times().min().unwrap_or(0), times().max().unwrap_or(0));

        let mut canvas = Canvas::new(width.saturating_sub(MARGIN).max(20), HEIGHT);
        let (dots_wide, dots_high) = canvas.dots();
        let x = |at: i64| {
            let distance = |to: i64| (i128::from(to) - i128::from(start)) as f64;
            (part(distance(at), 0.0, distance(end)) * (dots_wide - 1) as f64).round() as usize
        };
        // Up is more.
        let y = |value: f64| ((1.0 - part(value, low, high)) * (dots_high - 1) as f64).round() as usize;
        for (pen, line) in self.lines.values().enumerate() {
            let mut last = None;
            for &(at, value) in line {
                let dot = value.map(|value| (x(at), y(value)));
                if let Some(to) = dot {
                    canvas.line(last.unwrap_or(to), to, pen);
                }
                last = dot;
            }
        }
        let mut text = title;
        for row in 0..HEIGHT {
            let label = match row {
                0 => short(high),
                row if row == HEIGHT / 2 => short(low / 2.0 + high / 2.0),
                row if row == HEIGHT - 1 => short(low),
                _ => String::new(),
            };
            let axis = if label.is_empty() { '│' } else { '┤' };
            let drawn = canvas.row(row, |c, pen| mark(style, c, pen));
            text.push_str(format!("{label:>11} {axis}{drawn}").trim_end());
            text.push('\n');
        }
        let wide = dots_wide / 2;
        text.push_str(&format!("{:>12}└{}\n", "", "─".repeat(wide)));
        let (first, last) = (time(start), time(end));
        let room = wide.saturating_sub(first.len()).max(last.len() + 1);
        text.push_str(&format!("{:>12} {first}{last:>room$}\n", ""));
        for (pen, (&(number, column), line)) in self.lines.iter().enumerate() {
            text.push_str(&self.legend(style, pen, column, &group(number), line));
        }
        if all > LINES_MAX {
            text.push_str(&format!("(the first {LINES_MAX} of {all} lines; narrow the groups for others)\n"));
        }
        text
    }

    fn legend(
        &self,
        style: Style,
        pen: usize,
        column: usize,
        group: &str,
        line: &[(i64, Option<f64>)],
    ) -> String {
        let sign = match style {
            Style::Plain => String::new(),
            Style::Coloured | Style::Letters => format!("{} ", mark(style, '━', pen)),
        };
        let expression = self.columns.get(column).map_or("", String::as_str);
        let names: Vec<&str> = match (group.is_empty(), self.columns.len()) {
            (true, _) => vec![expression],
            (false, 1) => vec![group],
            (false, _) => vec![group, expression],
        };
        let values = || line.iter().filter_map(|(_, value)| *value);
        let ends = values().map(|value| (value, value)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let numbers = match ends.zip(values().next_back()) {
            Some(((low, high), last)) => {
                format!("min {}  max {}  last {}", short(low), short(high), short(last))
            }
            None => "no values".to_owned(),
        };
        format!("  {sign}{}  {numbers}\n", names.join(" "))
    }
}

/// Where a value lies between two others, from 0 to 1; in the middle where they are one.
fn part(value: f64, low: f64, high: f64) -> f64 {
    // Halves: the difference of two finite numbers may be none.
    let whole = high / 2.0 - low / 2.0;
    if whole > 0.0 { ((value / 2.0 - low / 2.0) / whole).clamp(0.0, 1.0) } else { 0.5 }
}

fn mark(style: Style, c: char, pen: usize) -> String {
    match style {
        Style::Plain => c.to_string(),
        Style::Coloured => format!("\u{1b}[{}m{c}\u{1b}[0m", COLOURS.get(pen).copied().unwrap_or(39)),
        Style::Letters => char::from_u32('a' as u32 + pen as u32).unwrap_or('?').to_string(),
    }
}

/// A number in at most eleven characters.
fn short(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        0.0 => "0".to_owned(),
        1e-3..1e7 => {
            let digits = if size >= 1_000.0 {
                1
            } else if size >= 1.0 {
                3
            } else {
                5
            };
            let text = format!("{value:.digits$}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{value:.3e}"),
    };
    if text == "-0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(rows: &[(i64, u32, Option<f64>)], style: Style) -> String {
        let mut plot = Plot::new("cpu", &["mean(value)".to_owned()]);
        for &(at, group, value) in rows {
            plot.add(at, group, std::iter::once(value)).unwrap();
        }
        plot.drawn(60, style, |group| format!("host={group}"))
    }

    #[test]
    fn a_rising_line_goes_from_the_lower_left_to_the_upper_right() {
        let rows: Vec<_> = (0..100).map(|i| (i, 0, Some(i as f64))).collect();
        let text = plot(&rows, Style::Plain);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "mean(value) of cpu");
        assert!(lines[1].starts_with("         99 ┤") && lines[16].starts_with("          0 ┤"), "{text}");
        assert!(lines[1].chars().count() > 55 && lines[16].chars().count() < 20, "{text}");
        assert!(
            lines[18].contains("1970-01-01T00:00:00Z") && text.contains("host=0  min 0  max 99  last 99")
        );
        assert!(lines.iter().all(|line| line.chars().count() <= 64), "{text}");
    }

    #[test]
    fn groups_are_told_apart_and_gaps_stay_gaps() {
        let rows = [
            (0, 0, Some(1.0)),
            (0, 1, Some(5.0)),
            (1, 0, None),
            (1, 1, Some(5.0)),
            (2, 0, Some(1.0)),
            (2, 1, Some(5.0)),
        ];
        let text = plot(&rows, Style::Letters);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].matches('b').count() > 40, "{text}");
        assert_eq!(lines[16].matches('a').count(), 2, "{text}");
        assert!(text.contains("a host=0  min 1"));
        assert!(plot(&rows, Style::Coloured).contains("\u{1b}[33m"));
    }

    #[test]
    fn anything_can_be_drawn() {
        for rows in [
            vec![],
            vec![(0, 0, None), (1, 0, Some(f64::NAN)), (2, 0, Some(f64::INFINITY))],
            vec![(5, 0, Some(7.0))],
            vec![(i64::MIN, 0, Some(f64::MIN)), (i64::MAX, 0, Some(f64::MAX)), (0, 0, Some(1e-300))],
            (0..40).map(|group| (0, group, Some(1.0))).collect(),
        ] {
            let text = plot(&rows, Style::Plain);
            assert!(text.lines().all(|line| line.chars().count() < 90), "{text}");
        }
    }
}
