//! See `chronicle_tests::fuzzing::decode_frame_columns`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_frame_columns(data));
