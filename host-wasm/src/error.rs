//! Errors across the border: a kind, a message and a place on each side.
use chronicle_core::error::{Error, ErrorKind, Result};
use wasm_bindgen::prelude::*;

/// The kinds by name, which JavaScript sees as `error.kind`.
const KINDS: [(ErrorKind, &str); 16] = [
    (ErrorKind::InvalidInput, "InvalidInput"),
    (ErrorKind::LimitExceeded, "LimitExceeded"),
    (ErrorKind::NotFound, "NotFound"),
    (ErrorKind::AlreadyExists, "AlreadyExists"),
    (ErrorKind::Busy, "Busy"),
    (ErrorKind::Damaged, "Damaged"),
    (ErrorKind::Unsupported, "Unsupported"),
    (ErrorKind::NotRestorable, "NotRestorable"),
    (ErrorKind::Full, "Full"),
    (ErrorKind::Permission, "Permission"),
    (ErrorKind::Transient, "Transient"),
    (ErrorKind::Io, "Io"),
    (ErrorKind::ReadOnly, "ReadOnly"),
    (ErrorKind::Poisoned, "Poisoned"),
    (ErrorKind::Cancelled, "Cancelled"),
    (ErrorKind::OverBudget, "OverBudget"),
];

pub(crate) fn kind_name(kind: ErrorKind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("Io", |(_, name)| name)
}

/// What JavaScript catches: an `Error` whose `kind` is the kind's name.
pub(crate) fn to_js(error: &Error) -> JsValue {
    let thrown = js_sys::Error::new(&error.to_string());
    // Setting a member of a fresh object does not fail.
    let _ = js_sys::Reflect::set(&thrown, &"kind".into(), &kind_name(error.kind()).into());
    thrown.into()
}

/// What JavaScript threw: the kind it names, otherwise `Io`.
pub(crate) fn from_js(thrown: &JsValue) -> Error {
    let member =
        |name: &str| js_sys::Reflect::get(thrown, &name.into()).ok().and_then(|text| text.as_string());
    let kind = member("kind");
    let kind = KINDS
        .iter()
        .find(|(_, name)| Some(*name) == kind.as_deref())
        .map_or(ErrorKind::Io, |(kind, _)| *kind);
    Error::new(kind, member("message").unwrap_or_else(|| "the storage failed without a reason".into()))
}

/// For values that came from JavaScript.
pub(crate) trait FromJs<T> {
    fn answered(self) -> Result<T>;
}

impl<T> FromJs<T> for core::result::Result<T, JsValue> {
    fn answered(self) -> Result<T> {
        self.map_err(|thrown| from_js(&thrown))
    }
}

/// For results that go to JavaScript.
pub(crate) trait ToJs<T> {
    fn to_js(self) -> core::result::Result<T, JsValue>;
}

impl<T> ToJs<T> for Result<T> {
    fn to_js(self) -> core::result::Result<T, JsValue> {
        self.map_err(|error| to_js(&error))
    }
}
