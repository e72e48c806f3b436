//! Questions: queries as a tester thinks of them, printed as SQL. Nothing of core is used to make one.
use crate::workload::Random;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;

/// A query in its own words.
#[derive(Clone, Debug)]
pub struct Question {
    /// Name of the metric.
    pub metric: String,
    /// Condition on tags.
    pub condition: Option<Condition>,
    /// First timestamp.
    pub from: Option<i64>,
    /// Behind the last timestamp.
    pub to: Option<i64>,
    /// Functions; raw points without any.
    pub functions: Vec<Function>,
    /// Length of the windows, ns.
    pub window: Option<i64>,
    /// What stands in windows without points.
    pub fill: Filling,
    /// What is grouped by.
    pub by: By,
    /// Latest rows first.
    pub descending: bool,
    /// Most rows.
    pub limit: Option<u64>,
    /// Rows passed over.
    pub offset: u64,
}

/// Conditions, as a tree.
#[derive(Clone, Debug)]
pub enum Condition {
    /// The tag is, or with `true` is not, one of these, written with `=` where it is one.
    Is(String, Vec<String>, bool),
    /// The tag matches, or with `true` does not, this pattern.
    Like(String, &'static str, bool),
    /// All hold.
    And(Vec<Condition>),
    /// One holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// The functions; percentiles in tenths of a per cent.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "named as in SQL")]
pub enum Function {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Stddev,
    Percentile(u32),
    Rate,
}

/// Fills.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "named as in SQL")]
pub enum Filling {
    None,
    Null,
    Previous,
    Linear,
    Value(f64),
}

/// Groups.
#[derive(Clone, Debug, PartialEq)]
pub enum By {
    /// Series with equal values of these tags.
    Tags(Vec<String>),
    /// Every series.
    All,
}

const KEYS: [&str; 5] = ["host", "az", "request", "dc", "no such"];
const VALUES: [&str; 8] = ["a", "b", "c", "", "1", "2", "it's", "A"];
const PATTERNS: [&str; 14] = [
    "^a$", "a|b", "[^c]", "^$", "(?i)A", "b.*", "^[0-9]+$", "1", "x", ".", "(a|b)+$", "^[b-z]", r"\d\d",
    "^(.|1)?$",
];

impl Question {
    /// A question about one of `metrics`, with bounds near `times`; both must not be empty.
    pub fn random(random: &mut Random, metrics: &[String], times: &[i64]) -> Self {
        let below = |random: &mut Random, bound: usize| random.below(bound as u64) as usize;
        let bound = |random: &mut Random| {
            let time = times[below(random, times.len())];
            let shift = [0, 0, 1, -1, 60_000_000_000][below(random, 5)];
            (random.below(3) > 0).then(|| time.saturating_add(shift))
        };
        let (from, to) = (bound(random), bound(random));
        let (from, to) = match from.zip(to) {
            Some((from, to)) if from > to && random.below(8) > 0 => (Some(to), Some(from)),
            _ => (from, to),
        };
        let mut question = Self {
            metric: metrics[below(random, metrics.len())].clone(),
            condition: (random.below(4) > 0).then(|| Condition::random(random, 3)),
            from,
            to,
            functions: Vec::new(),
            window: None,
            fill: Filling::None,
            by: By::Tags(Vec::new()),
            descending: random.below(3) == 0,
            limit: (random.below(3) == 0).then(|| random.below(30)),
            offset: if random.below(4) == 0 { random.below(12) } else { 0 },
        };
        if random.below(5) > 0 {
            question.aggregate(random);
        }
        question
    }

    fn aggregate(&mut self, random: &mut Random) {
        use Function::*;
        for _ in 0..1 + random.below(4) {
            let percentile = Percentile([0, 1, 250, 500, 333, 990, 999, 1000][random.below(8) as usize]);
            let all = [Count, Sum, Mean, Min, Max, First, Last, Stddev, percentile, Rate];
            let function = all[random.below(10) as usize];
            if !self.functions.contains(&function) {
                self.functions.push(function);
            }
        }
        let minute = 60_000_000_000;
        let windows = [1, 7, minute, 7 * minute, 60 * minute, 24 * 60 * minute, i64::MAX];
        self.window = (random.below(5) > 0).then(|| windows[random.below(7) as usize]);
        if self.window.is_some() && random.below(3) > 0 {
            let value = [0.0, -1.5, 1e300, f64::NAN, f64::INFINITY][random.below(5) as usize];
            let all = [Filling::Null, Filling::Previous, Filling::Linear, Filling::Value(value)];
            self.fill = all[random.below(4) as usize];
        }
        self.by = match random.below(4) {
            0 => By::All,
            1 => By::Tags(Vec::new()),
            _ => {
                let mut keys: Vec<String> = KEYS.iter().map(|key| (*key).to_owned()).collect();
                keys.retain(|_| random.below(3) == 0);
                By::Tags(keys)
            }
        };
    }

    /// The text, in one of the ways in which it can be written.
    pub fn sql(&self) -> String {
        let columns: Vec<String> = self.functions.iter().map(|function| function.sql()).collect();
        let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
        let mut text = format!("SELECT {columns} FROM {}", quoted(&self.metric, '"'));
        let time =
            [self.from.map(|from| format!("time >= {from}")), self.to.map(|to| format!("time < {to}"))];
        let condition = self.condition.as_ref().map(|condition| format!("({})", condition.sql()));
        let conditions: Vec<String> = time.into_iter().chain([condition]).flatten().collect();
        if !conditions.is_empty() {
            write!(text, " WHERE {}", conditions.join(" AND ")).unwrap();
        }
        let window = self.window.map(|window| format!("time({window}ns)"));
        let keys = match &self.by {
            By::All => vec!["*".to_owned()],
            By::Tags(keys) => keys.iter().map(|key| quoted(key, '"')).collect(),
        };
        let groups: Vec<String> = window.into_iter().chain(keys).collect();
        if !groups.is_empty() {
            write!(text, " GROUP BY {}", groups.join(", ")).unwrap();
        }
        match self.fill {
            Filling::None => {}
            Filling::Null => text.push_str(" FILL(null)"),
            Filling::Previous => text.push_str(" FILL(previous)"),
            Filling::Linear => text.push_str(" FILL(linear)"),
            Filling::Value(value) => write!(text, " FILL({value})").unwrap(),
        }
        if self.descending {
            text.push_str(" ORDER BY time DESC");
        }
        if let Some(limit) = self.limit {
            write!(text, " LIMIT {limit}").unwrap();
        }
        if self.offset > 0 {
            write!(text, " OFFSET {}", self.offset).unwrap();
        }
        text
    }
}

impl Condition {
    fn random(random: &mut Random, depth: u32) -> Self {
        let some =
            |random: &mut Random| (0..1 + random.below(3)).map(|_| Self::random(random, depth - 1)).collect();
        let key = KEYS[random.below(5) as usize].to_owned();
        match if depth == 0 { random.below(4) } else { random.below(10) } {
            0 | 1 => {
                let values = (0..random.below(4)).map(|_| VALUES[random.below(8) as usize].to_owned());
                Self::Is(key, values.collect(), random.below(2) == 0)
            }
            2..=4 => Self::Like(key, PATTERNS[random.below(14) as usize], random.below(2) == 0),
            5 | 6 => Self::And(some(random)),
            7 | 8 => Self::Or(some(random)),
            _ => Self::Not(Box::new(Self::random(random, depth - 1))),
        }
    }

    fn sql(&self) -> String {
        let list = |conditions: &[Self], word: &str| {
            let parts: Vec<String> =
                conditions.iter().map(|condition| format!("({})", condition.sql())).collect();
            parts.join(word)
        };
        match self {
            Self::Is(key, values, not) if values.len() == 1 => {
                format!("{} {} {}", quoted(key, '"'), if *not { "!=" } else { "=" }, quoted(&values[0], '\''))
            }
            Self::Is(key, values, not) => {
                let values: Vec<String> = values.iter().map(|value| quoted(value, '\'')).collect();
                let word = if *not { "NOT IN" } else { "IN" };
                format!("{} {word} ({})", quoted(key, '"'), values.join(", "))
            }
            Self::Like(key, pattern, not) => {
                format!("{} {} {}", quoted(key, '"'), if *not { "!~" } else { "~" }, quoted(pattern, '\''))
            }
            Self::And(conditions) => list(conditions, " AND "),
            Self::Or(conditions) => list(conditions, " OR "),
            // Without parentheses where it can be: NOT binds tighter than AND and OR.
            Self::Not(condition) => match &**condition {
                single @ (Self::Is(..) | Self::Like(..)) => format!("NOT {}", single.sql()),
                other => format!("NOT ({})", other.sql()),
            },
        }
    }

    /// Whether it holds for tags, an absent one of which is empty.
    pub fn holds(&self, tag: &dyn Fn(&str) -> String) -> bool {
        match self {
            Self::Is(key, values, not) => values.contains(&tag(key)) != *not,
            Self::Like(key, pattern, not) => is_found(pattern, &tag(key)) != *not,
            Self::And(conditions) => conditions.iter().all(|condition| condition.holds(tag)),
            Self::Or(conditions) => conditions.iter().any(|condition| condition.holds(tag)),
            Self::Not(condition) => !condition.holds(tag),
        }
    }
}

impl Function {
    fn sql(self) -> String {
        let name = match self {
            Self::Percentile(tenths) => return format!("percentile(value, {}.{})", tenths / 10, tenths % 10),
            Self::Count => "COUNT",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Stddev => "Stddev",
            Self::Rate => "rate",
        };
        format!("{name}(value)")
    }
}

/// Whether some part of `value` matches, in the opinion of another library.
pub fn is_found(pattern: &str, value: &str) -> bool {
    thread_local!(static KNOWN: RefCell<HashMap<String, regex::Regex>> = RefCell::default());
    KNOWN.with_borrow_mut(|known| {
        let sound = || regex::Regex::new(pattern).expect("a pattern that both libraries know");
        known.entry(pattern.to_owned()).or_insert_with(sound).is_match(value)
    })
}

fn quoted(name: &str, quote: char) -> String {
    format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
}
