//! Queries: what may be asked, its text form, and the arithmetic of the answer.
//!
//! [`Query`] is the question, [`sql`] its text, [`aggregate`] the kernels that turn runs of points into windows, and
//! [`GroupKey`] and [`ResultSchema`] the shape of the answer. All of it is pure: nothing here knows where points are
//! stored, in what order series are scanned, or what "now" is unless it is told.
pub mod aggregate;
mod builder;
mod check;
mod fill;
mod filter;
mod group;
mod matcher;
mod model;
pub mod regex;
mod row;
pub mod sql;
mod tag;

pub use aggregate::{Aggregation, WindowRow};
pub use builder::{days, hours, milliseconds, minutes, seconds};
pub use fill::Fill;
pub use filter::{Filter, Node as FilterNode};
pub use group::GroupKey;
pub use matcher::Matcher;
pub use model::{Aggregate, GroupBy, Order, Query, Select};
pub use regex::Regex;
pub use row::ResultSchema;
pub use sql::{Statement, parse_sql, parse_statement};
pub use tag::{Tag, tag};
