//! Encryption: the payload of an age file, chunk by chunk, so that any range of an object is read without the rest.
//!
//! What it keeps true: no byte comes out of a chunk that is not authentic, in its place, and the last one exactly when it says
//! so; an object that was cut is noticed. What it is not: the header of the file. Whoever has the 16 bytes of the file key has
//! unwrapped that before; hosts do. The format is `age-encryption.org/v1` as C2SP specifies it.
mod layout;
mod payload;

pub use layout::{CHUNK_LEN, Chunks, PayloadLayout, TAG_LEN};
pub use payload::{FILE_KEY_LEN, FileKey, NONCE_LEN, PayloadKey};
