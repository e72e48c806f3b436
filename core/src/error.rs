//! The one error type of Chronicle.
//!
//! Every error says what happened, where, and (in the message) what to do next. Its [`ErrorKind`] tells a program
//! how to react. Nothing here holds an operating system error: hosts put its text into the message.
use alloc::string::{String, ToString};
use core::fmt;

/// What the caller can do about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is not acceptable as it is: correct it. Nothing was changed.
    InvalidInput,
    /// A stated limit (name length, tags, batch bytes, series) would be passed: send less, or raise the limit.
    LimitExceeded,
    /// Something that was named does not exist.
    NotFound,
    /// Something is already there and is not overwritten.
    AlreadyExists,
    /// Another writer or job holds it: try again later.
    Busy,
    /// Bytes are not what was written: stop using this copy, verify, restore.
    Damaged,
    /// The bytes need a newer Chronicle, or a feature this build does not have.
    Unsupported,
    /// No such moment or point can be restored from this source.
    NotRestorable,
    /// The medium has no room: free some and try again. What was acknowledged is safe.
    Full,
    /// The operating system, or a server, lets this user not do it: change rights or credentials. Trying again is no use.
    Permission,
    /// A passing failure of a server or network: the same call may succeed when tried again, and may already have.
    Transient,
    /// The operating system refused or failed.
    Io,
    /// The database was opened for reading only.
    ReadOnly,
    /// An earlier write failed in a way that leaves the medium uncertain: reopen the database.
    Poisoned,
    /// The caller cancelled.
    Cancelled,
    /// The memory budget of a query does not hold it: narrow it, or raise the budget.
    OverBudget,
}

/// An error: its kind, what happened, and the place.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    place: Option<String>,
}

/// The result of anything that can fail in Chronicle.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// An error of `kind`; the message says what happened and what to do next.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None }
    }
    /// Shorthand for [`ErrorKind::InvalidInput`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }
    /// Shorthand for [`ErrorKind::Damaged`].
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, message)
    }
    /// Shorthand for [`ErrorKind::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }
    /// Adds where it happened, outermost last: `block 3` then `segment 5f..` then `data.db` reads
    /// `data.db: segment 5f..: block 3`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(match self.place.take() {
            Some(inner) => alloc::format!("{place}: {inner}"),
            None => place.to_string(),
        });
        self
    }
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
    /// What happened, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
    /// Where it happened, outermost first, if that is known.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl core::error::Error for Error {}

/// Adds a place to the error of a result.
pub trait At<T> {
    /// See [`Error::at`]. The place is only built when there is an error.
    fn at<P: fmt::Display>(self, place: impl FnOnce() -> P) -> Result<T>;
}

impl<T> At<T> for Result<T> {
    fn at<P: fmt::Display>(self, place: impl FnOnce() -> P) -> Result<T> {
        self.map_err(|error| error.at(place()))
    }
}
