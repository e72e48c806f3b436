//! Reading: a view that never changes, and readers over it that say which bytes they miss.
//!
//! A view is taken in an instant; readers then need only the view and a [`crate::source::Source`]. Everything is read
//! series by series in pieces of bounded size, so memory follows the piece and not the answer.
mod aggregates;
mod digest;
mod fill;
mod groups;
mod indexes;
mod part;
mod piece;
mod points;
mod query;
mod rows;
mod series;
mod stats;
mod view;

pub use digest::DigestRun;
pub(crate) use indexes::load_index;
pub use part::QueryPart;
pub use query::QueryRun;
pub use rows::RowBatch;
pub use series::{Chunk, SeriesReader};
pub use stats::QueryStats;
pub use view::{ReadView, SeriesView};
