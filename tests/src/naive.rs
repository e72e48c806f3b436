//! The answer to a [`Question`], computed point by point from an oracle's state: slow, plain, and with nothing of core's
//! queries, filters or arithmetic in it.
use crate::oracle::State;
use crate::question::{By, Filling, Function, Question};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Tags of a group.
pub type Group = Vec<(String, String)>;
/// A row: start, group, one value for each function or the point's.
pub type Row = (i64, Group, Vec<Cell>);

/// A value, and how near to it an answer must be.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    /// These bits; any NaN for a NaN.
    Exactly(f64),
    /// These bits, of NaNs too.
    Bits(u64),
    /// A sum of numbers of this size, in any order.
    About(f64, f64),
    /// Absent.
    Null,
}

/// Rows that are enumerated at most.
const ROWS_MAX: i128 = 30_000;

struct Point {
    series: Group,
    time: i64,
    bits: u64,
}

/// The answer to a question about what a state holds; `None` when a fill makes more rows than can be listed.
pub fn answer(question: &Question, state: &State) -> Option<Vec<Row>> {
    let mut points: Vec<Point> = Vec::new();
    for ((series, time), &bits) in state {
        let tags: Group = series.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let taken = series.metric == question.metric
            && question.from.is_none_or(|from| from <= *time)
            && question.to.is_none_or(|to| *time < to)
            && question
                .condition
                .as_ref()
                .is_none_or(|condition| condition.holds(&|key| value_of(&tags, key)));
        if taken {
            points.push(Point { series: tags, time: *time, bits });
        }
    }
    let mut rows = match question.functions.is_empty() {
        true => {
            points.into_iter().map(|point| (point.time, point.series, vec![Cell::Bits(point.bits)])).collect()
        }
        false => aggregates(question, points)?,
    };
    match question.descending {
        false => rows.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1))),
        true => rows.sort_by(|a, b| (Reverse(a.0), &a.1).cmp(&(Reverse(b.0), &b.1))),
    }
    let rows = rows.into_iter().skip(question.offset as usize);
    Some(rows.take(question.limit.map_or(usize::MAX, |limit| limit as usize)).collect())
}

/// The start of the range; the first moment there is leaves it open.
fn start_of(question: &Question) -> Option<i64> {
    question.from.filter(|&from| from > i64::MIN)
}

fn value_of(tags: &Group, key: &str) -> String {
    tags.iter().find(|(known, _)| known == key).map_or(String::new(), |(_, value)| value.clone())
}

fn aggregates(question: &Question, points: Vec<Point>) -> Option<Vec<Row>> {
    let mut groups: BTreeMap<Group, Vec<Point>> = BTreeMap::new();
    for point in points {
        let group = match &question.by {
            By::All => point.series.clone(),
            By::Tags(keys) => keys.iter().map(|key| (key.clone(), value_of(&point.series, key))).collect(),
        };
        groups.entry(group).or_default().push(point);
    }
    let Some(window) = question.window else {
        let whole = |(group, points): (Group, Vec<Point>)| {
            let first = points.iter().map(|point| point.time).min().unwrap();
            (start_of(question).unwrap_or(first), group, cells(question, &points))
        };
        return Some(groups.into_iter().map(whole).collect());
    };
    let number = |time: i64| i128::from(time).div_euclid(i128::from(window));
    let start = |number: i128| i64::try_from(number * i128::from(window)).unwrap_or(i64::MIN);
    let times: Vec<i64> = groups.values().flatten().map(|point| point.time).collect();
    let (Some(&least), Some(&most)) = (times.iter().min(), times.iter().max()) else {
        return Some(Vec::new());
    };
    let (first, last) = (
        number(start_of(question).unwrap_or(least)),
        number(question.to.map_or(most, |to| to.saturating_sub(1))),
    );
    if question.fill != Filling::None && (last - first + 1) * groups.len() as i128 > ROWS_MAX {
        return None;
    }
    let mut rows = Vec::new();
    for (group, points) in groups {
        let mut windows: BTreeMap<i128, Vec<Point>> = BTreeMap::new();
        points.into_iter().for_each(|point| windows.entry(number(point.time)).or_default().push(point));
        let known: BTreeMap<i128, Vec<Cell>> =
            windows.iter().map(|(&number, points)| (number, cells(question, points))).collect();
        if question.fill == Filling::None {
            rows.extend(known.into_iter().map(|(number, cells)| (start(number), group.clone(), cells)));
            continue;
        }
        for number in first..=last {
            let cells = match known.get(&number) {
                Some(cells) => cells.clone(),
                None => {
                    let before = known.range(..number).next_back();
                    let after = known.range(number..).next();
                    (0..question.functions.len())
                        .map(|column| filled(question, column, (start, number), before, after))
                        .collect()
                }
            };
            rows.push((start(number), group.clone(), cells));
        }
    }
    Some(rows)
}

/// What stands in a window without points.
fn filled(
    question: &Question,
    column: usize,
    (start, number): (impl Fn(i128) -> i64, i128),
    before: Option<(&i128, &Vec<Cell>)>,
    after: Option<(&i128, &Vec<Cell>)>,
) -> Cell {
    if question.functions[column] == Function::Count {
        return Cell::Exactly(0.0);
    }
    match question.fill {
        Filling::None | Filling::Null => Cell::Null,
        Filling::Value(value) => Cell::Exactly(value),
        Filling::Previous => before.map_or(Cell::Null, |(_, cells)| cells[column]),
        Filling::Linear => {
            let (Some((&from, a)), Some((&to, b))) = (before, after) else { return Cell::Null };
            let ((a, a_size), (b, b_size)) = (a[column].about(), b[column].about());
            let distance = |a: i128, b: i128| (i128::from(start(b)) - i128::from(start(a))) as f64;
            let value = a + (b - a) * (distance(from, number) / distance(from, to));
            Cell::About(value, a_size + b_size)
        }
    }
}

impl Cell {
    fn about(self) -> (f64, f64) {
        match self {
            Self::Exactly(value) => (value, value.abs()),
            Self::Bits(bits) => (f64::from_bits(bits), f64::from_bits(bits).abs()),
            Self::About(value, size) => (value, size),
            Self::Null => unreachable!("a window with points has values"),
        }
    }

    /// Whether an answer is this one.
    pub fn is(self, found: Option<f64>) -> bool {
        match (self, found) {
            (Self::Null, None) => true,
            (Self::Bits(bits), Some(found)) => found.to_bits() == bits,
            (Self::Exactly(value), Some(found)) if value.is_nan() => found.is_nan(),
            (Self::Exactly(value), Some(found)) => found.to_bits() == value.to_bits(),
            // Where infinities meet, the order decides which of them is left.
            (Self::About(value, size), Some(found)) if !value.is_finite() || !size.is_finite() => {
                value.is_finite() || !found.is_finite()
            }
            (Self::About(value, size), Some(found)) => {
                (found - value).abs() <= 1e-9 * size.max(f64::MIN_POSITIVE)
            }
            _ => false,
        }
    }
}

fn cells(question: &Question, points: &[Point]) -> Vec<Cell> {
    question.functions.iter().map(|&function| cell(function, points)).collect()
}

/// A function over points of one group in one window; there is at least one.
fn cell(function: Function, points: &[Point]) -> Cell {
    let values: Vec<f64> = points.iter().map(|point| f64::from_bits(point.bits)).collect();
    let size = values.iter().fold(0.0, |size, value| size + value.abs());
    let count = values.len() as f64;
    let mut numbers: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    numbers.sort_by(f64::total_cmp);
    let at = |index: usize| Cell::Exactly(numbers.get(index).copied().unwrap_or(f64::NAN));
    let sum = values.iter().sum::<f64>();
    match function {
        Function::Count => Cell::Exactly(count),
        Function::Sum => Cell::About(sum, size),
        Function::Mean => Cell::About(sum / count, size / count),
        Function::Min => at(0),
        Function::Max => at(numbers.len().wrapping_sub(1)),
        Function::First => {
            let time = points.iter().map(|point| point.time).min();
            Cell::Bits(
                points.iter().filter(|point| Some(point.time) == time).map(|point| point.bits).min().unwrap(),
            )
        }
        Function::Last => {
            let time = points.iter().map(|point| point.time).max();
            Cell::Bits(
                points.iter().filter(|point| Some(point.time) == time).map(|point| point.bits).max().unwrap(),
            )
        }
        Function::Stddev if values.len() < 2 => Cell::Exactly(f64::NAN),
        Function::Stddev => {
            let mean = sum / count;
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            Cell::About((squares / (count - 1.0)).sqrt(), size)
        }
        Function::Percentile(tenths) => {
            // The smallest rank that is not below the share, in whole numbers.
            let rank = (tenths as usize * numbers.len()).div_ceil(1_000).max(1);
            at(rank - 1)
        }
        Function::Rate => rate(points),
    }
}

fn rate(points: &[Point]) -> Cell {
    let mut series: BTreeMap<&Group, Vec<(i64, f64)>> = BTreeMap::new();
    for point in points {
        series.entry(&point.series).or_default().push((point.time, f64::from_bits(point.bits)));
    }
    let (mut rate, mut size, mut known) = (0.0, 0.0, false);
    for (_, mut points) in series {
        points.sort_by_key(|point| point.0);
        if points.len() < 2 {
            continue;
        }
        known = true;
        let seconds = (i128::from(points[points.len() - 1].0) - i128::from(points[0].0)) as f64 / 1e9;
        for [(_, a), (_, b)] in points.array_windows() {
            let increase = if b < a { *b } else { b - a };
            rate += increase / seconds;
            size += (a.abs() + b.abs()) / seconds;
        }
    }
    if known { Cell::About(rate, size) } else { Cell::Exactly(f64::NAN) }
}
