//! Conditions joined by AND, OR, NOT and parentheses: NOT binds tightest, then AND, then OR.
//!
//! The parser keeps its own stack, of limited depth, so that no text can overflow the one of the thread.
use super::cursor::Parser;
use super::error::{Span, error_at};
use crate::error::{ErrorKind, Result};
use crate::model::TimeRange;
use crate::query::{Filter, Matcher};
use alloc::vec::Vec;

/// A condition, or several: it holds where the filter takes the series and the range the point.
pub(super) struct Operand {
    filter: Filter,
    range: TimeRange,
    /// A condition on time in it.
    time: Option<Span>,
}

/// What was read since a parenthesis, or since WHERE.
#[derive(Default)]
struct Level {
    /// A NOT before the parenthesis.
    not: Option<Span>,
    /// What was joined by OR up to here.
    any: Vec<Operand>,
    /// What was joined by AND since.
    all: Vec<Operand>,
}

impl Operand {
    pub(super) fn time(range: TimeRange, span: Span) -> Self {
        Self { filter: Filter::default(), range, time: Some(span) }
    }

    pub(super) fn tag(matcher: Matcher) -> Self {
        Self { filter: matcher.into(), range: TimeRange::ALL, time: None }
    }

    fn all(operands: Vec<Self>) -> Self {
        let range = operands.iter().fold(TimeRange::ALL, |range, operand| range.intersection(&operand.range));
        let time = operands.iter().find_map(|operand| operand.time);
        Self { filter: Filter::all(operands.into_iter().map(|operand| operand.filter)), range, time }
    }
}

impl Parser<'_> {
    /// Everything behind WHERE, into the query.
    pub(super) fn conditions(&mut self) -> Result<()> {
        let conditions = self.expression()?;
        self.query.filter = conditions.filter;
        self.query.range = conditions.range;
        Ok(())
    }

    fn expression(&mut self) -> Result<Operand> {
        let mut outer: Vec<Level> = Vec::new();
        let mut level = Level::default();
        loop {
            let not = self.nots()?;
            if self.is_symbol("(") {
                if outer.len() >= Filter::DEPTH_MAX {
                    let message =
                        alloc::format!("parentheses are nested more than {} deep", Filter::DEPTH_MAX);
                    return Err(error_at(self.text, self.span, ErrorKind::LimitExceeded, &message));
                }
                self.advance()?;
                outer.push(core::mem::replace(&mut level, Level { not, ..Level::default() }));
                continue;
            }
            let condition = self.condition()?;
            level.all.push(self.negated(condition, not)?);
            // What follows the condition, and each parenthesis that closes behind it.
            loop {
                if self.take_keyword("AND")? {
                    break;
                }
                level.any.push(Operand::all(core::mem::take(&mut level.all)));
                if self.take_keyword("OR")? {
                    break;
                }
                let whole = self.any(core::mem::take(&mut level.any))?;
                let Some(around) = outer.pop() else { return Ok(whole) };
                if !self.take_symbol(")")? {
                    return Err(self.expected_keywords("AND, OR or `)`", &["AND", "OR"]));
                }
                let not = level.not;
                level = around;
                level.all.push(self.negated(whole, not)?);
            }
        }
    }

    /// Any number of NOTs; where the last stands if they do not cancel each other.
    fn nots(&mut self) -> Result<Option<Span>> {
        let mut not = None;
        while self.is_keyword("NOT") {
            not = if not.is_none() { Some(self.span) } else { None };
            self.advance()?;
        }
        Ok(not)
    }

    fn any(&self, operands: Vec<Operand>) -> Result<Operand> {
        let mut operands = operands;
        if operands.len() == 1
            && let Some(only) = operands.pop()
        {
            return Ok(only);
        }
        if let Some(time) = operands.iter().find_map(|operand| operand.time) {
            return Err(error_at(
                self.text,
                time,
                ErrorKind::Unsupported,
                "a condition on time can't stand under OR: a query reads one stretch of time. Join it to the rest by AND, as in \
                 (host = 'a' OR host = 'b') AND time >= now() - 1h; for several stretches ask once for each",
            ));
        }
        let filter = Filter::any(operands.into_iter().map(|operand| operand.filter));
        Ok(Operand { filter, range: TimeRange::ALL, time: None })
    }

    fn negated(&self, operand: Operand, not: Option<Span>) -> Result<Operand> {
        let Some(not) = not else { return Ok(operand) };
        if operand.time.is_some() {
            return Err(error_at(
                self.text,
                not,
                ErrorKind::Unsupported,
                "NOT before a condition on time: write the opposite, as in time >= '2024-01-28' for NOT time < '2024-01-28', \
                 and keep it out of parentheses under NOT",
            ));
        }
        Ok(Operand { filter: !operand.filter, ..operand })
    }
}
