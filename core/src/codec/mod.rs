//! Columns of a block as bytes: timestamps, values, integers. Lossless for every bit pattern.
//!
//! `format.md` describes the encodings; this is the only module that knows them.
