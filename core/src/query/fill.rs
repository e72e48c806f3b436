//! Fill: what is answered for windows without points.
use core::fmt;

/// What stands in windows without points.
///
/// **Which windows there are.** Those from the start of the query's range to its end; where the range is open, from the
/// first or to the last window in which any series of the query has a point. They are the same for every group, so that
/// groups can be laid side by side. A group without any point in the range has no rows.
///
/// **What stands in them** is about each expression by itself, but for `count`: of no points it is 0, whatever is filled.
#[derive(Clone, Copy, Debug, Default)]
pub enum Fill {
    /// Nothing: such windows have no row.
    #[default]
    None,
    /// A row whose values are absent.
    Null,
    /// The value of the last window before that has points; absent in windows before the first. Nothing before the query's
    /// range is looked at.
    Previous,
    /// On the straight line between the values of the nearest windows with points before and after, by their starts; absent
    /// where one of them is missing.
    Linear,
    /// This value.
    Value(f64),
}

/// Values are compared bit for bit, so that a query with a NaN equals itself.
impl PartialEq for Fill {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => a.to_bits() == b.to_bits(),
            _ => core::mem::discriminant(self) == core::mem::discriminant(other),
        }
    }
}

/// Its word in the text form.
impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Null => f.write_str("null"),
            Self::Previous => f.write_str("previous"),
            Self::Linear => f.write_str("linear"),
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}

impl Fill {
    /// What a window without points answers for an expression: `before` and `after` are start and value of the nearest
    /// windows with points, `start` is its own.
    pub(crate) fn value(
        &self,
        start: i64,
        before: Option<(i64, f64)>,
        after: Option<(i64, f64)>,
    ) -> Option<f64> {
        match self {
            Self::None | Self::Null => None,
            Self::Previous => before.map(|(_, value)| value),
            Self::Value(value) => Some(*value),
            Self::Linear => {
                let ((from, a), (to, b)) = before.zip(after)?;
                let distance = |to: i64, from: i64| (i128::from(to) - i128::from(from)) as f64;
                let part = distance(start, from) / distance(to, from);
                // Weights, and not a slope: the difference of two finite values may be none.
                Some(if a == b { a } else { a * (1.0 - part) + b * part })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_both_ends() {
        let (before, after) = (Some((0, 1.0)), Some((40, 3.0)));
        assert_eq!(Fill::Linear.value(10, before, after), Some(1.5));
        assert_eq!(Fill::Linear.value(10, before, None), None);
        assert_eq!(Fill::Linear.value(10, None, after), None);
        assert_eq!(Fill::Linear.value(20, Some((0, f64::MAX)), Some((40, -f64::MAX))), Some(0.0));
        let far = Fill::Linear.value(0, Some((i64::MIN, 1.0)), Some((i64::MAX, 3.0)));
        assert_eq!(far, Some(2.0));
        assert_eq!(Fill::Previous.value(10, before, after), Some(1.0));
        assert_eq!(Fill::Previous.value(10, None, after), None);
        assert_eq!(Fill::Null.value(10, before, after), None);
        assert_eq!(Fill::Value(7.0).value(10, None, None), Some(7.0));
    }
}
