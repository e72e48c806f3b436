//! Age files: keys, headers, and bodies that are encrypted while they are read. The payload is the core's
//! ([`chronicle_core::crypt`]).
//!
//! What it keeps true: an object is an `age-encryption.org/v1` file that any age tool opens; a wrong key, a damaged object and a
//! missing key are three errors. What it is not: proof of who wrote an object. Whoever knows a recipient can encrypt to it.
mod body;
mod header;
mod keys;
mod open;
mod stanza;

pub(crate) use body::{EncryptedBody, Secret, encrypt};
pub use header::Header;
pub(crate) use header::{missing_key, wrong_key};
pub use keys::{EncryptTo, Identity, Keys, Passphrase, Recipient};
pub(crate) use open::{OpenObject, decrypt};

#[cfg(test)]
mod tests;
