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
    /// Which way is better where no goal says it.
    better: Better,
    /// What peers reached in the same run.
    pub(crate) peers: Vec<Entry>,
    pub(crate) note: String,
}

/// What a peer reached.
pub(crate) struct Entry {
    /// Its column.
    pub(crate) name: &'static str,
    pub(crate) figures: Samples,
    /// Chronicle's figure over it, pair by pair.
    pub(crate) ratio: f64,
}

impl Entry {
    /// A figure that was taken once, beside Chronicle's.
    pub(crate) fn one(name: &'static str, figure: f64, ours: f64) -> Self {
        Self { name, figures: [figure].into_iter().collect(), ratio: ours / figure }
    }
}

impl Line {
    pub(crate) fn new(
        row: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        figures: Samples,
    ) -> Self {
        Self {
            row,
            what: what.into(),
            unit,
            figures,
            against: None,
            goal: None,
            better: Better::Less,
            peers: Vec::new(),
            note: String::new(),
        }
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
    /// For lines without a goal: less is better unless this says otherwise.
    pub(crate) fn better(mut self, better: Better) -> Self {
        self.better = better;
        self
    }
    /// The figures of peers. What the line is against becomes the best of them, unless it is against something already.
    pub(crate) fn peers(mut self, peers: Vec<Entry>) -> Self {
        self.peers = peers;
        self
    }
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Which way is better.
    pub(crate) fn direction(&self) -> Better {
        self.goal.map_or(self.better, |goal| goal.better)
    }

    /// What the line is against: what was named, or else the best of the peers.
    fn rival(&self) -> Option<(String, f64, f64)> {
        let less = self.direction() == Better::Less;
        let figure = |entry: &&Entry| entry.figures.median() * if less { 1.0 } else { -1.0 };
        let best = self.peers.iter().min_by(|a, b| figure(a).total_cmp(&figure(b)));
        let best = best.map(|entry| (entry.name.into(), entry.figures.median(), entry.ratio));
        self.against.clone().or(best)
    }

    pub(crate) fn verdict(&self) -> &'static str {
        let Some(goal) = self.goal else { return "" };
        let ratio = self.rival().map_or(f64::NAN, |rival| rival.2);
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
        let (against, ratio) = match self.rival() {
            Some((what, figure, ratio)) => {
                (format!("{what}: {}", short(figure)), format!("{}x", short(ratio)))
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
        if let Some((what, figure, ratio)) = self.rival() {
            let (what, figure, ratio) = (quoted(&what), number(figure), number(ratio));
            let _ = write!(text, r#","against":{what},"against_figure":{figure},"ratio":{ratio}"#);
        }
        if let Some(goal) = self.goal {
            let (floor, aim, of) =
                (number(goal.floor), number(goal.aim), if goal.of_ratio { "ratio" } else { "figure" });
            let verdict = self.verdict();
            let _ = write!(text, r#","floor":{floor},"aim":{aim},"goal_of":"{of}","verdict":"{verdict}""#);
        }
        if !self.peers.is_empty() {
            let entry = |entry: &Entry| {
                let (name, figures) = (quoted(entry.name), &entry.figures);
                let (median, min, max) =
                    (number(figures.median()), number(figures.min()), number(figures.max()));
                let ratio = number(entry.ratio);
                format!(r#"{name}:{{"median":{median},"min":{min},"max":{max},"ratio":{ratio}}}"#)
            };
            let entries: Vec<String> = self.peers.iter().map(entry).collect();
            let _ = write!(text, r#","peers":{{{}}}"#, entries.join(","));
        }
        let _ = write!(text, r#","note":{}}}"#, quoted(&self.note));
        text
    }
}

/// All lines, as they come, and the columns of peers: what each is, or why it is not here.
pub(crate) struct Report {
    pub(crate) lines: Vec<Line>,
    pub(crate) columns: Vec<Column>,
}

/// A peer's name; its version and use, or why it is not here.
pub(crate) type Column = (&'static str, Result<String, String>);

impl Report {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { lines: Vec::new(), columns }
    }

    /// Keeps a line and tells whoever waits.
    pub(crate) fn push(&mut self, line: Line) {
        let [row, what, figure, _, _, ratio, .., verdict] = line.cells();
        eprintln!("{row:<9} {what:<52} {figure:>18} {ratio:>9} {verdict}");
        self.lines.push(line);
    }

    /// The tables in Markdown: all lines with their goals, notes below; then what peers reached, one column each.
    pub(crate) fn markdown(&self) -> String {
        const HEAD: [&str; 9] =
            ["row", "what", "Chronicle", "min .. max", "against", "ratio", "floor", "aim", "verdict"];
        let head = HEAD.map(String::from).to_vec();
        let rows = self.lines.iter().map(|line| line.cells().to_vec());
        let mut text = table(std::iter::once(head).chain(rows).collect());
        for line in self.lines.iter().filter(|line| !line.note.is_empty()) {
            let _ = write!(text, "\n- {}, {}: {}", line.row, line.what, line.note);
        }
        text.push('\n');
        text.push_str(&self.matrix());
        text
    }

    /// What peers reached, one column each, what each peer is below it; empty without any.
    fn matrix(&self) -> String {
        let lines: Vec<&Line> = self.lines.iter().filter(|line| !line.peers.is_empty()).collect();
        if lines.is_empty() {
            return String::new();
        }
        let names = self.columns.iter().map(|(name, _)| (*name).to_owned());
        let mut rows =
            vec![["row", "what", "unit", "Chronicle"].map(String::from).into_iter().chain(names).collect()];
        for line in lines {
            let mut row =
                vec![line.row.into(), line.what.clone(), line.unit.into(), short(line.figures.median())];
            row.extend(self.columns.iter().map(|(name, here)| {
                match (line.peers.iter().find(|entry| entry.name == *name), here) {
                    (Some(entry), _) => short(entry.figures.median()),
                    (None, Ok(_)) => "-".into(),
                    (None, Err(_)) => "not here".into(),
                }
            }));
            rows.push(row);
        }
        let mut text = format!("\nThe same run, peer by peer (medians):\n\n{}", table(rows));
        for (name, about) in &self.columns {
            let about = about.as_ref().map_or_else(|why| format!("not here: {why}"), Clone::clone);
            let _ = write!(text, "\n- {name}: {about}");
        }
        text.push('\n');
        text
    }

    /// The same as JSON.
    pub(crate) fn json(&self, machine: &str) -> String {
        let lines: Vec<String> = self.lines.iter().map(Line::json).collect();
        format!("{{\"machine\":{},\"lines\":[\n{}\n]}}\n", quoted(machine), lines.join(",\n"))
    }
}

/// Rows of equal length as a Markdown table; the first is its head.
fn table(rows: Vec<Vec<String>>) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
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
    text
}

/// Three or four digits that matter.
pub(crate) fn short(value: f64) -> String {
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
