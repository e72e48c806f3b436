//! Aggregation kernels: runs of points in, one row per window out.
//!
//! An [`Aggregation`] is the state of one group of series. What each function means, for the points of the group in one
//! window:
//!
//! | function | meaning | NaN |
//! |---|---|---|
//! | `count` | number of points | counted |
//! | `sum`, `mean` | sum, starting at +0.0; sum / count | propagates |
//! | `min`, `max` | smallest, largest value; -0.0 is below +0.0 | passed over unless there is nothing else |
//! | `first`, `last` | value of the earliest, latest point; of points of several series at one time, the one with the smaller bit pattern is first and the one with the larger is last | is a value |
//! | `stddev` | sample standard deviation (n - 1); NaN of a single point | propagates, as do infinities |
//! | `percentile(p)` | nearest rank: the smallest value such that p % of the values are not above it; `p = 0` is `min` | passed over unless there is nothing else |
//! | `rate` | per series: sum of the increases from point to point, divided by the seconds from its first to its last point in the window; a value below the one before it is a counter that started again at 0, so the value itself is the increase. For the group: sum over its series. A series with one point in the window says nothing; NaN if no series says anything | propagates |
//!
//! **What depends on the layout.** Nothing but the last bits of `sum`, `mean`, `stddev` and `rate`: floating-point
//! addition is not associative, and the order of additions follows the order of the calls (series, blocks, statistics
//! of blocks, merges of parts) and runs in 8 lanes inside long runs. Parts of a query are cut and merged in an order of
//! their own, whoever reads them, so the number of threads is no part of the layout. That includes whether a sum of huge values of both
//! signs overflows on the way. All other results are the same for every order of calls; which
//! of the many bit patterns a NaN has is not part of a result, except in `first` and `last`.
//!
//! **Windows** are aligned to the epoch: a point belongs to the window that starts at `floor(timestamp / length) *
//! length`, so times before 1970 are rounded down too. A start that i64 can't hold reads as `i64::MIN`. The first window
//! may start before the query's range, and only holds points of the range. Windows without points have no row here;
//! [`Fill`](crate::query::Fill) is up to the caller.
mod aggregation;
mod columns;
mod deviation;
mod ends;
mod extreme;
mod rate;
mod sum;
mod values;
mod window;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

pub use aggregation::{Aggregation, WindowRow};
pub(crate) use window::window_around;
