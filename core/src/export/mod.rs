//! Points as text for other tools, and back: one folder per format.
//!
//! What is exported imports to the same points, bit for bit, whatever the names hold. Bytes are pushed in and rows come
//! out; files, streams and commits are the host's and the engine's.
pub mod csv;
