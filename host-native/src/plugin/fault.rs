//! Why a call of a plugin failed, and what follows from that for its instance.
use super::bindings::types;
use super::log::printable;
use crate::error::{Error, ErrorKind};

/// Characters of a plugin's message that are passed on.
const MESSAGE_CHARS: usize = 500;

/// A failed call.
#[derive(Debug)]
pub(super) enum Fault {
    /// The plugin answered an error.
    Answered(types::Error),
    /// The instance is gone; the error says how.
    Died(Error),
    /// The plugin answered what it must not, or the caller's side failed. Calling again is no use.
    Final(Error),
}

pub(super) type Call<T> = std::result::Result<T, Fault>;

impl Fault {
    /// What the plugin did against the contract.
    pub(super) fn broken(what: impl std::fmt::Display) -> Self {
        Self::Final(Error::damaged(format!("the plugin broke its contract: {what}")))
    }

    /// The error for the caller of the destination.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Answered(error) => answered(&error),
            Self::Died(error) | Self::Final(error) => error,
        }
    }
}

fn answered(error: &types::Error) -> Error {
    use types::ErrorKind as Kind;
    let kind = match error.kind {
        Kind::NotFound => ErrorKind::NotFound,
        Kind::AlreadyExists => ErrorKind::AlreadyExists,
        Kind::Permission | Kind::Unauthenticated => ErrorKind::Permission,
        Kind::Transient => ErrorKind::Transient,
        Kind::Quota => ErrorKind::Full,
        Kind::InvalidConfig | Kind::InvalidArgument => ErrorKind::InvalidInput,
        Kind::Unsupported => ErrorKind::Unsupported,
        Kind::Integrity => ErrorKind::Damaged,
        Kind::Other => ErrorKind::Io,
    };
    let message: String = printable(&error.message).chars().take(MESSAGE_CHARS).collect();
    let field = error.field.as_deref().map(|field| printable(field).chars().take(80).collect::<String>());
    match (field, error.kind) {
        (Some(field), _) => Error::new(kind, format!("setting {field}: {message}")),
        (None, Kind::Unauthenticated) => {
            Error::new(kind, format!("{message} (check the account and its secrets)"))
        }
        (None, _) => Error::new(kind, message),
    }
}
