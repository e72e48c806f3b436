//! Errors: the one type of the core, with the operating system's words in its message.
pub use chronicle_core::error::{At, Error, ErrorKind, Result};

use std::path::Path;

/// An operating system error in Chronicle's words.
pub(crate) fn io(operation: &str, path: &Path, error: &std::io::Error) -> Error {
    crate::files::os_error::os_error(operation, path, error)
}
