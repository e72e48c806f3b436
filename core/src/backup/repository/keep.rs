//! Keep rules: which points stay, each with the reasons.
//!
//! Rules count back from the newest point and not from the wall clock: a repository that nobody wrote to for a year loses
//! nothing by being pruned. A period is one of the UTC calendar (weeks begin on Monday); of each of the newest so
//! many periods that have a point at all, the newest point is kept. The time of a point is the commit time of its end.
use super::name::PointNumber;
use super::point_record::PointRecord;
use crate::time::CalendarPeriod as Period;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What is kept. The default keeps nothing but what no prune may take.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Keep {
    /// So many of the newest points.
    pub last: u64,
    /// One for each of so many hours.
    pub hourly: u64,
    /// One for each of so many days.
    pub daily: u64,
    /// One for each of so many weeks.
    pub weekly: u64,
    /// One for each of so many months.
    pub monthly: u64,
    /// One for each of so many years.
    pub yearly: u64,
    /// Every point whose end is at most so many ns before the newest point's.
    pub within_ns: Option<u64>,
    /// How far before the newest point's end any moment can be restored to, ns: the logs of older moments go.
    /// `None` keeps every log that a kept point's window needs.
    pub pitr_window_ns: Option<u64>,
}

/// Why a point is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// It is the newest.
    Newest,
    /// It is the newest that was verified.
    NewestVerified,
    /// Somebody holds it.
    Held,
    /// One of the last.
    Last,
    /// The newest of its period.
    Newer(Period),
    /// Not older than the time given.
    Within,
    /// A window of moments starts from it.
    Window,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newest => "newest",
            Self::NewestVerified => "newest verified",
            Self::Held => "on hold",
            Self::Last => "last",
            Self::Newer(Period::Hour) => "hourly",
            Self::Newer(Period::Day) => "daily",
            Self::Newer(Period::Week) => "weekly",
            Self::Newer(Period::Month) => "monthly",
            Self::Newer(Period::Year) => "yearly",
            Self::Within => "within",
            Self::Window => "start of the window of moments",
        })
    }
}

/// Points that stay, by number, with every reason.
pub type Kept = BTreeMap<PointNumber, BTreeSet<Reason>>;

impl Keep {
    /// True when no rule is set: then nothing is pruned, since it would leave one point. A window of moments is no rule: it says
    /// which logs stay.
    pub fn is_empty(&self) -> bool {
        Self { pitr_window_ns: None, ..self.clone() } == Self::default()
    }

    /// So many of the newest points, and nothing else.
    pub fn last(count: u64) -> Self {
        Self { last: count, ..Self::default() }
    }

    /// Which of `points` stay. `held` are numbers on hold, `verified` the newest point that was verified, if known, and
    /// those that may be it.
    pub fn choose(
        &self,
        points: &[&PointRecord],
        held: &BTreeSet<PointNumber>,
        verified: impl IntoIterator<Item = PointNumber>,
    ) -> Kept {
        let times: Vec<_> = points.iter().map(|point| (point.number(), point.point.commit_time_ns)).collect();
        self.choose_by_time(&times, held, verified)
    }

    /// The same for anything that has a number and a time: the commit time of its end, Unix ns. The newest is the one with the
    /// highest number.
    pub fn choose_by_time(
        &self,
        points: &[(PointNumber, i64)],
        held: &BTreeSet<PointNumber>,
        verified: impl IntoIterator<Item = PointNumber>,
    ) -> Kept {
        let verified: BTreeSet<PointNumber> = verified.into_iter().collect();
        let mut newest_first = points.to_vec();
        // In order of time; the number decides between points that end with the same commit.
        newest_first.sort_by_key(|(number, time)| core::cmp::Reverse((*time, *number)));
        let mut kept = Kept::new();
        let mut keep = |number: PointNumber, reason| {
            kept.entry(number).or_default().insert(reason);
        };
        for (number, _) in points {
            if held.contains(number) {
                keep(*number, Reason::Held);
            }
            if verified.contains(number) {
                keep(*number, Reason::NewestVerified);
            }
        }
        if let Some(newest) = points.iter().map(|(number, _)| *number).max() {
            keep(newest, Reason::Newest);
        }
        let last = usize::try_from(self.last).unwrap_or(usize::MAX);
        newest_first.iter().take(last).for_each(|(number, _)| keep(*number, Reason::Last));
        for (period, count) in [
            (Period::Hour, self.hourly),
            (Period::Day, self.daily),
            (Period::Week, self.weekly),
            (Period::Month, self.monthly),
            (Period::Year, self.yearly),
        ] {
            let mut seen = BTreeSet::new();
            for (number, time) in &newest_first {
                let of = period.number(*time);
                if !seen.contains(&of) && (seen.len() as u64) < count {
                    seen.insert(of);
                    keep(*number, Reason::Newer(period));
                }
            }
        }
        if let (Some(within), Some((_, end))) = (self.within_ns, newest_first.first()) {
            for (number, time) in &newest_first {
                if end.abs_diff(*time) <= within {
                    keep(*number, Reason::Within);
                }
            }
        }
        kept
    }
}

/// The reasons of one point in words.
pub fn reasons(reasons: &BTreeSet<Reason>) -> String {
    let words: Vec<String> = reasons.iter().map(|reason| alloc::format!("{reason}")).collect();
    words.join(", ")
}
