//! Fuzzing: every decoder of bytes or text from outside, one function each, that takes any bytes.
//!
//! A function here must return whatever it is given: a panic, an endless loop or memory out of proportion is a defect
//! of the decoder. Where bytes carry checksums, the function computes them first, since anyone can; what lies behind
//! them is then reached. What decodes is encoded and decoded again, and must be the same.
//!
//! The same functions serve two drivers: `cargo run --release -p chronicle-tests --bin fuzz`, which mutates the seeds
//! below and needs nothing installed, and the libFuzzer targets in `tests/fuzz/`, which are guided by coverage.
mod codec;
mod crypt;
mod destination;
mod format;
pub mod mutate;
mod points;
mod record;
mod repository;
mod segment;
mod shipped;
mod text;

pub use codec::*;
pub use crypt::*;
pub use destination::*;
pub use format::*;
pub use points::*;
pub use record::*;
pub use repository::*;
pub use segment::*;
pub use shipped::*;
pub use text::*;

/// One decoder under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its libFuzzer target.
    pub name: &'static str,
    /// Decodes any bytes.
    pub decode: fn(&[u8]),
    /// Valid inputs, made by the encoders; making them checks that they decode to what was encoded.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Bytes that decoding may allocate at one time, for each byte of input. What it may take without any is
    /// [`Target::BYTES_ALWAYS`].
    pub bytes_per_byte: usize,
}

impl Target {
    /// Bytes that any decoder may take, however short its input: the largest column of a block takes most of it.
    pub const BYTES_ALWAYS: usize = 8 << 20;

    /// The most bytes that decoding an input of `len` bytes may allocate at one time.
    pub fn bytes_max(&self, len: usize) -> usize {
        Self::BYTES_ALWAYS + self.bytes_per_byte * len
    }
}

macro_rules! targets {
    ($($decode:ident, $seeds:path, $bytes_per_byte:expr;)*) => {
        /// Every decoder.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($decode),
            decode: $decode,
            seeds: $seeds,
            bytes_per_byte: $bytes_per_byte,
        }),*];
    };
}

targets! {
    decode_timestamps, codec::timestamps_seeds, 64;
    decode_values, codec::values_seeds, 64;
    decode_integers, codec::integers_seeds, 64;
    // 64 points a byte, 16 bytes a point, and vectors that double as they grow.
    decode_frame_columns, codec::frame_seeds, 64 * 16 * 4;
    decode_segment_header, segment::header_seeds, 64;
    decode_segment_index, segment::index_seeds, 256;
    decode_segment, segment::segment_seeds, 256;
    decode_block, segment::block_seeds, 64;
    decode_dictionary_index, segment::dictionary_index_seeds, 256;
    decode_dictionary_block, segment::dictionary_block_seeds, 256;
    decode_superblock, format::superblock_seeds, 256;
    decode_catalog_page, format::page_seeds, 512;
    decode_log_header, format::log_header_seeds, 64;
    decode_log, format::log_seeds, 256;
    decode_commit, format::commit_seeds, 512 + 64 * 16 * 4;
    decode_snapshot_record, record::record_seeds, 1024;
    decode_claim, repository::claim_seeds, 1024;
    decode_entry_record, repository::entry_record_seeds, 1024;
    decode_list_page, repository::list_page_seeds, 512;
    decode_hints, repository::hint_seeds, 1024;
    decode_slot, repository::slot_seeds, 1024;
    decode_ship_record, shipped::ship_record_seeds, 1024;
    decode_log_tail, shipped::log_tail_seeds, 1024;
    decode_proof, repository::proof_seeds, 1024;
    decode_age_header, crypt::age_header_seeds, 512;
    decode_age_payload, crypt::age_payload_seeds, 64;
    decode_csv, points::csv_seeds, 512;
    decode_json, points::json_seeds, 1024;
    decode_jsonl, points::jsonl_seeds, 1024;
    decode_line, points::line_seeds, 2048;
    decode_sql, text::sql_seeds, 4096;
    decode_regex, text::regex_seeds, 512;
    decode_timestamp_text, text::timestamp_seeds, 512;
    decode_duration_text, text::duration_seeds, 512;
    decode_number_text, text::number_seeds, 512;
    decode_object_name, destination::object_name_seeds, 512;
    decode_destination_url, destination::destination_url_seeds, 512;
}

/// Takes numbers off the front of an input, so that one input can hold a decoder's other arguments too. What is
/// missing reads as zero.
pub(crate) struct Arguments<'a>(pub(crate) &'a [u8]);

impl Arguments<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (head, rest) = self.0.split_at(N.min(self.0.len()));
        array[..head.len()].copy_from_slice(head);
        self.0 = rest;
        array
    }
    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }
    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }
    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }
    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }
    pub(crate) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }
}
