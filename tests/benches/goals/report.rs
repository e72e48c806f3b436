//! The table: one line for each thing measured, what it was measured against, and whether the goal is reached.
use chronicle_tests::measure::Samples;
use std::fmt::Write as _;

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Less,
    More,
}

/// What a line must reach: the floor holds always, the aim is where it should end.
#[derive(Clone, Copy)]
pub(crate) struct Goal {
    pub(crate) floor: f64,
    pub(crate) aim: f64,
    pub(crate) better: Better,
    /// The goal is of the ratio, not of the figure.
    pub(crate) of_ratio: bool,
}

impl Goal {
    pub(crate) fn at_most(floor: f64, aim: f64) -> Self {
        Self { floor, aim, better: Better::Less, of_ratio: false }
    }
    pub(crate) fn at_least(floor: f64, aim: f64) -> Self {
        Self { floor, aim, better: Better::More, of_ratio: false }
    }
    pub(crate) fn of_ratio(self) -> Self {
        Self { of_ratio: true, ..self }
    }
}

/// One line.
pub(crate) struct Line {
    pub(crate) row: &'static str,
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) figures: Samples,
    /// What it is measured against, its figure, and Chronicle's figure over it, pair by pair.
    pub(crate) against: Option<(String, f64, f64)>,
    pub(crate) goal: Option<Goal>,
    pub(crate) note: String,
}

impl Line {
    pub(crate) fn new(
        row: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        figures: Samples,
    ) -> Self {
        Self { row, what: what.into(), unit, figures, against: None, goal: None, note: String::new() }
    }
    pub(crate) fn one(row: &'static str, what: impl Into<String>, unit: &'static str, figure: f64) -> Self {
        Self::new(row, what, unit, [figure].into_iter().collect())
    }
    /// `ratio` is Chronicle's figure over the other's.
    pub(crate) fn against(mut self, what: impl Into<String>, figure: f64, ratio: f64) -> Self {
        self.against = Some((what.into(), figure, ratio));
        self
    }
    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn verdict(&self) -> &'static str {
        let Some(goal) = self.goal else { return "" };
        let ratio = self.against.as_ref().map_or(f64::NAN, |against| against.2);
        let judged = if goal.of_ratio { ratio } else { self.figures.median() };
        let reached = |bound: f64| match goal.better {
            Better::Less => judged <= bound,
            Better::More => judged >= bound,
        };
        match (reached(goal.floor), reached(goal.aim)) {
            (_, true) => "aim",
            (true, false) => "floor",
            (false, false) => "MISSED",
        }
    }

    fn cells(&self) -> [String; 9] {
        let (min, max) = (self.figures.min(), self.figures.max());
        let noise = if min == max { String::new() } else { format!("{} .. {}", short(min), short(max)) };
        let (against, ratio) = match &self.against {
            Some((what, figure, ratio)) => {
                (format!("{what}: {}", short(*figure)), format!("{}x", short(*ratio)))
            }
            None => Default::default(),
        };
        let bound = |bound: fn(&Goal) -> f64| {
            self.goal.map_or(String::new(), |goal| {
                format!("{}{}", short(bound(&goal)), if goal.of_ratio { "x" } else { "" })
            })
        };
        [
            self.row.into(),
            self.what.clone(),
            format!("{} {}", short(self.figures.median()), self.unit),
            noise,
            against,
            ratio,
            bound(|goal| goal.floor),
            bound(|goal| goal.aim),
            self.verdict().into(),
        ]
    }

    fn json(&self) -> String {
        let mut text = format!(
            r#"{{"row":{},"what":{},"unit":{},"median":{},"min":{},"max":{}"#,
            quoted(self.row),
            quoted(&self.what),
            quoted(self.unit),
            number(self.figures.median()),
            number(self.figures.min()),
            number(self.figures.max())
        );
        if let Some((what, figure, ratio)) = &self.against {
            let (what, figure, ratio) = (quoted(what), number(*figure), number(*ratio));
            let _ = write!(text, r#","against":{what},"against_figure":{figure},"ratio":{ratio}"#);
        }
        if let Some(goal) = self.goal {
            let (floor, aim, of) =
                (number(goal.floor), number(goal.aim), if goal.of_ratio { "ratio" } else { "figure" });
            let verdict = self.verdict();
            let _ = write!(text, r#","floor":{floor},"aim":{aim},"goal_of":"{of}","verdict":"{verdict}""#);
        }
        let _ = write!(text, r#","note":{}}}"#, quoted(&self.note));
        text
    }
}

/// All lines, as they come.
#[derive(Default)]
pub(crate) struct Report(Vec<Line>);

impl Report {
    /// Keeps a line and tells whoever waits.
    pub(crate) fn push(&mut self, line: Line) {
        let [row, what, figure, _, _, ratio, .., verdict] = line.cells();
        eprintln!("{row:<9} {what:<52} {figure:>18} {ratio:>9} {verdict}");
        self.0.push(line);
    }

    /// The table in Markdown, notes below it.
    pub(crate) fn markdown(&self) -> String {
        const HEAD: [&str; 9] =
            ["row", "what", "Chronicle", "min .. max", "against", "ratio", "floor", "aim", "verdict"];
        let rows: Vec<[String; 9]> =
            std::iter::once(HEAD.map(String::from)).chain(self.0.iter().map(Line::cells)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
        let mut text = String::new();
        for (index, row) in rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(text, "| {cell:<width$} ");
            }
            text.push_str("|\n");
            if index == 0 {
                widths.iter().for_each(|&width| {
                    let _ = write!(text, "|{}", "-".repeat(width + 2));
                });
                text.push_str("|\n");
            }
        }
        for line in self.0.iter().filter(|line| !line.note.is_empty()) {
            let _ = write!(text, "\n- {}, {}: {}", line.row, line.what, line.note);
        }
        text.push('\n');
        text
    }

    /// The same as JSON.
    pub(crate) fn json(&self, machine: &str) -> String {
        let lines: Vec<String> = self.0.iter().map(Line::json).collect();
        format!("{{\"machine\":{},\"lines\":[\n{}\n]}}\n", quoted(machine), lines.join(",\n"))
    }
}

/// Three or four digits that matter.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e9 => format!("{:.2} G", value / 1e9),
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 1e4 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.01 || v == 0.0 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { "null".into() }
}

/// Texts here are our own: only quotes and backslashes need care.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
